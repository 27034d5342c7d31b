// Whether what a user's source makes of a row depends on that row alone.
#pragma once

#include <functional>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

namespace sliceflow::engine {

// What a source makes of any number of rows (n × d): n values, or n × m, float. Throws Refused.
using RowFunction = std::function<at::Tensor(const at::Tensor& x)>;

// `value` is what `function` makes of `x`, random rows, at least 16. Throws Refused where some of them become something else
// - at other places among other rows, which are larger and have another mean, so that a small part of what they have in common shows;
// - with fewer than half of them, so that a number of rows in the source shows.
// Something else is what rounding does not explain: many times what the last bits of x change, and the last bits of the value. Takes four
// evaluations, five where rows that far out have no value.
void CheckRowsAreIndependent(const at::Tensor& x, const at::Tensor& value, at::Generator& random, const RowFunction& function);

}  // namespace sliceflow::engine
