#include "common/quoted.h"

#include <gtest/gtest.h>

#include <string>

#include "common/errors.h"
#include "common/json.h"

namespace sliceflow {
namespace {

// "ü" is two bytes, "…" three.
TEST(QuotedTest, AText) {
  EXPECT_EQ(Quoted("any"), "\"any\"");
  EXPECT_EQ(Quoted(""), "\"\"");
  EXPECT_EQ(Quoted("a\"b\\c\nd\x7f"), "\"a\\\"b\\\\c\\nd\\177\"");
  EXPECT_EQ(Quoted("Süd"), "\"Süd\"");
  EXPECT_EQ(Quoted("abcdef", 3), "\"abc…\"");
}

TEST(QuotedTest, ACharacterIsNotSplit) {
  EXPECT_EQ(Shortened("aü", 3), "aü");
  EXPECT_EQ(Shortened("aüb", 2), "a…");
  EXPECT_EQ(Shortened("aüb", 3), "aü…");
  EXPECT_EQ(Quoted("aüb", 2), "\"a…\"");
}

TEST(QuotedTest, WhateverTheBytesItIsUtf8) {
  for (size_t most = 0; most < 12; ++most) {
    for (const char* text :
         {"\xd0\x91\xd0\x91\xd0\x91\xd0\x91", "\xff\xfe\x80\x80\x80\x80", "\xe2\x80", "\x80\x80\x80\x80\x80", "\xf0\x9f\x98\x80z"}) {
      const std::string quoted = Quoted(text, most);
      EXPECT_EQ(ValidUtf8Prefix(quoted), quoted.size()) << quoted;
    }
  }
}

// A detail that is not UTF-8 cannot be read by who gets it: the field would go unnamed.
TEST(QuotedTest, AViolationOfForeignTextIsRead) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "Б";
  FieldViolations violations;
  violations.Add("device", Quoted(text, 41));
  EXPECT_EQ(ViolationsOf(violations.ToStatus()).size(), 1);
}

}  // namespace
}  // namespace sliceflow
