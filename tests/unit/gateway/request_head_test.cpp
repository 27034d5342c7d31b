#include "server/gateway/request_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/gateway/origin.h"

namespace sliceflow::gateway {
namespace {

using ::testing::Pair;
using ::testing::UnorderedElementsAre;

TEST(RequestHeadTest, IsReadAsItWasWritten) {
  const auto head = ReadHead("POST /a.b/C?d=e HTTP/1.1\r\nHost: here:80\r\nX-Two:  a \r\nContent-Length: 12\r\nx-two:b\r\n\r\n");
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(head->method, "POST");
  EXPECT_EQ(head->path, "/a.b/C");
  EXPECT_EQ(head->content_length, 12);
  EXPECT_THAT(head->fields, UnorderedElementsAre(Pair("host", "here:80"), Pair("x-two", "a, b"), Pair("content-length", "12")));
  EXPECT_EQ(head->Field("absent"), "");
  EXPECT_EQ(ReadHead("GET / HTTP/1.0\r\n\r\n")->content_length, -1);
}

TEST(RequestHeadTest, WhatIsNoHeadIsRefused) {
  for (const std::string& text :
       {std::string(""), std::string("\r\n\r\n"), std::string("GET / HTTP/1.1\r\n"), std::string("GET / HTTP/2.0\r\n\r\n"),
        std::string("GET  / HTTP/1.1\r\n\r\n"), std::string("GET http://x/ HTTP/1.1\r\n\r\n"), std::string("G\0T / HTTP/1.1\r\n\r\n", 18),
        std::string("GET / HTTP/1.1\r\nno colon\r\n\r\n"), std::string("GET / HTTP/1.1\r\nA: b\r\n folded: c\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nA : b\r\n\r\n"), std::string("GET / HTTP/1.1\r\n: b\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), std::string("POST / HTTP/1.1\r\nContent-Length: 0x10\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ReadHead(text).status())) << text;
  }
}

RequestHead From(const std::string& host, const std::string& origin, const std::string& site = "") {
  RequestHead head;
  head.fields["host"] = host;
  if (!origin.empty()) head.fields["origin"] = origin;
  if (!site.empty()) head.fields["sec-fetch-site"] = site;
  return head;
}

TEST(OriginTest, PagesOfThisServerAndProgramsMayCall) {
  for (const char* host : {"127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080", "[::1]"}) {
    EXPECT_TRUE(CheckOrigin(From(host, ""), true).ok()) << host;
  }
  EXPECT_TRUE(CheckOrigin(From("localhost:8080", "http://localhost:8080", "same-origin"), true).ok());
  EXPECT_TRUE(CheckOrigin(From("flows.example.org", "https://flows.example.org"), false).ok());
}

TEST(OriginTest, PagesFromElsewhereMayNot) {
  EXPECT_TRUE(absl::IsPermissionDenied(CheckOrigin(From("localhost:8080", "http://evil.example"), true)));
  EXPECT_TRUE(absl::IsPermissionDenied(CheckOrigin(From("localhost:8080", "http://localhost:9090"), true)));
  EXPECT_TRUE(absl::IsPermissionDenied(CheckOrigin(From("localhost:8080", "null"), true)));
  EXPECT_TRUE(absl::IsPermissionDenied(CheckOrigin(From("localhost:8080", "", "cross-site"), true)));
  // A name of another's that leads to this machine.
  EXPECT_TRUE(absl::IsPermissionDenied(CheckOrigin(From("evil.example:8080", "http://evil.example:8080"), true)));
  EXPECT_TRUE(absl::IsPermissionDenied(CheckOrigin(From("127.0.0.1.evil.example", ""), true)));
  EXPECT_TRUE(absl::IsPermissionDenied(CheckOrigin(From("", ""), true)));
}

}  // namespace
}  // namespace sliceflow::gateway
