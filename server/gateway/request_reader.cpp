#include "server/gateway/request_reader.h"

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

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "server/gateway/rpc_method.h"

namespace sliceflow::gateway {
namespace {

constexpr size_t kMaxHeadBytes = size_t{64} << 10;
constexpr size_t kMaxTargetBytes = size_t{8} << 10;
constexpr absl::Duration kHeadTime = absl::Seconds(2);
constexpr absl::Duration kBodyTime = absl::Seconds(10);
constexpr absl::string_view kEnd = "\r\n\r\n";
constexpr Refusal kHalf{"400 Bad Request", "the request ended before it was whole"};
constexpr Refusal kBad{"400 Bad Request", "this is no request of HTTP/1"};
// Which methods there are, the answer has to say (RFC 9110, section 15.5.6).
constexpr Refusal kNoCall{"405 Method Not Allowed\r\nAllow: POST", "methods of the contract are called by POST"};
constexpr Refusal kNoBody{"413 Payload Too Large", "what is at this path takes no body"};
constexpr Refusal kTooLarge{"413 Payload Too Large", "the body is larger than a message may be, 4 MiB"};
constexpr Refusal kCoded{"415 Unsupported Media Type", "a body must come as it is: no content-encoding, or identity"};
constexpr Refusal kLongTarget{"414 URI Too Long", "the target of the request is longer than 8 KiB"};
constexpr Refusal kLongHead{"431 Request Header Fields Too Large", "the head of the request is longer than 64 KiB"};
constexpr Refusal kNoLength{"411 Length Required", "a call says the length of its body (content-length), and does not come in chunks"};
constexpr Refusal kBusy{"503 Service Unavailable", "too many large requests come in at once; try again in a moment"};

bool IsCall(const RequestHead& head) { return absl::StartsWith(head.path, kContractPath); }

void Say(int socket, absl::string_view text) { (void)send(socket, text.data(), text.size(), MSG_NOSIGNAL); }

void Answer(int socket, const Refusal& refusal) {
  Say(socket,
      absl::StrCat("HTTP/1.1 ", refusal.status, "\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ",
                   refusal.reason.size() + 1, "\r\n\r\n", refusal.reason, "\n"));
  shutdown(socket, SHUT_WR);
}

}  // namespace

RequestReader::RequestReader(std::function<void(Request)> take)
    : take_(std::move(take)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), thread_([this] { Run(); }) {}

RequestReader::~RequestReader() {
  {
    const absl::MutexLock lock(&mutex_);
    ending_ = true;
  }
  Wake();
  thread_.join();
  for (const auto* connections : {&connections_, &new_}) {
    for (const Connection& connection : *connections) close(connection.request.socket);
  }
  close(wake_);
}

void RequestReader::Wake() const {
  const uint64_t one = 1;
  (void)!write(wake_, &one, sizeof one);
}

void RequestReader::Add(int socket, Client from) {
  fcntl(socket, F_SETFL, fcntl(socket, F_GETFL, 0) | O_NONBLOCK);
  const absl::Duration now = Uptime();
  {
    const absl::MutexLock lock(&mutex_);
    Connection connection;
    connection.request.socket = socket;
    connection.request.from = std::move(from);
    connection.request.arrival = now;
    connection.deadline = now + kHeadTime;
    new_.push_back(std::move(connection));
    if (new_.size() > kMostConnections) {
      close(new_.front().request.socket);
      new_.pop_front();
    }
  }
  Wake();
}

bool RequestReader::TakeNew() {
  uint64_t count = 0;
  (void)!read(wake_, &count, sizeof count);
  const absl::MutexLock lock(&mutex_);
  for (Connection& connection : new_) connections_.push_back(std::move(connection));
  new_.clear();
  while (connections_.size() > kMostConnections) {
    close(connections_.front().request.socket);
    connections_.pop_front();
  }
  return !ending_;
}

absl::Duration RequestReader::NextDeadline() const {
  absl::Duration next = absl::InfiniteDuration();
  for (const Connection& connection : connections_) next = std::min(next, connection.deadline);
  return next;
}

void RequestReader::Run() {
  while (true) {
    std::vector<pollfd> files{{wake_, POLLIN, 0}};
    for (const Connection& connection : connections_) files.push_back({connection.request.socket, POLLIN, 0});
    const absl::Duration left = NextDeadline() - Uptime();
    const int64_t wait =
        connections_.empty() ? -1 : std::max<int64_t>(absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))), 0);
    if (poll(files.data(), files.size(), static_cast<int>(wait)) < 0) continue;
    const absl::Duration now = Uptime();
    std::deque<Connection> kept;
    for (size_t i = 0; i < connections_.size(); ++i) {
      Connection& connection = connections_[i];
      if (files[i + 1].revents != 0 && !Read(connection)) continue;
      if (connection.deadline <= now) {
        close(connection.request.socket);
      } else {
        kept.push_back(std::move(connection));
      }
    }
    connections_ = std::move(kept);
    if (!TakeNew()) return;
  }
}

bool RequestReader::Read(Connection& connection) {
  Request& request = connection.request;
  char buffer[64 << 10];
  const ssize_t count = recv(request.socket, buffer, sizeof buffer, 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (count <= 0) {
    // A client that only ended its side may read why nothing comes of half a request.
    const bool is_half = count == 0 && !connection.answered && !request.text.empty();
    if (is_half) Answer(request.socket, kHalf);
    close(request.socket);
    return false;
  }
  if (connection.answered) return true;
  request.text.append(buffer, static_cast<size_t>(count));
  const std::optional<Refusal> refusal = connection.head_bytes == 0 ? TakeHead(connection) : std::nullopt;
  if (refusal.has_value()) {
    Answer(request.socket, *refusal);
    connection.answered = true;
    request.is_call = false;
    request.text.clear();
    return true;
  }
  if (connection.head_bytes == 0) return true;
  if (static_cast<int64_t>(request.text.size() - connection.head_bytes) < connection.body_bytes()) return true;
  if (request.is_call) {
    request.body = request.text.substr(connection.head_bytes, static_cast<size_t>(request.head.content_length));
    request.text.clear();
  }
  take_(std::move(request));
  return false;
}

std::optional<Refusal> RequestReader::TakeHead(Connection& connection) {
  const absl::string_view text = connection.request.text;
  if (text.substr(0, text.find('\n')).size() > kMaxTargetBytes) return kLongTarget;
  const size_t end = text.find(kEnd);
  if (end == absl::string_view::npos && text.size() >= kMaxHeadBytes) return kLongHead;
  if (end == absl::string_view::npos) return std::nullopt;
  const size_t head_bytes = end + kEnd.size();
  absl::StatusOr<RequestHead> head = ReadHead(text.substr(0, head_bytes));
  if (!head.ok()) return kBad;
  connection.request.head = *std::move(head);
  if (const std::optional<Refusal> refusal = TakeCall(connection); refusal.has_value()) return refusal;
  connection.head_bytes = head_bytes;
  return std::nullopt;
}

std::optional<Refusal> RequestReader::TakeCall(Connection& connection) {
  const RequestHead& head = connection.request.head;
  const bool is_chunked = !head.Field("transfer-encoding").empty();
  if (!IsCall(head) && (head.content_length > 0 || is_chunked)) return kNoBody;
  if (!IsCall(head)) return std::nullopt;
  if (head.method != "POST") return kNoCall;
  if (head.content_length < 0 || is_chunked) return kNoLength;
  if (head.content_length > kMaxBodyBytes) return kTooLarge;
  if (const absl::string_view encoding = head.Field("content-encoding"); !encoding.empty() && encoding != "identity") {
    return kCoded;
  }
  if (AnnouncedBytes() + head.content_length > kMostBodyBytes) return kBusy;
  if (absl::EqualsIgnoreCase(head.Field("expect"), "100-continue")) Say(connection.request.socket, "HTTP/1.1 100 Continue\r\n\r\n");
  connection.request.is_call = true;
  connection.deadline = connection.request.arrival + kBodyTime;
  return std::nullopt;
}

int64_t RequestReader::AnnouncedBytes() const {
  int64_t bytes = 0;
  for (const Connection& connection : connections_) bytes += connection.body_bytes();
  return bytes;
}

}  // namespace sliceflow::gateway
