// What a benchmark program hands in: rows with a measured figure and, where there is one, the target it is held to.
#pragma once

#include <string>
#include <vector>

namespace sliceflow::benchmarks {

// Rows in the order in which they were added. Write leaves FOLDER/NAME.json, a list of {name, measured, target, unit, holds}: `target` is
// text such as ">= 5" and `holds` says whether the figure meets it; both are null in rows that only inform.
class Report {
 public:
  explicit Report(std::string name) : name_(std::move(name)) {}

  void AtLeast(const std::string& name, double measured, double target, const std::string& unit);
  void AtMost(const std::string& name, double measured, double target, const std::string& unit);
  void Inform(const std::string& name, double measured, const std::string& unit);

  // False when the file could not be written.
  bool Write(const std::string& folder) const;

 private:
  void Add(const std::string& name, double measured, const std::string& target, const std::string& unit, const std::string& holds);

  std::string name_;
  std::vector<std::string> rows_;  // JSON objects
};

// The middle value, or the mean of the two in the middle; not of an empty list.
double Median(std::vector<double> values);

}  // namespace sliceflow::benchmarks
