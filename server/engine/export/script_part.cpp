#include "server/engine/export/script_part.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace sliceflow::engine {

ScriptPart DenseScript(absl::string_view kind, absl::Span<const at::Tensor> parameters, absl::string_view activation) {
  ScriptPart part{.kind = std::string(kind)};
  part.source = "def network(self, u: Tensor) -> Tensor:\n";
  for (size_t i = 0; i + 1 < parameters.size(); i += 2) {
    const size_t layer = i / 2 + 1;
    part.tensors.push_back({absl::StrCat("weight_", layer), parameters[i], /*trained=*/true});
    part.tensors.push_back({absl::StrCat("bias_", layer), parameters[i + 1], /*trained=*/true});
    const std::string input = i == 0 ? "u" : absl::StrCat("torch.", activation, "(u)");
    absl::StrAppend(&part.source, "    u = torch.linear(", input, ", self.weight_", layer, ", self.bias_", layer, ")\n");
  }
  absl::StrAppend(&part.source, "    return u\n");
  return part;
}

std::string ScriptNumber(double value) {
  const std::string text = absl::StrFormat("%.17g", value);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

}  // namespace sliceflow::engine
