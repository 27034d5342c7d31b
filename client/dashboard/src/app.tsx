import { useEffect, useRef } from "preact/hooks";
import { ComparePage } from "./compare/compare_page";
import { CreatePage } from "./create/create_page";
import { JobPage } from "./job/job_page";
import { JobsPage } from "./jobs/jobs_page";
import { address, link } from "./link";
import { isOfLink, token, tokenProblem } from "./server/token";
import { setTheme, type Theme, theme } from "./theme";
import { TokenForm } from "./token_form";

const pageTitles = { jobs: "Jobs", job: "Job", new: "New job", compare: "Comparison" };

function Navigation() {
  const { page } = link.value;
  const current = (name: string) => (page === name ? "page" : undefined);
  return (
    <header class="top">
      <a class="brand" href={address("jobs")}>
        sliceflow
      </a>
      {!isOfLink.value && (
        <nav aria-label="Pages">
          <a href={address("jobs")} aria-current={current("jobs")}>
            Jobs
          </a>
          <a href={address("new")} aria-current={current("new")}>
            New job
          </a>
        </nav>
      )}
      <label class="theme">
        <span class="unseen">Colours</span>
        <select value={theme.value} onChange={(event) => setTheme(event.currentTarget.value as Theme)}>
          <option value="system">as the system</option>
          <option value="light">light</option>
          <option value="dark">dark</option>
        </select>
      </label>
    </header>
  );
}

function Page() {
  const { page, job, parameters } = link.value;
  switch (page) {
    case "job":
      return <JobPage key={job} name={job} />;
    case "new":
      return <CreatePage key={`${parameters.get("example")}|${parameters.get("from")}|${parameters.get("fork")}`} />;
    case "compare":
      return <ComparePage key={parameters.get("jobs")} />;
    default:
      return <JobsPage />;
  }
}

export function App() {
  const main = useRef<HTMLElement>(null);
  const { page, job } = link.value;
  useEffect(() => {
    document.title = `${pageTitles[page]}${job === "" ? "" : ` ${job.replace("jobs/", "")}`} – sliceflow`;
  }, [page, job]);
  const skip = (event: Event) => {
    event.preventDefault();
    main.current?.focus();
  };
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        To the content
      </a>
      <Navigation />
      <main id="main" ref={main} tabIndex={-1}>
        {tokenProblem.value !== "" ? <TokenForm /> : <Page key={token.value} />}
      </main>
    </>
  );
}
