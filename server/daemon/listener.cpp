#include "server/daemon/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/clock.h"

namespace sliceflow::daemon {
namespace {

constexpr rlim_t kMostDescriptors = 65'536;
// For everything that is no connection: the store, workers, the HTTP port.
constexpr rlim_t kReserved = 128;
// How long a peer may leave what was sent to it unacknowledged. Unit: ms.
constexpr int kUserTimeout = 20'000;
constexpr int kPauseWithoutDescriptors = 100;
constexpr absl::Duration kRemembered = absl::Seconds(10);

rlimit DescriptorLimit() {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit;
}

int MostForConnections() {
  const rlim_t all = std::min(DescriptorLimit().rlim_cur, kMostDescriptors);
  return static_cast<int>(all - std::min(all / 4, kReserved));
}

void Set(int socket, int level, int option, int value) { setsockopt(socket, level, option, &value, sizeof value); }

int PortOf(int socket) {
  sockaddr_storage address = {};
  socklen_t size = sizeof address;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  const bool is_v6 = address.ss_family == AF_INET6;
  return ntohs(is_v6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

// A socket that listens, or −1.
int Open(const addrinfo& address) {
  const int file = socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (file < 0) return -1;
  Set(file, SOL_SOCKET, SO_REUSEADDR, 1);
  // Connections inherit the next two.
  Set(file, IPPROTO_TCP, TCP_NODELAY, 1);
  Set(file, IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeout);
  if (address.ai_family == AF_INET6) Set(file, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (bind(file, address.ai_addr, address.ai_addrlen) == 0 && listen(file, SOMAXCONN) == 0) return file;
  const int error = errno;
  close(file);
  errno = error;
  return -1;
}

}  // namespace

void RaiseDescriptorLimit() {
  rlimit limit = DescriptorLimit();
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, kMostDescriptors));
  setrlimit(RLIMIT_NOFILE, &limit);
}

Listener::Listener() : most_(MostForConnections()), stop_(eventfd(0, EFD_CLOEXEC)) {}

absl::StatusOr<std::unique_ptr<Listener>> Listener::Bind(const ListenAddress& address) {
  std::unique_ptr<Listener> listener(new Listener);
  listener->port_ = address.port;
  if (absl::Status status = listener->Add(address.host); !status.ok()) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", address.ToString(), ": ", status.message()));
  }
  return listener;
}

absl::Status Listener::Add(const std::string& host) {
  const addrinfo hints{.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  if (const int code = getaddrinfo(host.c_str(), "0", &hints, &found); code != 0) return absl::NotFoundError(gai_strerror(code));
  const absl::Cleanup free = [found] { freeaddrinfo(found); };
  std::string reason;
  for (addrinfo* address = found; address != nullptr; address = address->ai_next) {
    // The first to be bound may take a free port; the others take the same.
    const in_port_t port = htons(static_cast<uint16_t>(port_));
    if (address->ai_family == AF_INET) reinterpret_cast<sockaddr_in*>(address->ai_addr)->sin_port = port;
    if (address->ai_family == AF_INET6) reinterpret_cast<sockaddr_in6*>(address->ai_addr)->sin6_port = port;
    const int socket = Open(*address);
    if (socket < 0) {
      reason = errno == EADDRINUSE || errno == EADDRNOTAVAIL ? "the address is taken or not this machine's" : std::strerror(errno);
      continue;
    }
    sockets_.push_back(socket);
    port_ = PortOf(socket);
  }
  return sockets_.empty() ? absl::UnavailableError(reason) : absl::OkStatus();
}

Listener::~Listener() {
  Stop();
  close(stop_);
}

void Listener::Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor) {
  acceptor_ = std::move(acceptor);
  thread_ = std::thread([this] { Run(); });
}

void Listener::Stop() {
  const uint64_t one = 1;
  (void)!write(stop_, &one, sizeof one);
  if (thread_.joinable()) thread_.join();
  for (const int socket : std::exchange(sockets_, {})) close(socket);
}

void Listener::Run() {
  std::vector<pollfd> files{{stop_, POLLIN, 0}};
  for (const int socket : sockets_) files.push_back({socket, POLLIN, 0});
  while (true) {
    // Without a deadline: a connection or Stop ends it.
    if (poll(files.data(), files.size(), -1) < 0) continue;
    if (files[0].revents != 0) return;
    for (size_t i = 1; i < files.size(); ++i) {
      if (files[i].revents != 0) AcceptAll(files[i].fd);
    }
  }
}

void Listener::AcceptAll(int socket) {
  while (true) {
    const int connection = accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (connection < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
      turned_away_s_ = absl::ToInt64Seconds(Uptime());
      if (!Pause(kPauseWithoutDescriptors)) return;
      continue;
    }
    // A connection that broke meanwhile is the next one's turn.
    if (connection < 0 && (errno == ECONNABORTED || errno == EINTR)) continue;
    if (connection < 0) return;
    if (connection >= most_) {
      turned_away_s_ = absl::ToInt64Seconds(Uptime());
      close(connection);
      continue;
    }
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
    parameters.listener_fd = socket;
    parameters.fd = connection;
    acceptor_->HandleNewConnection(&parameters);
  }
}

bool Listener::Pause(int milliseconds) const {
  pollfd stop{stop_, POLLIN, 0};
  return poll(&stop, 1, milliseconds) <= 0;
}

absl::Status Listener::status() const {
  const int64_t turned_away = turned_away_s_;
  if (turned_away < 0 || Uptime() - absl::Seconds(turned_away) > kRemembered) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("new connections are turned away: descriptors are used up to ", most_,
                                                   ", and the rest is kept for the server itself; see `ulimit -n`"));
}

}  // namespace sliceflow::daemon
