#include "server/engine/expressions/operations.h"

#include <algorithm>
#include <set>
#include <string>

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include "absl/strings/str_cat.h"
#include "server/engine/expressions/operation_table.h"
#include "server/engine/expressions/refusal.h"

namespace sliceflow::engine {
namespace {

using c10::TypeKind;
using torch::jit::Block;
using torch::jit::Node;
using torch::jit::Value;

constexpr int kMaxListDepth = 4;

bool IsAllowedType(const c10::TypePtr& type, int depth = 0) {
  if (depth > kMaxListDepth) return false;
  switch (type->kind()) {
    case TypeKind::TensorType:
    case TypeKind::IntType:
    case TypeKind::FloatType:
    case TypeKind::BoolType:
    case TypeKind::NumberType:
    case TypeKind::NoneType:
    case TypeKind::DeviceObjType:
      return true;
    case TypeKind::ListType:
    case TypeKind::TupleType:
    case TypeKind::OptionalType:
      return std::all_of(type->containedTypes().begin(), type->containedTypes().end(),
                         [depth](const c10::TypePtr& contained) { return IsAllowedType(contained, depth + 1); });
    default:
      return false;
  }
}

bool IsNumber(const c10::TypePtr& type) {
  const TypeKind kind = type->kind();
  return kind == TypeKind::IntType || kind == TypeKind::FloatType || kind == TypeKind::BoolType || kind == TypeKind::NumberType;
}

bool HoldsTensors(const c10::TypePtr& type) {
  if (type->kind() == TypeKind::TensorType) return true;
  return std::any_of(type->containedTypes().begin(), type->containedTypes().end(), HoldsTensors);
}

bool IsTrue(const Value* value) {
  const std::optional<c10::IValue> constant = torch::jit::toIValue(value);
  return constant.has_value() && constant->isBool() && constant->toBool();
}

class OperationCheck {
 public:
  explicit OperationCheck(const ExpressionLines& lines) : lines_(lines) {}

  void CheckFunction(torch::jit::Function& function, int call_line) {
    if (!seen_.insert(&function).second) return;
    if (!function.isGraphFunction()) throw Refused(call_line, "a function that is not written in TorchScript cannot be looked into");
    CheckBlock(*torch::jit::toGraphFunction(function).graph()->block(), call_line);
  }

 private:
  void CheckBlock(const Block& block, int outer_line) {
    for (const Value* input : block.inputs()) CheckType(*input, outer_line);
    for (const Node* node : block.nodes()) CheckNode(*node, lines_.Of(node->sourceRange(), outer_line));
  }

  void CheckNode(const Node& node, int line) {
    const torch::jit::NodeKind kind = node.kind();
    if (kind == torch::jit::prim::Constant) return CheckConstant(node, line);
    const std::string name = kind.toQualString();
    const c10::FunctionSchema* schema = node.maybeSchema();
    if (schema != nullptr && schema->is_mutable() && name != "aten::append") throw Refused(line, WhyNotInPlace(name));
    if (!FactsOf(name).allowed) throw Refused(line, WhyNot(name));
    for (const Value* output : node.outputs()) CheckType(*output, line);
    if (kind == torch::jit::prim::CallFunction) {
      return CheckFunction(*node.input(0)->type()->expectRef<c10::FunctionType>().function(), line);
    }
    if (node.blocks().empty()) CheckFlow(node, name, line);
    if (kind == torch::jit::prim::Loop) CheckLoop(node, line);
    for (const Block* block : node.blocks()) CheckBlock(*block, line);
  }

  // What goes from operands to results.
  static void CheckFlow(const Node& node, const std::string& name, int line) {
    const OperationFacts facts = FactsOf(name);
    const auto holds_tensors = [](const Value* value) { return HoldsTensors(value->type()); };
    const bool from_tensors = std::any_of(node.inputs().begin(), node.inputs().end(), holds_tensors);
    for (const Value* output : node.outputs()) {
      const bool is_list = output->type()->kind() == TypeKind::ListType;
      if (is_list && !facts.gives_lists) throw Refused(line, absl::StrCat("`", name, "` is not taken for lists"));
      if (from_tensors && IsNumber(output->type()) && !facts.tells_shape) throw Refused(line, WhyNotFromValues(name));
    }
  }

  static void CheckLoop(const Node& node, int line) {
    if (IsTrue(node.input(1)) && IsTrue(node.blocks()[0]->outputs()[0])) return;
    throw Refused(line, "a loop may not end by a condition: it runs over a range of a known length, and nothing returns from inside");
  }

  void CheckConstant(const Node& node, int line) {
    const TypeKind kind = node.output()->type()->kind();
    if (kind != TypeKind::StringType && kind != TypeKind::FunctionType) return CheckType(*node.output(), line);
    // A text may only be an equation; a function is looked into where it is called.
    for (const torch::jit::Use& use : node.output()->uses()) {
      const std::string user = use.user->kind().toQualString();
      const bool fits = kind == TypeKind::StringType ? FactsOf(user).allowed : user == "prim::CallFunction";
      if (!fits) throw Refused(lines_.Of(use.user->sourceRange(), line), WhyNot(user));
    }
  }

  static void CheckType(const Value& value, int line) {
    if (IsAllowedType(value.type())) return;
    throw Refused(line, absl::StrCat("a value of type ", value.type()->repr_str().substr(0, 100),
                                     " has no place here: an expression computes with tensors, numbers, and lists of them"));
  }

  const ExpressionLines& lines_;
  std::set<const torch::jit::Function*> seen_;
};

}  // namespace

void CheckOperations(torch::jit::Function& function, const ExpressionLines& lines, size_t tensors) {
  OperationCheck(lines).CheckFunction(function, 0);
  const c10::FunctionSchema& schema = function.getSchema();
  const auto is_tensor = [](const c10::Argument& argument) { return argument.type()->kind() == TypeKind::TensorType; };
  const bool fits = schema.arguments().size() == tensors && std::all_of(schema.arguments().begin(), schema.arguments().end(), is_tensor);
  if (!fits && tensors == 1) throw Refused(0, absl::StrCat("`", function.name(), "` must take one tensor: the points, one a row"));
  if (!fits) {
    throw Refused(0, absl::StrCat("`", function.name(), "` must take ", tensors, " tensors: the rows that it maps, and the ", tensors - 1,
                                  " that go with them; it takes ", schema.arguments().size()));
  }
  if (schema.returns().size() != 1 || schema.returns()[0].type()->kind() != TypeKind::TensorType) {
    throw Refused(0, absl::StrCat("`", function.name(), "` must return one tensor: what each row becomes"));
  }
}

}  // namespace sliceflow::engine
