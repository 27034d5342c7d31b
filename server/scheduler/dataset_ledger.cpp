#include "server/scheduler/dataset_ledger.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/ids.h"

namespace sliceflow::scheduler {
namespace {

// Tensors travel as they lie in memory.
static_assert(std::endian::native == std::endian::little);

std::string Identity(const v1::Dataset& dataset) {
  return absl::StrCat(dataset.owner(), " ", dataset.create_time().seconds(), ".", dataset.create_time().nanos(), " ", dataset.sha256());
}

void AddName(const std::string& name, std::vector<std::string>& names) {
  if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

}  // namespace

std::vector<std::string> ReferredDatasets(const v1::FlowSpec& spec) {
  std::vector<std::string> names;
  AddName(spec.initial().dataset().dataset(), names);
  for (const v1::FunctionalTerm& term : spec.functional().terms()) {
    AddName(term.potential().bayesian_logistic_regression().dataset(), names);
    AddName(term.relative_entropy().potential().bayesian_logistic_regression().dataset(), names);
    AddName(term.sliced_wasserstein().dataset(), names);
    AddName(term.mmd().dataset(), names);
  }
  for (const v1::Metric& metric : spec.output().metrics()) AddName(metric.target_distance().dataset(), names);
  AddName(spec.model().latent_flow().dataset(), names);
  return names;
}

absl::Status DatasetLedger::Provide(const std::string& owner, const v1::FlowSpec& spec) {
  DatasetNames names;
  for (std::string& name : ReferredDatasets(spec)) names.emplace(owner, std::move(name));
  return Provide(names);
}

absl::Status DatasetLedger::Provide(const DatasetNames& names) {
  std::set<std::string> provided;
  for (const auto& [owner, name] : names) {
    if (provided.count(name) > 0) {
      return PreconditionError("DATASET_NAME_SHARED", name,
                               absl::StrCat(name, " is a data set of two owners here; upload one of them by another id"));
    }
    if (absl::Status status = ProvideOne(owner, name, provided.size()); !status.ok()) return status;
    provided.insert(name);
  }
  return absl::OkStatus();
}

absl::Status DatasetLedger::ProvideOne(const std::string& owner, const std::string& name, size_t in_use) {
  const absl::StatusOr<std::string> id = ParseResourceName("datasets", name, "dataset");
  if (!id.ok()) return id.status();
  const absl::StatusOr<v1::Dataset> dataset = datasets_.Get(jobs::Scope::Everyone(), {owner, *id});
  if (!dataset.ok()) return dataset.status();
  const std::string identity = Identity(*dataset);
  const auto held = std::find_if(held_.begin(), held_.end(), [&](const Held& entry) { return entry.name == name; });
  if (held != held_.end() && held->identity == identity) {
    held_.splice(held_.begin(), held_, held);
    return absl::OkStatus();
  }
  absl::StatusOr<std::shared_ptr<const Tensor>> table = datasets_.Load({owner, *id});
  if (!table.ok()) return table.status();
  if (held != held_.end()) Forget(name);
  const Tensor& tensor = **table;
  const int64_t bytes = static_cast<int64_t>(tensor.values.size() * sizeof(float));
  while (held_.size() > in_use && bytes_ + bytes > max_bytes_) Forget(std::string(held_.back().name));
  session_.SendBlob(name, tensor.shape,
                    {*table, absl::string_view(reinterpret_cast<const char*>(tensor.values.data()), static_cast<size_t>(bytes))});
  held_.push_front({name, identity, bytes});
  bytes_ += bytes;
  return absl::OkStatus();
}

void DatasetLedger::Forget(const std::string& name) {
  const auto held = std::find_if(held_.begin(), held_.end(), [&](const Held& entry) { return entry.name == name; });
  bytes_ -= held->bytes;
  held_.erase(held);
  worker::v1::AttachResponse message;
  message.mutable_forget()->set_dataset(name);
  session_.Send(std::move(message));
}

}  // namespace sliceflow::scheduler
