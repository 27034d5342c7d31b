// A connection with an end: cpp-httplib's own have a limit for each read, which a slow client can stretch for ever.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <string>

#include "absl/time/time.h"
#include "server/gateway/client_socket.h"

namespace sliceflow::gateway {

// One client's connection, of which `head` has been read already and is all that is read. Waiting ends, and with it reading and writing,
// at `deadline` (of Uptime) and once `stop` (an eventfd) is readable. For one thread. The socket is the caller's, and does not block.
class BoundedConnection final : public httplib::Stream {
 public:
  BoundedConnection(socket_t socket, int stop, absl::Duration deadline, std::string head);

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* buffer, size_t size) override;
  ssize_t write(const char* bytes, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }

 private:
  const socket_t socket_;
  const ClientSocket client_;
  const absl::Duration deadline_;  // of Uptime
  const std::string head_;
  size_t read_ = 0;  // of the head
};

}  // namespace sliceflow::gateway
