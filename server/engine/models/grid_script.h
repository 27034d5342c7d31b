// A density on a grid as TorchScript: GridDensity's map and its inverse distribution functions.
#pragma once

namespace sliceflow::engine {

// What line and plane have in common. A profile is a piecewise linear function along an axis, one for each row or one for all; a place in it
// is a cell and a fraction of the cell. $0: share of a side that rounding may lead outside; $1: dimension; $2: the type float32; $3, $4: the
// ends of the noise.
inline constexpr char kGridScript[] = R"(
def values(self) -> Tensor:
    log_values = self.log_values.double()
    return torch.exp(log_values - torch.logsumexp(torch.flatten(log_values + torch.log(self.weights)), 0))

def take(self, profile: Tensor, node: Tensor) -> Tensor:
    return torch.gather(profile.expand([node.size(0), -1]), 1, node.unsqueeze(1)).squeeze(1)

def at(self, profile: Tensor, cell: Tensor, fraction: Tensor) -> Tensor:
    return self.take(profile, cell) * (1 - fraction) + self.take(profile, cell + 1) * fraction

def quantile(self, profile: Tensor, u: Tensor, axis: int) -> Tuple[Tensor, Tensor]:
    masses = (profile[:, 1:] + profile[:, :-1]) * (0.5 * self.spacing[axis])
    ends = torch.cumsum(masses, 1)
    below = torch.cat([torch.zeros_like(ends[:, :1]), ends], 1)
    target = u * ends[:, -1]
    found = torch.searchsorted(ends.expand([u.size(0), -1]).contiguous(), target.unsqueeze(1), right=True).squeeze(1)
    cell = torch.clamp_max(found, ends.size(1) - 1)
    a = self.take(profile, cell)
    b = self.take(profile, cell + 1)
    left = torch.clamp_min((target - self.take(below, cell)) / self.spacing[axis], 0)
    value = torch.sqrt(torch.clamp_min(a * a + 2 * (b - a) * left, 1e-300))
    return cell, torch.clamp_max(2 * left / (a + value), 1)

def coordinate(self, cell: Tensor, fraction: Tensor, axis: int) -> Tensor:
    return (cell + fraction) * self.spacing[axis] + self.lower[axis]

def place(self, x: Tensor, axis: int) -> Tuple[Tensor, Tensor]:
    cells = self.log_values.size(axis) - 1
    u = torch.clamp((x[:, axis].double() - self.lower[axis]) / self.spacing[axis], 0, cells)
    cell = torch.clamp_max(torch.floor(u), cells - 1)
    return cell.long(), u - cell

def log_inside(self, x: Tensor) -> Tensor:
    share = (x.double() - self.lower) / (self.spacing * (self.log_values.size(0) - 1))
    return torch.log(torch.all(torch.logical_and(share >= -$0, share <= 1 + $0), 1).double())

def latent(self, count: int) -> Tensor:
    return torch.clamp(torch.rand([count, $1], dtype=$2), $3, $4)

def sample(self, count: int) -> Tensor:
    return self.forward(self.latent(count))
)";

inline constexpr char kGridLineScript[] = R"(
def forward(self, z: Tensor) -> Tensor:
    cell, fraction = self.quantile(self.values().unsqueeze(0), z[:, 0].double(), 0)
    return self.coordinate(cell, fraction, 0).unsqueeze(1).float()

def log_density(self, x: Tensor) -> Tensor:
    cell, fraction = self.place(x, 0)
    return (torch.log(self.at(self.values().unsqueeze(0), cell, fraction)) + self.log_inside(x)).float()
)";

// First the marginal, then the profile across it.
inline constexpr char kGridPlaneScript[] = R"(
def across(self, cell: Tensor, fraction: Tensor) -> Tensor:
    values = self.values()
    return values[cell] * (1 - fraction).unsqueeze(1) + values[cell + 1] * fraction.unsqueeze(1)

def forward(self, z: Tensor) -> Tensor:
    marginal = torch.matmul(self.values(), self.axis_weights).unsqueeze(0)
    cell, fraction = self.quantile(marginal, z[:, 0].double(), 0)
    second_cell, second_fraction = self.quantile(self.across(cell, fraction), z[:, 1].double(), 1)
    return torch.stack([self.coordinate(cell, fraction, 0), self.coordinate(second_cell, second_fraction, 1)], 1).float()

def log_density(self, x: Tensor) -> Tensor:
    cell, fraction = self.place(x, 0)
    second_cell, second_fraction = self.place(x, 1)
    return (torch.log(self.at(self.across(cell, fraction), second_cell, second_fraction)) + self.log_inside(x)).float()
)";

}  // namespace sliceflow::engine
