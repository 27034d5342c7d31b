#include "server/gateway/tls_front.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "server/gateway/tls_session.h"

namespace sliceflow::gateway {
namespace {

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

// What a client offers of ALPN is HTTP/2 first; the port speaks HTTP/1.1.
int ChooseProtocol(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* offered, unsigned length, void*) {
  static constexpr unsigned char kHttp[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_length, kHttp, sizeof kHttp, offered, length) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

std::vector<Certificate> ReadCertificates(const std::string& pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  std::vector<Certificate> certificates;
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) certificates.emplace_back(certificate, &X509_free);
  return certificates;
}

bool UseChain(SSL_CTX* context, const TlsIdentity& identity) {
  const std::vector<Certificate> chain = ReadCertificates(identity.certificate);
  if (chain.empty() || SSL_CTX_use_certificate(context, chain.front().get()) != 1) return false;
  for (size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) return false;
  }
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(identity.key.data(), static_cast<int>(identity.key.size())),
                                                      &BIO_free);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr),
                                                                &EVP_PKEY_free);
  return key != nullptr && SSL_CTX_use_PrivateKey(context, key.get()) == 1 && SSL_CTX_check_private_key(context) == 1;
}

// A client without a certificate is let in to ask how the server is; it is its calls that are refused.
void AskClients(SSL_CTX* context, const TlsIdentity& identity) {
  if (identity.client_ca.empty()) return;
  for (const Certificate& certificate : ReadCertificates(identity.client_ca)) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get());
    SSL_CTX_add_client_CA(context, certificate.get());
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
}

}  // namespace

TlsFront::TlsFront(std::function<void(Decrypted)> take)
    : take_(std::move(take)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), thread_([this] { Run(); }) {}

TlsFront::~TlsFront() {
  {
    const absl::MutexLock lock(&mutex_);
    ending_ = true;
  }
  Wake();
  thread_.join();
  for (const int socket : new_) close(socket);
  close(wake_);
}

absl::Status TlsFront::Use(const TlsIdentity& identity) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  if (context == nullptr || !UseChain(context.get(), identity)) {
    return absl::InvalidArgumentError("tls.cert and tls.key are no certificate and its key");
  }
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  // A session that is taken up again would count as whom it was of before the certificates were renewed.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_alpn_select_cb(context.get(), ChooseProtocol, nullptr);
  AskClients(context.get(), identity);
  const absl::MutexLock lock(&mutex_);
  context_ = std::move(context);
  return absl::OkStatus();
}

void TlsFront::Wake() const {
  const uint64_t one = 1;
  (void)!write(wake_, &one, sizeof one);
}

void TlsFront::Add(int socket) {
  fcntl(socket, F_SETFL, fcntl(socket, F_GETFL, 0) | O_NONBLOCK);
  {
    const absl::MutexLock lock(&mutex_);
    if (context_ == nullptr || new_.size() >= kMostConnections) {
      close(socket);
      return;
    }
    new_.push_back(socket);
  }
  Wake();
}

void TlsFront::TakeNew() {
  std::deque<int> taken;
  std::shared_ptr<SSL_CTX> context;
  {
    const absl::MutexLock lock(&mutex_);
    taken.swap(new_);
    context = context_;
  }
  for (const int socket : taken) {
    MakeRoom();
    if (sessions_.size() < kMostConnections) {
      sessions_.push_back(std::make_unique<TlsSession>(context.get(), socket, take_));
    } else {
      close(socket);
    }
  }
}

void TlsFront::MakeRoom() {
  const auto shakes = [](const std::unique_ptr<TlsSession>& session) { return !session->is_open(); };
  const auto count = static_cast<size_t>(std::count_if(sessions_.begin(), sessions_.end(), shakes));
  if (count < kMostHandshakes && sessions_.size() < kMostConnections) return;
  const auto oldest = std::find_if(sessions_.begin(), sessions_.end(), shakes);
  if (oldest != sessions_.end()) sessions_.erase(oldest);
}

int TlsFront::PollTime() const {
  absl::Duration next = absl::InfiniteDuration();
  for (const auto& session : sessions_) next = std::min(next, session->deadline());
  if (next == absl::InfiniteDuration()) return -1;
  return static_cast<int>(std::max<int64_t>(absl::ToInt64Milliseconds(absl::Ceil(next - Uptime(), absl::Milliseconds(1))), 0));
}

void TlsFront::Run() {
  while (true) {
    std::vector<pollfd> files{{wake_, POLLIN, 0}};
    for (const auto& session : sessions_) {
      for (const pollfd& file : session->Waits()) files.push_back(file);
    }
    if (poll(files.data(), files.size(), PollTime()) < 0) continue;
    const absl::Duration now = Uptime();
    size_t index = 0;
    std::erase_if(sessions_, [&](const std::unique_ptr<TlsSession>& session) {
      const bool woken = files[2 * index + 1].revents != 0 || files[2 * index + 2].revents != 0;
      ++index;
      return woken ? !session->Move() : session->deadline() <= now;
    });
    uint64_t count = 0;
    (void)!read(wake_, &count, sizeof count);
    {
      const absl::MutexLock lock(&mutex_);
      if (ending_) break;
    }
    TakeNew();
  }
  sessions_.clear();
}

}  // namespace sliceflow::gateway
