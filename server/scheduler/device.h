// A device that flows are computed on.
#pragma once

#include <cstdint>
#include <string>

namespace sliceflow::scheduler {

struct DeviceState {
  std::string name;  // `cpu`, or `NODE/cpu` of another machine
  int threads = 0;
  bool ready = false;  // a worker is attached
  int running_jobs = 0;
  std::string problem;                // what is wrong with its workers, for people; empty where it is healthy
  int64_t memory_bytes = 0;           // of the machine's that jobs may take; 0 where it is not known: no bound
  int64_t reserved_memory_bytes = 0;  // that the running jobs are thought to take
  int64_t used_memory_bytes = 0;      // that its workers hold beside what they hold idle, by their newest heartbeats
  std::string model;                  // what a GPU is called; empty of a processor
  int64_t gpu_memory_bytes = 0;       // of the GPU itself
};

}  // namespace sliceflow::scheduler
