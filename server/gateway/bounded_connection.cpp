#include "server/gateway/bounded_connection.h"

#include <sys/socket.h>

#include <utility>

namespace sliceflow::gateway {

BoundedConnection::BoundedConnection(socket_t socket, int stop, absl::Duration deadline, std::string head)
    : socket_(socket), client_(socket, stop), deadline_(deadline), head_(std::move(head)) {}

bool BoundedConnection::is_readable() const { return read_ < head_.size(); }

bool BoundedConnection::is_writable() const { return client_.AwaitRoom(deadline_); }

ssize_t BoundedConnection::read(char* buffer, size_t size) {
  const size_t count = head_.copy(buffer, size, read_);
  read_ += count;
  return static_cast<ssize_t>(count);
}

ssize_t BoundedConnection::write(const char* bytes, size_t size) {
  if (!client_.AwaitRoom(deadline_)) return -1;
  return send(socket_, bytes, size, MSG_NOSIGNAL);
}

// What the pages say is the same for every client.
void BoundedConnection::get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const {}

void BoundedConnection::get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const {}

}  // namespace sliceflow::gateway
