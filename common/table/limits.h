// Bounds that every reader of tables keeps to.
#pragma once

#include <cstdint>

namespace sliceflow::table {

// A reader allocates in proportion to the values it accepts, never to what a heading claims.
struct Limits {
  int64_t max_values = 0;  // most values of the table; beyond: ResourceExhausted
  int64_t max_rows = 0;    // only the first rows are read; 0 reads all
};

}  // namespace sliceflow::table
