// Waiting to be asked to stop.
#pragma once

namespace sliceflow::daemon {

// Blocks SIGTERM and SIGINT in this thread and those it makes later; SIGPIPE is ignored. To be called before any other thread exists.
void BlockStopSignals();

// Waits for one of them and answers it. From then on a further one ends the process at once.
int WaitForStopSignal();

}  // namespace sliceflow::daemon
