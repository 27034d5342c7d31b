#include "server/scheduler/waiting_lines.h"

#include <utility>

namespace sliceflow::scheduler {

void WaitingLines::Remove(const Place& place) {
  const auto level = levels_.find(place.priority);
  if (level == levels_.end()) return;
  const auto line = level->second.find(place.devices);
  if (line == level->second.end()) return;
  const auto jobs = line->second.find(place.owner);
  if (jobs == line->second.end()) return;
  jobs->second.erase(place.id);
  if (jobs->second.empty()) line->second.erase(jobs);
  if (line->second.empty()) level->second.erase(line);
  if (level->second.empty()) levels_.erase(level);
}

std::optional<std::string> WaitingLines::Next(absl::FunctionRef<bool(const std::string&)> eligible,
                                              absl::FunctionRef<std::optional<double>(const std::string&)> usage) const {
  for (const auto& [priority, lines] : levels_) {
    std::optional<std::pair<double, const std::string*>> best;
    for (const auto& [devices, owners] : lines) {
      if (!eligible(devices)) continue;
      for (const auto& [owner, jobs] : owners) {
        const std::optional<double> used = usage(owner);
        if (!used.has_value()) continue;
        const std::string& oldest = *jobs.begin();
        if (!best.has_value() || *used < best->first || (*used == best->first && oldest < *best->second)) best = {*used, &oldest};
      }
    }
    if (best.has_value()) return *best->second;
  }
  return std::nullopt;
}

}  // namespace sliceflow::scheduler
