#include "tests/support/bent_clock/bent_clock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <new>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sliceflow::testing {

BentClock::BentClock(const std::string& folder) : path_(absl::StrCat(folder, "/clock")) {
  const int file = open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  EXPECT_EQ(ftruncate(file, sizeof(ClockControl)), 0);
  void* const memory = mmap(nullptr, sizeof(ClockControl), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  control_ = new (memory) ClockControl;
  prefix_ = {"env", absl::StrCat("LD_PRELOAD=", SLICEFLOW_BENT_CLOCK), absl::StrCat(kClockControlVariable, "=", path_)};
}

BentClock::~BentClock() { munmap(control_, sizeof(ClockControl)); }

std::string BentClock::Wrap(const std::string& program) const {
  std::string script = absl::StrCat(path_, ".sh");
  std::ofstream(script) << "#!/bin/sh\nexec " << absl::StrJoin(prefix_, " ") << " " << program << " \"$@\"\n";
  chmod(script.c_str(), 0755);
  return script;
}

}  // namespace sliceflow::testing
