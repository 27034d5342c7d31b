#include "tests/integration/certificates.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "tests/integration/processes.h"

namespace sliceflow::testing {
namespace {

void OpenSsl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "openssl");
  const CommandResult result = RunCommand(arguments);
  ASSERT_EQ(result.exit_code, 0) << result.output;
}

}  // namespace

void Certificates::MakeAuthority(const std::string& name) const {
  OpenSsl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=" + name,
           "-keyout", Path(name + ".key"), "-out", Path(name + ".pem")});
}

void Certificates::Make(const std::string& name, const std::string& authority) const {
  OpenSsl({"req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=" + name, "-addext",
           "subjectAltName=IP:127.0.0.1", "-keyout", Path(name + ".key"), "-out", Path(name + ".csr")});
  OpenSsl({"x509", "-req", "-days", "2", "-copy_extensions", "copy", "-CAcreateserial", "-in", Path(name + ".csr"), "-CA",
           Path(authority + ".pem"), "-CAkey", Path(authority + ".key"), "-out", Path(name + ".pem")});
}

void Certificates::Install(const std::string& name) const {
  for (const char* suffix : {".key", ".pem"}) {
    const std::string next = Path(absl::StrCat("next", suffix));
    std::filesystem::copy_file(Path(name + suffix), next, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::rename(next, Path(absl::StrCat("server", suffix)));
  }
}

}  // namespace sliceflow::testing
