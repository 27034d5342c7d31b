// Good files with bytes changed, cut and repeated: every reader answers with a table within its limits or an error, and never more.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

#include "common/table/csv.h"
#include "common/table/gzip.h"
#include "common/table/idx.h"
#include "common/table/npy.h"

namespace sliceflow::table {
namespace {

constexpr Limits kLimits{.max_values = 64};
constexpr int kRounds = 20'000;
constexpr uint64_t kSeed = 20260601;

std::string Mutate(std::string bytes, std::mt19937_64& random) {
  const auto below = [&](size_t bound) { return static_cast<size_t>(random() % bound); };
  for (size_t changes = 1 + below(4); changes > 0 && !bytes.empty(); --changes) {
    const size_t at = below(bytes.size());
    switch (below(5)) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes[at] ^= static_cast<char>(1 << below(8));
        break;
      case 2:
        bytes.resize(at);
        break;
      case 3:
        bytes.insert(at, bytes.substr(at, 1 + below(8)));
        break;
      default:
        bytes.erase(at, 1 + below(4));
    }
  }
  return bytes;
}

using Reader = std::function<absl::StatusOr<Tensor>(absl::string_view)>;

void Attack(const std::string& good, const Reader& read) {
  ASSERT_TRUE(read(good).ok()) << read(good).status();
  std::mt19937_64 random(kSeed);
  int refused = 0;
  for (int round = 0; round < kRounds; ++round) {
    const absl::StatusOr<Tensor> tensor = read(Mutate(good, random));
    if (!tensor.ok()) {
      ++refused;
      ASSERT_TRUE(absl::IsInvalidArgument(tensor.status()) || absl::IsResourceExhausted(tensor.status())) << tensor.status();
      ASSERT_FALSE(tensor.status().message().empty());
      continue;
    }
    const absl::StatusOr<int64_t> count = ElementCount(tensor->shape, kLimits.max_values);
    ASSERT_TRUE(count.ok()) << count.status();
    ASSERT_EQ(*count, static_cast<int64_t>(tensor->values.size()));
    ASSERT_GT(*count, 0);
    for (const float value : tensor->values) ASSERT_TRUE(std::isfinite(value));
  }
  EXPECT_GT(refused, 0);
}

TEST(MutationTest, Csv) {
  Attack("a,b\r\n1.5,2\r\n-3e2,\"4\"\r\n5,6\r\n", [](absl::string_view bytes) { return ReadCsv(bytes, kLimits); });
}

TEST(MutationTest, Npy) {
  Attack(WriteNpy({.shape = {2, 3}, .values = {1, 2, 3, 4, 5, 6}}), [](absl::string_view bytes) { return ReadNpy(bytes, kLimits); });
}

TEST(MutationTest, Idx) {
  Attack(std::string("\0\0\x0D\x02\0\0\0\x02\0\0\0\x01\x3F\x80\0\0\xC0\x20\0\0", 20),
         [](absl::string_view bytes) { return ReadIdx(bytes, kLimits); });
}

TEST(MutationTest, GzipOfCsv) {
  // gzip of "1,2\n3,4\n", made by `printf '1,2\n3,4\n' | gzip -n`.
  const std::string good("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x33\xd4\x31\xe2\x32\xd6\x31\xe1\x02\x00\x47\x93\x6c\xaf\x08\x00\x00\x00",
                         28);
  Attack(good, [](absl::string_view bytes) -> absl::StatusOr<Tensor> {
    const absl::StatusOr<std::string> text = Gunzip(bytes, 1 << 16);
    if (!text.ok()) return text.status();
    return ReadCsv(*text, kLimits);
  });
}

}  // namespace
}  // namespace sliceflow::table
