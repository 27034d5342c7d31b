// Why a user's expression is not taken.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace sliceflow::engine {

struct ExpressionRefusal {
  int line = 0;        // of the source, from 1; 0 where it is about the whole
  std::string reason;  // one sentence in words, without a full stop
};

// How the parts of this folder say it to each other. It does not leave the folder.
class Refused : public std::exception {
 public:
  Refused(int line, std::string reason) : refusal_{line, std::move(reason)} {}
  const ExpressionRefusal& refusal() const { return refusal_; }
  const char* what() const noexcept override { return refusal_.reason.c_str(); }

 private:
  ExpressionRefusal refusal_;
};

// The expression is too large for the points it was tried on; fewer may do.
class BeyondBound final : public Refused {
 public:
  using Refused::Refused;
};

}  // namespace sliceflow::engine
