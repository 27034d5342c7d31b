// Users' expressions that are hostile or broken are refused with their reason and line, and do no harm on the way there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "server/engine/expressions/expression.h"

namespace sliceflow::engine {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kRows = 64;

Expression::Result Compile(const std::string& source, int dimension = 2) { return Expression::Compile(source, dimension, kRows); }

// A function V of x whose body is `lines`, indented.
std::string Body(const std::string& lines) { return absl::StrCat("def V(x):\n    ", absl::StrReplaceAll(lines, {{"\n", "\n    "}}), "\n"); }

std::string Repeat(int count, const std::string& text, const std::string& between = "") {
  return absl::StrJoin(std::vector<std::string>(static_cast<size_t>(count), text), between);
}

// ---- hostile sources ---------------------------------------------------------------------------------------------------------------

struct Hostile {
  std::string name;
  std::string source;
  int line;
  std::string reason;  // a part of it
};

class HostileExpressionTest : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostileExpressionTest, IsRefusedWithLineAndReason) {
  const Expression::Result result = Compile(GetParam().source);
  ASSERT_TRUE(std::holds_alternative<ExpressionRefusal>(result)) << GetParam().source;
  const auto& refusal = std::get<ExpressionRefusal>(result);
  EXPECT_THAT(refusal.reason, HasSubstr(GetParam().reason));
  EXPECT_EQ(refusal.line, GetParam().line) << refusal.reason;
  EXPECT_LE(refusal.reason.size(), 500u);
  EXPECT_THAT(refusal.reason, Not(HasSubstr("/pytorch"))) << "a place in LibTorch's own source";
}

std::string NameOf(const ::testing::TestParamInfo<Hostile>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Reaches, HostileExpressionTest,
    ::testing::Values(Hostile{"FromFile", Body("y = torch.from_file(\"/etc/passwd\", False, 10)\nreturn x.sum(1) + y.sum()"), 2,
                              "reads a file"},
                      Hostile{"FromFileWithoutText", Body("return x.sum(1) + torch.from_file(None, False, 10).sum()"), 2, ""},
                      Hostile{"Save", Body("torch.save(x, \"a\")\nreturn x.sum(1)"), 2, "writes a file"},
                      Hostile{"Load", Body("return torch.load(x)"), 2, "load"},
                      Hostile{"Open", Body("open(1)\nreturn x.sum(1)"), 2, "`open` reads or writes a file"},
                      Hostile{"Import", "import os\n" + Body("return x.sum(1)"), 1, "`import` brings in other code"},
                      Hostile{"FromImport", "from os import system\n" + Body("return x.sum(1)"), 1, "`from` brings in other code"},
                      Hostile{"Print", Body("print(x)\nreturn x.sum(1)"), 2, "`print` writes"},
                      Hostile{"Warn", Body("torch.warn(x)\nreturn x.sum(1)"), 2, "warn"},
                      Hostile{"Exec", Body("exec(1)\nreturn x.sum(1)"), 2, "`exec` runs code"},
                      Hostile{"Eval", Body("return eval(x)"), 2, "`eval` runs code"},
                      Hostile{"Getattr", Body("return getattr(x, \"data\")"), 2, "`getattr` cannot be called"},
                      Hostile{"Dunder", Body("return x.__class__"), 2, "two underscores"},
                      Hostile{"Class", "class A:\n    pass\n" + Body("return x.sum(1)"), 1, "`class` defines a type"},
                      Hostile{"Fork", Body("y = torch.jit.fork(x)\nreturn x.sum(1)"), 2, ""},
                      Hostile{"Cuda", Body("return x.cuda().sum(1)"), 2, "moves tensors between devices"},
                      Hostile{"Device", Body("return x.to(torch.device(\"cuda\")).sum(1)"), 2, "einsum only"},
                      Hostile{"Random", Body("return (x + torch.rand_like(x)).sum(1)"), 2, "draws random numbers"},
                      Hostile{"Normal", Body("y = 2 * x\nreturn torch.normal(y, 1.0).sum(1)"), 3, "draws random numbers"},
                      Hostile{"Dropout", Body("return torch.dropout(x, 0.5, True).sum(1)"), 2, "draws random numbers"},
                      Hostile{"Seed", Body("torch.manual_seed(3)\nreturn x.sum(1)"), 2, ""},
                      Hostile{"Uninitialised", Body("return x.sum(1) + torch.empty([1])"), 2, "memory as it was left"},
                      Hostile{"Strided", Body("return torch.as_strided(x, [64], [100000], 7)"), 2, "memory beside"},
                      Hostile{"Detach", Body("return x.detach().sum(1)"), 2, "gradient would be wrong"},
                      Hostile{"Backward", Body("y = x.sum()\ny.backward()\nreturn x.sum(1)"), 3, "gradient would be wrong"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(Writes, HostileExpressionTest,
                         ::testing::Values(Hostile{"InPlaceMethod", Body("x.zero_()\nreturn x.sum(1)"), 2, "writes in place"},
                                           Hostile{"InPlaceSum", Body("v = x.sum(1)\nv += 1\nreturn v"), 3, "writes in place"},
                                           Hostile{"Element", Body("x[0] = 1.0\nreturn x.sum(1)"), 2, "writes in place"},
                                           Hostile{"Slice", Body("x[:, 0] = 1.0\nreturn x.sum(1)"), 2, "writes in place"},
                                           Hostile{"Resize", Body("x.resize_([1000000000])\nreturn x.sum(1)"), 2, "writes in place"},
                                           Hostile{"Out", Body("torch.add(x, x, out=x)\nreturn x.sum(1)"), 2, "writes in place"},
                                           Hostile{"Delete", Body("y = x\ndel y\nreturn x.sum(1)"), 3, "`del` changes"},
                                           Hostile{"Global", Body("global y\nreturn x.sum(1)"), 2, "`global` changes"}),
                         NameOf);

INSTANTIATE_TEST_SUITE_P(
    RunsForEver, HostileExpressionTest,
    ::testing::Values(Hostile{"While", Body("while True:\n    pass\nreturn x.sum(1)"), 2, "`while` may run for ever"},
                      Hostile{"LongRange", Body("v = x.sum(1)\nfor i in range(1000000000):\n    v = v + 1\nreturn v"), 3,
                              "a loop runs 1000000000 times"},
                      Hostile{"Nested", Body("v = x.sum(1)\nfor i in range(1000):\n    for j in range(1000):\n        v = v + 1\nreturn v"),
                              5, "more than 20000 operations"},
                      Hostile{"ManyLoops", Body("v = x.sum(1)\n" + Repeat(100, "for i in range(900):\n    v = v * 1.01\n") + "return v"),
                              48, "more than 20000 operations"},
                      Hostile{"Recursion", "def V(x):\n    return V(x)\n", 2, "called recursively"},
                      Hostile{"MutualRecursion", "def f(x):\n    return V(x)\ndef V(x):\n    return f(x)\n", 4, "called recursively"},
                      Hostile{"Doubling",
                              "def f0(x):\n    return x + x\n" +
                                  [] {
                                    std::string functions;
                                    for (int i = 1; i < 15; ++i) {
                                      absl::StrAppend(&functions, "def f", i, "(x):\n    return f", i - 1, "(f", i - 1, "(f", i - 1,
                                                      "(x)))\n");
                                    }
                                    return functions;
                                  }() +
                                  Body("return f14(x).sum(1)"),
                              10, "more than 20000 operations"},
                      Hostile{"ValueDependentLoop", Body("v = x.sum(1)\nfor i in range(int(x.sum())):\n    v = v + 1\nreturn v"), 3,
                              "takes a number from a tensor's values"},
                      Hostile{"Break", Body("v = x.sum(1)\nfor i in range(10):\n    break\nreturn v"), 4, "`break` makes"},
                      Hostile{"ReturnFromLoop", Body("v = x.sum(1)\nfor i in range(10):\n    if i > len(x):\n        return v\nreturn v"),
                              3, "may not end by a condition"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    TakesTooMuch, HostileExpressionTest,
    ::testing::Values(
        Hostile{"HugeZeros", Body("return x.sum(1) + torch.zeros([1000000000000]).sum()"), 2, "MiB of memory"},
        Hostile{"HugeArange", Body("return x.sum(1) + torch.arange(100000000000).sum()"), 2, "MiB of memory"},
        Hostile{"HugeEye", Body("return x.sum(1) + torch.eye(1000000).sum()"), 2, "MiB of memory"},
        Hostile{"HugeExpand", Body("return x.sum(1) + torch.ones([1]).expand([1000000000000]).sum()"), 2, "a tensor has 1e+12 elements"},
        Hostile{"OverflowingExpand", Body("y = torch.ones([1, 1, 1]).expand([4294967296, 4294967296, 2])\nreturn x.sum(1) + y.sum()"), 2,
                ""},
        Hostile{"HugeRepeat", Body("return x.repeat([100000000, 1]).sum(1)"), 2, "MiB of memory"},
        Hostile{"OuterProducts",
                Body("y = x.reshape([-1])\nfor i in range(4):\n    y = torch.outer(y, y).reshape([-1])\nreturn x.sum(1) + y.sum()"), 4,
                "MiB of memory"},
        Hostile{"Pairs", Body("y = torch.ones([1400, 1400])\nfor i in range(900):\n    y = torch.mm(y, y)\nreturn x.sum(1) + y.sum()"), 4,
                "numbers are computed with"},
        Hostile{"LargeInLoop", Body("y = torch.ones([1000000])\nv = x.sum(1)\nfor i in range(1000):\n    v = v + y.sum()\nreturn v"), 5,
                "numbers are computed with"},
        Hostile{"GrowingList", Body("l = [x]\nfor i in range(40):\n    l = l + l\nreturn l[0].sum(1)"), 4, "not taken for lists"},
        Hostile{"RepeatedList", Body("l = [1] * 1000000000\nreturn x.sum(1) * l[0]"), 2, "not taken for lists"},
        Hostile{"GrowingText", Body("s = \"a\"\n" + Repeat(60, "s = s + s\n") + "return x.sum(1)"), 2, "einsum only"},
        Hostile{"GrowingTuples", Body("t = (x, x)\n" + Repeat(60, "t = (t, t)\n") + "return x.sum(1)"), 2,
                "a tuple may only be an operand"},
        Hostile{"GrowingTuplesOfResults", Body("t = torch.max(x, 1)\n" + Repeat(60, "t = t + t\n") + "return x.sum(1)"), 2,
                "gives a tuple of two tensors"},
        Hostile{"GrowingTuplesOfNumbers", Body("t = (1, 2)\n" + Repeat(60, "t = t + t\n") + "return x.sum(1)"), 2,
                "a tuple may only be an operand"},
        Hostile{"GrowingShapes", Body("s = x.shape\n" + Repeat(60, "s = s + s\n") + "return x.sum(1) * len(s)"), 3, "not taken for lists"},
        Hostile{"UnrolledLoops", Body("v = x.sum(1)\nfor a in (1, 2):\n    v = v + a\nreturn v"), 3, "loops run over range(…) only"},
        Hostile{"UnrolledResults", Body("v = x.sum(1)\nfor a in torch.amax(x, 1):\n    v = v + 1\nreturn v"), 3,
                "loops run over range(…) only"},
        Hostile{"UnrolledComprehension", Body("v = [a for a in torch.amax(x, 1)]\nreturn x.sum(1)"), 2, "loops run over range(…) only"},
        Hostile{"NoIndex", Body("a = x[]\nreturn x.sum(1)"), 2, "`[]` needs an index"},
        Hostile{"NoTypeOfElements", Body("a: List[] = []\nreturn x.sum(1)"), 2, "`[]` needs an index"},
        Hostile{"GrowingTuplesOfParameters",
                "def f(t: Tuple[int, int]):\n    " + Repeat(60, "t = t + t\n    ") + "return 1\n" + Body("return x.sum(1)"), 1,
                "types are Tensor"},
        Hostile{"ManyTensors", Body("l = torch.zeros([4000000]).unbind(0)\nreturn x.sum(1) * len(l)"), 2, "as many tensors as a size says"},
        Hostile{"TextOfNumber", Body("s = str(1)\nreturn x.sum(1)"), 2, "`str` cannot be called"},
        Hostile{"DefaultValue", "def V(x, y=torch.zeros([1000000000000])):\n    return x.sum(1)\n", 1, "default values"},
        Hostile{"EinsumOfMany", Body("y = torch.ones([3000])\nreturn x.sum(1) + torch.einsum(\"a,b,c->\", [y, y, y])"), 3,
                "at most 2 tensors"},
        Hostile{"ValueDependentSize", Body("return x.sum(1) + torch.zeros([int(x.sum())]).sum()"), 2,
                "takes a number from a tensor's values"},
        Hostile{"Nonzero", Body("return x.sum(1) + x.nonzero().sum()"), 2, "size depends on values"}),
    NameOf);

// The processor traps, or LibTorch looks into a table by a number that nobody checked. The compiler computes constant ones by itself.
constexpr char kZero[] = "divided by zero";
constexpr char kBeyond[] = "divided by -1, which is beyond 64 bits";

INSTANTIATE_TEST_SUITE_P(
    EndsTheProcess, HostileExpressionTest,
    ::testing::Values(
        Hostile{"Remainder", Body("return x.sum(1) + float(5 % (x.shape[1] - x.shape[1]))"), 2, kZero},
        Hostile{"RemainderOfConstants", Body("return x.sum(1) + float(5 % 0)"), 2, kZero},
        Hostile{"RemainderOfNames", Body("a = 3 - 3\ny = 2 * x\nreturn y.sum(1) + float(5 % a)"), 4, kZero},
        Hostile{"RemainderInLoop", Body("v = x.sum(1)\nfor i in range(3):\n    v = v + 5 % i\nreturn v"), 4, kZero},
        Hostile{"RemainderInFunction", "def f(a: int, b: int):\n    return a % b\n" + Body("return x.sum(1) + f(1, 0)"), 2, kZero},
        Hostile{"RemainderByName", Body("return x.sum(1) + float(torch.remainder(5, 0))"), 2, kZero},
        Hostile{"RemainderOfLeast", Body("return x.sum(1) + float((-9223372036854775807 - 1) % -1)"), 2, kBeyond},
        Hostile{"RemainderOfLeastByShape", Body("return x.sum(1) + float((-9223372036854775807 - 1) % (x.shape[1] - 3))"), 2, kBeyond},
        Hostile{"Division", Body("return x.sum(1) + float(5 // (x.shape[1] - 2))"), 2, kZero},
        Hostile{"DivisionOfConstants", Body("return x.sum(1) + float(5 // 0)"), 2, kZero},
        Hostile{"DivisionOfLeast", Body("return x.sum(1) + float((-9223372036854775807 - 1) // -1)"), 2, kBeyond},
        Hostile{"DivisionOfLeastByShape", Body("return x.sum(1) + float((-9223372036854775807 - 1) // (x.shape[1] - 3))"), 2, kBeyond},
        Hostile{"DivisionOfSizes", Body("return x.reshape([x.shape[0] // (x.shape[1] - 2), -1]).sum(1)"), 2, kZero},
        Hostile{"DivisionByName", Body("return x.sum(1) + float(torch.floordiv(-9223372036854775807 - 1, -1))"), 2, kBeyond},
        Hostile{"DivisionOfTensors", Body("return x.sum(1) + (torch.arange(3) % 0).sum()"), 2, kZero},
        Hostile{"LongRange", Body("return x.sum(1) + torch.arange(0, -9223372036854775807 - 1, -1).sum()"), 2,
                "further apart than 64 bits"},
        Hostile{"TypeBelowAll", Body("return x.sum(1) + torch.zeros([1], dtype=-1).sum()"), 2, "`dtype` must be the type of a tensor"},
        Hostile{"TypeBeyondAll", Body("return x.sum(1) + x.to(99).sum()"), 2, "x.dtype; it is 99"},
        Hostile{"TypeOfSum", Body("return x.sum(1, dtype=-1)"), 2, "x.dtype; it is -1"},
        Hostile{"TypeOfComplex", Body("return x.sum(1) + torch.ones([1], dtype=9).sum()"), 2, "real or whole numbers"},
        Hostile{"Layout", Body("return x.sum(1) + torch.zeros([1], layout=1).sum()"), 2, "`layout` may only be"},
        Hostile{"Format", Body("return x.clone(memory_format=99).sum(1)"), 2, "`memory_format` is not one"},
        Hostile{"PinnedMemory", Body("return x.sum(1) + torch.zeros([1], pin_memory=True).sum()"), 2, "memory of another kind"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    IsCalledWrongly, HostileExpressionTest,
    ::testing::Values(
        Hostile{"PowerOfIntegers", Body("return x.sum(1) + torch.zeros(10**12).sum()"), 2,
                "the arguments fit no form of `aten::zeros`: Expected a value of type 'int' for one of its numbers but instead found type "
                "'float'"},
        Hostile{"NumberForList", Body("return x.sum(1) + torch.tensordot(x, x, 1).sum()"), 2,
                "`aten::tensordot`: Expected a value of type 'List[int]' for argument 'dims_self' but instead found type 'int'"},
        Hostile{"TooFewArguments", Body("return torch.clamp_min(x).sum(1)"), 2, "`aten::clamp_min`: Argument min not provided"},
        Hostile{"UnknownArgument", Body("return torch.clamp(x, minimum=3).sum(1)"), 2, "Keyword argument minimum unknown"},
        Hostile{"OwnFunction", "def f(y):\n    return y\n" + Body("return f(x, x)"), 4, "Expected at most 1 arguments but found 2"},
        Hostile{"LargeShift", Body("return x.roll(9223372036854775807, 1).sum(1)"), 0, "a size, place or shift is too large a number"},
        Hostile{"LargeSize", Body("return x.expand([-9223372036854775807, 2]).sum(1)"), 2, "a size, place or shift is too large a number"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    BreaksTheParser, HostileExpressionTest,
    ::testing::Values(
        Hostile{"Empty", "", 0, "the source is empty"},
        Hostile{"OnlyComments", "# nothing\n\n# here\n", 0, "the source is empty"},
        Hostile{"TooLong", Body("return x.sum(1)") + std::string(70'000, '#'), 0, "at most 65536"},
        Hostile{"Parentheses", Body("return " + Repeat(30'000, "(") + "x" + Repeat(30'000, ")")), 2, "nested or chained too deeply"},
        Hostile{"UnclosedParentheses", Body("return " + Repeat(400, "(")), 2, "is not closed"},
        Hostile{"Brackets", Body("return " + Repeat(30'000, "[")), 2, "nested or chained too deeply"},
        Hostile{"Signs", Body("return " + Repeat(30'000, "-") + "x"), 2, "nested or chained too deeply"},
        Hostile{"Negations", Body("return " + Repeat(10'000, "not ") + "x"), 2, "nested or chained too deeply"},
        Hostile{"Sum", Body("return x" + Repeat(20'000, "+x")), 2, "nested or chained too deeply"},
        Hostile{"Powers", Body("return x" + Repeat(15'000, "**x")), 2, "nested or chained too deeply"},
        Hostile{"Choices", Body("return " + Repeat(2'000, "x if True else ") + "x"), 2, "nested or chained too deeply"},
        Hostile{"Subscripts", Body("return x" + Repeat(15'000, "[0]")), 2, "nested or chained too deeply"},
        Hostile{"Methods", Body("return x" + Repeat(10'000, ".t()")), 2, "nested or chained too deeply"},
        Hostile{"HiddenDepth", Body("return " + Repeat(200, "(") + "x" + Repeat(200, "+1+1+1+1)")), 2, "nested or chained too deeply"},
        Hostile{"HiddenBehindCommas", Body("return " + Repeat(600, "f(0, ") + "x" + Repeat(600, ")")), 2, "nested or chained too deeply"},
        Hostile{"Blocks",
                [] {
                  std::string source = "def V(x):\n";
                  for (int i = 1; i < 100; ++i) absl::StrAppend(&source, std::string(static_cast<size_t>(i), ' '), "if True:\n");
                  return source + std::string(100, ' ') + "return x.sum(1)\n";
                }(),
                18, "blocks are nested more than 16 deep"},
        Hostile{"Elifs", Body("if True:\n    y = x\n" + Repeat(1000, "elif True:\n    y = x\n") + "return y.sum(1)"), 514, "more than 256 branches"},
        Hostile{"ManyStatements", Body(Repeat(4'000, "y=x+x\n") + "return x.sum(1)"), 1639, "more than 8192 words"},
        Hostile{"LongName", Body("return " + std::string(2000, 'a')), 2, "a name has 2000 characters"},
        Hostile{"LongNumber", Body("return x.sum(1) * " + std::string(2000, '9')), 2, "a number has more than 40"},
        Hostile{"HugeInteger", Body("return x.sum(1) * 99999999999999999999999999"), 2, ""},
        Hostile{"UnclosedText", Body("return \"abc"), 2, "texts stay on one line"},
        Hostile{"LongText", Body("return \"\"\"abc\"\"\""), 2, "texts stay on one line"},
        Hostile{"Nul", Body(std::string("return x\0.sum(1)", 16)), 2, "the byte 0"},
        Hostile{"Bytes", Body("return \xff\xfe"), 2, "the byte 255"},
        Hostile{"Tab", "def V(x):\n\treturn x.sum(1)\n", 2, "not with tabs"},
        Hostile{"TypeComment", Body("y = []  # type: " + Repeat(10'000, "List[") + "\nreturn y"), 0, "must return one tensor"},
        Hostile{"Dictionary", Body("return {1: x}"), 2, "braces make dictionaries"},
        Hostile{"Lambda", Body("f = lambda y: y\nreturn f(x)"), 2, "`lambda` makes a function"},
        Hostile{"InnerFunction", Body("def g(y):\n    return y\nreturn g(x)"), 2, ""},
        Hostile{"NotAFunction", "x = 3\n", 1, "only functions stand at the outermost level"},
        Hostile{"Grammar", Body("return x +"), 2, "expected"},
        Hostile{"TwoAtOnce", Body("return x.sum(1)") + Body("return x.sum(1)"), 3, "is defined twice"},
        Hostile{"Unknown", Body("return x.sum(1) + torch.no_such_thing(x)"), 2, "no_such_thing"},
        Hostile{"NoSuchMethod", Body("y = 2 * x\nreturn y.frobnicate()"), 3, "frobnicate"},
        Hostile{"Raise", Body("raise 3"), 2, "`raise` throws"},
        Hostile{"Assert", Body("assert True\nreturn x.sum(1)"), 2, "`assert` raises"},
        Hostile{"Try", Body("try:\n    pass\nreturn x.sum(1)"), 2, "`try` handles"},
        Hostile{"With", Body("with torch.no_grad():\n    y = x\nreturn y.sum(1)"), 2, "`with` changes"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    IsNoPotential, HostileExpressionTest,
    ::testing::Values(
        Hostile{"Matrix", Body("return x"), 0, "it must give one value for each point: shape [64]"},
        Hostile{"Scalar", Body("return x.sum()"), 0, "shape []"},
        Hostile{"Column", Body("return x.sum(1, keepdim=True)"), 0, "shape [64, 1]"},
        Hostile{"Integers", Body("return (x.sum(1) > 0)"), 0, "not real numbers of floating point"},
        Hostile{"Constant", Body("return torch.ones([x.size(0)])"), 0, "no gradient"},
        Hostile{"Number", Body("return 1.0"), 0, "must return one tensor"},
        Hostile{"TwoArguments", "def V(x, y):\n    return x.sum(1)\n", 0, "must take one tensor"},
        Hostile{"NumberArgument", "def V(x: int):\n    return torch.ones([x])\n", 0, "must take one tensor"},
        Hostile{"MeanOfBatch", Body("return (x - x.mean(0)).sum(1)"), 0, "rows must be independent"},
        Hostile{"PlaceInBatch", Body("return x.sum(1) * torch.arange(x.size(0))"), 0, "rows must be independent"},
        Hostile{"Neighbour", Body("return x.sum(1) + x.roll(1, 0).sum(1)"), 0, "rows must be independent"},
        Hostile{"NumberOfRows", Body("return x.square().sum(1) * float(x.shape[0])"), 0, "number of rows"},
        Hostile{"OddNumberOfRows", Body("return x.square().sum(1) + float(x.shape[0] % 2)"), 0, "number of rows"},
        Hostile{"WrittenNumberOfRows", Body("return x.sum(1) + torch.zeros([64])"), 2, "for 31 rows instead of 64"},
        Hostile{"SmallMeanOfBatch", Body("return x.square().sum(1) + 0.00005 * x.mean()"), 0, "rows must be independent"},
        Hostile{"SmallBoundedMean", Body("return x.square().sum(1) + 0.0001 * x.tanh().mean()"), 0, "rows must be independent"},
        Hostile{"SmallPlaceInBatch", Body("return x.sum(1) + 0.00001 * torch.arange(x.size(0))"), 0, "rows must be independent"},
        Hostile{"WrongDimension", Body("return (x @ torch.ones([3, 3])).sum(1)"), 2, "shapes cannot be multiplied"},
        Hostile{"IndexBeyond", Body("return x[:, 5]"), 2, "out of range"},
        Hostile{"BranchOnValues", Body("if x.sum() > 0:\n    return x.sum(1)\nreturn -x.sum(1)"), 2,
                "takes a number from a tensor's values"},
        Hostile{"Item", Body("return x.sum(1) * x[0, 0].item()"), 2, "takes a number from a tensor's values"}),
    NameOf);

// ---- what only looks hostile ---------------------------------------------------------------------------------------------------------

// Whole numbers may be divided, also the least one in a tensor, where LibTorch itself sees to it.
TEST(HarmlessExpressionTest, IntegersAreDivided) {
  const std::string least = "torch.full([65], -9223372036854775807 - 1)";
  for (const std::string& number :
       {std::string("float(7 % 3 + 7 // -2 + (-7) % 3 + 0 % -1)"), std::string("float(x.shape[1] % 2 + x.shape[0] // 7 * 0)"),
        std::string("(torch.arange(5) % 2 + torch.arange(5) // 3).sum()"), "(" + least + " % -1).sum()", "(" + least + " // -1).sum() * 0",
        "torch.fmod(" + least + ", torch.full([65], -1)).sum()",
        std::string("(torch.full([65], -2147483648, dtype=3) % 4294967295).sum()")}) {
    const Expression::Result result = Compile(Body("return x.sum(1) + " + number));
    EXPECT_TRUE(std::holds_alternative<std::unique_ptr<const Expression>>(result)) << number << ": " << std::get<1>(result).reason;
  }
}

// Sums of many terms, of terms that cancel, and what magnifies their rounding are no dependence on other rows.
TEST(HarmlessExpressionTest, RoundingIsNoDependence) {
  const std::string matrix = "A = torch.sin(torch.arange(x.shape[1] * 64).to(x.dtype).reshape([x.shape[1], 64]) * 12.9898)\n";
  for (const int dimension : {1, 2, 300}) {
    for (const char* value :
         {"(x @ A).square().sum(1)", "((x + 1000) @ A).sum(1) - 1000 * A.sum()", "(1e4 + x.sum(1)) - 1e4", "torch.exp(10 * x.sum(1))",
          "torch.sin(100000 * (x @ A).sum(1))", "torch.relu(x.sum(1) - 1000)", "torch.log(x.sum(1))", "x.pow(20).sum(1)",
          "torch.layer_norm(torch.tanh(x @ A), [64])[:, 0]", "torch.logsumexp(x @ A, 1)", "1 / (x.sum(1) - 0.001)",
          "(torch.linspace(0, 1, 13)[(x[:, 0] + 6).to(4)]) * x[:, 0]"}) {
      const Expression::Result result = Compile(Body(matrix + "return " + value), dimension);
      EXPECT_TRUE(std::holds_alternative<std::unique_ptr<const Expression>>(result))
          << value << " in " << dimension << " dimensions: " << std::get<1>(result).reason;
    }
  }
}

// ---- sources at the bounds of the lexical look ---------------------------------------------------------------------------------------

// What is just let through to LibTorch's parser and compiler must not exhaust their stack: each of these is either taken or refused.
TEST(ExpressionBoundsTest, TheDeepestThatAreParsedDoNoHarm) {
  for (const std::string& source :
       {Body("return (x" + Repeat(240, "+x") + ").sum(1)"), Body("return " + Repeat(480, "(") + "x" + Repeat(480, ")")),
        Body("return " + Repeat(480, "-") + "x.sum(1)"), Body("return " + Repeat(480, "not ") + "x"), Body("return x" + Repeat(240, "**x")),
        Body("return " + Repeat(120, "x if True else ") + "x"), Body("return x" + Repeat(240, "[0]")),
        Body("return x" + Repeat(120, ".t()")), Body("return " + Repeat(250, "True and ") + "x"),
        Body("y = " + Repeat(480, "[") + "x" + Repeat(480, "]") + "\nreturn y"),
        Body("return " + Repeat(160, "abs(") + "x" + Repeat(160, ")")),
        Body("if True:\n    y = x\n" + Repeat(254, "elif True:\n    y = x\n") + "return y"),
        Body(Repeat(250, "if x.size(0) > 1:\n    return x.sum(1)\n") + "return x.sum(1)"),
        Body(Repeat(1'600, "y=x+x\n") + "return x.sum(1)"), Body("y = x\n" + Repeat(1'300, "y=y+x\n") + "return y.sum(1)"), Body([] {
          std::string lists = "a0 = [x]\n";
          for (int i = 1; i < 1'500; ++i) absl::StrAppend(&lists, "a", i, "=[a", i - 1, "]\n");
          return lists + "return x.sum(1)";
        }()),
        Body("y = [" + Repeat(4'000, "1.5,") + "1.0]\nreturn x.sum(1) * torch.tensor(y).sum()")}) {
    const Expression::Result result = Compile(source);
    EXPECT_TRUE(std::holds_alternative<std::unique_ptr<const Expression>>(result) || !std::get<ExpressionRefusal>(result).reason.empty());
  }
}

}  // namespace
}  // namespace sliceflow::engine
