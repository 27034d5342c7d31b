// Bytes streamed by gRPC and nothing else: what streams of samples are measured against.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <grpcpp/grpcpp.h>

#include "sliceflow/v1/job_service.grpc.pb.h"

namespace sliceflow::benchmarks {

// A server in this process, on a port of loopback, that answers a call with the same message of `chunk_bytes` bytes, `chunks` times. The
// message is ExportModelResponse, which has one field, of bytes.
class BareChunks {
 public:
  BareChunks(int chunks, int64_t chunk_bytes);
  ~BareChunks();

  // Reads all over the given channel; the number of bytes.
  static int64_t ReadAll(const std::shared_ptr<grpc::Channel>& channel);
  const std::string& address() const { return address_; }

 private:
  class Service;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace sliceflow::benchmarks
