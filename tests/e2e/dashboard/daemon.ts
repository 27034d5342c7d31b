// A real daemon in a folder of its own.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, watch } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const startDeadlineMs = 60_000;

export interface DaemonPrograms {
  readonly sliceflowd: string;
  readonly worker: string;
  // The folder with the page's files.
  readonly dashboard: string;
}

export class Daemon {
  readonly folder = mkdtempSync(join(tmpdir(), "sliceflow-dashboard-"));
  private child: ChildProcess | undefined;
  private addresses = { grpc: "", http: "" };

  private readonly programs: DaemonPrograms;
  private readonly options: readonly string[];

  constructor(programs: DaemonPrograms, options: readonly string[] = []) {
    this.programs = programs;
    this.options = options;
  }

  get page(): string {
    return `http://${this.addresses.http}/`;
  }

  get grpc(): string {
    return this.addresses.grpc;
  }

  // After a stop it comes back at the same addresses.
  async start(): Promise<void> {
    const { sliceflowd, worker, dashboard } = this.programs;
    const ready = join(this.folder, "ready.json");
    rmSync(ready, { force: true });
    const data = ["--data-dir", join(this.folder, "data"), "--ready-file", ready, "--worker", worker, "--dashboard", dashboard];
    const ports = ["--listen", this.addresses.grpc || "127.0.0.1:0", "--http", this.addresses.http || "127.0.0.1:0"];
    const log = openSync(join(this.folder, "log"), "a");
    this.child = spawn(sliceflowd, [...data, ...ports, ...this.options], { stdio: ["ignore", log, log] });
    await this.appears(ready);
    this.addresses = JSON.parse(readFileSync(ready, "utf8"));
  }

  // As an operator's mistake, or the power, would end it.
  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  token(owner: string, role: string): string {
    const data = join(this.folder, "data");
    const whose = ["--owner", owner, "--role", role, "--expires", "1d"];
    const output = execFileSync(this.programs.sliceflowd, ["token", "create", "--data-dir", data, ...whose], { encoding: "utf8" });
    const token = /sft_\S+/.exec(output)?.[0];
    if (token === undefined) throw new Error(`no token in: ${output}`);
    return token;
  }

  log(): string {
    return readFileSync(join(this.folder, "log"), "utf8");
  }

  private appears(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error?: Error) => {
        clearTimeout(timer);
        watcher.close();
        if (error === undefined) resolve();
        else reject(error);
      };
      const look = () => {
        if (existsSync(path) && readFileSync(path, "utf8").includes("}")) finish();
      };
      const watcher = watch(dirname(path), look);
      const timer = setTimeout(() => finish(new Error(`the daemon does not serve:\n${this.log()}`)), startDeadlineMs);
      this.child?.once("error", finish);
      this.child?.once("exit", () => finish(new Error(`the daemon ended:\n${this.log()}`)));
      look();
    });
  }
}
