// Asks grpc.health.v1, whose messages are of one field each and so are written by hand.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

namespace sliceflow::testing {

// Whether a service (empty: the server) says SERVING.
bool IsServing(const std::shared_ptr<grpc::Channel>& channel, const std::string& service);
bool IsServing(const std::string& address, const std::string& service);

// Waits until a service says that it serves, or does not; false when it does not come to that within `kPatience`.
bool WaitForServing(const std::string& address, const std::string& service, bool serving);

}  // namespace sliceflow::testing
