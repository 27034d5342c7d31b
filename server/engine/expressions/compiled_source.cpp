#include "server/engine/expressions/compiled_source.h"

#include <algorithm>
#include <exception>
#include <vector>

#include <torch/csrc/jit/frontend/error_report.h>
#include <torch/csrc/jit/frontend/resolver.h>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "server/engine/expressions/lexical.h"
#include "server/engine/expressions/operations.h"

namespace sliceflow::engine {

CompiledSource::CompiledSource(absl::string_view source, size_t tensors) : lines_(ReadExpressionText(source)) {
  try {
    const std::vector<torch::jit::Def> functions = ParseExpression(lines_);
    const std::vector<torch::jit::ResolverPtr> resolvers(functions.size(), torch::jit::nativeResolver());
    unit_.define(/*prefix=*/std::nullopt, /*properties=*/{}, /*propResolvers=*/{}, functions, resolvers, /*self=*/nullptr);
    function_ = &unit_.get_function(functions.back().name().name());
  } catch (const Refused&) {
    throw;
  } catch (const c10::Error& error) {
    throw Refused(lines_.InMessage(error.what()), ShortenMessage(error.what_without_backtrace()));
  } catch (const std::exception& error) {
    throw Refused(lines_.InMessage(error.what()), ShortenMessage(error.what()));
  }
  CheckOperations(*function_, lines_, tensors);
  program_ = std::make_unique<ExpressionProgram>(*function_, lines_);
}

std::string CompiledSource::ParameterName(size_t index) const { return function_->getSchema().arguments().at(index).name(); }

std::string ShortenMessage(absl::string_view message) {
  constexpr size_t kLongest = 300;
  message = absl::StripAsciiWhitespace(message);
  message = message.substr(0, message.find("\n  File "));
  message = message.substr(0, message.find("\nThe following variants"));
  message = absl::StripTrailingAsciiWhitespace(message.substr(0, kLongest));
  while (!message.empty() && (message.back() == ':' || message.back() == '.')) message.remove_suffix(1);
  std::string shortened(message);
  std::replace(shortened.begin(), shortened.end(), '\n', ' ');
  return shortened;
}

ExpressionRefusal RefusalOfException() {
  try {
    throw;
  } catch (const Refused& refused) {
    return refused.refusal();
  } catch (const c10::Error& error) {
    return {0, ShortenMessage(error.what_without_backtrace())};
  } catch (const std::exception& error) {
    return {0, ShortenMessage(error.what())};
  }
}

}  // namespace sliceflow::engine
