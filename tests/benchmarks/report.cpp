#include "tests/benchmarks/report.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace sliceflow::benchmarks {
namespace {

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

void Report::AtLeast(const std::string& name, double measured, double target, const std::string& unit) {
  Add(name, measured, Quoted(absl::StrCat(">= ", target)), unit, measured >= target ? "true" : "false");
}

void Report::AtMost(const std::string& name, double measured, double target, const std::string& unit) {
  Add(name, measured, Quoted(absl::StrCat("<= ", target)), unit, measured <= target ? "true" : "false");
}

void Report::Inform(const std::string& name, double measured, const std::string& unit) { Add(name, measured, "null", unit, "null"); }

void Report::Add(const std::string& name, double measured, const std::string& target, const std::string& unit, const std::string& holds) {
  const std::string figure = std::isfinite(measured) ? absl::StrFormat("%.6g", measured) : "null";
  rows_.push_back(absl::StrCat("{\"name\": ", Quoted(name), ", \"measured\": ", figure, ", \"target\": ", target,
                               ", \"unit\": ", Quoted(unit), ", \"holds\": ", holds, "}"));
}

bool Report::Write(const std::string& folder) const {
  std::ofstream file(absl::StrCat(folder, "/", name_, ".json"));
  file << "[\n  " << absl::StrJoin(rows_, ",\n  ") << "\n]\n";
  return static_cast<bool>(file.flush());
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace sliceflow::benchmarks
