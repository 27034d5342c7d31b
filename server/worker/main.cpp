#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <string>

#include "common/version.h"
#include "server/worker/worker.h"

int main(int argc, char** argv) {
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
  CLI11_PARSE(app, argc, argv);

  const absl::Status status = sliceflow::worker::RunWorker(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
