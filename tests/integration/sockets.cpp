#include "tests/integration/sockets.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/integration/processes.h"

namespace sliceflow::testing {

int ConnectTcp(const std::string& address) {
  const std::vector<std::string> parts = absl::StrSplit(address, ':');
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(parts.back(), &port));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int file = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(connect(file, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  return file;
}

int HttpStatus(const std::string& address, const std::string& path) {
  const int file = ConnectTcp(address);
  const timeval patience{.tv_sec = absl::ToInt64Seconds(kPatience), .tv_usec = 0};
  setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const std::string request = absl::StrCat("GET ", path, " HTTP/1.1\r\nConnection: close\r\n\r\n");
  (void)send(file, request.data(), request.size(), MSG_NOSIGNAL);
  std::string answer;
  char buffer[4096];
  for (ssize_t count = 0; (count = recv(file, buffer, sizeof buffer, 0)) > 0;) answer.append(buffer, static_cast<size_t>(count));
  close(file);
  // HTTP/1.1 200 OK
  const std::vector<std::string> words = absl::StrSplit(answer, ' ');
  int status = 0;
  return words.size() > 1 && absl::SimpleAtoi(words[1], &status) ? status : 0;
}

}  // namespace sliceflow::testing
