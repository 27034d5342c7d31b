#include "server/gateway/tls_session.h"

#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "common/clock.h"
#include "server/gateway/tcp.h"

namespace sliceflow::gateway {
namespace {

constexpr absl::string_view kNotTls =
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\nThis port speaks HTTPS, not HTTP.\r\n";

// In one go, so that no connection keeps the others waiting.
constexpr int kMostRounds = 16;

bool MayLater() { return errno == EAGAIN || errno == EINTR; }

}  // namespace

TlsSession::TlsSession(SSL_CTX* context, int client, const std::function<void(TlsFront::Decrypted)>& take)
    : ssl_(SSL_new(context), &SSL_free), client_(client), take_(take), deadline_(Uptime() + TlsFront::kHandshakeTime) {
  if (ssl_ == nullptr) return;
  SSL_set_fd(ssl_.get(), client_);
  SSL_set_accept_state(ssl_.get());
  write_events_ = POLLIN;  // the client speaks first
}

TlsSession::~TlsSession() {
  if (plain_ >= 0) close(plain_);
  close(client_);
}

bool TlsSession::Move() {
  if (ssl_ == nullptr) return false;
  if (plain_ < 0) {
    const Outcome outcome = Shake();
    if (outcome != Outcome::kMoved) return outcome == Outcome::kWaits;
  }
  for (int round = 0; round < kMostRounds; ++round) {
    bool moved = false;
    for (const auto step : {&TlsSession::FromClient, &TlsSession::ToPlain, &TlsSession::FromPlain, &TlsSession::ToClient}) {
      const Outcome outcome = (this->*step)();
      if (outcome == Outcome::kOver) return false;
      moved = moved || outcome == Outcome::kMoved;
    }
    if (!moved) break;
  }
  return true;
}

std::array<pollfd, 2> TlsSession::Waits() const {
  if (plain_ < 0) return {pollfd{client_, write_events_, 0}, pollfd{-1, 0, 0}};
  short of_client = 0, of_plain = 0;
  if (inward_.empty() && !client_ended_) of_client |= read_events_;
  if (!outward_.empty()) of_client |= write_events_;
  if (outward_.empty() && !plain_ended_) of_plain |= POLLIN;
  if (!inward_.empty()) of_plain |= POLLOUT;
  // A side that nothing is wanted from would wake the thread again and again once it has hung up.
  return {pollfd{of_client == 0 ? -1 : client_, of_client, 0}, pollfd{of_plain == 0 ? -1 : plain_, of_plain, 0}};
}

TlsSession::Outcome TlsSession::Waiting(int answer, short& events) {
  switch (SSL_get_error(ssl_.get(), answer)) {
    case SSL_ERROR_WANT_READ:
      events = POLLIN;
      return Outcome::kWaits;
    case SSL_ERROR_WANT_WRITE:
      events = POLLOUT;
      return Outcome::kWaits;
    default:
      return Outcome::kOver;
  }
}

TlsSession::Outcome TlsSession::Shake() {
  ERR_clear_error();
  const int answer = SSL_do_handshake(ssl_.get());
  if (answer == 1) return HandOver() ? Outcome::kMoved : Outcome::kOver;
  const Outcome outcome = Waiting(answer, write_events_);
  if (outcome == Outcome::kOver && ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST) {
    (void)send(client_, kNotTls.data(), kNotTls.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(client_, SHUT_WR);
    (void)recv(client_, inward_.room(), TlsFront::kPieceBytes, MSG_DONTWAIT);  // closed over what is unread, the client would not see it
  }
  return outcome;
}

bool TlsSession::HandOver() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return false;
  plain_ = ends[0];
  read_events_ = POLLIN;
  write_events_ = POLLOUT;
  deadline_ = absl::InfiniteDuration();
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get_peer_certificate(ssl_.get()), &X509_free);
  take_({.socket = ends[1], .peer = PeerOf(client_), .has_certificate = certificate != nullptr});
  return true;
}

TlsSession::Outcome TlsSession::FromClient() {
  if (!inward_.empty() || client_ended_) return Outcome::kWaits;
  ERR_clear_error();
  const int count = SSL_read(ssl_.get(), inward_.room(), static_cast<int>(TlsFront::kPieceBytes));
  if (count > 0) {
    inward_.Fill(static_cast<size_t>(count));
    return Outcome::kMoved;
  }
  if (Waiting(count, read_events_) == Outcome::kWaits) return Outcome::kWaits;
  client_ended_ = true;
  return Outcome::kMoved;
}

TlsSession::Outcome TlsSession::ToPlain() {
  if (!inward_.empty()) {
    const absl::string_view rest = inward_.rest();
    const ssize_t count = send(plain_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (count < 0 && MayLater()) return Outcome::kWaits;
    inward_.Drop(count < 0 ? rest.size() : static_cast<size_t>(count));  // nobody reads there any longer
    return Outcome::kMoved;
  }
  if (!client_ended_ || told_end_) return Outcome::kWaits;
  shutdown(plain_, SHUT_WR);
  told_end_ = true;
  return Outcome::kMoved;
}

TlsSession::Outcome TlsSession::FromPlain() {
  if (!outward_.empty() || plain_ended_) return Outcome::kWaits;
  const ssize_t count = recv(plain_, outward_.room(), TlsFront::kPieceBytes, 0);
  if (count < 0 && MayLater()) return Outcome::kWaits;
  if (count > 0) {
    outward_.Fill(static_cast<size_t>(count));
    deadline_ = Uptime() + TlsFront::kStallTime;
  } else {
    plain_ended_ = true;
  }
  return Outcome::kMoved;
}

TlsSession::Outcome TlsSession::ToClient() {
  if (outward_.empty()) {
    if (!plain_ended_) return Outcome::kWaits;
    (void)SSL_shutdown(ssl_.get());
    shutdown(client_, SHUT_WR);
    return Outcome::kOver;
  }
  const absl::string_view rest = outward_.rest();
  ERR_clear_error();
  const int count = SSL_write(ssl_.get(), rest.data(), static_cast<int>(rest.size()));
  if (count <= 0) return Waiting(count, write_events_);
  outward_.Drop(static_cast<size_t>(count));
  deadline_ = outward_.empty() ? absl::InfiniteDuration() : Uptime() + TlsFront::kStallTime;
  return Outcome::kMoved;
}

}  // namespace sliceflow::gateway
