#include "server/engine/expressions/operands.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/function_schema.h>
#include <c10/core/Layout.h>
#include <c10/core/MemoryFormat.h>
#include <c10/core/ScalarType.h>
#include <torch/csrc/jit/runtime/operator.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/engine/expressions/refusal.h"

namespace sliceflow::engine {
namespace {

using c10::IValue;
using torch::jit::Operator;
using torch::jit::Stack;

void CheckDivision(const Stack& stack) {
  const IValue& dividend = stack[stack.size() - 2];
  const IValue& divisor = stack.back();
  if (!dividend.isInt() || !divisor.isInt()) return;
  if (divisor.toInt() == 0) throw std::runtime_error("an integer is divided by zero");
  if (divisor.toInt() == -1 && dividend.toInt() == std::numeric_limits<int64_t>::min()) {
    throw std::runtime_error("the least integer is divided by -1, which is beyond 64 bits");
  }
}

// Those on numbers, one by one in their order, by which the compiler chooses between them.
void GuardOperators(c10::Symbol kind) {
  const std::vector<std::shared_ptr<Operator>> operators = torch::jit::getAllOperatorsFor(kind);
  for (const std::shared_ptr<Operator>& original : operators) {
    if (original->isC10Op()) continue;  // on tensors
    const c10::FunctionSchema& schema = original->schema();
    torch::jit::deregisterOperator(schema);
    const auto guarded = [divide = original->getOperation()](Stack& stack) mutable {
      CheckDivision(stack);
      divide(stack);
    };
    torch::jit::registerOperator(
        Operator(schema.name(), schema.overload_name(), schema.arguments(), schema.returns(), guarded, original->aliasAnalysisKind()));
  }
}

// Of a value by which LibTorch names one of its enumerations.
template <size_t size>
bool IsOneOf(const IValue& value, const int64_t (&allowed)[size]) {
  return value.isNone() || (value.isInt() && std::find(std::begin(allowed), std::end(allowed), value.toInt()) != std::end(allowed));
}

template <typename Enumeration>
constexpr int64_t Number(Enumeration value) {
  return static_cast<int64_t>(value);
}

constexpr int64_t kTypes[] = {Number(c10::ScalarType::Byte),    Number(c10::ScalarType::Char),   Number(c10::ScalarType::Short),
                              Number(c10::ScalarType::Int),     Number(c10::ScalarType::Long),   Number(c10::ScalarType::Half),
                              Number(c10::ScalarType::Float),   Number(c10::ScalarType::Double), Number(c10::ScalarType::Bool),
                              Number(c10::ScalarType::BFloat16)};
constexpr int64_t kLayouts[] = {Number(c10::Layout::Strided)};
constexpr int64_t kFormats[] = {Number(c10::MemoryFormat::Contiguous), Number(c10::MemoryFormat::Preserve),
                                Number(c10::MemoryFormat::ChannelsLast), Number(c10::MemoryFormat::ChannelsLast3d)};

void CheckOperand(const std::string& name, int line, const IValue& value) {
  if (absl::EndsWith(name, "dtype") && !IsOneOf(value, kTypes)) {
    throw Refused(line, absl::StrCat("`", name, "` must be the type of a tensor of real or whole numbers, such as x.dtype; it is ",
                                     value.isInt() ? absl::StrCat(value.toInt()) : value.tagKind()));
  }
  if (name == "layout" && !IsOneOf(value, kLayouts)) throw Refused(line, "`layout` may only be that of plain tensors, which is 0");
  if (name == "memory_format" && !IsOneOf(value, kFormats)) throw Refused(line, "`memory_format` is not one that there is");
  if (name == "pin_memory" && value.isBool() && value.toBool()) {
    throw Refused(line, "`pin_memory` asks for memory of another kind, and an expression only computes");
  }
}

void CheckRange(int line, double start, double end) {
  constexpr double kBeyond = 9223372036854775808.0;
  if (std::abs(end - start) < kBeyond) return;
  throw Refused(line, "the ends of a range lie further apart than 64 bits count");
}

}  // namespace

void GuardIntegerDivision() {
  static std::once_flag guarded;
  std::call_once(guarded, [] {
    GuardOperators(c10::aten::remainder);
    GuardOperators(c10::aten::floordiv);
  });
}

void CheckOperands(const torch::jit::Node& node, int line, at::ArrayRef<IValue> operands) {
  const std::vector<c10::Argument>& arguments = node.schema().arguments();
  double start = 0;
  double end = 0;
  for (size_t i = 0; i < std::min(arguments.size(), operands.size()); ++i) {
    const std::string& name = arguments[i].name();
    CheckOperand(name, line, operands[i]);
    if (name == "start" && operands[i].isScalar()) start = operands[i].toScalar().toDouble();
    if (name == "end" && operands[i].isScalar()) end = operands[i].toScalar().toDouble();
  }
  if (node.kind() == torch::jit::aten::arange) CheckRange(line, start, end);
}

}  // namespace sliceflow::engine
