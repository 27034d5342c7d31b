// Certificates for tests, made with OpenSSL's program.
#pragma once

#include <string>
#include <vector>

namespace sliceflow::testing {

// NAME.pem and NAME.key in a folder. A failure is the test's.
class Certificates {
 public:
  explicit Certificates(std::string folder) : folder_(std::move(folder)) {}

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  // An authority of its own.
  void MakeAuthority(const std::string& name) const;
  // For this machine, signed by an authority.
  void Make(const std::string& name, const std::string& authority) const;
  // Has the daemon's flags lead to the one of this name, also while it runs.
  void Install(const std::string& name) const;
  std::vector<std::string> Flags() const { return {"--tls-cert", Path("server.pem"), "--tls-key", Path("server.key")}; }

 private:
  const std::string folder_;
};

}  // namespace sliceflow::testing
