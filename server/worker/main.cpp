#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "common/failpoint.h"
#include "common/version.h"
#include "server/worker/worker.h"

int main(int argc, char** argv) {
  using sliceflow::worker::SandboxMode;
  using sliceflow::worker::v1::Lane;
  sliceflow::worker::WorkerOptions options;
  options.version = std::string(sliceflow::Version());
  CLI::App app{"Computes flows for a sliceflow daemon, which starts it and tells it what to do."};
  app.set_version_flag("--version", options.version);
  app.add_option("--connect", options.address, "Where the daemon takes workers, such as unix:PATH")->required();
  app.add_option("--worker-id", options.worker_id, "The name the daemon knows this worker by")->required();
  app.add_option("--device", options.device, "The device to compute on")->check(CLI::IsMember({"cpu"}));
  const std::map<std::string, Lane> lanes{{"flow", Lane::LANE_FLOW}, {"query", Lane::LANE_QUERY}};
  app.add_option("--lane", options.lane, "Whole jobs (flow) or short requests (query)")->transform(CLI::CheckedTransformer(lanes));
  app.add_option("--threads", options.threads, "Threads to compute with")->check(CLI::Range(1, 256));
  const std::map<std::string, SandboxMode> modes{
      {"off", SandboxMode::kOff}, {"best-effort", SandboxMode::kBestEffort}, {"required", SandboxMode::kRequired}};
  app.add_option("--sandbox", options.sandbox.mode, "Give up files, network and processes before the first job: off, best-effort, required")
      ->transform(CLI::CheckedTransformer(modes));
  app.add_option("--max-memory", options.sandbox.max_memory_bytes, "Most bytes of memory of its own; 0: as much as the machine has")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--max-cpu-seconds", options.sandbox.max_cpu_seconds, "Most seconds of processor time over its life; 0: no bound")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--user", options.sandbox.user, "Name or number of the user that it becomes when started as root");
  CLI11_PARSE(app, argc, argv);

  absl::Status status;
  if (const char* failpoints = std::getenv(sliceflow::kFailpointsVariable)) status = sliceflow::ArmFailpoints(failpoints);
  if (status.ok()) status = sliceflow::worker::RunWorker(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
