// Jobs that wait, in the order in which they are handed out.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/functional/function_ref.h"

namespace sliceflow::scheduler {

// By priority, then by what their owner has had, then by age, which is the order of ids. Adding and removing cost the logarithm of how many
// wait, finding the next one looks at each owner of a priority once. Not thread-safe.
class WaitingLines {
 public:
  struct Place {
    int priority = 0;
    std::string devices;  // where the job can be computed, as the user of this class names it
    std::string owner;
    std::string id;
  };
  void Add(const Place& place) { levels_[place.priority][place.devices][place.owner].insert(place.id); }
  void Remove(const Place& place);

  // The next job among those whose `devices` are `eligible`. `usage` is what an owner has had; unset when none of its jobs may start now.
  std::optional<std::string> Next(absl::FunctionRef<bool(const std::string& devices)> eligible,
                                  absl::FunctionRef<std::optional<double>(const std::string& owner)> usage) const;

 private:
  using Owners = std::map<std::string, std::set<std::string>>;
  std::map<int, std::map<std::string, Owners>, std::greater<>> levels_;  // nothing in it is empty
};

}  // namespace sliceflow::scheduler
