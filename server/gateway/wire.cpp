#include "server/gateway/wire.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/json.h"
#include "google/rpc/status.pb.h"

namespace sliceflow::gateway {
namespace {

constexpr size_t kPrefix = 5;  // one byte of flags, four of the length, the highest first
constexpr char kPlain = 0;
constexpr char kConnectEnd = 2;
constexpr char kGrpcWebTrailers = static_cast<char>(0x80);

struct NamedWire {
  absl::string_view content_type;
  Wire wire;
};
// The first of a wire is what its answers say.
constexpr std::array kWires{
    NamedWire{"application/grpc-web+proto", {Framing::kGrpcWeb, Codec::kProto}},
    NamedWire{"application/grpc-web", {Framing::kGrpcWeb, Codec::kProto}},
    NamedWire{"application/grpc-web+json", {Framing::kGrpcWeb, Codec::kJson}},
    NamedWire{"application/proto", {Framing::kConnectUnary, Codec::kProto}},
    NamedWire{"application/json", {Framing::kConnectUnary, Codec::kJson}},
    NamedWire{"application/connect+proto", {Framing::kConnectStream, Codec::kProto}},
    NamedWire{"application/connect+json", {Framing::kConnectStream, Codec::kJson}},
};

struct CodeNames {
  absl::string_view connect;
  absl::string_view http;
};
// By the number of the code.
constexpr std::array kCodes{
    CodeNames{"", "200 OK"},
    CodeNames{"canceled", "499 Client Closed Request"},
    CodeNames{"unknown", "500 Internal Server Error"},
    CodeNames{"invalid_argument", "400 Bad Request"},
    CodeNames{"deadline_exceeded", "504 Gateway Timeout"},
    CodeNames{"not_found", "404 Not Found"},
    CodeNames{"already_exists", "409 Conflict"},
    CodeNames{"permission_denied", "403 Forbidden"},
    CodeNames{"resource_exhausted", "429 Too Many Requests"},
    CodeNames{"failed_precondition", "400 Bad Request"},
    CodeNames{"aborted", "409 Conflict"},
    CodeNames{"out_of_range", "400 Bad Request"},
    CodeNames{"unimplemented", "501 Unimplemented"},
    CodeNames{"internal", "500 Internal Server Error"},
    CodeNames{"unavailable", "503 Service Unavailable"},
    CodeNames{"data_loss", "500 Internal Server Error"},
    CodeNames{"unauthenticated", "401 Unauthorized"},
};

const CodeNames& NamesOf(grpc::StatusCode code) {
  const auto number = static_cast<size_t>(code);
  return number < kCodes.size() ? kCodes[number] : kCodes[grpc::StatusCode::UNKNOWN];
}

std::string EnvelopePrefix(char flags, size_t size) {
  std::string bytes(1, flags);
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<char>(static_cast<uint32_t>(size) >> shift));
  return bytes;
}

std::string Envelope(char flags, absl::string_view message) { return absl::StrCat(EnvelopePrefix(flags, message.size()), message); }

// As gRPC has it: bytes outside of printable ASCII, and the sign itself, as %XX.
std::string PercentEncoded(absl::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      encoded.push_back(c);
    } else {
      absl::StrAppend(&encoded, "%", absl::AsciiStrToUpper(absl::StrCat(absl::Hex(static_cast<uint8_t>(c), absl::kZeroPad2))));
    }
  }
  return encoded;
}

std::string Trailers(const grpc::Status& status) {
  std::string text = absl::StrCat("grpc-status: ", static_cast<int>(status.error_code()), "\r\n");
  if (!status.error_message().empty()) absl::StrAppend(&text, "grpc-message: ", PercentEncoded(status.error_message()), "\r\n");
  if (!status.error_details().empty()) {
    absl::StrAppend(&text, "grpc-status-details-bin: ", absl::Base64Escape(status.error_details()), "\r\n");
  }
  return text;
}

// `1S`, `500m`: at most eight digits and a unit.
absl::StatusOr<absl::Duration> GrpcTimeout(absl::string_view text) {
  const absl::string_view digits = text.substr(0, text.empty() ? 0 : text.size() - 1);
  int64_t count = 0;
  const bool is_count = !digits.empty() && digits.size() <= 8 && std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit) &&
                        absl::SimpleAtoi(digits, &count);
  if (is_count) {
    switch (text.back()) {
      case 'H':
        return absl::Hours(count);
      case 'M':
        return absl::Minutes(count);
      case 'S':
        return absl::Seconds(count);
      case 'm':
        return absl::Milliseconds(count);
      case 'u':
        return absl::Microseconds(count);
      case 'n':
        return absl::Nanoseconds(count);
      default:
        break;
    }
  }
  return absl::InvalidArgumentError("grpc-timeout must be up to eight digits and one of H, M, S, m, u, n");
}

absl::StatusOr<absl::Duration> ConnectTimeout(absl::string_view text) {
  int64_t count = 0;
  const bool is_count = text.size() <= 10 && std::all_of(text.begin(), text.end(), absl::ascii_isdigit) && absl::SimpleAtoi(text, &count);
  if (is_count) return absl::Milliseconds(count);
  return absl::InvalidArgumentError("connect-timeout-ms must be up to ten digits");
}

}  // namespace

std::optional<Wire> WireOf(absl::string_view content_type) {
  absl::string_view type = absl::StripAsciiWhitespace(content_type.substr(0, content_type.find(';')));
  const std::string lower = absl::AsciiStrToLower(type);
  for (const NamedWire& named : kWires) {
    if (named.content_type == lower) return named.wire;
  }
  return std::nullopt;
}

std::string ContentTypes() {
  const auto add = [](std::string* out, const NamedWire& named) { absl::StrAppend(out, named.content_type); };
  return absl::StrCat("the content type must be one of ", absl::StrJoin(kWires, ", ", add));
}

absl::string_view ContentTypeOf(const Wire& wire) {
  const auto is_it = [&](const NamedWire& named) { return named.wire.framing == wire.framing && named.wire.codec == wire.codec; };
  return std::find_if(kWires.begin(), kWires.end(), is_it)->content_type;
}

absl::StatusOr<absl::string_view> MessageOf(Framing framing, absl::string_view body) {
  if (framing == Framing::kConnectUnary) return body;
  if (body.size() < kPrefix) return absl::InvalidArgumentError("the body ends within the five bytes before its message");
  if (body[0] != kPlain) return absl::InvalidArgumentError("the message is compressed or of another kind; only plain ones are taken");
  uint32_t size = 0;
  for (size_t i = 1; i < kPrefix; ++i) size = size << 8 | static_cast<uint8_t>(body[i]);
  const absl::string_view message = body.substr(kPrefix);
  if (message.size() < size) return absl::InvalidArgumentError("the body ends within its message");
  if (message.size() > size) return absl::InvalidArgumentError("more than one message where one is taken");
  return message;
}

absl::StatusOr<std::optional<absl::Duration>> TimeoutOf(Framing framing, const RequestHead& head) {
  const absl::string_view text = head.Field(framing == Framing::kGrpcWeb ? "grpc-timeout" : "connect-timeout-ms");
  if (text.empty()) return std::nullopt;
  const absl::StatusOr<absl::Duration> timeout = framing == Framing::kGrpcWeb ? GrpcTimeout(text) : ConnectTimeout(text);
  if (!timeout.ok()) return timeout.status();
  return *timeout;
}

std::string MessagePrefix(Framing framing, size_t size) { return framing == Framing::kConnectUnary ? "" : EnvelopePrefix(kPlain, size); }

std::string FramedEnd(Framing framing, const grpc::Status& status) {
  if (framing == Framing::kGrpcWeb) return Envelope(kGrpcWebTrailers, Trailers(status));
  if (framing == Framing::kConnectStream) {
    return Envelope(kConnectEnd, status.ok() ? "{}" : absl::StrCat("{\"error\": ", ErrorJson(status), "}"));
  }
  return "";
}

absl::string_view StatusLineOf(grpc::StatusCode code) { return NamesOf(code).http; }

std::string ErrorJson(const grpc::Status& status) {
  google::rpc::Status rpc;
  std::vector<std::string> details;
  if (rpc.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& detail : rpc.details()) {
      const std::string type = detail.type_url().substr(detail.type_url().rfind('/') + 1);
      const std::string padded = absl::Base64Escape(detail.value());
      const absl::string_view value = absl::string_view(padded).substr(0, padded.find('='));
      details.push_back(absl::StrCat("{\"type\": ", JsonString(type), ", \"value\": \"", value, "\"}"));
    }
  }
  return absl::StrCat("{\"code\": \"", NamesOf(status.error_code()).connect, "\", \"message\": ", JsonString(status.error_message()),
                      ", \"details\": [", absl::StrJoin(details, ", "), "]}");
}

}  // namespace sliceflow::gateway
