#include "server/engine/expressions/compiled_source.h"

#include <exception>
#include <vector>

#include <torch/csrc/jit/frontend/error_report.h>
#include <torch/csrc/jit/frontend/resolver.h>

#include "server/engine/expressions/lexical.h"
#include "server/engine/expressions/messages.h"
#include "server/engine/expressions/operands.h"
#include "server/engine/expressions/operations.h"

namespace sliceflow::engine {

CompiledSource::CompiledSource(absl::string_view source, size_t tensors) : lines_(ReadExpressionText(source)) {
  GuardIntegerDivision();
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
