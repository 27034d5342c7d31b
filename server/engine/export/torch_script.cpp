#include "server/engine/export/torch_script.h"

#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/resolver.h>

namespace sliceflow::engine {
namespace {

constexpr char kNamespace[] = "__torch__.sliceflow";

// Knows the user's function as `generator`, whatever its own name is.
class GeneratorResolver final : public torch::jit::NativeResolver {
 public:
  explicit GeneratorResolver(torch::jit::Function* generator) : generator_(generator) {}

  std::shared_ptr<torch::jit::SugaredValue> resolveValue(const std::string& name, torch::jit::GraphFunction& method,
                                                         const torch::jit::SourceRange& range) override {
    if (name == "generator") return std::make_shared<torch::jit::FunctionValue>(generator_);
    return NativeResolver::resolveValue(name, method, range);
  }

 private:
  torch::jit::Function* generator_;
};

class ModuleMaker {
 public:
  torch::jit::Module Make(const ScriptPart& part) {
    const auto known = classes_.find(part.source);
    // The source tells the tensors too. What has parts depends on theirs.
    const bool is_known = part.parts.empty() && known != classes_.end();
    torch::jit::Module module = is_known ? torch::jit::Module(unit_, known->second)
                                         : torch::jit::Module(c10::QualifiedName(kNamespace, part.kind), unit_, /*shouldMangle=*/true);
    module.register_attribute("training", c10::BoolType::get(), false);
    // Copied, because a view would bring all that it is a view of.
    for (const ScriptPart::NamedTensor& tensor : part.tensors) {
      module.register_parameter(tensor.name, tensor.value.detach().clone(at::MemoryFormat::Contiguous), /*is_buffer=*/!tensor.trained);
    }
    for (const ScriptPart& inner : part.parts) module.register_module(inner.name, Make(inner));
    if (is_known) return module;
    module.define(part.source, ResolverOf(part));
    classes_.emplace(part.source, module.type());
    return module;
  }

 private:
  torch::jit::ResolverPtr ResolverOf(const ScriptPart& part) {
    if (part.generator.empty()) return torch::jit::nativeResolver();
    const auto functions = unit_->define(c10::QualifiedName(kNamespace), part.generator, torch::jit::nativeResolver(), /*self=*/nullptr);
    return std::make_shared<GeneratorResolver>(functions.back());
  }

  std::shared_ptr<torch::jit::CompilationUnit> unit_ = std::make_shared<torch::jit::CompilationUnit>();
  std::map<std::string, c10::ClassTypePtr> classes_;  // by source: a chain of a hundred layers has one or two
};

}  // namespace

std::string WriteTorchScript(const ScriptPart& model, absl::string_view description) {
  const torch::jit::Module module = ModuleMaker().Make(model);
  std::ostringstream out;
  module.save(out, {{"sliceflow.json", std::string(description)}});
  return std::move(out).str();
}

}  // namespace sliceflow::engine
