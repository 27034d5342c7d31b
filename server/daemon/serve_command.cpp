// `sliceflowd serve`: the daemon, until a signal ends it.
#include <malloc.h>

#include <cstdlib>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/version.h"
#include "server/daemon/command_line.h"
#include "server/daemon/daemon.h"
#include "server/daemon/library_logs.h"
#include "server/daemon/listener.h"
#include "server/daemon/signals.h"

namespace sliceflow::daemon {
namespace {

// How long the end waits for who reads the log.
constexpr absl::Duration kLogTime = absl::Seconds(1);

constexpr int kArenas = 2;

LogLevel LevelOf(const std::string& name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  return name == "warn" ? LogLevel::kWarn : LogLevel::kError;
}

}  // namespace

int Serve(const ResolvedSettings& resolved) {
  if (const absl::Status status = CheckForServing(resolved); !status.ok()) return Fail(status, kUsage);
  const Settings& settings = resolved.settings;
  // A thread answers each browser that follows a job. With an arena of the heap for each, what their messages took stays with all of them.
  mallopt(M_ARENA_MAX, kArenas);
  BlockStopSignals();
  RaiseDescriptorLimit();
  // Workers inherit it. OpenMP's threads otherwise spin while they wait, which on cores shared with anything else slows a step tenfold.
  setenv("OMP_WAIT_POLICY", "passive", /*overwrite=*/0);
  SetUpLog(LevelOf(settings.log_level), settings.log_format == "json" ? LogFormat::kJson : LogFormat::kText);
  StartLogThread();
  const absl::Cleanup flush = [] { (void)FlushLog(kLogTime); };
  TakeLibraryLogs();
  if (const char* failpoints = std::getenv(kFailpointsVariable)) {
    if (const absl::Status status = ArmFailpoints(failpoints); !status.ok()) return Fail(status, kUsage);
    Log(LogLevel::kWarn, absl::StrCat(kFailpointsVariable, "=", failpoints, ": this process and its workers kill themselves there"));
  }

  const auto started = Daemon::Start(settings);
  if (!started.ok()) {
    Log(LogLevel::kError, started.status().ToString());
    return kFailure;
  }
  Log(LogLevel::kInfo, absl::StrCat("sliceflowd ", Version(), " serves on ", (*started)->address()));
  const int signal = WaitForStopSignal();
  Log(LogLevel::kInfo, absl::StrCat("stopping after signal ", signal, "; another one ends it at once"));
  (*started)->Shutdown(settings.shutdown_time);
  Log(LogLevel::kInfo, "stopped");
  return kSuccess;
}

void AddServeCommand(CLI::App& program, std::vector<Command>& commands) {
  commands.push_back({program.add_subcommand("serve", "Serves until SIGTERM or SIGINT; what is done without a command"), Serve});
}

}  // namespace sliceflow::daemon
