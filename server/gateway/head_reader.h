// Reads the heads of requests without a thread for each: one that comes slowly, or never, keeps nobody waiting.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sliceflow::gateway {

// One thread waits for all connections. A head has two seconds and 64 KiB, and no body follows it; what is larger is answered here: 413,
// 414 or 431. At most `kMostConnections` are waited for: beyond, the oldest is closed, since a client that means it sends its head at once.
// Thread-safe.
class HeadReader {
 public:
  static constexpr size_t kMostConnections = 128;

  // A connection whose head is there.
  struct Request {
    int socket;              // to be closed by who takes it
    std::string head;        // and what came with it
    absl::Duration arrival;  // by Uptime
  };

  // `take` is called on the thread of this and must not wait.
  explicit HeadReader(std::function<void(Request)> take);
  // Closes the connections that are waited for.
  ~HeadReader();

  // Takes the socket over, which becomes non-blocking.
  void Add(int socket);

 private:
  struct Connection {
    int socket;
    std::string head;
    absl::Duration arrival;
    bool answered = false;  // only read to its end, so that the client gets to see the answer
  };

  void Run();
  // Takes in what was added; false when it is to end. The wake-up is used up here, so what it was for is looked at here too.
  bool TakeNew();
  // Reads what is there; false when the connection is not waited for any longer.
  bool Read(Connection& connection);
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
