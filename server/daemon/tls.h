// The files of the daemon's certificates.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace sliceflow::daemon {

// Paths of PEM files; all empty without TLS.
struct TlsFiles {
  std::string cert;                                 // the chain, the server's own certificate first
  std::string key;                                  // its private key, not encrypted
  std::string client_ca;                            // where it is given, clients need a certificate that one of these has signed
  const char* client_ca_setting = "tls.client_ca";  // what names client_ca

  bool enabled() const { return !cert.empty() || !key.empty() || !client_ca.empty(); }
};

// What the files hold, in PEM.
struct TlsTexts {
  std::string cert;
  std::string key;
  std::string client_ca;
  absl::Time expires;  // when the server's own certificate ends

  bool operator==(const TlsTexts&) const = default;
};

// InvalidArgument naming the file that is missing, cannot be read, is none of its kind or too weak, or a key that is not the certificate's.
absl::StatusOr<TlsTexts> ReadTlsFiles(const TlsFiles& files);

// Whether a certificate in PEM, with those that it came with behind it, is of today and signed by one of `authorities`, in PEM too.
// PermissionDenied with OpenSSL's reason.
absl::Status CheckSigned(const std::string& chain, const std::string& authorities);

// The same as ReadTlsFiles; Ok without TLS.
absl::Status CheckTlsFiles(const TlsFiles& files);

}  // namespace sliceflow::daemon
