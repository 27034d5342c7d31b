// The certificates that a port uses, and their renewal.
#pragma once

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/daemon/tls.h"

namespace grpc {
class ServerCredentials;
}

namespace sliceflow::daemon {

// gRPC uses copies of the files in memory, which are exchanged only for files that have been checked: what it is handed it takes, and a
// certificate without its key would end every connection from then on. Thread-safe.
class Certificates {
 public:
  // InvalidArgument as ReadTlsFiles; Unavailable without memory for the copies.
  static absl::StatusOr<std::unique_ptr<Certificates>> Load(const TlsFiles& files);
  ~Certificates();

  // For a server; this must outlive it.
  std::shared_ptr<grpc::ServerCredentials> ServerCredentials() const;

  // Looks at the files, and takes them over where they have changed and are in order; connections that begin a second later use them. Where
  // they are not, twice in a row (a renewal replaces them one by one), the old ones stay, and the answer says what is wrong with which
  // file.
  absl::Status Refresh();

  // Those in use.
  TlsTexts texts() const;
  // When the files in use were taken over, and when their certificate ends.
  absl::Time load_time() const;
  absl::Time expire_time() const;

 private:
  explicit Certificates(const TlsFiles& files) : files_(files) {}

  absl::Status Use(TlsTexts texts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const TlsFiles files_;
  mutable absl::Mutex mutex_;
  TlsTexts texts_ ABSL_GUARDED_BY(mutex_);
  absl::Time load_time_ ABSL_GUARDED_BY(mutex_);
  int bad_looks_ ABSL_GUARDED_BY(mutex_) = 0;
  // Descriptors of files in memory, −1 before there is one. A descriptor stays and gets another file, which is one step for who opens it.
  int cert_ = -1;
  int key_ = -1;
  int client_ca_ = -1;
};

}  // namespace sliceflow::daemon
