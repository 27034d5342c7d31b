#include "common/table/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace sliceflow::table {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Limits kLimits{.max_values = 1000};

Tensor Read(absl::string_view text) {
  absl::StatusOr<Tensor> tensor = ReadCsv(text, kLimits);
  EXPECT_TRUE(tensor.ok()) << tensor.status();
  return tensor.value_or(Tensor());
}

TEST(CsvTest, ReadsEverySeparator) {
  for (const std::string text : {"1,2\n3,4\n", "1;2\n3;4\n", "1\t2\n3\t4\n", "1 2\n3 4\n", "  1   2 \n 3 4\n", "1, 2\n3 ,4\n"}) {
    const Tensor table = Read(text);
    EXPECT_THAT(table.shape, ElementsAre(2, 2)) << text;
    EXPECT_THAT(table.values, ElementsAre(1, 2, 3, 4)) << text;
  }
}

TEST(CsvTest, ReadsWhatSpreadsheetsWrite) {
  const Tensor table = Read("\xEF\xBB\xBF\"height, cm\",\"weight\"\r\n\"1.5\",+2e3\r\n-0.25,\"7\"\r\n\r\n\r\n");
  EXPECT_THAT(table.shape, ElementsAre(2, 2));
  EXPECT_THAT(table.values, ElementsAre(1.5F, 2000, -0.25F, 7));
}

TEST(CsvTest, TheLastLineNeedsNoEnd) { EXPECT_THAT(Read("1\n2").shape, ElementsAre(2, 1)); }

TEST(CsvTest, ALineOfNumbersIsNoHeading) { EXPECT_THAT(Read("0,1,2\n3,4,5\n").shape, ElementsAre(2, 3)); }

TEST(CsvTest, KeepsTheFirstRowsWhenAsked) {
  const Tensor table = ReadCsv("a\n1\n2\n3\n", {.max_values = 10, .max_rows = 2}).value();
  EXPECT_THAT(table.values, ElementsAre(1, 2));
}

struct BadTable {
  std::string text;
  std::string words;
};

class BadCsvTest : public ::testing::TestWithParam<BadTable> {};

TEST_P(BadCsvTest, IsRefusedNamingThePlace) {
  const absl::Status status = ReadCsv(GetParam().text, kLimits).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().words));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadCsvTest,
    ::testing::Values(
        BadTable{"", "no rows"}, BadTable{"a,b\n", "no rows"}, BadTable{"\n\n", "no rows"},
        BadTable{"1,2\n3,x\n", "line 2, column 2: 'x' is not a number"},
        BadTable{"1,2\n3,4,5\n", "line 2, column 3: the row has 3 fields, the first line has 2"},
        BadTable{"1,2\n3\n", "line 2, column 2: the row has 1 field, the first line has 2"}, BadTable{"a,b,c\n3,4\n", "line 2, column 3"},
        BadTable{"1,2\n3,\n", "line 2, column 2: the field is empty"},
        // A slip in the first row is no heading: the row would be lost in silence.
        BadTable{"1,2o\n3,4\n", "line 1, column 2: '2o' is not a number"}, BadTable{"1,nan\n", "line 1, column 2: 'nan' is not finite"},
        BadTable{"1\ninf\n", "line 2, column 1: 'inf' is not finite"}, BadTable{"1e39\n", "'1e39' is outside the range of float32"},
        BadTable{"1e999\n", "'1e999' is outside the range of float32"}, BadTable{"1\n\n2\n", "line 2 is blank, but rows follow"},
        BadTable{"1,5;2,5\n3,5;4,5\n", "is not a number"}, BadTable{"0x10\n1\n2 3\n", "line 3"},
        BadTable{absl::StrCat("1\n", std::string("\xFF\x00\x01", 3), "\n"), "'\\xff\\x00\\x01' is not a number"}));

TEST(CsvTest, ALongFieldIsCutInTheMessage) {
  const absl::Status status = ReadCsv(absl::StrCat("1\n", std::string(100'000, 'z')), kLimits).status();
  EXPECT_LT(status.message().size(), 200U);
}

TEST(CsvTest, MoreThanTheLimitIsExhausted) {
  const absl::Status status = ReadCsv("1,2\n3,4\n5,6\n", {.max_values = 5}).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("line 3"));
}

}  // namespace
}  // namespace sliceflow::table
