#include "server/gateway/http_server.h"

#include <httplib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/json.h"
#include "server/gateway/answerers.h"
#include "server/gateway/bounded_connection.h"
#include "server/gateway/calls.h"
#include "server/gateway/client_socket.h"
#include "server/gateway/request_reader.h"
#include "server/gateway/tcp.h"
#include "server/gateway/tls_front.h"

namespace sliceflow::gateway {
namespace {

constexpr size_t kPagesAtOnce = 8;
constexpr size_t kMostWaitingPages = 64;
constexpr size_t kCallsAtOnce = 16;
constexpr size_t kStreamsAtOnce = 128;
constexpr size_t kMostWaitingCalls = 16;
constexpr absl::Duration kReportTime = absl::Seconds(5);
constexpr absl::Duration kFileTime = absl::Seconds(60);
constexpr absl::Duration kStartTime = absl::Seconds(10);
constexpr char kJson[] = "application/json";
constexpr char kAlive[] = "/healthz";
constexpr char kReady[] = "/readyz";
constexpr char kMetrics[] = "/metrics";
constexpr char kPagePolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; "
    "worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

// What tells how the server is.
bool IsReport(absl::string_view path) { return path == kAlive || path == kReady || path == kMetrics; }

struct EventFile {
  EventFile() = default;
  ~EventFile() { close(file); }
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  const int file = eventfd(0, EFD_CLOEXEC);
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
  BoundedServer(int stop, const Sources& sources)
      : stop_(stop),
        calls_(sources.on_loopback, sources.peer_word),
        reports_(kPagesAtOnce, kMostWaitingPages, [this](const RequestReader::Request& request) { AnswerPage(request, kReportTime); }),
        files_(kPagesAtOnce, kMostWaitingPages, [this](const RequestReader::Request& request) { AnswerPage(request, kFileTime); }),
        once_(kCallsAtOnce, kMostWaitingCalls, [this](const RequestReader::Request& request) { AnswerCall(request); }),
        streams_(kStreamsAtOnce, kMostWaitingCalls, [this](const RequestReader::Request& request) { AnswerCall(request); }),
        requests_([this](RequestReader::Request request) { Sort(std::move(request)); }) {
    if (sources.tls.has_value()) tls_.emplace([this](TlsFront::Decrypted connection) { TakeDecrypted(std::move(connection)); });
    new_task_queue = [] { return new AtOnce; };
    // The library's default shares a port that is taken.
    set_socket_options([](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
  }

  // The library has five wait for being accepted; beyond, a client tries again only after a second.
  void WidenQueue() { (void)::listen(svr_sock_, SOMAXCONN); }

  Calls& calls() { return calls_; }

  absl::Status UseTls(const TlsIdentity& identity) {
    asks_clients_ = !identity.client_ca.empty();
    return tls_->Use(identity);
  }

 private:
  bool process_and_close_socket(socket_t socket) override {
    PrepareForStreams(socket);
    if (tls_.has_value()) {
      tls_->Add(socket);
    } else {
      requests_.Add(socket, {.peer = PeerOf(socket)});
    }
    return true;
  }

  void TakeDecrypted(TlsFront::Decrypted connection) {
    requests_.Add(connection.socket, {std::move(connection.peer), connection.has_certificate || !asks_clients_});
  }

  void Sort(RequestReader::Request request) {
    if (!request.is_call) return (IsReport(request.head.path) ? reports_ : files_).Add(std::move(request));
    (Calls::IsStream(request.head) ? streams_ : once_).Add(std::move(request));
  }

  void AnswerPage(const RequestReader::Request& request, absl::Duration time) {
    bool closed = false;
    BoundedConnection connection(request.socket, stop_, request.arrival + time, WithoutRanges(request.text));
    (void)process_request(connection, /*close_connection=*/true, closed, nullptr);
    Close(request.socket);
  }

  void AnswerCall(const RequestReader::Request& request) {
    calls_.Answer(request, ClientSocket(request.socket, stop_));
    Close(request.socket);
  }

  static void Close(int socket) {
    shutdown(socket, SHUT_RDWR);
    close(socket);
  }

  const int stop_;
  Calls calls_;
  Answerers reports_;  // apart, so that slow readers of the dashboard's files keep nobody from asking how the server is
  Answerers files_;
  Answerers once_;
  Answerers streams_;
  RequestReader requests_;  // after what it hands to
  std::atomic<bool> asks_clients_ = false;
  std::optional<TlsFront> tls_;  // the same
};

class HttpServerImpl final : public HttpServer {
 public:
  explicit HttpServerImpl(Sources sources) : sources_(std::move(sources)), server_(stop_.file, sources_) {
    server_.Get(kAlive, [](const httplib::Request&, httplib::Response& response) { response.set_content("{\"alive\": true}\n", kJson); });
    server_.Get(kReady, [this](const httplib::Request&, httplib::Response& response) { Readiness(response); });
    server_.Get(kMetrics,
                [this](const httplib::Request&, httplib::Response& response) { response.set_content(sources_.metrics(), kMetricsType); });
    ServeDashboard(sources_.dashboard);
  }

  // The files of a page that runs nothing but its own scripts, shows and calls nothing of others', and is shown in no page of others.
  void ServeDashboard(const std::string& folder) {
    if (folder.empty()) return;
    server_.set_mount_point("/", folder,
                            {{"Content-Security-Policy", kPagePolicy},
                             {"X-Content-Type-Options", "nosniff"},
                             {"Referrer-Policy", "no-referrer"},
                             {"Cross-Origin-Opener-Policy", "same-origin"},
                             {"Cache-Control", "no-cache"}});
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

  absl::Status UseTls(const TlsIdentity& identity) override { return server_.UseTls(identity); }
  void OpenCalls(std::shared_ptr<grpc::Channel> channel) override { server_.calls().Open(std::move(channel)); }
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
  const std::optional<TlsIdentity> tls = sources.tls;
  auto server = std::make_unique<HttpServerImpl>(std::move(sources));
  absl::Status status = tls.has_value() ? server->UseTls(*tls) : absl::OkStatus();
  if (status.ok()) status = server->Listen(host, port);
  if (!status.ok()) return status;
  return server;
}

}  // namespace sliceflow::gateway
