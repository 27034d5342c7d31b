// Links that show this job, and nothing else, to whoever has them, until they expire.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Role } from "contract/sliceflow/v1/server_service_pb";
import { jobAddress } from "../link";
import { jobService } from "../server/clients";
import { describe } from "../server/errors";
import { loadServerInfo, serverInfo } from "../server/server_info";

const daySeconds = 86_400;
const times = [
  { days: 1, word: "a day" },
  { days: 7, word: "a week" },
  { days: 30, word: "30 days" },
  { days: 90, word: "90 days" },
];

// What stands behind the `#` is sent to no server.
function linkWith(name: string, token: string): string {
  return `${location.href.split("#", 1)[0] ?? ""}${jobAddress(name)}?link=${token}`;
}

function ShareDialog({ name, onClose }: { readonly name: string; readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const days = useSignal(7);
  const made = useSignal("");
  const said = useSignal("");
  const busy = useSignal(false);
  useEffect(() => dialog.current?.showModal(), []);
  const run = async (work: () => Promise<string>) => {
    busy.value = true;
    try {
      said.value = await work();
    } catch (error) {
      said.value = describe(error);
    }
    busy.value = false;
  };
  const share = async () => {
    const answer = await jobService.shareJob({ name, ttl: { seconds: BigInt(days.value * daySeconds), nanos: 0 } });
    made.value = linkWith(name, answer.token);
    return "This is the only time that the link is shown.";
  };
  const unshare = async () => {
    const { endedLinks } = await jobService.unshareJob({ name });
    made.value = "";
    return endedLinks === 1 ? "One link ended." : `${endedLinks} links ended.`;
  };
  const copy = async () => {
    await navigator.clipboard.writeText(made.value);
    return "Copied.";
  };
  return (
    <dialog ref={dialog} class="share" aria-labelledby="share-title" onCancel={onClose}>
      <h2 id="share-title">Share this job</h2>
      <p>Whoever has a link may look at this job until the link expires, and can change nothing.</p>
      <label>
        It counts for{" "}
        <select value={String(days.value)} onChange={(event) => (days.value = Number(event.currentTarget.value))}>
          {times.map((time) => (
            <option key={time.days} value={String(time.days)}>
              {time.word}
            </option>
          ))}
        </select>
      </label>
      {made.value !== "" && (
        <label>
          Link
          <input type="text" readOnly value={made.value} onFocus={(event) => event.currentTarget.select()} />
        </label>
      )}
      <p role="status">{said.value}</p>
      <div class="buttons">
        <button type="button" onClick={onClose}>
          Close
        </button>
        <button type="button" disabled={busy.value} onClick={() => void run(unshare)}>
          End all links
        </button>
        {made.value !== "" && (
          <button type="button" onClick={() => void run(copy)}>
            Copy
          </button>
        )}
        <button type="button" class="main" disabled={busy.value} onClick={() => void run(share)}>
          Make a link
        </button>
      </div>
    </dialog>
  );
}

// Where the server asks for tokens; elsewhere whoever reaches it sees the job anyway.
export function Share({ name }: { readonly name: string }) {
  const open = useSignal(false);
  useEffect(() => void loadServerInfo().catch(() => undefined), []);
  const caller = serverInfo.value?.caller;
  if (caller === undefined || caller.owner === "" || caller.role === Role.VIEWER) return null;
  return (
    <>
      <button type="button" onClick={() => (open.value = true)}>
        Share
      </button>
      {open.value && <ShareDialog name={name} onClose={() => (open.value = false)} />}
    </>
  );
}
