#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/device_name.h"
#include "common/failpoint.h"
#include "common/quoted.h"
#include "common/version.h"
#include "server/worker/worker.h"

namespace {

using sliceflow::worker::WorkerOptions;

// So that what starts it does not start it again for that.
constexpr int kWrongOptions = 2;

// What options say together.
absl::Status Complete(const std::string& attach_time, WorkerOptions& options) {
  if (!absl::ParseDuration(attach_time, &options.attach_timeout) || options.attach_timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat("--attach-time: must be a duration such as 10s or 5m, is ", attach_time));
  }
  if (options.route.remote() == options.node.empty()) {
    return absl::InvalidArgumentError(options.route.remote() ? "--name: must be given for a daemon on another machine, --connect HOST:PORT"
                                                             : "--name: is for a daemon on another machine, --connect HOST:PORT");
  }
  if (!options.node.empty() && !sliceflow::IsNodeName(options.node)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--name: must be up to 63 of a-z, 0-9, . and -, with a letter or a digit first and last, is ", sliceflow::Quoted(options.node)));
  }
  const bool takes_jobs = options.lane == sliceflow::worker::v1::LANE_FLOW;
  if (options.worker_id.empty() && !options.node.empty()) options.worker_id = absl::StrCat(options.node, takes_jobs ? "-flow" : "-query");
  if (options.worker_id.empty()) return absl::InvalidArgumentError("--worker-id: must be given");
  return sliceflow::worker::CheckRoute(options.route);
}

}  // namespace

int main(int argc, char** argv) {
  using sliceflow::worker::SandboxMode;
  using sliceflow::worker::v1::Lane;
  sliceflow::worker::WorkerOptions options;
  options.version = std::string(sliceflow::Version());
  CLI::App app{"Computes flows for a sliceflow daemon, which starts it and tells it what to do."};
  app.set_version_flag("--version", options.version);
  std::string attach_time = "10s";
  app.add_option("--connect", options.route.address, "Where the daemon takes workers: unix:PATH, or HOST:PORT of another machine")
      ->required();
  app.add_option("--ca", options.route.ca, "Certificates in PEM, of which one must have signed that of a daemon on another machine");
  app.add_option("--cert", options.route.cert, "This worker's certificate chain in PEM, signed by the daemon's workers.client_ca");
  app.add_option("--key", options.route.key, "Private key of --cert in PEM");
  app.add_option("--server-name", options.route.server_name,
                 "Name that the daemon's certificate is for; the host of --connect if not given");
  app.add_option("--name", options.node,
                 "Name of this machine, before its devices on another one: NODE/cpu. Up to 63 of a-z, 0-9, . and -");
  app.add_option("--attach-time", attach_time, "Time to find the daemon in, and to be taken by it: 10s, 5m")->capture_default_str();
  app.add_option("--worker-id", options.worker_id, "The name the daemon knows this worker by; NODE-LANE if not given");
  const auto is_device = [](const std::string& name) {
    return sliceflow::IsDeviceOfThisMachine(name) ? std::string() : "must be cpu or cuda:N, is " + name;
  };
  app.add_option("--device", options.device, "The device to compute on: cpu, or cuda:N for sliced transport on a GPU")->check(is_device);
  app.add_option("--gpu", options.gpu, "Identifier of the GPU that cuda:N is, such as GPU-8932f937; default: the driver's Nth");
  app.add_option("--gpu-precision", options.gpu_precision, "What gradients are computed in on a GPU: fp32, tf32, bf16")
      ->check(CLI::IsMember({"fp32", "tf32", "bf16"}));
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
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongOptions;  // 0: help or version was asked for
  }
  options.sandbox.gpu = options.device != "cpu";

  absl::Status status = Complete(attach_time, options);
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
    return kWrongOptions;
  }
  if (const char* failpoints = std::getenv(sliceflow::kFailpointsVariable)) status = sliceflow::ArmFailpoints(failpoints);
  if (status.ok()) status = sliceflow::worker::RunWorker(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
