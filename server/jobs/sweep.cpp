#include "server/jobs/sweep.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/jobs/retention.h"
#include "sliceflow/v1/job.pb.h"

namespace sliceflow::jobs {
namespace {

constexpr char kFolder[] = "jobs";
constexpr int kPage = 500;

absl::StatusOr<std::set<std::string>> JobsThatHaveNotEnded(store::Store& store) {
  std::set<std::string> ids;
  store::JobQuery query;
  query.states = {v1::Job::QUEUED, v1::Job::RUNNING, v1::Job::PAUSED};
  query.ascending = true;
  query.limit = kPage;
  while (true) {
    const auto rows = store.ListJobs(query);
    if (!rows.ok()) return rows.status();
    for (const store::JobRow& row : *rows) ids.insert(row.id);
    if (static_cast<int>(rows->size()) < query.limit) return ids;
    query.after_number = rows->back().number;
  }
}

}  // namespace

// The order matters. A job without a folder yet is not looked at; one that has ended by the second step writes nothing more; and what is
// still referred to in the third is kept.
absl::Status SweepJobFiles(store::Store& store, store::BlobStore& blobs, const StopLatch& stop) {
  const auto folders = blobs.List(kFolder);
  if (!folders.ok()) return folders.status();
  const auto active = JobsThatHaveNotEnded(store);
  if (!active.ok()) return active.status();
  auto keys = store.ReferencedKeys(absl::StrCat(kFolder, "/"));
  if (!keys.ok()) return keys.status();
  std::sort(keys->begin(), keys->end());
  for (const std::string& id : *folders) {
    if (stop.triggered()) return absl::CancelledError("the sweep was stopped");
    if (active->count(id) > 0) continue;
    const std::string inside = absl::StrCat(BlobFolder(id), "/");
    const auto first = std::lower_bound(keys->begin(), keys->end(), inside);
    const auto last = std::find_if(first, keys->end(), [&](const std::string& key) { return !absl::StartsWith(key, inside); });
    if (absl::Status status = blobs.Sweep(BlobFolder(id), {first, last}); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace sliceflow::jobs
