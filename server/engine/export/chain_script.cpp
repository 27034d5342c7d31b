#include "server/engine/export/chain_script.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"

namespace sliceflow::engine {
namespace {

std::string Roll(int64_t rotation) { return rotation == 0 ? "" : absl::StrCat("    u = torch.roll(u, [", rotation, "], [1])\n"); }

constexpr char kSource[] = R"(
def push(self, z: Tensor) -> Tuple[Tensor, Tensor]:
    u = (z - self.mean) / self.deviation
    log_determinant = torch.zeros_like(z[:, 0])
$0    return u * self.deviation + self.mean, log_determinant

def inverse(self, x: Tensor) -> Tensor:
    u = (x - self.mean) / self.deviation
$1    return u * self.deviation + self.mean

def forward(self, z: Tensor) -> Tensor:
    return self.push(z)[0]

def latent(self, count: int) -> Tensor:
    return self.base.sample(count)

def sample(self, count: int) -> Tensor:
    return self.forward(self.latent(count))

def log_density(self, x: Tensor) -> Tensor:
    z = self.inverse(x)
    return self.base.log_density(z) - self.push(z)[1]
)";

}  // namespace

ScriptPart ChainScript(absl::string_view kind, ScriptPart base, const at::Tensor& mean, const at::Tensor& deviation,
                       std::vector<ScriptLink> links) {
  ScriptPart part{.kind = std::string(kind), .tensors = {{"mean", mean}, {"deviation", deviation}}};
  base.name = "base";
  part.parts.push_back(std::move(base));
  std::string push;
  int64_t rotated = 0;
  for (size_t i = 0; i < links.size(); ++i) {
    links[i].layer.name = absl::StrCat("layer_", i);
    rotated += links[i].rotation;
    absl::StrAppend(&push, Roll(links[i].rotation), "    u, change = self.", links[i].layer.name, ".push(u)\n",
                    "    log_determinant = log_determinant + change\n");
  }
  std::string pull = Roll(rotated);
  for (auto link = links.rbegin(); link != links.rend(); ++link) {
    absl::StrAppend(&pull, "    u = self.", link->layer.name, ".pull(u)\n", Roll(-link->rotation));
  }
  part.source = absl::Substitute(kSource, absl::StrCat(push, Roll(-rotated)), pull);
  for (ScriptLink& link : links) part.parts.push_back(std::move(link.layer));
  return part;
}

}  // namespace sliceflow::engine
