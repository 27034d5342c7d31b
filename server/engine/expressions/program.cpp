#include "server/engine/expressions/program.h"

#include <cmath>
#include <exception>
#include <new>
#include <string>
#include <unordered_map>
#include <utility>

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include "absl/strings/str_cat.h"
#include "server/engine/expressions/messages.h"
#include "server/engine/expressions/operands.h"
#include "server/engine/expressions/operation_table.h"
#include "server/engine/expressions/refusal.h"

namespace sliceflow::engine {
namespace {

using c10::IValue;
using torch::jit::Node;
using torch::jit::Value;

constexpr size_t kMaxEinsumOperands = 2;  // more are multiplied one after the other, by way of tensors that are not seen here

// Also of tensors that claim more elements than 64 bits count.
double ElementsOf(const at::Tensor& tensor) {
  double elements = 1;
  for (const int64_t size : tensor.sizes()) elements *= static_cast<double>(size);
  return elements;
}

template <typename Visit>
void ForEachTensor(const IValue& value, const Visit& visit) {
  if (value.isTensor()) {
    if (value.toTensor().defined()) visit(value.toTensor());
  } else if (value.isTensorList()) {
    for (const at::Tensor& tensor : value.toTensorVector()) visit(tensor);
  } else if (value.isTuple()) {
    for (const IValue& element : value.toTupleRef().elements()) ForEachTensor(element, visit);
  }
}

}  // namespace

// Turns graphs into routines.
class ExpressionProgram::Builder {
 public:
  Builder(ExpressionProgram& program, const ExpressionLines& lines) : program_(program), lines_(lines) {}

  const Routine* Build(torch::jit::Function& function, int call_line) {
    std::unique_ptr<Routine>& routine = program_.routines_[&function];
    if (routine) return routine.get();
    routine = std::make_unique<Routine>();
    Routine* const made = routine.get();
    std::unordered_map<const Value*, size_t> places;
    made->body = BuildSequence(*torch::jit::toGraphFunction(function).graph()->block(), places, call_line);
    made->frame = places.size();
    return made;
  }

 private:
  using Places = std::unordered_map<const Value*, size_t>;

  static std::vector<size_t> PlacesOf(at::ArrayRef<const Value*> values, Places& places) {
    std::vector<size_t> found;
    for (const Value* value : values) found.push_back(places.emplace(value, places.size()).first->second);
    return found;
  }

  Sequence BuildSequence(const torch::jit::Block& block, Places& places, int outer_line) {
    Sequence sequence;
    sequence.inputs = PlacesOf(block.inputs(), places);
    for (const Node* node : block.nodes()) {
      sequence.instructions.push_back(BuildInstruction(*node, places, lines_.Of(node->sourceRange(), outer_line)));
    }
    sequence.results = PlacesOf(block.outputs(), places);
    return sequence;
  }

  Instruction BuildInstruction(const Node& node, Places& places, int line) {
    Instruction instruction;
    instruction.node = &node;
    instruction.line = line;
    instruction.inputs = PlacesOf(node.inputs(), places);
    instruction.outputs = PlacesOf(node.outputs(), places);
    switch (node.kind()) {
      case torch::jit::prim::Constant:
        if (const auto constant = torch::jit::toIValue(node.output())) instruction.constant = *constant;
        break;
      case torch::jit::prim::CallFunction:
        instruction.callee = Build(*node.input(0)->type()->expectRef<c10::FunctionType>().function(), line);
        break;
      case torch::jit::prim::If:
      case torch::jit::prim::Loop:
        for (const torch::jit::Block* block : node.blocks()) instruction.blocks.push_back(BuildSequence(*block, places, line));
        break;
      case torch::jit::prim::ListConstruct:
      case torch::jit::prim::ListUnpack:
      case torch::jit::prim::TupleConstruct:
      case torch::jit::prim::TupleUnpack:
      case torch::jit::prim::Uninitialized:
        break;
      default:
        instruction.operation = node.getOperation();
        instruction.is_product = FactsOf(node.kind().toQualString()).is_product;
    }
    return instruction;
  }

  ExpressionProgram& program_;
  const ExpressionLines& lines_;
};

// One run.
class ExpressionProgram::Execution {
 public:
  std::vector<IValue> Call(const Routine& routine, std::vector<IValue> arguments) {
    std::vector<IValue> frame(routine.frame);
    return RunSequence(routine.body, frame, std::move(arguments));
  }

 private:
  using Frame = std::vector<IValue>;

  std::vector<IValue> RunSequence(const Sequence& sequence, Frame& frame, std::vector<IValue> arguments) {
    Put(frame, sequence.inputs, std::move(arguments));
    for (const Instruction& instruction : sequence.instructions) {
      if (++steps_ > kMaxExpressionSteps) {
        throw Refused(instruction.line, absl::StrCat("more than ", kMaxExpressionSteps, " operations run"));
      }
      RunInstruction(instruction, frame);
    }
    return Get(frame, sequence.results);
  }

  static std::vector<IValue> Get(const Frame& frame, const std::vector<size_t>& places) {
    std::vector<IValue> values;
    values.reserve(places.size());
    for (const size_t place : places) values.push_back(frame[place]);
    return values;
  }

  static void Put(Frame& frame, const std::vector<size_t>& places, std::vector<IValue> values) {
    for (size_t i = 0; i < places.size(); ++i) frame[places[i]] = std::move(values[i]);
  }

  void RunInstruction(const Instruction& instruction, Frame& frame) {
    std::vector<IValue> stack = Get(frame, instruction.inputs);
    switch (instruction.node->kind()) {
      case torch::jit::prim::Constant:
        frame[instruction.outputs[0]] = instruction.constant;
        return;
      case torch::jit::prim::Uninitialized:  // of a branch that was left before; never read
        return;
      case torch::jit::prim::CallFunction:
        stack.erase(stack.begin());
        return Put(frame, instruction.outputs, Call(*instruction.callee, std::move(stack)));
      case torch::jit::prim::If: {
        const Sequence& branch = instruction.blocks[stack[0].toBool() ? 0 : 1];
        return Put(frame, instruction.outputs, RunSequence(branch, frame, {}));
      }
      case torch::jit::prim::Loop:
        return RunLoop(instruction, frame, std::move(stack));
      case torch::jit::prim::ListConstruct:
        frame[instruction.outputs[0]] = MakeList(*instruction.node->output()->type(), stack);
        return;
      case torch::jit::prim::TupleConstruct:
        frame[instruction.outputs[0]] = c10::ivalue::Tuple::create(std::move(stack));
        return;
      case torch::jit::prim::TupleUnpack:
        return Put(frame, instruction.outputs, stack[0].toTupleRef().elements().vec());
      case torch::jit::prim::ListUnpack:
        return Put(frame, instruction.outputs, Unpack(instruction, stack[0]));
      default:
        Operate(instruction, stack);
        return Put(frame, instruction.outputs, std::move(stack));
    }
  }

  void RunLoop(const Instruction& instruction, Frame& frame, std::vector<IValue> operands) {
    const int64_t trips = operands[0].toInt();
    if (trips > kMaxExpressionTrips) {
      throw Refused(instruction.line, absl::StrCat("a loop runs ", trips, " times; at most ", kMaxExpressionTrips, " are taken"));
    }
    std::vector<IValue> carried(operands.begin() + 2, operands.end());
    for (int64_t trip = 0; trip < trips; ++trip) {
      carried.insert(carried.begin(), IValue(trip));
      carried = RunSequence(instruction.blocks[0], frame, std::move(carried));
      carried.erase(carried.begin());  // the condition, which is constantly true
    }
    Put(frame, instruction.outputs, std::move(carried));
  }

  static IValue MakeList(const c10::Type& type, const std::vector<IValue>& elements) {
    c10::impl::GenericList list(type.containedType(0));
    list.reserve(elements.size());
    for (const IValue& element : elements) list.push_back(element);
    return IValue(list);
  }

  static std::vector<IValue> Unpack(const Instruction& instruction, const IValue& list) {
    std::vector<IValue> elements = list.toListRef().vec();
    if (elements.size() == instruction.outputs.size()) return elements;
    throw Refused(instruction.line, absl::StrCat("a list of ", elements.size(), " is taken apart into ", instruction.outputs.size()));
  }

  // Runs an operation on its operands, which its results replace.
  void Operate(const Instruction& instruction, std::vector<IValue>& stack) {
    double elements = 0;
    double product = 1;
    const auto count = [&](const at::Tensor& tensor) {
      elements += ElementsOf(tensor);
      product *= ElementsOf(tensor);
    };
    for (const IValue& operand : stack) ForEachTensor(operand, count);
    if (instruction.node->kind() == torch::jit::aten::einsum && stack[1].isList() && stack[1].toListRef().size() > kMaxEinsumOperands) {
      throw Refused(instruction.line, absl::StrCat("einsum takes at most ", kMaxEinsumOperands, " tensors here"));
    }
    CheckOperands(*instruction.node, instruction.line, stack);
    Apply(instruction, stack);
    for (const IValue& result : stack) {
      CheckSize(instruction, result);
      ForEachTensor(result, count);
    }
    work_ += elements;
    // n·k·m is at most the root of the product of nk, km and nm.
    if (instruction.is_product) work_ += std::sqrt(product) / 16;
    if (work_ <= static_cast<double>(kMaxExpressionWork)) return;
    throw BeyondBound(instruction.line, absl::StrCat("more than ", kMaxExpressionWork, " numbers are computed with"));
  }

  static void Apply(const Instruction& instruction, std::vector<IValue>& stack) {
    try {
      torch::jit::Operation operation = *instruction.operation;
      operation(stack);
    } catch (const std::bad_alloc&) {
      throw BeyondBound(instruction.line, absl::StrCat("more than ", kMaxExpressionMemory >> 20, " MiB of memory are asked for"));
    } catch (const c10::Error& error) {
      throw Refused(instruction.line, ShortenMessage(error.what_without_backtrace()));
    } catch (const std::exception& error) {
      throw Refused(instruction.line, ShortenMessage(error.what()));
    }
  }

  static void CheckSize(const Instruction& instruction, const IValue& value) {
    ForEachTensor(value, [&](const at::Tensor& tensor) {
      const double elements = ElementsOf(tensor);
      if (elements <= static_cast<double>(kMaxExpressionElements)) return;
      throw BeyondBound(instruction.line,
                        absl::StrCat("a tensor has ", elements, " elements; at most ", kMaxExpressionElements, " are taken"));
    });
  }

  int64_t steps_ = 0;
  double work_ = 0;
};

ExpressionProgram::ExpressionProgram(torch::jit::Function& function, const ExpressionLines& lines) {
  main_ = Builder(*this, lines).Build(function, 0);
}

at::Tensor ExpressionProgram::Run(at::ArrayRef<at::Tensor> tensors) const {
  return Execution().Call(*main_, std::vector<IValue>(tensors.begin(), tensors.end()))[0].toTensor();
}

}  // namespace sliceflow::engine
