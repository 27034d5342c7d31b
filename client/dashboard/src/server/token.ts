// The bearer token of this tab. It lives as long as the tab does and goes into a header, never into a link.
import { signal } from "@preact/signals";

const key = "sliceflow.token";

export const token = signal(sessionStorage.getItem(key) ?? "");

// Set when the server answered that it asks for a token, or for another one.
export const tokenProblem = signal("");

export function setToken(value: string): void {
  token.value = value;
  tokenProblem.value = "";
  if (value === "") sessionStorage.removeItem(key);
  else sessionStorage.setItem(key, value);
}
