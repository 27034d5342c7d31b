// Reads requests without a thread for each: one that comes slowly, or never, keeps nobody waiting.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/gateway/request_head.h"

namespace sliceflow::gateway {

// Why a request is not taken.
struct Refusal {
  absl::string_view status;  // the status line after the version, with fields that belong to it
  absl::string_view reason;  // the answer's body, for people
};

// One thread waits for all connections. A head has two seconds and 64 KiB. A body follows only that of a call (below kContractPath, POST): its
// length is announced and at most `kMaxBodyBytes`, all bodies together are at most `kMostBodyBytes`, and it has ten seconds. What does not
// keep to this is answered here: 400 (also to what ends before it is whole), 405, 411, 413, 414, 415, 431 or 503. At most
// `kMostConnections` are waited for: beyond, the oldest is closed, since a client that means it sends its request at once. Thread-safe.
class RequestReader {
 public:
  static constexpr size_t kMostConnections = 128;
  static constexpr int64_t kMaxBodyBytes = int64_t{4} << 20;
  static constexpr int64_t kMostBodyBytes = int64_t{64} << 20;

  // Whom a connection is from.
  struct Client {
    std::string peer;      // as PeerOf tells it
    bool is_known = true;  // false where a certificate is asked for and it has shown none
  };

  // A connection whose request is there.
  struct Request {
    int socket = -1;  // to be closed by who takes it
    Client from;
    absl::Duration arrival;  // by Uptime
    RequestHead head;
    bool is_call = false;
    std::string text;  // of what is no call: the head as it came, and what came with it
    std::string body;  // of a call
  };

  // `take` is called on the thread of this and must not wait.
  explicit RequestReader(std::function<void(Request)> take);
  // Closes the connections that are waited for.
  ~RequestReader();

  // Takes the socket over, which becomes non-blocking.
  void Add(int socket, Client from);

 private:
  struct Connection {
    Request request;
    absl::Duration deadline;
    size_t head_bytes = 0;
    bool answered = false;  // only read to its end, so that the client gets to see the answer

    // That are announced.
    int64_t body_bytes() const { return request.is_call ? request.head.content_length : 0; }
  };

  void Run();
  // Takes in what was added; false when it is to end. The wake-up is used up here, so what it was for is looked at here too.
  bool TakeNew();
  absl::Duration NextDeadline() const;
  // Reads what is there; false when the connection is not waited for any longer.
  bool Read(Connection& connection);
  // Looks at a head once it is whole.
  std::optional<Refusal> TakeHead(Connection& connection);
  std::optional<Refusal> TakeCall(Connection& connection);
  void HandOver(Connection& connection);
  int64_t AnnouncedBytes() const;
  void Wake() const;

  const std::function<void(Request)> take_;
  const int wake_;  // an eventfd
  absl::Mutex mutex_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Connection> new_ ABSL_GUARDED_BY(mutex_);
  std::deque<Connection> connections_;  // of the thread; the oldest first
  std::thread thread_;
};

}  // namespace sliceflow::gateway
