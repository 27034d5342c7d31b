// The bearer token of this tab. It lives as long as the tab does and goes into a header, never into a link.
import { signal } from "@preact/signals";

const key = "sliceflow.token";
const linkKey = "sliceflow.token-of-link";

export const token = signal(sessionStorage.getItem(key) ?? "");

// Whether it came with a link that somebody shared, which shows one job and allows nothing.
export const isOfLink = signal(sessionStorage.getItem(linkKey) !== null);

// Set when the server answered that it asks for a token, or for another one.
export const tokenProblem = signal("");

export function setToken(value: string, ofLink = false): void {
  token.value = value;
  isOfLink.value = ofLink;
  tokenProblem.value = "";
  if (value === "") sessionStorage.removeItem(key);
  else sessionStorage.setItem(key, value);
  if (ofLink) sessionStorage.setItem(linkKey, "1");
  else sessionStorage.removeItem(linkKey);
}
