#include "server/gateway/wire.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <string>

#include "common/errors.h"
#include "common/grpc_status.h"

namespace sliceflow::gateway {
namespace {

using ::testing::HasSubstr;

RequestHead With(const std::string& name, const std::string& value) {
  RequestHead head;
  head.fields[name] = value;
  return head;
}

google::protobuf::Struct Parsed(const std::string& json) {
  google::protobuf::Struct value;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &value);
  EXPECT_TRUE(status.ok()) << json;
  return value;
}

TEST(WireTest, IsTheOneOfTheContentType) {
  EXPECT_EQ(WireOf("application/grpc-web")->framing, Framing::kGrpcWeb);
  EXPECT_EQ(WireOf("application/grpc-web+proto")->codec, Codec::kProto);
  EXPECT_EQ(WireOf("Application/JSON; charset=utf-8")->framing, Framing::kConnectUnary);
  EXPECT_EQ(WireOf("application/connect+json")->codec, Codec::kJson);
  for (const char* other : {"", "text/plain", "application/x-www-form-urlencoded", "application/grpc", "application/grpc-web-text"}) {
    EXPECT_FALSE(WireOf(other).has_value()) << other;
  }
  for (const char* type : {"application/grpc-web+proto", "application/grpc-web+json", "application/proto", "application/json",
                           "application/connect+proto", "application/connect+json"}) {
    EXPECT_EQ(ContentTypeOf(*WireOf(type)), type);
  }
}

TEST(WireTest, AFramedMessageIsReadBack) {
  for (const std::string& message : {std::string(), std::string("abc"), std::string(70'000, '\xff')}) {
    const std::string framed = MessagePrefix(Framing::kGrpcWeb, message.size()) + message;
    EXPECT_EQ(framed.size(), message.size() + 5);
    EXPECT_EQ(*MessageOf(Framing::kGrpcWeb, framed), message);
    EXPECT_EQ(*MessageOf(Framing::kConnectUnary, message), message);
  }
}

TEST(WireTest, BodiesThatAreNotOnePlainMessageAreRefused) {
  const std::string framed = MessagePrefix(Framing::kConnectStream, 3) + "abc";
  for (size_t size = 0; size < framed.size(); ++size) {
    EXPECT_TRUE(absl::IsInvalidArgument(MessageOf(Framing::kConnectStream, framed.substr(0, size)).status())) << size;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(MessageOf(Framing::kGrpcWeb, framed + framed).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(MessageOf(Framing::kGrpcWeb, "\x01" + framed.substr(1)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(MessageOf(Framing::kGrpcWeb, std::string("\0\xff\xff\xff\xff", 5)).status()));
}

TEST(WireTest, TimeoutsAreReadOrRefused) {
  EXPECT_EQ(*TimeoutOf(Framing::kGrpcWeb, With("grpc-timeout", "90S")), absl::Seconds(90));
  EXPECT_EQ(*TimeoutOf(Framing::kGrpcWeb, With("grpc-timeout", "5m")), absl::Milliseconds(5));
  EXPECT_EQ(*TimeoutOf(Framing::kConnectStream, With("connect-timeout-ms", "1500")), absl::Milliseconds(1500));
  EXPECT_EQ(*TimeoutOf(Framing::kGrpcWeb, RequestHead()), std::nullopt);
  for (const char* wrong : {"1", "S", "-1S", "123456789S", "1s", "1 S"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(TimeoutOf(Framing::kGrpcWeb, With("grpc-timeout", wrong)).status())) << wrong;
  }
  for (const char* wrong : {"x", "-1", "1.5", "12345678901"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(TimeoutOf(Framing::kConnectUnary, With("connect-timeout-ms", wrong)).status())) << wrong;
  }
}

TEST(WireTest, ErrorsKeepTheirCodeWordsAndDetails) {
  const grpc::Status status = ToGrpcStatus(WithReason(absl::NotFoundError("no \"job\" – 50 %"), "GONE"));
  const google::protobuf::Struct json = Parsed(ErrorJson(status));
  EXPECT_EQ(json.fields().at("code").string_value(), "not_found");
  EXPECT_EQ(json.fields().at("message").string_value(), "no \"job\" – 50 %");
  const auto& details = json.fields().at("details").list_value();
  ASSERT_EQ(details.values_size(), 1);
  EXPECT_EQ(details.values(0).struct_value().fields().at("type").string_value(), "google.rpc.ErrorInfo");
  EXPECT_EQ(StatusLineOf(status.error_code()), "404 Not Found");

  const std::string trailers = FramedEnd(Framing::kGrpcWeb, status);
  EXPECT_EQ(trailers[0], '\x80');
  EXPECT_THAT(trailers, HasSubstr("grpc-status: 5\r\ngrpc-message: no \"job\" %E2%80%93 50 %25\r\ngrpc-status-details-bin: "));
  const std::string end = FramedEnd(Framing::kConnectStream, status);
  EXPECT_EQ(end[0], '\x02');
  EXPECT_EQ(Parsed(end.substr(5)).fields().at("error").struct_value().fields().at("code").string_value(), "not_found");
  EXPECT_EQ(FramedEnd(Framing::kConnectStream, grpc::Status::OK).substr(5), "{}");
  EXPECT_THAT(FramedEnd(Framing::kGrpcWeb, grpc::Status::OK), HasSubstr("grpc-status: 0\r\n"));
}

}  // namespace
}  // namespace sliceflow::gateway
