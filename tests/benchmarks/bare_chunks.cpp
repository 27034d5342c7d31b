#include "tests/benchmarks/bare_chunks.h"

#include "absl/strings/str_cat.h"

namespace sliceflow::benchmarks {

class BareChunks::Service final : public v1::JobService::Service {
 public:
  Service(int chunks, int64_t chunk_bytes) : chunks_(chunks) { chunk_.mutable_data()->assign(static_cast<size_t>(chunk_bytes), 'x'); }

  grpc::Status ExportModel(grpc::ServerContext* /*context*/, const v1::ExportModelRequest* /*request*/,
                           grpc::ServerWriter<v1::ExportModelResponse>* writer) override {
    for (int i = 0; i < chunks_; ++i) writer->Write(chunk_);
    return grpc::Status::OK;
  }

 private:
  const int chunks_;
  v1::ExportModelResponse chunk_;
};

BareChunks::BareChunks(int chunks, int64_t chunk_bytes) : service_(std::make_unique<Service>(chunks, chunk_bytes)) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(service_.get());
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

BareChunks::~BareChunks() = default;

int64_t BareChunks::ReadAll(const std::shared_ptr<grpc::Channel>& channel) {
  const auto stub = v1::JobService::NewStub(channel);
  grpc::ClientContext context;
  const auto reader = stub->ExportModel(&context, {});
  v1::ExportModelResponse chunk;
  int64_t bytes = 0;
  while (reader->Read(&chunk)) bytes += static_cast<int64_t>(chunk.data().size());
  (void)reader->Finish();
  return bytes;
}

}  // namespace sliceflow::benchmarks
