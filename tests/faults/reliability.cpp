#include "tests/faults/reliability.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "common/json.h"

namespace sliceflow::testing {

void WriteFaultRecord(const std::string& name, const FaultRecord& record) {
  const char* folder = std::getenv("SLICEFLOW_RELIABILITY");
  if (folder == nullptr) return;
  std::vector<absl::Duration> sorted = record.recovered_in;
  std::sort(sorted.begin(), sorted.end());
  const double median = sorted.empty() ? 0 : absl::ToDoubleSeconds(sorted[sorted.size() / 2]);
  const double longest = sorted.empty() ? 0 : absl::ToDoubleSeconds(sorted.back());
  std::filesystem::create_directories(folder);
  std::ofstream file(std::filesystem::path(folder) / (name + ".json"));
  file << absl::StrFormat(
      "{\"fault\": %s, \"tries\": %d, \"lost\": %d, \"doubled\": %d, \"recovered_median\": %.3f, \"recovered_longest\": %.3f, "
      "\"recoveries\": %d, \"note\": %s}\n",
      JsonString(record.fault), record.tries, record.lost, record.doubled, median, longest, sorted.size(), JsonString(record.note));
}

int Tries(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  int tries = 0;
  return text != nullptr && absl::SimpleAtoi(text, &tries) && tries > 0 ? tries : otherwise;
}

}  // namespace sliceflow::testing
