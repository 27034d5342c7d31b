// What can be taken along of a job: pictures, films, arrays, what to cite, and the file that makes it again.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Job } from "contract/sliceflow/v1/job_pb";
import { jobFileText } from "../job/job_file";
import type { Player } from "../job/player";
import type { SampleStore } from "../job/sample_store";
import type { Flow, Step } from "../job/flow";
import { describe } from "../server/errors";
import { loadServerInfo, serverInfo } from "../server/server_info";
import type { Tensor } from "../server/tensor";
import { netcdfOf, npzOf, type Work } from "./arrays";
import { bibtexOf } from "./bibtex";
import { filmStripOf, gifOf, pngOf } from "./films";
import { Painter, type View } from "./painter";
import { save } from "./save";
import { curvesSvg, svgText } from "./svg";

interface Properties {
  readonly flow: Flow;
  readonly store: SampleStore;
  readonly player: Player;
  readonly view: View;
}

interface Task {
  readonly what: string;
  readonly done: number;
  readonly total: number;
}

const stripCounts = [3, 4, 6, 8, 12];
const pictureScale = 2;

async function version(): Promise<string> {
  await loadServerInfo();
  return serverInfo.value?.version ?? "";
}

// The size that the picture has on the page.
function shownSize(): { readonly width: number; readonly height: number } {
  const box = document.querySelector(".job-body .points, .job-body .images")?.getBoundingClientRect();
  return { width: Math.round(box?.width ?? 800), height: Math.round(box?.height ?? 600) };
}

async function painted<T>(view: View, ratio: number, paint: (painter: Painter) => Promise<T> | T): Promise<T> {
  const painter = new Painter(view, shownSize(), ratio);
  try {
    return await paint(painter);
  } finally {
    painter.close();
  }
}

// Long work: how far it is, and how it is ended.
function useTask() {
  const task = useSignal<Task | undefined>(undefined);
  const problem = useSignal("");
  const stop = useRef(new AbortController());
  useEffect(() => () => stop.current.abort(), []);
  const run = async (what: string, work: (work: Work) => Promise<void>) => {
    stop.current = new AbortController();
    const { signal } = stop.current;
    problem.value = "";
    task.value = { what, done: 0, total: 0 };
    try {
      await work({ stop: signal, onProgress: (done, total) => (task.value = { what, done, total }) });
    } catch (error) {
      problem.value = signal.aborted ? `${what}: cancelled` : `${what}: ${error instanceof Error ? error.message : describe(error)}`;
    }
    task.value = undefined;
  };
  return { task, problem, run, cancel: () => stop.current.abort() };
}

export function ExportMenu({ flow, store, player, view }: Properties) {
  const { task, problem, run, cancel } = useTask();
  const count = useSignal(6);
  const job = flow.job.value;
  if (job === undefined) return null;
  const base = job.name.replace("/", "-");
  const sampled = flow.steps.value.filter((step) => step.sampleCount > 0);
  const shown = player.shown.value;
  const here = shown === undefined ? undefined : { step: flow.stepAt(shown), samples: store.peek(shown) };
  const ofShown = (make: (step: Step, samples: Tensor) => Promise<void>) => async () => {
    if (here?.step === undefined || here.samples === undefined) throw new Error("no samples are shown");
    await make(here.step, here.samples);
  };
  const file = (name: string, text: string, type: string) => save(name, new Blob([text], { type }));
  const png = ofShown(async (step, samples) => {
    const picture = await painted(view, pictureScale, (painter) => painter.frame(step, samples));
    save(`${base}-step-${step.report.step}.png`, await pngOf(picture));
  });
  const svg = ofShown(async (step, samples) => {
    const drawing = await painted(view, 1, (painter) => painter.svg(step, samples));
    file(`${base}-step-${step.report.step}.svg`, svgText(drawing), "image/svg+xml");
  });
  const jobFile = async (whole: Job) =>
    file(`${base}.yaml`, `# ${whole.name}, computed by sliceflow ${await version()}\n${jobFileText(whole)}\n`, "application/yaml");
  const button = (word: string, work: (work: Work) => Promise<void>, possible = true) => (
    <button type="button" class="small" disabled={!possible || task.value !== undefined} onClick={() => void run(word, work)}>
      {word}
    </button>
  );
  return (
    <details class="export">
      <summary>Export</summary>
      <div class="buttons" role="group" aria-label="Of the shown step">
        <span class="faint">Step {shown ?? "–"}:</span>
        {button("PNG", png, here?.samples !== undefined)}
        {button("SVG", svg, here?.samples !== undefined && view.images === undefined)}
      </div>
      <div class="buttons" role="group" aria-label="Of the flow">
        <span class="faint">The flow:</span>
        {button(
          "Film strip",
          async (work) => save(`${base}-strip.png`, await filmStripOf(job.name, sampled, count.value, view, work)),
          sampled.length > 0,
        )}
        <label class="check">
          of
          <select value={String(count.value)} onChange={(event) => (count.value = Number(event.currentTarget.value))}>
            {stripCounts.map((each) => (
              <option key={each} value={String(each)}>
                {each} steps
              </option>
            ))}
          </select>
        </label>
        {button("GIF", async (work) => save(`${base}.gif`, await gifOf(job.name, sampled, view, work)), sampled.length > 0)}
        {button("Curves as SVG", async () => file(`${base}-curves.svg`, svgText(curvesSvg()), "image/svg+xml"))}
      </div>
      <div class="buttons" role="group" aria-label="Figures">
        <span class="faint">Figures and samples:</span>
        {button("NPZ", async (work) => save(`${base}.npz`, await npzOf(job, flow.steps.value, work)))}
        {button("NetCDF", async (work) => save(`${base}.nc`, await netcdfOf(job, flow.steps.value, await version(), work)))}
      </div>
      <div class="buttons" role="group" aria-label="To make it again and to cite it">
        <span class="faint">To cite and to repeat:</span>
        {button("BibTeX", async () =>
          job.spec === undefined ? undefined : file(`${base}.bib`, bibtexOf(job.spec), "application/x-bibtex"),
        )}
        {button("Job file", async () => jobFile(job))}
      </div>
      {task.value !== undefined && (
        <p class="buttons" role="status">
          <progress
            value={task.value.total > 0 ? task.value.done : undefined}
            max={Math.max(1, task.value.total)}
            aria-label={task.value.what}
          />
          {task.value.what}
          {task.value.total > 0 ? ` ${task.value.done} of ${task.value.total} steps` : ""}
          <button type="button" class="small" onClick={cancel}>
            Cancel
          </button>
        </p>
      )}
      <p class="problem" role="alert">
        {problem.value}
      </p>
    </details>
  );
}
