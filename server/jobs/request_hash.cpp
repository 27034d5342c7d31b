#include "server/jobs/request_hash.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <openssl/evp.h>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace sliceflow::jobs {
namespace {

// Maps in the order of their keys, so that equal messages have equal bytes.
std::string DeterministicBytes(const v1::Job& job) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    job.SerializeToCodedStream(&coded);
  }
  return bytes;
}

}  // namespace

std::string RequestHash(const v1::Job& job) {
  v1::Job chosen;
  chosen.set_display_name(job.display_name());
  *chosen.mutable_spec() = job.spec();
  *chosen.mutable_labels() = job.labels();
  const std::string bytes = DeterministicBytes(chosen);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), size));
}

}  // namespace sliceflow::jobs
