#include "server/daemon/certificates.h"

#include <fcntl.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace sliceflow::daemon {
namespace {

constexpr unsigned kReloadSeconds = 1;

std::string PathOf(int file) { return absl::StrCat("/proc/self/fd/", file); }

// Puts a new file with this text behind the descriptor.
absl::Status Put(const std::string& text, int& file) {
  const int next = memfd_create("certificate", MFD_CLOEXEC);
  const bool written = next >= 0 && write(next, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const bool put = written && (file < 0 || dup3(next, file, O_CLOEXEC) == file);
  const int error = errno;
  if (put && file < 0) {
    file = next;
    return absl::OkStatus();
  }
  if (next >= 0) close(next);
  return put ? absl::OkStatus() : absl::UnavailableError(absl::StrCat("a certificate cannot be kept in memory: ", std::strerror(error)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Certificates>> Certificates::Load(const TlsFiles& files) {
  absl::StatusOr<TlsTexts> texts = ReadTlsFiles(files);
  if (!texts.ok()) return texts.status();
  std::unique_ptr<Certificates> certificates(new Certificates(files));
  const absl::MutexLock lock(&certificates->mutex_);
  if (absl::Status status = certificates->Use(*std::move(texts)); !status.ok()) return status;
  return certificates;
}

Certificates::~Certificates() {
  for (const int file : {cert_, key_, client_ca_}) {
    if (file >= 0) close(file);
  }
}

std::shared_ptr<grpc::ServerCredentials> Certificates::ServerCredentials() const {
  const bool asks_clients = client_ca_ >= 0;
  const auto provider = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      PathOf(key_), PathOf(cert_), asks_clients ? PathOf(client_ca_) : "", kReloadSeconds);
  grpc::experimental::TlsServerCredentialsOptions options(provider);
  options.watch_identity_key_cert_pairs();
  if (asks_clients) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

absl::Status Certificates::Refresh() {
  absl::StatusOr<TlsTexts> texts = ReadTlsFiles(files_);
  const absl::MutexLock lock(&mutex_);
  absl::Status status = texts.status();
  if (status.ok() && *texts == texts_) {
    bad_looks_ = 0;
    return status;
  }
  if (status.ok() && texts->expires <= absl::Now()) {
    status = absl::InvalidArgumentError(
        absl::StrCat("tls.cert: ", files_.cert, " expired at ", absl::FormatTime(texts->expires, absl::UTCTimeZone())));
  }
  if (status.ok()) status = Use(*std::move(texts));
  bad_looks_ = status.ok() ? 0 : bad_looks_ + 1;
  return bad_looks_ > 1 ? status : absl::OkStatus();
}

absl::Status Certificates::Use(TlsTexts texts) {
  absl::Status status = Put(texts.key, key_);
  if (status.ok()) status = Put(texts.cert, cert_);
  if (status.ok() && !files_.client_ca.empty()) status = Put(texts.client_ca, client_ca_);
  if (!status.ok()) return status;
  texts_ = std::move(texts);
  load_time_ = absl::Now();
  return status;
}

TlsTexts Certificates::texts() const {
  const absl::MutexLock lock(&mutex_);
  return texts_;
}

absl::Time Certificates::load_time() const {
  const absl::MutexLock lock(&mutex_);
  return load_time_;
}

absl::Time Certificates::expire_time() const {
  const absl::MutexLock lock(&mutex_);
  return texts_.expires;
}

}  // namespace sliceflow::daemon
