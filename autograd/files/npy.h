// NumPy's .npy: one array (numpy/lib/format.py, format versions 1.0, 2.0 and 3.0).
//
//   6 bytes   \x93NUMPY
//   2 bytes   version: major, minor
//   2 or 4    length of the header, little-endian (2 bytes in version 1, 4 in 2 and 3)
//   header    a Python dictionary, {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), },
//             padded with blanks to a multiple of 64 and ended by a newline
//   the rest  the elements, nothing after them
//
// Read: both byte orders, both index orders (Fortran's is transposed to C order), every ElementType
// but bf16, which NumPy has no name for. Text, dates, structures and pickled objects are refused.

#pragma once

#include <string>
#include <string_view>

#include "autograd/files/array.h"

namespace understudy::files {

// `name` (a path, a member of an archive) begins the message of every Error. With an `owner` of the
// bytes the array looks at them where they are in the host's order and aligned.
Array parse_npy(ByteSpan file, std::string_view name, std::shared_ptr<const void> owner = nullptr);
Array read_npy(const std::string& path);

// Version 1.0, C order, little-endian. `npy_header` is all of the file but the elements.
std::string npy_header(const Array& array, std::string_view name);
void write_npy(Sink& sink, const Array& array, std::string_view name = "array");
void write_npy(const std::string& path, const Array& array);

}  // namespace understudy::files
