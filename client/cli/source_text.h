// A text a user wrote, and pointing into it.
#pragma once

#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace sliceflow::cli {

// A place in a text, from 1. Columns count bytes. {0, 0}: no place.
struct Position {
  int line = 0;
  int column = 0;
};

// Something to tell about a place of a text.
struct Problem {
  Position position;
  // What it is about, such as spec.schedule.stepSize; may be empty.
  std::string field;
  std::string description;
};

bool IsUtf8(absl::string_view text);
// Columns that the text takes in a terminal: one a code point, none for combining marks, two for the wide scripts of East Asia and for emoji.
int DisplayWidth(absl::string_view text);
// The longest beginning of at most `width` columns.
absl::string_view FitWidth(absl::string_view text, int width);
// Control characters, which could steer the terminal, replaced by `?`.
std::string Printable(absl::string_view text);

// Immutable.
class SourceText {
 public:
  SourceText(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)) {}
  const std::string& name() const { return name_; }
  const std::string& text() const { return text_; }

  // `name:line:column: field: description`, then the line and a caret below the column. Lines longer than `width` are cut around it.
  std::string Render(const Problem& problem, int width, bool color) const;

 private:
  std::string name_;
  std::string text_;
};

}  // namespace sliceflow::cli
