// A worker that computes nothing, for what the way of a step costs without its computation.
#pragma once

namespace sliceflow::benchmarks {

// The samples and the checkpoint that the stand-in sends with each step: those of a small flow.
inline constexpr int kStandInSamples = 100;
inline constexpr int kStandInCheckpointBytes = 20'000;

// Whether the daemon has started this program as its worker.
bool IsStartedAsWorker(int argc, char** argv);

// Attaches as the daemon tells it to, and answers each job with its steps: the next once the one before is stored, and a pause later, so
// that each finds the daemon at rest. Each report's `seconds` is the moment, of Uptime, before the first of the step's messages is sent. Ends
// with its stream; it has no heartbeat, so the daemon takes it for dead some 15 seconds after its last step.
int RunStandInWorker(int argc, char** argv);

}  // namespace sliceflow::benchmarks
