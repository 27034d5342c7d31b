// What values of options must look like. A wrong one is refused with the words a user can act on, before anything is sent.
#pragma once

#include <CLI/CLI.hpp>

#include <limits>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sliceflow::cli {

// A whole number of the type, from `least` on, in decimal digits. Used with Option::transform, which writes it as the parser reads it: without
// zeros in front, which would make it octal.
template <typename Integer>
CLI::Validator WholeNumber(Integer least) {
  return CLI::Validator(
      [least](std::string& text) -> std::string {
        Integer value = 0;
        if (absl::SimpleAtoi(text, &value) && value >= least) {
          text = absl::StrCat(value);
          return "";
        }
        return absl::StrCat("must be a whole number from ", least, " to ", std::numeric_limits<Integer>::max(), "; it is '", text, "'");
      },
      "");
}

// A finite number of seconds, above 0 or, where `or_zero`, 0 as well; at most a billion.
CLI::Validator Seconds(bool or_zero);

// An address of a server: host:port, [IPv6]:port or a gRPC target such as unix:/run/sliceflow.sock.
CLI::Validator ServerAddress();

}  // namespace sliceflow::cli
