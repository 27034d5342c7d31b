#include "server/jobs/request_hash.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "absl/strings/string_view.h"
#include "server/jobs/sha256.h"

namespace sliceflow::jobs {
namespace {

// Maps in the order of their keys, so that equal messages have equal bytes.
std::string DeterministicBytes(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

}  // namespace

std::string RequestHash(const v1::Job& job) {
  v1::Job chosen;
  chosen.set_display_name(job.display_name());
  *chosen.mutable_spec() = job.spec();
  *chosen.mutable_labels() = job.labels();
  chosen.set_priority(job.priority());
  chosen.set_device(job.device());
  if (job.has_limits()) *chosen.mutable_limits() = job.limits();
  return Sha256Hex(DeterministicBytes(chosen));
}

std::string RequestHash(const v1::ForkJobRequest& request) {
  v1::ForkJobRequest chosen = request;
  chosen.clear_request_id();
  chosen.clear_validate_only();
  return Sha256Hex(DeterministicBytes(chosen));
}

}  // namespace sliceflow::jobs
