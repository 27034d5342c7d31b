#include "common/json.h"

#include <gtest/gtest.h>

#include <string>

namespace sliceflow {
namespace {

TEST(JsonString, EscapesWhatJsonEscapes) {
  EXPECT_EQ(JsonString(""), "\"\"");
  EXPECT_EQ(JsonString("say \"hi\" \\ \n\t\r\x1b[31m\x7f"), R"("say \"hi\" \\ \n\t\u000d\u001b[31m\u007f")");
  EXPECT_EQ(JsonString(absl::string_view("a\0b", 3)), R"("a\u0000b")");
  EXPECT_EQ(JsonString("Übung ρ₀ 😀"), "\"Übung ρ₀ 😀\"");
}

TEST(JsonString, WhatIsNoUtf8IsReplaced) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(JsonString("\xC3"), '"' + r + '"');
  EXPECT_EQ(JsonString("\xC0\xAF"), '"' + r + r + '"');          // overlong
  EXPECT_EQ(JsonString("\xED\xA0\x80"), '"' + r + r + r + '"');  // half of a surrogate pair
  EXPECT_EQ(JsonString("\xF5\x80\x80\x80"), '"' + r + r + r + r + '"');
  EXPECT_EQ(JsonString("a\xFFz"), "\"a" + r + "z\"");
}

}  // namespace
}  // namespace sliceflow
