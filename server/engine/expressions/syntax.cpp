#include "server/engine/expressions/syntax.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <set>
#include <string>

#include <torch/csrc/jit/frontend/lexer.h>
#include <torch/csrc/jit/frontend/parser.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/engine/expressions/operation_table.h"
#include "server/engine/expressions/refusal.h"

namespace sliceflow::engine {
namespace {

using torch::jit::Apply;
using torch::jit::Assign;
using torch::jit::Def;
using torch::jit::For;
using torch::jit::ListComp;
using torch::jit::Param;
using torch::jit::Select;
using torch::jit::TreeRef;
using torch::jit::TupleLiteral;
using torch::jit::Var;

constexpr char kTuples[] = "a tuple may only be an operand of a call, and holds numbers; use a list";
constexpr char kFileName[] = "expression";
constexpr size_t kMaxFunctions = 16;

// Kinds of tree that may occur anywhere below a function's body.
constexpr int kAllowedKinds[] = {
    // statements
    torch::jit::TK_ASSIGN, torch::jit::TK_AUG_ASSIGN, torch::jit::TK_RETURN, torch::jit::TK_EXPR_STMT, torch::jit::TK_IF,
    torch::jit::TK_FOR, torch::jit::TK_PASS,
    // operators
    '+', '-', '*', '/', '%', '@', '&', '|', '^', '~', '<', '>', torch::jit::TK_LE, torch::jit::TK_GE, torch::jit::TK_EQ, torch::jit::TK_NE,
    torch::jit::TK_IS, torch::jit::TK_ISNOT, torch::jit::TK_IN, torch::jit::TK_AND, torch::jit::TK_OR, torch::jit::TK_NOT,
    torch::jit::TK_POW, torch::jit::TK_FLOOR_DIV, torch::jit::TK_UNARY_MINUS, torch::jit::TK_IF_EXPR,
    // operands
    torch::jit::TK_VAR, torch::jit::TK_IDENT, torch::jit::TK_STRING, torch::jit::TK_CONST, torch::jit::TK_TRUE, torch::jit::TK_FALSE,
    torch::jit::TK_NONE, torch::jit::TK_NONE_TYPE, torch::jit::TK_APPLY, torch::jit::TK_ATTRIBUTE, '.', torch::jit::TK_SUBSCRIPT,
    torch::jit::TK_SLICE_EXPR, torch::jit::TK_DOTS, torch::jit::TK_LIST_LITERAL, torch::jit::TK_LIST_COMP,
    // what holds them together
    torch::jit::TK_LIST, torch::jit::TK_OPTION};

// Functions of the language itself that may be called by name.
constexpr const char* kAllowedCalls[] = {"range", "len", "float", "int", "abs", "min", "max", "round"};

constexpr const char* kAllowedTypes[] = {"Tensor", "int", "float", "bool"};

// Attributes that are not called.
constexpr const char* kAllowedFacts[] = {"shape", "dtype", "device", "T"};

template <typename Range, typename Value>
bool Contains(const Range& range, const Value& value) {
  return std::find(std::begin(range), std::end(range), value) != std::end(range);
}

bool IsNumber(const TreeRef& tree) {
  switch (tree->kind()) {
    case torch::jit::TK_CONST:
    case torch::jit::TK_TRUE:
    case torch::jit::TK_FALSE:
      return true;
    case torch::jit::TK_UNARY_MINUS:
      return IsNumber(tree->tree(0));
    default:
      return false;
  }
}

bool IsName(const TreeRef& tree) { return tree->kind() == torch::jit::TK_VAR; }

bool IsTorch(const TreeRef& tree) { return IsName(tree) && Var(tree).name().name() == "torch"; }

// Walks the tree of a function. The lexical look has bounded its depth.
class SyntaxCheck {
 public:
  SyntaxCheck(const ExpressionLines& lines, const std::set<std::string>& functions) : lines_(lines), functions_(functions) {}

  void Check(const Def& function) {
    for (const Param& parameter : function.decl().params()) {
      if (parameter.defaultValue().present()) {
        Refuse(parameter.tree(), "default values of parameters are evaluated while compiling; give the value where the function is called");
      }
      if (parameter.type().present()) VisitType(parameter.type().get().tree());
    }
    if (function.decl().return_type().present()) VisitType(function.decl().return_type().get().tree());
    Visit(function.statements().tree());
  }

 private:
  [[noreturn]] void Refuse(const TreeRef& tree, const std::string& reason) const {
    throw Refused(lines_.Of(tree->isAtom() ? torch::jit::SourceRange() : tree->range()), reason);
  }

  void Visit(const TreeRef& tree) {
    if (!Contains(kAllowedKinds, tree->kind())) return RefuseKind(tree);
    switch (tree->kind()) {
      case torch::jit::TK_APPLY:
        return VisitCall(Apply(tree));
      case '.':
        return VisitSelect(Select(tree));
      case torch::jit::TK_ASSIGN:
        for (const torch::jit::Expr& target : Assign(tree).lhs_list()) VisitTarget(target.tree());
        if (Assign(tree).rhs().present()) Visit(Assign(tree).rhs().get().tree());
        if (Assign(tree).type().present()) VisitType(Assign(tree).type().get().tree());
        return;
      case torch::jit::TK_FOR:
        for (const torch::jit::Expr& target : For(tree).targets()) VisitTarget(target.tree());
        for (const torch::jit::Expr& range : For(tree).itrs()) VisitRange(range.tree());
        return Visit(For(tree).body().tree());
      case torch::jit::TK_SUBSCRIPT:
        CheckIndices(torch::jit::Subscript(tree));
        for (const TreeRef& part : tree->trees()) Visit(part);
        return;
      case torch::jit::TK_LIST_COMP:
        VisitTarget(ListComp(tree).target().tree());
        VisitRange(ListComp(tree).iter().tree());
        return Visit(ListComp(tree).elt().tree());
      default:
        for (const TreeRef& part : tree->trees()) Visit(part);
    }
  }

  // The compiler takes it that there is one, and reads what is not there.
  void CheckIndices(const torch::jit::Subscript& subscript) const {
    if (subscript.subscript_exprs().empty()) Refuse(subscript.tree(), "`[]` needs an index, such as x[:, 0]");
  }

  // A type that is written down: of a tensor, a number, or lists of these.
  void VisitType(const TreeRef& tree) {
    if (IsName(tree) && Contains(kAllowedTypes, Var(tree).name().name())) return;
    const bool is_list = tree->kind() == torch::jit::TK_SUBSCRIPT && IsName(tree->tree(0)) && Var(tree->tree(0)).name().name() == "List";
    if (!is_list) Refuse(tree, "types are Tensor, int, float, bool and lists of these");
    CheckIndices(torch::jit::Subscript(tree));
    for (const torch::jit::Expr& element : torch::jit::Subscript(tree).subscript_exprs()) VisitType(element.tree());
  }

  // `value.name`: an operation, or one of a few facts of a tensor.
  void VisitSelect(const Select& select) {
    const std::string& name = select.selector().name();
    const std::string kind = absl::StrCat("aten::", name);
    if (!FactsOf(kind).allowed && !Contains(kAllowedFacts, name)) Refuse(select.tree(), WhyNot(kind));
    Visit(select.value().tree());
  }

  // What is assigned to: a name, or names divided by commas; an element would be written in place, which the graph shows.
  void VisitTarget(const TreeRef& tree) {
    if (tree->kind() != torch::jit::TK_TUPLE_LITERAL) return Visit(tree);
    for (const torch::jit::Expr& element : TupleLiteral(tree).inputs()) {
      if (!IsName(element.tree())) Refuse(tree, "only names can be assigned to");
    }
  }

  // The compiler would unroll a loop over a tuple, and loops in it again.
  void VisitRange(const TreeRef& tree) {
    const bool is_range = tree->kind() == torch::jit::TK_APPLY && IsName(tree->tree(0)) && Var(tree->tree(0)).name().name() == "range";
    if (!is_range) Refuse(tree, "loops run over range(…) only");
    Visit(tree);
  }

  // An operand of a call may be a tuple of numbers, such as the axes of a sum.
  void VisitArgument(const TreeRef& tree) {
    if (tree->kind() != torch::jit::TK_TUPLE_LITERAL) return Visit(tree);
    for (const torch::jit::Expr& element : TupleLiteral(tree).inputs()) {
      if (!IsNumber(element.tree())) Refuse(tree, kTuples);
    }
  }

  void VisitCall(const Apply& call) {
    const TreeRef callee = call.callee().tree();
    bool equation = false;
    if (IsName(callee)) {
      const std::string& name = Var(callee).name().name();
      if (functions_.count(name) == 0 && !Contains(kAllowedCalls, name)) {
        Refuse(callee, absl::StrCat("`", name, "` cannot be called here; operations on tensors are `torch.…` or methods"));
      }
    } else if (callee->kind() == '.') {
      const Select method(callee);
      VisitSelect(method);
      equation = IsTorch(method.value().tree()) && method.selector().name() == "einsum";
    } else {
      Refuse(callee, "only functions and methods can be called");
    }
    for (const torch::jit::Expr& input : call.inputs()) {
      if (!equation || input.kind() != torch::jit::TK_STRINGLITERAL) VisitArgument(input.tree());
      equation = false;
    }
    for (const torch::jit::Attribute& named : call.attributes()) VisitArgument(named.value().tree());
  }

  [[noreturn]] void RefuseKind(const TreeRef& tree) const {
    switch (tree->kind()) {
      case torch::jit::TK_STRINGLITERAL:
        Refuse(tree, "texts are taken as the equation of torch.einsum only");
      case torch::jit::TK_TUPLE_LITERAL:
        Refuse(tree, kTuples);
      case torch::jit::TK_DEF:
        Refuse(tree, "functions are defined at the outermost level only");
      case torch::jit::TK_STARRED:
        Refuse(tree, "`*` before an argument hides how many there are");
      default:
        Refuse(tree, absl::StrCat("`", torch::jit::kindToString(tree->kind()), "` has no place in an expression"));
    }
  }

  const ExpressionLines& lines_;
  const std::set<std::string>& functions_;
};

// Where the parser stands. The end of a line is found after it.
int LineOf(const torch::jit::Token& token, const ExpressionLines& lines) {
  const bool is_end = token.text_view().find_first_not_of(" \n") == std::string_view::npos;
  const size_t start = is_end && token.range.start() > 0 ? token.range.start() - 1 : token.range.start();
  return lines.Of(torch::jit::SourceRange(lines.source(), start, start));
}

std::vector<Def> ParseFunctions(const ExpressionLines& lines) {
  torch::jit::Parser parser(lines.source());
  std::vector<Def> functions;
  while (parser.lexer().cur().kind != torch::jit::TK_EOF) {
    if (parser.lexer().cur().kind != torch::jit::TK_DEF) {
      throw Refused(LineOf(parser.lexer().cur(), lines), "only functions stand at the outermost level: def V(x): …");
    }
    try {
      functions.emplace_back(parser.parseFunction(/*is_method=*/false));
    } catch (const std::exception& error) {
      const absl::string_view message = error.what();
      throw Refused(LineOf(parser.lexer().cur(), lines), std::string(message.substr(0, message.find(" here:\n"))));
    }
  }
  return functions;
}

}  // namespace

ExpressionLines::ExpressionLines(const ExpressionText& text)
    : source_(std::make_shared<torch::jit::Source>(text.text, kFileName, /*starting_line_no=*/1)), lines_(text.lines) {}

int ExpressionLines::Of(const torch::jit::SourceRange& range, int otherwise) const {
  if (range.source() != source_) return otherwise;
  const size_t line = source_->lineno_for_offset(range.start());
  return line < lines_.size() ? lines_[line] : otherwise;
}

int ExpressionLines::InMessage(absl::string_view message) const {
  const std::string mark = absl::StrCat("\"", kFileName, "\", line ");
  const size_t found = message.find(mark);
  if (found == absl::string_view::npos) return 0;
  const absl::string_view digits = message.substr(found + mark.size());
  int line = 0;
  if (!absl::SimpleAtoi(digits.substr(0, digits.find_first_not_of("0123456789")), &line)) return 0;
  return line >= 1 && static_cast<size_t>(line) <= lines_.size() ? lines_[static_cast<size_t>(line) - 1] : 0;
}

std::vector<Def> ParseExpression(const ExpressionLines& lines) {
  std::vector<Def> functions = ParseFunctions(lines);
  if (functions.empty()) throw Refused(0, "no function is defined; define one, such as def V(x): return 0.5 * (x * x).sum(1)");
  if (functions.size() > kMaxFunctions) throw Refused(0, absl::StrCat("more than ", kMaxFunctions, " functions are defined"));
  std::set<std::string> names;
  for (const Def& function : functions) {
    if (!names.insert(function.name().name()).second) {
      throw Refused(lines.Of(function.range()), absl::StrCat("`", function.name().name(), "` is defined twice"));
    }
  }
  SyntaxCheck check(lines, names);
  for (const Def& function : functions) check.Check(function);
  return functions;
}

}  // namespace sliceflow::engine
