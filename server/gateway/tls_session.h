// One connection of the TlsFront.
#pragma once

#include <openssl/ssl.h>
#include <poll.h>

#include <array>
#include <cstddef>
#include <functional>
#include <memory>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/gateway/tls_front.h"

namespace sliceflow::gateway {

// Bytes that were read from one side and are still to be written to the other.
class Piece {
 public:
  bool empty() const { return begin_ == end_; }
  absl::string_view rest() const { return {bytes_.data() + begin_, end_ - begin_}; }
  char* room() { return bytes_.data(); }  // of an empty one, kPieceBytes long
  void Fill(size_t count) { begin_ = 0, end_ = count; }
  void Drop(size_t count) { begin_ += count; }

 private:
  std::array<char, TlsFront::kPieceBytes> bytes_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

// Not thread-safe.
class TlsSession {
 public:
  // Takes the socket over, which must not block. `take` gets the other end once the handshake is done.
  TlsSession(SSL_CTX* context, int client, const std::function<void(TlsFront::Decrypted)>& take);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Moves what can be moved without waiting; false once the connection is over.
  bool Move();
  // What it waits for, until `deadline`, of Uptime.
  std::array<pollfd, 2> Waits() const;
  // Whether the handshake is done.
  bool is_open() const { return plain_ >= 0; }
  absl::Duration deadline() const { return deadline_; }

 private:
  enum class Outcome { kMoved, kWaits, kOver };

  Outcome Shake();
  bool HandOver();
  Outcome FromClient();
  Outcome ToPlain();
  Outcome FromPlain();
  Outcome ToClient();
  // What OpenSSL's last answer means.
  Outcome Waiting(int answer, short& events);

  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  const int client_;
  const std::function<void(TlsFront::Decrypted)>& take_;
  int plain_ = -1;  // this end of the pair; -1 before the handshake is done
  bool client_ended_ = false;
  bool plain_ended_ = false;
  bool told_end_ = false;         // to the plain side
  short read_events_ = POLLIN;    // what reading from the client waits for
  short write_events_ = POLLOUT;  // what writing to it, or the handshake, waits for
  absl::Duration deadline_;
  Piece inward_;
  Piece outward_;
};

}  // namespace sliceflow::gateway
