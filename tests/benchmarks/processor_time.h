// What a process has computed, which other work on the machine disturbs less than it does the clock.
#pragma once

#include <sys/types.h>

namespace sliceflow::benchmarks {

// Processor time of a process so far, of all its threads; 0 where there is none. Unit: seconds.
double ProcessorSeconds(pid_t pid);

}  // namespace sliceflow::benchmarks
