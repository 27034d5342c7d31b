// Tables of numbers as text.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/table/limits.h"
#include "common/tensor.h"

namespace sliceflow::table {

// Reads one row a line, ended by LF or CRLF, in UTF-8 with or without a byte order mark. The first line decides what separates numbers: a
// semicolon, else a comma, else a tab (where it has one), else blanks. Numbers are decimal, with a point, and may stand in double quotes. A
// first line of which no field is a number is a heading and left out. Blank lines may only end the file.
// The table has the shape [rows, columns]. InvalidArgument names line and column (both from 1) and what was found: fields that are no
// finite float32, rows of different lengths, no rows. The bytes may be hostile.
absl::StatusOr<Tensor> ReadCsv(absl::string_view bytes, const Limits& limits);

}  // namespace sliceflow::table
