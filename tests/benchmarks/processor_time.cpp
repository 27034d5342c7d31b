#include "tests/benchmarks/processor_time.h"

#include <ctime>

namespace sliceflow::benchmarks {

double ProcessorSeconds(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace sliceflow::benchmarks
