#include "server/gateway/bounded_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "common/clock.h"

namespace sliceflow::gateway {

BoundedConnection::BoundedConnection(socket_t socket, int stop, absl::Duration deadline, std::string head)
    : socket_(socket), stop_(stop), deadline_(deadline), head_(std::move(head)) {}

bool BoundedConnection::WaitForRoom() const {
  while (true) {
    const int64_t left = absl::ToInt64Milliseconds(absl::Ceil(deadline_ - Uptime(), absl::Milliseconds(1)));
    if (left <= 0) return false;
    pollfd files[] = {{socket_, POLLOUT, 0}, {stop_, POLLIN, 0}};
    const int count = poll(files, 2, static_cast<int>(left));
    if (count < 0 && errno != EINTR) return false;
    if (files[1].revents != 0) return false;
    if (count > 0) return true;
  }
}

bool BoundedConnection::is_readable() const { return read_ < head_.size(); }

bool BoundedConnection::is_writable() const { return WaitForRoom(); }

ssize_t BoundedConnection::read(char* buffer, size_t size) {
  const size_t count = head_.copy(buffer, size, read_);
  read_ += count;
  return static_cast<ssize_t>(count);
}

ssize_t BoundedConnection::write(const char* bytes, size_t size) {
  if (!WaitForRoom()) return -1;
  return send(socket_, bytes, size, MSG_NOSIGNAL);
}

// What the pages say is the same for every client.
void BoundedConnection::get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const {}

void BoundedConnection::get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const {}

}  // namespace sliceflow::gateway
