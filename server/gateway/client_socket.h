// What is said to a client that may be slow or gone.
#pragma once

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace sliceflow::gateway {

// A connection's socket, which is the caller's and does not block. For one thread.
class ClientSocket {
 public:
  enum class Wake { kEvent, kGone, kStopped, kTimeOut };

  // Every waiting ends once `stop` (an eventfd) is readable.
  ClientSocket(int socket, int stop) : socket_(socket), stop_(stop) {}

  // Until the socket takes bytes; false when it is `deadline` (of Uptime), when the client is gone or the server stops.
  bool AwaitRoom(absl::Duration deadline) const;
  // Sends all of it; false as above, `stall` counting from the last bytes that were taken.
  bool Send(absl::string_view bytes, absl::Duration stall) const;
  // Until `event` (an eventfd) is readable or something else is the case.
  Wake Await(int event, absl::Duration deadline) const;

 private:
  const int socket_;
  const int stop_;
};

}  // namespace sliceflow::gateway
