// TLS of the HTTP port.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

struct ssl_ctx_st;

namespace sliceflow::gateway {

// What the port shows who it is by, and whom it believes. PEM.
struct TlsIdentity {
  std::string certificate;  // the chain, its own first
  std::string key;
  std::string client_ca;  // where it is given, clients may show a certificate, which one of these must have signed
};

class TlsSession;

// Decrypts connections: what a client sends comes out at a socket of this process, and what is written to that goes to the client encrypted.
// One thread moves the bytes of all connections and holds at most `kPieceBytes` of each direction of each, so who reads slowly is written to
// slowly. TLS 1.2 and above. A handshake has `kHandshakeTime`; a client that takes nothing for `kStallTime` while there is something for it
// is closed. Of more than `kMostHandshakes` that are under way the oldest is closed, since a client that means it speaks at once; of more
// than `kMostConnections` the newest. Thread-safe.
class TlsFront {
 public:
  static constexpr size_t kMostConnections = 512;
  static constexpr size_t kMostHandshakes = 128;
  static constexpr size_t kPieceBytes = size_t{16} << 10;
  static constexpr absl::Duration kHandshakeTime = absl::Seconds(10);
  static constexpr absl::Duration kStallTime = absl::Minutes(1);

  // A connection whose handshake is done.
  struct Decrypted {
    int socket = -1;               // to be closed by who takes it, which ends the connection once the client has what was written
    std::string peer;              // as PeerOf tells it
    bool has_certificate = false;  // the client's, which was checked
  };

  // `take` is called on the thread of this and must not wait.
  explicit TlsFront(std::function<void(Decrypted)> take);
  // Closes all connections.
  ~TlsFront();

  // For connections that begin from now on. InvalidArgument where these are no certificate and its key.
  absl::Status Use(const TlsIdentity& identity);

  // Takes an accepted connection's socket over. Before Use it is closed.
  void Add(int socket);

 private:
  void Run();
  void TakeNew();
  // For one more: where there are too many, the oldest that has not done its handshake is closed.
  void MakeRoom();
  int PollTime() const;
  void Wake() const;

  const std::function<void(Decrypted)> take_;
  const int wake_;  // an eventfd
  absl::Mutex mutex_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<ssl_ctx_st> context_ ABSL_GUARDED_BY(mutex_);
  std::deque<int> new_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::unique_ptr<TlsSession>> sessions_;  // of the thread
  std::thread thread_;
};

}  // namespace sliceflow::gateway
