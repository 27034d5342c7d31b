// half_uploader SERVER FILE ID SHA256: uploads the first half of a file of comma-separated numbers, and then waits to be killed.
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "sliceflow/v1/dataset_service.grpc.pb.h"

int main(int count, char** arguments) {
  constexpr size_t kPiece = 256 << 10;
  if (count != 5) return 2;
  std::ifstream file(arguments[2], std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const auto stub = sliceflow::v1::DatasetService::NewStub(grpc::CreateChannel(arguments[1], grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  sliceflow::v1::Dataset dataset;
  const auto writer = stub->UploadDataset(&context, &dataset);
  sliceflow::v1::UploadDatasetRequest request;
  sliceflow::v1::UploadHeader& header = *request.mutable_header();
  header.set_dataset_id(arguments[3]);
  header.mutable_format()->set_kind(sliceflow::v1::DatasetFormat::CSV);
  header.set_size_bytes(static_cast<int64_t>(bytes.size()));
  header.set_sha256(arguments[4]);
  if (!writer->Write(request)) return 1;
  const size_t half = bytes.size() / 2;
  for (size_t sent = 0; sent < half; sent += kPiece) {
    request.set_data(bytes.substr(sent, std::min(kPiece, half - sent)));
    if (!writer->Write(request)) return 1;
  }
  pause();
}
