#include "tests/unit/client/slow_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sliceflow::client {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Carries what can be read to the other side. False at the end of the stream.
bool Carry(int from, int to) {
  char bytes[16384];
  const ssize_t count = read(from, bytes, sizeof(bytes));
  return count > 0 && send(to, bytes, static_cast<size_t>(count), MSG_NOSIGNAL) == count;
}

// Carries both ways until one side ends or `stop` does.
void CarryBoth(int client, int server, int stop) {
  pollfd waiting[] = {{stop, POLLIN, 0}, {client, POLLIN, 0}, {server, POLLIN, 0}};
  while (poll(waiting, 3, -1) > 0 && waiting[0].revents == 0) {
    if (waiting[1].revents != 0 && !Carry(client, server)) return;
    if (waiting[2].revents != 0 && !Carry(server, client)) return;
  }
}

}  // namespace

SlowProxy::SlowProxy(const std::string& target, absl::Duration delay) : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in own = Loopback(0);
  socklen_t length = sizeof(own);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&own), length) != 0) return;
  listen(listener_, 16);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&own), &length);
  address_ = "127.0.0.1:" + std::to_string(ntohs(own.sin_port));
  if (pipe(stop_) != 0) return;
  const int target_port = std::stoi(target.substr(target.rfind(':') + 1));
  thread_ = std::thread([this, target_port, delay] { Run(target_port, delay); });
}

SlowProxy::~SlowProxy() {
  close(stop_[1]);
  if (thread_.joinable()) thread_.join();
  close(stop_[0]);
  close(listener_);
}

void SlowProxy::Run(int target_port, absl::Duration delay) const {
  pollfd stop = {stop_[0], POLLIN, 0};
  if (poll(&stop, 1, static_cast<int>(absl::ToInt64Milliseconds(delay))) != 0) return;
  pollfd waiting[] = {stop, {listener_, POLLIN, 0}};
  if (poll(waiting, 2, -1) <= 0 || waiting[1].revents == 0) return;
  const int client = accept(listener_, nullptr, nullptr);
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in target = Loopback(target_port);
  if (connect(server, reinterpret_cast<sockaddr*>(&target), sizeof(target)) == 0) CarryBoth(client, server, stop_[0]);
  close(client);
  close(server);
}

}  // namespace sliceflow::client
