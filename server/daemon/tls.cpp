#include "server/daemon/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <ctime>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/filesystem.h"

namespace sliceflow::daemon {
namespace {

template <typename T, void (*Free)(T*)>
struct Deleter {
  void operator()(T* object) const { Free(object); }
};
using Certificate = std::unique_ptr<X509, Deleter<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY, EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO, BIO_vfree>>;
using Context = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX, SSL_CTX_free>>;
using Store = std::unique_ptr<X509_STORE, Deleter<X509_STORE, X509_STORE_free>>;
using Verification = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX, X509_STORE_CTX_free>>;
struct StackDeleter {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }  // what it holds belongs to others
};
using Stack = std::unique_ptr<STACK_OF(X509), StackDeleter>;

// A password would be asked for at a terminal that a daemon does not have.
int NoPassword(char*, int, int, void*) { return -1; }

absl::Status Wrong(const char* setting, const std::string& path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(setting, ": ", path, " ", what));
}

absl::StatusOr<std::string> Read(const char* setting, const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError(absl::StrCat(setting, ": must be given: TLS needs both tls.cert and tls.key"));
  absl::StatusOr<std::string> text = RealFileSystem().ReadFile(path);
  if (!text.ok()) return absl::InvalidArgumentError(absl::StrCat(setting, ": ", text.status().message()));
  return text;
}

Bio Open(const std::string& text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

// Those of a text up to what is none.
std::vector<Certificate> CertificatesIn(const std::string& text) {
  std::vector<Certificate> certificates;
  const Bio bio = Open(text);
  while (Certificate next = Certificate(PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr)))
    certificates.push_back(std::move(next));
  return certificates;
}

// All in a file, of which there is at least one.
absl::StatusOr<std::vector<Certificate>> ReadCertificates(const char* setting, const std::string& path, const std::string& text) {
  ERR_clear_error();
  std::vector<Certificate> certificates = CertificatesIn(text);
  // What ends a file that is in order.
  const bool whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (certificates.empty()) return Wrong(setting, path, "holds no certificate in PEM");
  if (!whole) return Wrong(setting, path, "is damaged behind its first certificate");
  return certificates;
}

absl::StatusOr<Key> ReadKey(const std::string& path, const std::string& text) {
  Key key(PEM_read_bio_PrivateKey(Open(text).get(), nullptr, NoPassword, nullptr));
  if (!key) return Wrong("tls.key", path, "holds no private key in PEM that is not encrypted");
  return key;
}

absl::Time EndOf(const X509& certificate) {
  std::tm time = {};
  return ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &time) == 1 ? absl::FromTM(time, absl::UTCTimeZone()) : absl::InfiniteFuture();
}

// Whether the two belong together and are strong enough for this system's rules.
absl::Status CheckPair(const TlsFiles& files, X509& certificate, EVP_PKEY& key) {
  if (X509_check_private_key(&certificate, &key) != 1) {
    return Wrong("tls.key", files.key, absl::StrCat("is not the key of the certificate in ", files.cert));
  }
  const Context context(SSL_CTX_new(TLS_server_method()));
  if (SSL_CTX_use_certificate(context.get(), &certificate) == 1 && SSL_CTX_use_PrivateKey(context.get(), &key) == 1)
    return absl::OkStatus();
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return Wrong("tls.cert", files.cert, absl::StrCat("cannot be used: ", reason == nullptr ? "OpenSSL refuses it" : reason));
}

}  // namespace

absl::StatusOr<TlsTexts> ReadTlsFiles(const TlsFiles& files) {
  TlsTexts texts;
  absl::StatusOr<std::string> cert = Read("tls.cert", files.cert);
  if (!cert.ok()) return cert.status();
  texts.cert = *std::move(cert);
  const auto certificates = ReadCertificates("tls.cert", files.cert, texts.cert);
  if (!certificates.ok()) return certificates.status();
  texts.expires = EndOf(*certificates->front());
  absl::StatusOr<std::string> key_text = Read("tls.key", files.key);
  if (!key_text.ok()) return key_text.status();
  texts.key = *std::move(key_text);
  const absl::StatusOr<Key> key = ReadKey(files.key, texts.key);
  if (!key.ok()) return key.status();
  if (absl::Status status = CheckPair(files, *certificates->front(), **key); !status.ok()) return status;
  if (files.client_ca.empty()) return texts;
  absl::StatusOr<std::string> client_ca = Read(files.client_ca_setting, files.client_ca);
  if (!client_ca.ok()) return client_ca.status();
  texts.client_ca = *std::move(client_ca);
  absl::Status status = ReadCertificates(files.client_ca_setting, files.client_ca, texts.client_ca).status();
  if (!status.ok()) return status;
  return texts;
}

absl::Status CheckSigned(const std::string& chain, const std::string& authorities) {
  const Store trusted(X509_STORE_new());
  X509_STORE_set_flags(trusted.get(), X509_V_FLAG_PARTIAL_CHAIN);
  for (const Certificate& authority : CertificatesIn(authorities)) X509_STORE_add_cert(trusted.get(), authority.get());
  const std::vector<Certificate> shown = CertificatesIn(chain);
  ERR_clear_error();  // of the ends of the texts
  if (shown.empty()) return absl::PermissionDeniedError("it showed no certificate");
  const Stack others(sk_X509_new_null());
  for (size_t i = 1; i < shown.size(); ++i) sk_X509_push(others.get(), shown[i].get());
  const Verification verification(X509_STORE_CTX_new());
  if (X509_STORE_CTX_init(verification.get(), trusted.get(), shown.front().get(), others.get()) != 1) {
    return absl::ResourceExhaustedError("no memory to verify a certificate");
  }
  const bool is_signed = X509_verify_cert(verification.get()) == 1;
  ERR_clear_error();
  if (is_signed) return absl::OkStatus();
  return absl::PermissionDeniedError(X509_verify_cert_error_string(X509_STORE_CTX_get_error(verification.get())));
}

absl::Status CheckTlsFiles(const TlsFiles& files) { return files.enabled() ? ReadTlsFiles(files).status() : absl::OkStatus(); }

}  // namespace sliceflow::daemon
