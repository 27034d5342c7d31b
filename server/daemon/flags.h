// The daemon's command line.
#pragma once

#include <optional>
#include <string>

#include "server/daemon/daemon.h"

namespace sliceflow::daemon {

struct Flags {
  DaemonOptions daemon;
  std::string log_level;
};

// Nothing when there is nothing to do but to exit with `exit_code`: after --help, --version, or a mistake, which has been told on standard
// error.
std::optional<Flags> ParseFlags(int argc, char** argv, int& exit_code);

}  // namespace sliceflow::daemon
