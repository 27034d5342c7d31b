#include "server/gateway/client_socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>

#include "common/clock.h"

namespace sliceflow::gateway {
namespace {

// What poll takes; -1 without an end.
int MillisecondsUntil(absl::Duration deadline) {
  if (deadline == absl::InfiniteDuration()) return -1;
  const int64_t left = absl::ToInt64Milliseconds(absl::Ceil(deadline - Uptime(), absl::Milliseconds(1)));
  return static_cast<int>(std::clamp<int64_t>(left, 0, std::numeric_limits<int>::max()));
}

}  // namespace

bool ClientSocket::AwaitRoom(absl::Duration deadline) const {
  while (true) {
    const int left = MillisecondsUntil(deadline);
    if (left == 0) return false;
    pollfd files[] = {{socket_, POLLOUT, 0}, {stop_, POLLIN, 0}};
    const int count = poll(files, 2, left);
    if (count < 0 && errno != EINTR) return false;
    if (files[1].revents != 0) return false;
    if (count > 0) return true;
  }
}

bool ClientSocket::Send(absl::string_view bytes, absl::Duration stall) const {
  while (!bytes.empty()) {
    if (!AwaitRoom(Uptime() + stall)) return false;
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

ClientSocket::Wake ClientSocket::Await(int event, absl::Duration deadline) const {
  while (true) {
    pollfd files[] = {{event, POLLIN, 0}, {socket_, POLLRDHUP, 0}, {stop_, POLLIN, 0}};
    const int count = poll(files, 3, MillisecondsUntil(deadline));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 || files[2].revents != 0) return Wake::kStopped;
    if (files[1].revents != 0) return Wake::kGone;
    return count > 0 ? Wake::kEvent : Wake::kTimeOut;
  }
}

}  // namespace sliceflow::gateway
