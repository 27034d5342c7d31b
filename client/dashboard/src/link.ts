// What the page shows, as its address says it: `#/jobs/ID?step=3&x=1&y=2`. A copied address shows the same.
import { batch, signal } from "@preact/signals";
import { setToken } from "./server/token";

export interface Link {
  readonly page: "jobs" | "job" | "new" | "compare";
  // The job's name, `jobs/ID`, on its page.
  readonly job: string;
  readonly parameters: ReadonlyMap<string, string>;
}

// Browsers refuse an address that is written too often.
const writeEveryMs = 300;

export const link = signal(withoutToken(parse(location.hash)));
// Counts the addresses that were gone to, by a click, a key or the history; what the page itself remembers does not count.
export const arrivals = signal(0);
let writing: ReturnType<typeof setTimeout> | undefined;
// The address that `link` is of. Another one there means that somebody is on the way to it, and the event that says so is still to come.
let known = location.hash;

// An address that somebody has mangled leads nowhere, and is no error.
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function parse(hash: string): Link {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const parameters = new Map(new URLSearchParams(query));
  const [collection, id] = path.split("/").map(decoded);
  if (collection === "jobs" && id !== undefined && id !== "") return { page: "job", job: `jobs/${id}`, parameters };
  if (collection === "new" || collection === "compare") return { page: collection, job: "", parameters };
  return { page: "jobs", job: "", parameters };
}

// A shared link brings its token along, which is taken out of the address at once: it stays in this tab, and in no history.
function withoutToken(found: Link): Link {
  const token = found.parameters.get("link");
  if (token === undefined) return found;
  const parameters = new Map(found.parameters);
  parameters.delete("link");
  history.replaceState(null, "", address(found.page === "job" ? found.job : found.page, parameters));
  setToken(token, true);
  return { ...found, parameters };
}

export function address(path: string, parameters: Iterable<readonly [string, string]> = []): string {
  const query = new URLSearchParams([...parameters].filter(([, value]) => value !== "").map(([key, value]) => [key, value]));
  // Commas and slashes are plain in a fragment, and an address is read by people.
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
  return text === "" ? `#/${path}` : `#/${path}?${text}`;
}

export function jobAddress(name: string): string {
  return address(name);
}

export function go(target: string): void {
  flush();
  location.hash = target;
}

// Keeps a part of what is shown in the address, without a step in the history. Empty values are left out.
export function remember(values: Readonly<Record<string, string>>): void {
  const parameters = new Map(link.value.parameters);
  for (const [key, value] of Object.entries(values)) {
    if (value === "") parameters.delete(key);
    else parameters.set(key, value);
  }
  link.value = { ...link.value, parameters };
  writing ??= setTimeout(flush, writeEveryMs);
}

function flush(): void {
  if (writing === undefined) return;
  clearTimeout(writing);
  writing = undefined;
  if (location.hash !== known) return;
  const { page, job, parameters } = link.value;
  history.replaceState(null, "", address(page === "job" ? job : page, parameters));
  known = location.hash;
}

addEventListener("hashchange", () => {
  clearTimeout(writing);
  writing = undefined;
  batch(() => {
    link.value = withoutToken(parse(location.hash));
    known = location.hash;
    arrivals.value += 1;
  });
});
addEventListener("pagehide", flush);
