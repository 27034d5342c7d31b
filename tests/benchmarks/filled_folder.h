// A data folder with many finished jobs, for benchmarks of what a full one costs.
#pragma once

#include <string>

namespace sliceflow::benchmarks {

// Adds copies of a finished job, with its events and steps, to a folder that no daemon has open, until it has `count` jobs. False, with a
// word on standard error, where the database does not let it.
bool FillFolder(const std::string& data_dir, const std::string& job_id, int count);

}  // namespace sliceflow::benchmarks
