#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/table/gzip.h"
#include "common/table/idx.h"
#include "common/table/npy.h"

namespace sliceflow::table {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Limits kLimits{.max_values = 1000};

std::string Npy(absl::string_view dictionary, absl::string_view values, int version = 1) {
  std::string file = absl::StrCat("\x93NUMPY", std::string(1, static_cast<char>(version)), std::string(1, '\0'));
  const auto length = static_cast<uint32_t>(dictionary.size());
  file.append(reinterpret_cast<const char*>(&length), version == 1 ? 2 : 4);
  return absl::StrCat(file, dictionary, values);
}

template <typename Number>
std::string Bytes(std::initializer_list<Number> numbers) {
  return std::string(reinterpret_cast<const char*>(numbers.begin()), numbers.size() * sizeof(Number));
}

void ExpectRefused(const absl::StatusOr<Tensor>& tensor, absl::string_view words) {
  EXPECT_TRUE(absl::IsInvalidArgument(tensor.status())) << tensor.status();
  EXPECT_THAT(std::string(tensor.status().message()), HasSubstr(std::string(words)));
}

TEST(NpyTest, WhatIsWrittenIsRead) {
  const Tensor tensor{.shape = {2, 3, 2}, .values = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11.5F}};
  const std::string file = WriteNpy(tensor);
  EXPECT_EQ(file.find('\n') % 64, 63U);  // values are aligned
  const Tensor back = ReadNpy(file, kLimits).value();
  EXPECT_EQ(back.shape, tensor.shape);
  EXPECT_EQ(back.values, tensor.values);
  EXPECT_THAT(ReadNpy(WriteNpy({.shape = {3}, .values = {1, 2, 3}}), kLimits)->shape, ElementsAre(3));
}

TEST(NpyTest, ReadsEveryVersionAndType) {
  for (const int version : {1, 2, 3}) {
    const std::string file = Npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n", Bytes<double>({1.5, -2}), version);
    EXPECT_THAT(ReadNpy(file, kLimits)->values, ElementsAre(1.5F, -2)) << version;
  }
  const auto read = [](absl::string_view type, absl::string_view values) {
    return ReadNpy(Npy(absl::StrCat("{'descr': '", type, "', 'fortran_order': False, 'shape': (2, 1)}"), values), kLimits).value().values;
  };
  EXPECT_THAT(read("|b1", Bytes<uint8_t>({0, 1})), ElementsAre(0, 1));
  EXPECT_THAT(read("|i1", Bytes<int8_t>({-1, 2})), ElementsAre(-1, 2));
  EXPECT_THAT(read("|u1", Bytes<uint8_t>({255, 2})), ElementsAre(255, 2));
  EXPECT_THAT(read("<i2", Bytes<int16_t>({-300, 2})), ElementsAre(-300, 2));
  EXPECT_THAT(read("<u2", Bytes<uint16_t>({65535, 2})), ElementsAre(65535, 2));
  EXPECT_THAT(read("<i4", Bytes<int32_t>({-70000, 2})), ElementsAre(-70000, 2));
  EXPECT_THAT(read("<u8", Bytes<uint64_t>({1, 2})), ElementsAre(1, 2));
  EXPECT_THAT(read("<f4", Bytes<float>({0.1F, 2})), ElementsAre(0.1F, 2));
}

TEST(NpyTest, KeepsTheFirstRowsWhenAsked) {
  const std::string file = WriteNpy({.shape = {3, 2}, .values = {1, 2, 3, 4, 5, 6}});
  EXPECT_THAT(ReadNpy(file, {.max_values = 4, .max_rows = 2})->values, ElementsAre(1, 2, 3, 4));
}

TEST(NpyTest, SaysWhyItRefuses) {
  const std::string values = Bytes<float>({1, 2, 3, 4});
  const auto file = [&](absl::string_view type, absl::string_view order, absl::string_view shape) {
    return ReadNpy(Npy(absl::StrCat("{'descr': ", type, ", 'fortran_order': ", order, ", 'shape': ", shape, ", }"), values), kLimits);
  };
  ExpectRefused(file("'<f4'", "True", "(2, 2)"), "Fortran order");
  ExpectRefused(file("'|O'", "False", "(2, 2)"), "Python objects");
  ExpectRefused(file("'>f4'", "False", "(2, 2)"), "big-endian");
  ExpectRefused(file("'<c8'", "False", "(2,)"), "type '<c8'");
  ExpectRefused(file("[('a', '<f4')]", "False", "(2, 2)"), "type '[(");
  ExpectRefused(file("'<f4'", "False", "()"), "single number");
  ExpectRefused(file("'<f4'", "False", "(0, 4)"), "empty");
  ExpectRefused(file("'<f4'", "False", "(2, 3)"), "takes 24 bytes, but 16 bytes follow");
  ExpectRefused(file("'<f4'", "False", "(9223372036854775807, 9223372036854775807)"), "");
  ExpectRefused(file("'<f4'", "False", "(-4,)"), "cannot be read");
  ExpectRefused(file("'<f4'", "Maybe", "(4,)"), "cannot be read");
  ExpectRefused(ReadNpy("PK\x03\x04", kLimits), "does not begin as one");
  ExpectRefused(ReadNpy(Npy("{}", "", 9), kLimits), "version 9");
  ExpectRefused(ReadNpy(Npy("{'descr': '<f4'", values).substr(0, 12), kLimits), "ends inside");
  ExpectRefused(ReadNpy(WriteNpy({.shape = {2, 2}, .values = {1, 2, 3, NAN}}), kLimits), "row 2, column 2: nan is not finite");
  ExpectRefused(ReadNpy(Npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", Bytes<double>({1e300})), kLimits), "float32");
  EXPECT_TRUE(absl::IsResourceExhausted(ReadNpy(WriteNpy({.shape = {2, 2}, .values = {1, 2, 3, 4}}), {.max_values = 3}).status()));
}

TEST(IdxTest, ReadsImagesAndLabels) {
  const std::string images("\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x02\x00\xFF\x10\x20", 20);
  const Tensor tensor = ReadIdx(images, kLimits).value();
  EXPECT_THAT(tensor.shape, ElementsAre(2, 1, 2));
  EXPECT_THAT(tensor.values, ElementsAre(0, 255, 16, 32));
  const std::string shorts("\0\0\x0B\x01\0\0\0\x02\xFF\xFE\x01\x00", 12);
  EXPECT_THAT(ReadIdx(shorts, kLimits)->values, ElementsAre(-2, 256));
}

TEST(IdxTest, SaysWhyItRefuses) {
  ExpectRefused(ReadIdx("", kLimits), "does not begin");
  ExpectRefused(ReadIdx(std::string("\0\0\x07\x01\0\0\0\x01\x05", 9), kLimits), "type of values 7");
  ExpectRefused(ReadIdx(std::string("\0\0\x08\x00", 4), kLimits), "0 axes");
  ExpectRefused(ReadIdx(std::string("\0\0\x08\x02\0\0\0\x01", 8), kLimits), "ends inside");
  ExpectRefused(ReadIdx(std::string("\0\0\x08\x01\0\0\0\x03\x05", 9), kLimits), "takes 3 bytes, but 1 bytes follow");
  ExpectRefused(ReadIdx(std::string("\0\0\x08\x01\xFF\xFF\xFF\xFF\x05", 9), kLimits), "bytes follow");
}

std::string Gzip(const std::string& bytes) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(GunzipTest, ReadsOneMemberAndSeveral) {
  const std::string text(1'000'000, 'q');
  EXPECT_EQ(Gunzip(Gzip(text), 1'000'000).value(), text);
  EXPECT_EQ(Gunzip(Gzip("1,2\n") + Gzip("3,4\n"), 100).value(), "1,2\n3,4\n");
}

TEST(GunzipTest, ABombIsRefusedAtTheBound) {
  std::string zeros;
  zeros.resize(50'000'000);
  const absl::Status status = Gunzip(Gzip(zeros), 1'000'000).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
}

TEST(GunzipTest, DamageIsRefused) {
  const std::string good = Gzip("a text that is long enough to be compressed, compressed, compressed");
  EXPECT_TRUE(absl::IsInvalidArgument(Gunzip("", 100).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Gunzip("1,2\n", 100).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Gunzip(good + "and more", 100).status()));
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_TRUE(absl::IsInvalidArgument(Gunzip(good.substr(0, size), 100).status())) << size;
  }
  std::string flipped = good;
  flipped[good.size() - 6] ^= 1;  // in the checksum
  EXPECT_TRUE(absl::IsInvalidArgument(Gunzip(flipped, 100).status()));
}

}  // namespace
}  // namespace sliceflow::table
