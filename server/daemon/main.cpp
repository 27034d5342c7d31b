#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>

#include "absl/time/clock.h"
#include "common/version.h"
#include "server/daemon/daemon.h"
#include "server/daemon/flags.h"
#include "server/daemon/signals.h"

namespace {

constexpr absl::Duration kShutdownTime = absl::Seconds(8);

}  // namespace

int main(int argc, char** argv) {
  namespace daemon = sliceflow::daemon;
  int exit_code = 0;
  const auto flags = daemon::ParseFlags(argc, argv, exit_code);
  if (!flags.has_value()) return exit_code;
  daemon::BlockStopSignals();
  // Workers inherit it. OpenMP's threads otherwise spin while they wait, which on cores shared with anything else slows a step tenfold.
  setenv("OMP_WAIT_POLICY", "passive", /*overwrite=*/0);
  spdlog::set_default_logger(spdlog::stderr_color_mt("sliceflowd"));
  spdlog::set_level(spdlog::level::from_str(flags->log_level));

  const auto started = daemon::Daemon::Start(flags->daemon);
  if (!started.ok()) {
    spdlog::critical("{}", started.status().ToString());
    return 1;
  }
  spdlog::info("sliceflowd {} serves on {}", std::string(sliceflow::Version()), (*started)->address());
  const int signal = daemon::WaitForStopSignal();
  spdlog::info("stopping after signal {}; another one ends it at once", signal);
  (*started)->Shutdown(absl::Now() + kShutdownTime);
  spdlog::info("stopped");
  return 0;
}
