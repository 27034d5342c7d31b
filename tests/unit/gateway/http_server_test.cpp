#include "server/gateway/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/support/temp_folder.h"

namespace sliceflow::gateway {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// A connection that says what a test wants, when it wants.
class RawClient {
 public:
  explicit RawClient(int port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { close(socket_); }

  bool connected() const { return connected_; }
  bool Send(const std::string& text) { return send(socket_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()); }
  // Whether the server has neither answered nor closed.
  bool is_open() const {
    char byte = 0;
    return recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
  }
  // Says that nothing more comes; still reads.
  void EndSending() { shutdown(socket_, SHUT_WR); }
  // Until the server closes.
  std::string ReadAll() {
    std::string all;
    char buffer[4096];
    for (ssize_t count = 0; (count = recv(socket_, buffer, sizeof buffer, 0)) > 0;) all.append(buffer, static_cast<size_t>(count));
    return all;
  }

 private:
  int socket_;
  bool connected_ = false;
};

class HttpServerTest : public ::testing::Test {
 protected:
  std::unique_ptr<HttpServer> server_ =
      HttpServer::Start("127.0.0.1", 0, {.readiness = [this] { return readiness_; }, .metrics = [] { return std::string("a_metric 1\n"); }})
          .value();
  httplib::Client client_{"127.0.0.1", server_->port()};
  absl::Status readiness_;
};

TEST_F(HttpServerTest, SaysThatItLivesAndWhetherItServes) {
  EXPECT_EQ(client_.Get("/healthz")->status, 200);
  EXPECT_EQ(client_.Get("/readyz")->body, "{\"ready\": true}\n");
  readiness_ = absl::ResourceExhaustedError("the \"disk\" is full");
  const auto not_ready = client_.Get("/readyz");
  EXPECT_EQ(not_ready->status, 503);
  EXPECT_EQ(not_ready->body, "{\"ready\": false, \"reason\": \"the \\\"disk\\\" is full\"}\n");
  EXPECT_EQ(client_.Get("/healthz")->status, 200);
}

TEST_F(HttpServerTest, HasMetricsAndNothingElse) {
  const auto metrics = client_.Get("/metrics");
  EXPECT_EQ(metrics->body, "a_metric 1\n");
  EXPECT_THAT(metrics->get_header_value("Content-Type"), StartsWith("text/plain; version=0.0.4"));
  EXPECT_EQ(client_.Get("/")->status, 404);
  EXPECT_EQ(client_.Get("/../../etc/passwd")->status, 404);
  EXPECT_EQ(client_.Post("/metrics")->status, 404);
}

// As many parts as fit into a request's head would make an answer of many times the page.
TEST_F(HttpServerTest, PagesAreGivenWholeWhateverRangesAreAskedFor) {
  std::string many = "bytes=0-";
  for (int i = 0; i < 1000; ++i) many += ",0-";
  for (const std::string& ranges : {many, std::string("bytes=2-3"), std::string("bytes=100-200"), std::string("bytes=5-1")}) {
    const auto metrics = client_.Get("/metrics", {{"Range", ranges}});
    ASSERT_TRUE(metrics) << ranges;
    EXPECT_EQ(metrics->status, 200) << ranges;
    EXPECT_EQ(metrics->body, "a_metric 1\n") << ranges;
    EXPECT_FALSE(metrics->has_header("Content-Range")) << ranges;
  }
}

// The policy keeps the page from running, showing or calling what is not the server's own.
TEST(DashboardTest, ItsFilesAreServedUnderAStrictPolicy) {
  const testing::TempFolder folder;
  std::filesystem::create_directories(folder.path() + "/page/assets");
  std::ofstream(folder.path() + "/page/index.html") << "<!doctype html>";
  std::ofstream(folder.path() + "/page/assets/main.js") << "1;";
  std::ofstream(folder.path() + "/secret") << "secret";
  const auto server = HttpServer::Start(
      "127.0.0.1", 0,
      {.readiness = [] { return absl::OkStatus(); }, .metrics = [] { return std::string(); }, .dashboard = folder.path() + "/page"});
  ASSERT_TRUE(server.ok()) << server.status();
  httplib::Client client("127.0.0.1", (*server)->port());
  for (const char* path : {"/", "/index.html", "/assets/main.js"}) {
    const auto page = client.Get(path);
    ASSERT_TRUE(page) << path;
    EXPECT_EQ(page->status, 200) << path;
    EXPECT_THAT(page->get_header_value("Content-Security-Policy"), HasSubstr("default-src 'none'; script-src 'self';")) << path;
    EXPECT_EQ(page->get_header_value("X-Content-Type-Options"), "nosniff") << path;
  }
  EXPECT_EQ(client.Get("/")->body, "<!doctype html>");
  for (const char* path : {"/../secret", "/assets/../../secret", "/%2e%2e/secret", "/none"})
    EXPECT_EQ(client.Get(path)->status, 404) << path;
  EXPECT_EQ(client.Get("/healthz")->status, 200);
}

TEST_F(HttpServerTest, ATakenPortIsRefused) {
  const auto second = HttpServer::Start("127.0.0.1", server_->port(), {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
}

// Many more clients than threads that never finish their request: who comes behind them is answered before the first of them is cut.
TEST_F(HttpServerTest, ClientsThatNeverFinishTheirRequestKeepNobodyOut) {
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 100; ++i) {
    slow.push_back(std::make_unique<RawClient>(server_->port()));
    ASSERT_TRUE(slow.back()->connected());
    ASSERT_TRUE(slow.back()->Send("GET /healthz HTTP/1.1\r\nX-Slow: "));
  }
  RawClient eager(server_->port());
  ASSERT_TRUE(eager.Send("GET /healthz HTTP/1.1\r\n\r\n"));
  EXPECT_THAT(eager.ReadAll(), HasSubstr("200 OK"));
  EXPECT_TRUE(slow.front()->is_open()) << "one had to be cut first";
  for (const auto& client : slow) EXPECT_THAT(client->ReadAll(), IsEmpty());
}

TEST_F(HttpServerTest, BeyondTheBoundTheOldestIsCut) {
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 400; ++i) slow.push_back(std::make_unique<RawClient>(server_->port()));
  RawClient eager(server_->port());
  ASSERT_TRUE(eager.Send("GET /healthz HTTP/1.1\r\n\r\n"));
  EXPECT_THAT(eager.ReadAll(), HasSubstr("200 OK"));
}

TEST_F(HttpServerTest, WhatIsTooLargeIsToldSo) {
  const auto answer = [&](const std::string& request) {
    RawClient client(server_->port());
    EXPECT_TRUE(client.Send(request));
    const std::string text = client.ReadAll();
    EXPECT_THAT(text, Not(EndsWith("\r\n\r\n"))) << "no reason";
    return text.substr(0, text.find('\r'));
  };
  const std::string long_header = "X-Long: " + std::string(1000, 'x') + "\r\n";
  std::string long_head;
  for (int i = 0; i < 100; ++i) long_head += long_header;
  EXPECT_EQ(answer("GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n\r\n"), "HTTP/1.1 414 URI Too Long");
  EXPECT_EQ(answer("GET /healthz HTTP/1.1\r\n" + long_head + "\r\n"), "HTTP/1.1 431 Request Header Fields Too Large");
  EXPECT_EQ(answer("POST /metrics HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"), "HTTP/1.1 413 Payload Too Large");
  EXPECT_EQ(answer("POST /metrics HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n"), "HTTP/1.1 413 Payload Too Large");
  EXPECT_EQ(client_.Get("/healthz")->status, 200);
}

TEST_F(HttpServerTest, HalfARequestIsToldSo) {
  for (const char* half :
       {"G", "GET /healthz HTTP/1.1\r\nHost: a\r\n", "POST /sliceflow.v1.JobService/GetJob HTTP/1.1\r\nContent-Length: 3\r\n\r\n{}"}) {
    RawClient client(server_->port());
    ASSERT_TRUE(client.Send(half));
    client.EndSending();
    EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 400 Bad Request\r\n")) << half;
  }
  RawClient silent(server_->port());
  silent.EndSending();
  EXPECT_THAT(silent.ReadAll(), IsEmpty());
  RawClient whole(server_->port());
  ASSERT_TRUE(whole.Send("GET /healthz HTTP/1.1\r\n\r\n"));
  whole.EndSending();
  EXPECT_THAT(whole.ReadAll(), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(HttpServerTest, MethodsAreCalledByPostAlone) {
  for (const char* method : {"PUT", "GET", "DELETE"}) {
    RawClient client(server_->port());
    ASSERT_TRUE(client.Send(absl::StrCat(method, " /sliceflow.v1.JobService/GetJob HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")));
    client.EndSending();
    const std::string answer = client.ReadAll();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n")) << method;
    EXPECT_THAT(answer, HasSubstr("\r\nAllow: POST\r\n")) << method;
    EXPECT_THAT(answer, EndsWith("\r\n\r\nmethods of the contract are called by POST\n")) << method;
  }
}

TEST_F(HttpServerTest, AnEndlessRequestIsCut) {
  RawClient client(server_->port());
  ASSERT_TRUE(client.Send("GET /healthz HTTP/1.1\r\n"));
  const std::string header = "X-Long: " + std::string(1000, 'x') + "\r\n";
  const absl::Time deadline = absl::Now() + absl::Minutes(1);
  while (client.Send(header)) ASSERT_LT(absl::Now(), deadline);
  EXPECT_EQ(client_.Get("/healthz")->status, 200);
}

TEST_F(HttpServerTest, RandomBytesAreNoRequest) {
  for (const std::string& bytes : {std::string(1, '\0'), std::string("\xff\xfe\r\n\r\n"), std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
                                   std::string("GET"), std::string("GET /healthz HTTP/9.9\r\n\r\n")}) {
    RawClient client(server_->port());
    ASSERT_TRUE(client.Send(bytes));
  }
  EXPECT_EQ(client_.Get("/healthz")->status, 200);
}

TEST_F(HttpServerTest, EndsWithClientsConnected) {
  RawClient idle(server_->port());
  ASSERT_TRUE(idle.Send("GET /"));
  server_.reset();
  EXPECT_THAT(idle.ReadAll(), IsEmpty());
}

}  // namespace
}  // namespace sliceflow::gateway
