// A job's figures and stored samples as files of arrays: NumPy's .npz and NetCDF. Samples are read step by step and put away as they come,
// in the browser's own store of blobs, so that the page holds one step at a time.
import { Zip, ZipPassThrough } from "fflate";
import type { Job } from "contract/sliceflow/v1/job_pb";
import type { Step } from "../job/flow";
import { termNames } from "../kinds";
import { type NetcdfFile, netcdfHeader, netcdfValues, type NetcdfVariable } from "./netcdf";
import { npy } from "./npy";
import { readSamples } from "./samples";

// More is for the command line and Python, which write to the disk as they read.
const mostSampleBytes = 2 ** 30;

export interface Work {
  readonly stop: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

interface Column {
  readonly name: string;
  readonly unit: string;
  readonly value: (step: Step) => number;
}

function metricNames(steps: readonly Step[]): string[] {
  return [...new Set(steps.flatMap((step) => step.report.metrics.map((metric) => metric.name)))];
}

// What is told of each step, by the names of the contract. What a step does not have is not a number.
function columnsOf(steps: readonly Step[]): Column[] {
  const none = Number.NaN;
  return [
    { name: "wasserstein_time", unit: "time of the Wasserstein flow", value: ({ report }) => report.wassersteinTime },
    { name: "sliced_time", unit: "time of the sliced flow", value: ({ report }) => report.slicedTime },
    { name: "energy", unit: "F", value: ({ report }) => report.energy },
    { name: "energy_standard_error", unit: "F", value: ({ report }) => report.energyStandardError },
    { name: "distance_squared", unit: "length squared", value: ({ report }) => (report.step > 0 ? report.distanceSquared : none) },
    { name: "inequality_slack", unit: "F", value: ({ report }) => report.energyInequality?.slack ?? none },
    { name: "inequality_standard_error", unit: "F", value: ({ report }) => report.energyInequality?.standardError ?? none },
    { name: "seconds", unit: "s", value: ({ report }) => report.seconds },
    { name: "converged", unit: "1 where it came to rest", value: ({ report }) => (report.converged ? 1 : 0) },
    ...metricNames(steps).map((name) => ({
      name: `metric_${name}`,
      unit: "metric of the job",
      value: (step: Step) => step.report.metrics.find((metric) => metric.name === name)?.value ?? none,
    })),
  ];
}

function sampledOf(job: Job, steps: readonly Step[]): readonly Step[] {
  const sampled = steps.filter((step) => step.sampleCount > 0);
  const bytes = sampled.reduce((sum, step) => sum + 4 * step.sampleCount * (job.spec?.dimension ?? 0), 0);
  if (bytes > mostSampleBytes) {
    throw new Error(
      `the samples have ${bytes} bytes, and a page saves up to ${mostSampleBytes}; the Python client and “sliceflow watch” read all`,
    );
  }
  return sampled;
}

// `step_0000`, as the command line names them.
function arrayName(step: number): string {
  return `step_${String(step).padStart(4, "0")}`;
}

export async function npzOf(job: Job, steps: readonly Step[], { stop, onProgress }: Work): Promise<Blob> {
  const parts: Blob[] = [];
  const zip = new Zip((error, chunk) => {
    if (error !== null) throw error;
    parts.push(new Blob([chunk]));
  });
  const add = (name: string, file: Uint8Array) => {
    const entry = new ZipPassThrough(`${name}.npy`);
    zip.add(entry);
    entry.push(file, true);
  };
  const sampled = sampledOf(job, steps);
  add(
    "steps",
    npy(
      Int32Array.from(steps, (step) => step.report.step),
      [steps.length],
    ),
  );
  for (const column of columnsOf(steps)) add(column.name, npy(Float64Array.from(steps, column.value), [steps.length]));
  const terms = steps[0]?.report.termEnergies.length ?? 0;
  const energies = Float64Array.from(steps.flatMap((step) => step.report.termEnergies));
  if (energies.length === terms * steps.length) add("term_energies", npy(energies, [steps.length, terms]));
  let done = 0;
  await readSamples(job.name, sampled, stop, (step, { values, shape }) => {
    add(arrayName(step.report.step), npy(values, shape));
    done += 1;
    onProgress(done, sampled.length);
  });
  zip.end();
  return new Blob(parts, { type: "application/zip" });
}

const sampleVariables: readonly NetcdfVariable[] = [
  { name: "sampled_step", type: "int", dimensions: ["sampled_step"], attributes: { long_name: "steps whose samples are here" } },
  {
    name: "samples",
    type: "float",
    dimensions: ["sampled_step", "row", "coordinate"],
    attributes: { long_name: "row i is one trajectory" },
  },
];

export async function netcdfOf(job: Job, steps: readonly Step[], version: string, { stop, onProgress }: Work): Promise<Blob> {
  const sampled = sampledOf(job, steps);
  // A fork may keep another number of rows than its parent: in the one array steps of fewer end with what is no number.
  const rows = Math.max(0, ...sampled.map((step) => step.sampleCount));
  const coordinates = job.spec?.dimension ?? 0;
  // A dimension of length zero would mean one that grows, of which the format has one.
  const hasSamples = sampled.length > 0;
  const terms = termNames(job.spec?.functional?.terms ?? []);
  const columns = columnsOf(steps);
  const perStep = (name: string, type: NetcdfVariable["type"], units: string): NetcdfVariable => ({
    name,
    type,
    dimensions: ["step"],
    attributes: { units },
  });
  const file: NetcdfFile = {
    dimensions: {
      step: steps.length,
      term: terms.length,
      ...(hasSamples ? { sampled_step: sampled.length, row: rows, coordinate: coordinates } : {}),
    },
    attributes: { title: job.displayName || job.name, job: job.name, source: `sliceflow ${version}`, terms: terms.join(", ") },
    variables: [
      perStep("step", "int", "1"),
      ...columns.map((column) => perStep(column.name, "double", column.unit)),
      { name: "term_energies", type: "double", dimensions: ["step", "term"], attributes: { units: "F" } },
      ...(hasSamples ? sampleVariables : []),
    ],
  };
  const energies = steps.flatMap((step) => terms.map((_, i) => step.report.termEnergies[i] ?? Number.NaN));
  const parts: BlobPart[] = [
    netcdfHeader(file),
    netcdfValues(
      "int",
      steps.map((step) => step.report.step),
    ),
    ...columns.map((column) => netcdfValues("double", steps.map(column.value))),
    netcdfValues("double", energies),
    netcdfValues(
      "int",
      sampled.map((step) => step.report.step),
    ),
  ];
  await readSamples(job.name, sampled, stop, (_, { values }) => {
    const padded = new Float32Array(rows * coordinates).fill(Number.NaN);
    padded.set(values);
    parts.push(new Blob([netcdfValues("float", padded)]));
    onProgress(parts.length - columns.length - 4, sampled.length);
  });
  return new Blob(parts, { type: "application/x-netcdf" });
}
