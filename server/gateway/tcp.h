// A client's connection of TCP.
#pragma once

#include <string>

namespace sliceflow::gateway {

// Who is at its other end, in the form of gRPC; empty where it cannot be told.
std::string PeerOf(int socket);

// Has what is written sent at once, and a client whose machine has gone noticed under a stream that has nothing to say.
void PrepareForStreams(int socket);

}  // namespace sliceflow::gateway
