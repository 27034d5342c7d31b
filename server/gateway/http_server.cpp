#include "server/gateway/http_server.h"

#include <httplib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/json.h"
#include "server/gateway/bounded_connection.h"
#include "server/gateway/head_reader.h"

namespace sliceflow::gateway {
namespace {

constexpr int kThreads = 8;
constexpr size_t kMaxWaiting = 64;
constexpr absl::Duration kConnectionTime = absl::Seconds(5);
constexpr absl::Duration kStartTime = absl::Seconds(10);
constexpr char kJson[] = "application/json";
constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

struct EventFile {
  EventFile() = default;
  ~EventFile() { close(file); }
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  const int file = eventfd(0, EFD_CLOEXEC);
};

// A fixed number of threads and a bound on what waits for them.
class Answerers {
 public:
  explicit Answerers(std::function<void(HeadReader::Request)> answer) : answer_(std::move(answer)) {
    for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { Work(); });
  }
  ~Answerers() {
    {
      absl::MutexLock lock(&mutex_);
      ending_ = true;
    }
    for (std::thread& thread : threads_) thread.join();
  }

  // Beyond the bound the connection is closed.
  void Add(HeadReader::Request request) {
    absl::MutexLock lock(&mutex_);
    if (requests_.size() < kMaxWaiting) {
      requests_.push_back(std::move(request));
    } else {
      close(request.socket);
    }
  }

 private:
  void Work() {
    const auto is_due = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return ending_ || !requests_.empty(); };
    while (true) {
      HeadReader::Request request;
      {
        absl::MutexLock lock(&mutex_);
        mutex_.Await(absl::Condition(&is_due));
        if (requests_.empty()) return;
        request = std::move(requests_.front());
        requests_.pop_front();
      }
      answer_(std::move(request));
    }
  }

  const std::function<void(HeadReader::Request)> answer_;
  absl::Mutex mutex_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<HeadReader::Request> requests_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

// What the library would have a thread do is to hand the connection on, which waits for nothing.
class AtOnce final : public httplib::TaskQueue {
 public:
  void enqueue(std::function<void()> task) override { task(); }
  void shutdown() override {}
};

// A page is given whole, which HTTP allows: of thousands of ranges in one request the library would make as many copies of it. It takes
// lines as they are split here.
std::string WithoutRanges(absl::string_view head) {
  const auto is_kept = [](absl::string_view line) { return !absl::StartsWithIgnoreCase(line, "Range:"); };
  return absl::StrJoin(absl::StrSplit(head, '\n', is_kept), "\n");
}

class BoundedServer final : public httplib::Server {
 public:
  explicit BoundedServer(int stop)
      : stop_(stop),
        answerers_([this](HeadReader::Request request) { Answer(std::move(request)); }),
        heads_([this](HeadReader::Request request) { answerers_.Add(std::move(request)); }) {
    new_task_queue = [] { return new AtOnce; };
    // The library's default shares a port that is taken.
    set_socket_options([](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
  }

  // The library has five wait for being accepted; beyond, a client tries again only after a second.
  void WidenQueue() { (void)::listen(svr_sock_, SOMAXCONN); }

 private:
  bool process_and_close_socket(socket_t socket) override {
    heads_.Add(socket);
    return true;
  }

  void Answer(HeadReader::Request request) {
    bool closed = false;
    BoundedConnection connection(request.socket, stop_, request.arrival + kConnectionTime, WithoutRanges(request.head));
    (void)process_request(connection, /*close_connection=*/true, closed, nullptr);
    shutdown(request.socket, SHUT_RDWR);
    close(request.socket);
  }

  const int stop_;
  Answerers answerers_;
  HeadReader heads_;  // after what it hands to
};

class HttpServerImpl final : public HttpServer {
 public:
  explicit HttpServerImpl(Sources sources) : sources_(std::move(sources)), server_(stop_.file) {
    server_.Get("/healthz",
                [](const httplib::Request&, httplib::Response& response) { response.set_content("{\"alive\": true}\n", kJson); });
    server_.Get("/readyz", [this](const httplib::Request&, httplib::Response& response) { Readiness(response); });
    server_.Get("/metrics",
                [this](const httplib::Request&, httplib::Response& response) { response.set_content(sources_.metrics(), kMetricsType); });
  }

  ~HttpServerImpl() override {
    const uint64_t one = 1;
    (void)!::write(stop_.file, &one, sizeof one);
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Listen(const std::string& host, int port) {
    absl::Status refused =
        absl::UnavailableError(absl::StrCat("cannot listen on ", host, ":", port, " for HTTP: the address is taken or not this machine's"));
    port_ = port == 0 ? server_.bind_to_any_port(host) : port;
    if (port_ <= 0 || (port != 0 && !server_.bind_to_port(host, port))) return refused;
    server_.WidenQueue();
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    const absl::Duration deadline = Uptime() + kStartTime;
    while (!server_.is_running() && Uptime() < deadline) absl::SleepFor(absl::Milliseconds(1));  // stop() before that would be lost
    return server_.is_running() ? absl::OkStatus() : refused;
  }

  int port() const override { return port_; }

 private:
  void Readiness(httplib::Response& response) const {
    const absl::Status status = sources_.readiness();
    response.status = status.ok() ? 200 : 503;
    const std::string reason = status.ok() ? "" : absl::StrCat(", \"reason\": ", JsonString(status.message()));
    response.set_content(absl::StrCat("{\"ready\": ", status.ok() ? "true" : "false", reason, "}\n"), kJson);
  }

  const Sources sources_;
  EventFile stop_;
  BoundedServer server_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& host, int port, Sources sources) {
  auto server = std::make_unique<HttpServerImpl>(std::move(sources));
  if (absl::Status status = server->Listen(host, port); !status.ok()) return status;
  return server;
}

}  // namespace sliceflow::gateway
