#include "client/cli/commands.h"

#include "absl/time/time.h"

namespace sliceflow::cli {

client::Client Context::MakeClient() const {
  client::ClientOptions options;
  if (timeout_seconds > 0) options.timeout = options.transfer_timeout = absl::Seconds(timeout_seconds);
  return client::Client(server, options);
}

}  // namespace sliceflow::cli
