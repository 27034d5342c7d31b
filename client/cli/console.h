// What the program prints: data on standard output, messages on standard error.
#pragma once

#include <google/protobuf/message.h>

#include <string>

#include "absl/strings/string_view.h"

namespace sliceflow::cli {

struct ConsoleOptions {
  bool json = false;
  bool color = true;  // only used where standard error is a terminal
};

// Not thread-safe.
class Console {
 public:
  void Configure(const ConsoleOptions& options);

  // A line of data. Once standard output cannot be written any more, nothing is: silently where its reader has gone, else with a message.
  void Data(absl::string_view line);
  // The JSON form of a message, on one line or over several.
  void Json(const google::protobuf::Message& message, bool one_line);
  // A line for people.
  void Message(absl::string_view line);
  // Text for people, as it is, such as a drawing.
  void Draw(absl::string_view text);

  bool json() const { return json_; }
  bool color() const { return color_; }
  // Whether both outputs are terminals that can move their cursor, so that progress may be drawn in place.
  bool live() const { return live_; }
  // Whether standard output takes no more data, its reader having gone or not.
  bool output_closed() const { return output_closed_; }
  // Whether data were lost for another reason than a reader that went away, such as a full disk.
  bool output_failed() const { return output_failed_; }
  // Size of the terminal now; 80 by 24 where it is not known.
  int width() const;
  int height() const;

 private:
  bool json_ = false;
  bool color_ = false;
  bool live_ = false;
  bool output_closed_ = false;
  bool output_failed_ = false;
};

}  // namespace sliceflow::cli
