// Data sets that are only described, for the gate, which asks for nothing else.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/errors.h"
#include "common/ids.h"
#include "server/jobs/datasets.h"

namespace sliceflow::api {

// Answers Get from a table; the gate asks for nothing else.
class DescribedDatasets final : public jobs::Datasets {
 public:
  void Add(const std::string& id, int64_t rows, int columns, std::vector<double> labels = {}) {
    v1::Dataset& dataset = datasets_[id];
    dataset.set_name(DatasetName(id));
    dataset.set_rows(rows);
    dataset.set_columns(columns);
    dataset.mutable_label_values()->Add(labels.begin(), labels.end());
  }
  void Fail(absl::Status failure) { failure_ = std::move(failure); }

  absl::StatusOr<v1::Dataset> Get(const jobs::Scope&, const jobs::DatasetKey& key) override {
    if (!failure_.ok()) return failure_;
    const auto found = datasets_.find(key.id);
    if (found == datasets_.end()) return ResourceNotFound("sliceflow.dev/Dataset", DatasetName(key.id));
    return found->second;
  }

  absl::StatusOr<std::unique_ptr<jobs::Upload>> StartUpload(const std::string&, const v1::UploadHeader&) override { return Unasked(); }
  absl::StatusOr<int64_t> UploadOffset(const std::string&, const std::string&) override { return Unasked(); }
  absl::StatusOr<Page> List(const jobs::Scope&, std::optional<int64_t>, int) override { return Unasked(); }
  absl::Status Delete(const jobs::Scope&, const jobs::DatasetKey&) override { return Unasked(); }
  absl::StatusOr<std::shared_ptr<const Tensor>> Load(const jobs::DatasetKey&) override { return Unasked(); }
  absl::StatusOr<jobs::DatasetRows> OpenRows(const jobs::Scope&, const jobs::DatasetKey&, int64_t) override { return Unasked(); }
  absl::Status DropAbandonedUploads() override { return Unasked(); }

 private:
  static absl::Status Unasked() { return absl::InternalError("the gate only asks for what a data set is"); }
  std::map<std::string, v1::Dataset> datasets_;
  absl::Status failure_;
};

}  // namespace sliceflow::api
