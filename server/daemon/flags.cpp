#include "server/daemon/flags.h"

#include <sched.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/version.h"

namespace sliceflow::daemon {
namespace {

constexpr int kMaxThreads = 256;
constexpr int kUsage = 2;

// The cores this process may use, which may be fewer than the machine has.
int Cores() {
  cpu_set_t cores;
  const int count = sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
  return std::clamp(count, 1, kMaxThreads);
}

std::string WorkerBesideThis() {
  std::error_code error;
  return (std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "sliceflow-worker").string();
}

absl::Status Check(const DaemonOptions& options, bool insecure) {
  if (!options.listen.loopback() && !insecure) {
    return absl::InvalidArgumentError(absl::StrCat("--listen ", options.listen.ToString(),
                                                   ": this version does not encrypt, so anyone on the network could read and steer ",
                                                   "jobs. Listen on 127.0.0.1, or add --insecure where the network is trusted."));
  }
  if (access(options.worker.c_str(), X_OK) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("--worker ", options.worker, ": is no program that can be run"));
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<Flags> ParseFlags(int argc, char** argv, int& exit_code) {
  Flags flags;
  flags.daemon.threads = Cores();
  flags.daemon.worker = WorkerBesideThis();
  flags.log_level = "info";
  std::string listen = "127.0.0.1:50051";
  bool insecure = false;
  CLI::App app{"Computes sliced-Wasserstein gradient flows as jobs and serves them over gRPC."};
  app.set_version_flag("--version", std::string(Version()));
  app.add_option("--data-dir", flags.daemon.data_dir, "Folder that everything is kept in; made when missing")->required();
  app.add_option("--listen", listen, "HOST:PORT to serve on; port 0 takes a free one")->capture_default_str();
  app.add_flag("--insecure", insecure, "Allow to listen beyond this machine without encryption");
  app.add_option("--ready-file", flags.daemon.ready_file, "File to write once it serves: {\"grpc\": \"host:port\", \"pid\": number}");
  app.add_option("--worker", flags.daemon.worker, "The worker program")->capture_default_str();
  app.add_option("--threads", flags.daemon.threads, "Threads that jobs are computed with")
      ->check(CLI::Range(1, kMaxThreads))
      ->capture_default_str();
  app.add_option("--log-level", flags.log_level, "What is written to standard error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_code = app.exit(error) == 0 ? 0 : kUsage;
    return std::nullopt;
  }
  absl::StatusOr<ListenAddress> address = ParseListenAddress(listen);
  absl::Status status = address.status();
  if (status.ok()) {
    flags.daemon.listen = *std::move(address);
    status = Check(flags.daemon, insecure);
  }
  if (status.ok()) return flags;
  std::cerr << status.message() << "\n";
  exit_code = kUsage;
  return std::nullopt;
}

}  // namespace sliceflow::daemon
