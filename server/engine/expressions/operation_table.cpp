#include "server/engine/expressions/operation_table.h"

#include <unordered_map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sliceflow::engine {
namespace {

// Pure operations on tensors and numbers. None reads or writes anything outside its operands, none draws random numbers, none gives a
// tensor whose size depends on values except by selecting, and none gives a tuple: the compiler adds tuples up, and they would grow.
constexpr const char* kMaths[] = {
    // arithmetic
    "aten::abs", "aten::absolute", "aten::add", "aten::addcdiv", "aten::addcmul", "aten::copysign", "aten::div", "aten::divide",
    "aten::floor_divide", "aten::floordiv", "aten::fmod", "aten::mul", "aten::multiply", "aten::neg", "aten::negative", "aten::positive",
    "aten::pow", "aten::reciprocal", "aten::remainder", "aten::rsub", "aten::sub", "aten::subtract", "aten::true_divide",
    // functions of each element
    "aten::acos", "aten::acosh", "aten::arccos", "aten::arcsin", "aten::arctan", "aten::asin", "aten::asinh", "aten::atan", "aten::atan2",
    "aten::atanh", "aten::ceil", "aten::celu", "aten::clamp", "aten::clamp_max", "aten::clamp_min", "aten::clip", "aten::cos", "aten::cosh",
    "aten::digamma", "aten::elu", "aten::erf", "aten::erfc", "aten::erfinv", "aten::exp", "aten::exp2", "aten::expm1", "aten::floor",
    "aten::fmax", "aten::fmin", "aten::frac", "aten::gelu", "aten::hardtanh", "aten::hypot", "aten::leaky_relu", "aten::lerp",
    "aten::lgamma", "aten::log", "aten::log10", "aten::log1p", "aten::log2", "aten::log_sigmoid", "aten::logaddexp", "aten::logaddexp2",
    "aten::logit", "aten::maximum", "aten::minimum", "aten::nan_to_num", "aten::relu", "aten::round", "aten::rsqrt", "aten::selu",
    "aten::sgn", "aten::sigmoid", "aten::sign", "aten::silu", "aten::sin", "aten::sinc", "aten::sinh", "aten::softplus", "aten::sqrt",
    "aten::glu", "aten::hardsigmoid", "aten::hardswish", "aten::mish", "aten::relu6", "aten::square", "aten::tan", "aten::tanh",
    "aten::trunc", "aten::xlogy", "prim::max", "prim::min", "prim::abs",
    // comparisons and choices
    "aten::__and__", "aten::__or__", "aten::__xor__", "aten::__not__", "aten::__is__", "aten::__isnot__", "aten::__contains__",
    "aten::bitwise_and", "aten::bitwise_not", "aten::bitwise_or", "aten::eq", "aten::ge", "aten::greater", "aten::greater_equal",
    "aten::gt", "aten::isfinite", "aten::isinf", "aten::isnan", "aten::le", "aten::less", "aten::less_equal", "aten::logical_and",
    "aten::logical_not", "aten::logical_or", "aten::logical_xor", "aten::lt", "aten::masked_fill", "aten::ne", "aten::not_equal",
    "aten::where",
    // reductions
    "aten::all", "aten::layer_norm", "aten::amax", "aten::amin", "aten::any", "aten::argmax", "aten::argmin", "aten::cumsum",
    "aten::linalg_vector_norm", "aten::log_softmax", "aten::logsumexp", "aten::mean", "aten::norm", "aten::prod", "aten::softmax",
    "aten::argsort", "aten::std", "aten::sum", "aten::trace", "aten::var",
    // shapes, views and indices
    "aten::broadcast_to", "aten::cat", "aten::clone", "aten::concat", "aten::contiguous", "aten::diag", "aten::diag_embed",
    "aten::diagonal", "aten::diff", "aten::expand", "aten::expand_as", "aten::flatten", "aten::flip", "aten::gather", "aten::hstack",
    "aten::index", "aten::index_select", "aten::movedim", "aten::narrow", "aten::numpy_T", "aten::mT", "aten::permute", "aten::ravel",
    "aten::repeat", "aten::reshape", "aten::reshape_as", "aten::roll", "aten::select", "aten::slice", "aten::squeeze", "aten::stack",
    "aten::swapaxes", "aten::t", "aten::take_along_dim", "aten::tile", "aten::transpose", "aten::tril", "aten::triu", "aten::unflatten",
    "aten::unsqueeze", "aten::view", "aten::view_as", "aten::vstack", "aten::to", "aten::type_as",
    // constants; what they allocate is bounded when they run
    "aten::arange", "aten::eye", "aten::full", "aten::full_like", "aten::linspace", "aten::new_full", "aten::new_ones", "aten::new_zeros",
    "aten::ones", "aten::ones_like", "aten::scalar_tensor", "aten::tensor", "aten::zeros", "aten::zeros_like", "prim::NumToTensor",
    // numbers of the language
    "aten::Float", "aten::Int", "aten::Bool", "aten::__derive_index", "aten::__getitem__", "aten::__range_length", "prim::Constant",
    "prim::ListConstruct", "prim::ListUnpack", "prim::TupleConstruct", "prim::TupleUnpack", "prim::TupleIndex", "prim::If", "prim::Loop",
    "prim::CallFunction", "prim::Uninitialized"};

constexpr const char* kProducts[] = {"aten::addmm",  "aten::addmv", "aten::baddbmm", "aten::bmm",      "aten::cross",  "aten::dot",
                                     "aten::einsum", "aten::ger",   "aten::inner",   "aten::linear",   "aten::matmul", "aten::mm",
                                     "aten::mv",     "aten::outer", "aten::vdot",    "aten::tensordot"};

constexpr const char* kShape[] = {"aten::dim", "aten::len", "aten::numel", "aten::size", "prim::dtype", "prim::device", "prim::shape"};

constexpr const char* kLists[] = {"prim::ListConstruct", "prim::Constant",      "prim::If",          "prim::Loop",
                                  "prim::CallFunction",  "prim::ListUnpack",    "prim::TupleUnpack", "prim::TupleConstruct",
                                  "prim::TupleIndex",    "prim::Uninitialized", "aten::size",        "prim::shape",
                                  "aten::append",        "aten::__getitem__"};

// Why operations that users may try are not in the tables. A name that ends in `*` stands for all that begin so.
struct Explanation {
  const char* kind;
  const char* reason;
};
constexpr char kRandom[] = "draws random numbers, and an expression is a function of x alone";
constexpr char kFromValues[] = "takes a number from a tensor's values, on which branches, loops and sizes may not depend; use torch.where";
constexpr char kDevices[] = "moves tensors between devices; the worker chooses where to compute";
constexpr char kHides[] = "hides how the value depends on x, and the gradient would be wrong";
constexpr char kMany[] = "gives a list of as many tensors as a size says; use indices";
constexpr char kTuple[] = "gives a tuple of two tensors";
constexpr Explanation kExplanations[] = {
    {"aten::from_file", "reads a file"},
    {"aten::save", "writes a file"},
    {"aten::rand*", kRandom},
    {"aten::bernoulli*", kRandom},
    {"aten::normal*", kRandom},
    {"aten::multinomial", kRandom},
    {"aten::poisson", kRandom},
    {"aten::binomial", kRandom},
    {"aten::*dropout", kRandom},
    {"aten::rrelu", kRandom},
    {"aten::manual_seed", kRandom},
    {"aten::seed", kRandom},
    {"aten::empty*", "gives memory as it was left, and an expression is a function of x alone"},
    {"aten::new_empty*", "gives memory as it was left, and an expression is a function of x alone"},
    {"aten::item", kFromValues},
    {"aten::tolist", kFromValues},
    {"prim::tolist", kFromValues},
    {"aten::is_nonzero", kFromValues},
    {"aten::equal", kFromValues},
    {"aten::allclose", kFromValues},
    {"aten::max", "gives a tuple of two tensors; use amax or torch.maximum"},
    {"aten::min", "gives a tuple of two tensors; use amin or torch.minimum"},
    {"aten::unbind", kMany},
    {"aten::split*", kMany},
    {"aten::chunk", kMany},
    {"aten::tensor_split", kMany},
    {"aten::meshgrid", kMany},
    {"aten::sort", kTuple},
    {"aten::topk", kTuple},
    {"aten::median", kTuple},
    {"aten::aminmax", kTuple},
    {"aten::cummax", kTuple},
    {"aten::cummin", kTuple},
    {"aten::nonzero*", "gives a tensor whose size depends on values; use torch.where"},
    {"aten::unique*", "gives a tensor whose size depends on values"},
    {"aten::masked_select", "gives a tensor whose size depends on values; use torch.where"},
    {"aten::bincount", "gives a tensor whose size depends on values"},
    {"aten::one_hot", "gives a tensor whose size depends on values"},
    {"aten::repeat_interleave", "gives a tensor whose size depends on values; use repeat"},
    {"aten::cuda", kDevices},
    {"aten::cpu", kDevices},
    {"aten::detach*", kHides},
    {"aten::requires_grad_", kHides},
    {"aten::backward", kHides},
    {"aten::grad", kHides},
    {"aten::as_strided*", "looks at memory beside a tensor's shape"},
    {"aten::set_*", "changes the state of the program"},
    {"prim::Print", "writes, and an expression only computes"},
    {"prim::RaiseException", "raises an exception, and an expression has a value everywhere; use torch.where"},
    {"prim::fork*", "starts another thread"},
    {"aten::wait", "waits for another thread"},
    {"prim::PythonOp", "runs code of another language"},
    {"prim::CreateObject", "makes an object, and an expression computes with tensors and numbers"},
    {"prim::Dict*", "makes a dictionary, and an expression computes with tensors and numbers"},
    {"aten::warn", "writes, and an expression only computes"},
};

bool Matches(absl::string_view pattern, absl::string_view kind) {
  const size_t star = pattern.find('*');
  if (star == absl::string_view::npos) return kind == pattern;
  return absl::StartsWith(kind, pattern.substr(0, star)) && absl::EndsWith(kind, pattern.substr(star + 1));
}

const std::unordered_map<std::string, OperationFacts>& Facts() {
  static const auto& facts = *[] {
    auto* made = new std::unordered_map<std::string, OperationFacts>;
    for (const char* kind : kMaths) (*made)[kind].allowed = true;
    for (const char* kind : kProducts) (*made)[kind].allowed = (*made)[kind].is_product = true;
    for (const char* kind : kShape) (*made)[kind].allowed = (*made)[kind].tells_shape = true;
    for (const char* kind : kLists) (*made)[kind].allowed = (*made)[kind].gives_lists = true;
    return made;
  }();
  return facts;
}

}  // namespace

OperationFacts FactsOf(const std::string& kind) {
  const auto found = Facts().find(kind);
  return found == Facts().end() ? OperationFacts() : found->second;
}

std::string WhyNot(const std::string& kind) {
  for (const Explanation& explanation : kExplanations) {
    if (Matches(explanation.kind, kind)) return absl::StrCat("`", kind, "` ", explanation.reason);
  }
  if (absl::EndsWith(kind, "_")) return WhyNotInPlace(kind);
  return absl::StrCat("`", kind, "` is not among the operations that an expression may use");
}

std::string WhyNotInPlace(const std::string& kind) {
  return absl::StrCat("`", kind, "` writes in place, also where `v += …` is written for a tensor; write v = v + …");
}

std::string WhyNotFromValues(const std::string& kind) { return absl::StrCat("`", kind, "` ", kFromValues); }

}  // namespace sliceflow::engine
