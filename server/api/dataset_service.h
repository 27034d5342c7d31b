// sliceflow.v1.DatasetService.
#pragma once

#include "server/api/access.h"
#include "server/api/limits.h"
#include "server/jobs/datasets.h"
#include "sliceflow/v1/dataset_service.grpc.pb.h"

namespace sliceflow::api {

// Handlers go through the door, check, delegate, and convert the status once. All that is handed in must outlive the service.
class DatasetServiceImpl final : public v1::DatasetService::CallbackService {
 public:
  DatasetServiceImpl(Access& access, jobs::Datasets& datasets, const Limits& limits)
      : access_(access), datasets_(datasets), limits_(limits) {}

  grpc::ServerReadReactor<v1::UploadDatasetRequest>* UploadDataset(grpc::CallbackServerContext* context, v1::Dataset* response) override;
  grpc::ServerUnaryReactor* GetUpload(grpc::CallbackServerContext* context, const v1::GetUploadRequest* request,
                                      v1::Upload* response) override;
  grpc::ServerUnaryReactor* GetDataset(grpc::CallbackServerContext* context, const v1::GetDatasetRequest* request,
                                       v1::Dataset* response) override;
  grpc::ServerUnaryReactor* ListDatasets(grpc::CallbackServerContext* context, const v1::ListDatasetsRequest* request,
                                         v1::ListDatasetsResponse* response) override;
  grpc::ServerWriteReactor<v1::TensorChunk>* SampleDataset(grpc::CallbackServerContext* context,
                                                           const v1::SampleDatasetRequest* request) override;
  grpc::ServerUnaryReactor* DeleteDataset(grpc::CallbackServerContext* context, const v1::DeleteDatasetRequest* request,
                                          google::protobuf::Empty* response) override;

 private:
  Access& access_;
  jobs::Datasets& datasets_;
  const Limits& limits_;
};

}  // namespace sliceflow::api
