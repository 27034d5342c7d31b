// What the suites of faults found, for docs/reliability.md: scripts/reliability puts the page together.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace sliceflow::testing {

// A row of the table.
struct FaultRecord {
  std::string fault;
  int tries = 0;
  int lost = 0;     // acknowledged jobs or events that were not there afterwards
  int doubled = 0;  // jobs or events that were there twice
  std::vector<absl::Duration> recovered_in;
  std::string note;  // what else was checked, in a few words
};

// Writes the record to $SLICEFLOW_RELIABILITY (a folder), as NAME.json, or does nothing where that is not set.
void WriteFaultRecord(const std::string& name, const FaultRecord& record);

// The value of an environment variable that says how often something is tried; `otherwise` where it is not set.
int Tries(const char* variable, int otherwise);

}  // namespace sliceflow::testing
