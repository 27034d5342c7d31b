// Asks grpc.health.v1, whose messages are of one field each and so are written by hand.
#pragma once

#include <string>

namespace sliceflow::testing {

// Whether a service (empty: the server) says SERVING.
bool IsServing(const std::string& address, const std::string& service);

// Waits until the server says that it does not serve; false when it goes on serving for `kPatience`.
bool WaitUntilNotServing(const std::string& address);

}  // namespace sliceflow::testing
