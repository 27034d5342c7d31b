#include "server/gateway/head_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"

namespace sliceflow::gateway {
namespace {

constexpr size_t kMaxHeadBytes = size_t{64} << 10;
constexpr size_t kMaxTargetBytes = size_t{8} << 10;
constexpr absl::Duration kHeadTime = absl::Seconds(2);
constexpr absl::string_view kEnd = "\r\n\r\n";

// Whether a body is announced. None is ever asked for.
bool HasBody(absl::string_view head) {
  for (const absl::string_view line : absl::StrSplit(head.substr(0, head.find(kEnd)), "\r\n")) {
    const std::pair<absl::string_view, absl::string_view> field = absl::StrSplit(line, absl::MaxSplits(':', 1));
    const absl::string_view value = absl::StripAsciiWhitespace(field.second);
    if (absl::EqualsIgnoreCase(field.first, "Transfer-Encoding")) return true;
    if (absl::EqualsIgnoreCase(field.first, "Content-Length") && value != "0") return true;
  }
  return false;
}

// What is wrong with a head, as a status line of HTTP, or nothing; `is_whole`: its end is there.
absl::string_view Refusal(absl::string_view head, bool is_whole) {
  if (head.substr(0, head.find('\n')).size() > kMaxTargetBytes) return "414 URI Too Long";
  if (!is_whole && head.size() >= kMaxHeadBytes) return "431 Request Header Fields Too Large";
  if (is_whole && HasBody(head)) return "413 Payload Too Large";
  return "";
}

void Answer(int socket, absl::string_view status) {
  const std::string text = absl::StrCat("HTTP/1.1 ", status, "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  (void)send(socket, text.data(), text.size(), MSG_NOSIGNAL);
  shutdown(socket, SHUT_WR);
}

}  // namespace

HeadReader::HeadReader(std::function<void(Request)> take)
    : take_(std::move(take)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), thread_([this] { Run(); }) {}

HeadReader::~HeadReader() {
  {
    const absl::MutexLock lock(&mutex_);
    ending_ = true;
  }
  Wake();
  thread_.join();
  for (const auto* connections : {&connections_, &new_}) {
    for (const Connection& connection : *connections) close(connection.socket);
  }
  close(wake_);
}

void HeadReader::Wake() const {
  const uint64_t one = 1;
  (void)!write(wake_, &one, sizeof one);
}

void HeadReader::Add(int socket) {
  fcntl(socket, F_SETFL, fcntl(socket, F_GETFL, 0) | O_NONBLOCK);
  {
    const absl::MutexLock lock(&mutex_);
    new_.push_back({.socket = socket, .head = "", .arrival = Uptime()});
    if (new_.size() > kMostConnections) {
      close(new_.front().socket);
      new_.pop_front();
    }
  }
  Wake();
}

bool HeadReader::TakeNew() {
  uint64_t count = 0;
  (void)!read(wake_, &count, sizeof count);
  const absl::MutexLock lock(&mutex_);
  for (Connection& connection : new_) connections_.push_back(std::move(connection));
  new_.clear();
  while (connections_.size() > kMostConnections) {
    close(connections_.front().socket);
    connections_.pop_front();
  }
  return !ending_;
}

void HeadReader::Run() {
  while (true) {
    std::vector<pollfd> files{{wake_, POLLIN, 0}};
    for (const Connection& connection : connections_) files.push_back({connection.socket, POLLIN, 0});
    const absl::Duration left = connections_.empty() ? absl::InfiniteDuration() : connections_.front().arrival + kHeadTime - Uptime();
    const int64_t wait =
        connections_.empty() ? -1 : std::max<int64_t>(absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))), 0);
    if (poll(files.data(), files.size(), static_cast<int>(wait)) < 0) continue;
    const absl::Duration oldest = Uptime() - kHeadTime;
    std::deque<Connection> kept;
    for (size_t i = 0; i < connections_.size(); ++i) {
      Connection& connection = connections_[i];
      if (files[i + 1].revents != 0 && !Read(connection)) continue;
      if (connection.arrival <= oldest) {
        close(connection.socket);
      } else {
        kept.push_back(std::move(connection));
      }
    }
    connections_ = std::move(kept);
    if (!TakeNew()) return;
  }
}

bool HeadReader::Read(Connection& connection) {
  char buffer[16 << 10];
  const ssize_t count = recv(connection.socket, buffer, sizeof buffer, 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (count <= 0) {
    close(connection.socket);
    return false;
  }
  if (connection.answered) return true;
  connection.head.append(buffer, static_cast<size_t>(count));
  const bool is_whole = absl::StrContains(connection.head, kEnd);
  if (const absl::string_view refusal = Refusal(connection.head, is_whole); !refusal.empty()) {
    Answer(connection.socket, refusal);
    connection.answered = true;
    connection.head.clear();
    return true;
  }
  if (!is_whole) return true;
  take_({connection.socket, std::move(connection.head), connection.arrival});
  return false;
}

}  // namespace sliceflow::gateway
