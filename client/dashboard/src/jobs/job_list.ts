// The page of jobs that the table shows, kept fresh.
import { batch, signal } from "@preact/signals";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Job } from "contract/sliceflow/v1/job_pb";
import { jobService } from "../server/clients";
import { describe, isLost } from "../server/errors";
import { poll } from "../server/polling";
import { Energies } from "./energies";

const pageSize = 50;
const everyMs = 2000;

export class JobList {
  readonly jobs = signal<readonly Job[] | undefined>(undefined);
  readonly nextPage = signal("");
  // What is wrong with the filter, and what else is wrong.
  readonly filterProblem = signal("");
  readonly problem = signal("");
  readonly energies = new Energies();
  private readonly stop = new AbortController();
  private asked = 0;

  constructor(
    private filter: string,
    private showDeleted: boolean,
    private pageToken: string,
  ) {
    void poll(() => this.refresh(), everyMs, this.stop.signal);
  }

  show(filter: string, showDeleted: boolean, pageToken: string): void {
    if (filter === this.filter && showDeleted === this.showDeleted && pageToken === this.pageToken) return;
    this.filter = filter;
    this.showDeleted = showDeleted;
    this.pageToken = pageToken;
    void this.refresh();
  }

  // Answers of earlier questions that come late are left out.
  async refresh(): Promise<void> {
    this.asked += 1;
    const question = this.asked;
    const { filter, showDeleted, pageToken } = this;
    try {
      const options = { signal: this.stop.signal };
      const answer = await jobService.listJobs({ pageSize, pageToken, filter, showDeleted }, options);
      if (question !== this.asked) return;
      batch(() => {
        this.jobs.value = answer.jobs;
        this.nextPage.value = answer.nextPageToken;
        this.filterProblem.value = "";
        this.problem.value = "";
      });
      this.energies.follow(answer.jobs);
    } catch (reason) {
      if (question === this.asked && !this.stop.signal.aborted) this.tell(ConnectError.from(reason));
    }
  }

  private tell(error: ConnectError): void {
    const ofFilter = error.code === Code.InvalidArgument && this.filter !== "";
    this.filterProblem.value = ofFilter ? describe(error) : "";
    this.problem.value = ofFilter ? "" : `${describe(error)}${isLost(error) ? "; trying again" : ""}`;
  }

  close(): void {
    this.stop.abort();
    this.energies.close();
  }
}
