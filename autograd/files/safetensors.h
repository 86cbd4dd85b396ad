// .safetensors: named arrays behind a header of JSON (github.com/huggingface/safetensors).
//
//   8 bytes   length of the header, little-endian
//   header    {"__metadata__": {"key": "text", ...},
//              "name": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]}, ...}
//             padded with blanks
//   the rest  the elements; offsets count from here
//
// Held when reading: names and keys are unique and UTF-8; the arrays cover the data from its first
// byte to its last without hole or overlap; each is exactly as large as its shape and type say. The
// header has at most 100 MB, as in the format's own reader. Types without an ElementType (the 8-bit
// floating ones) are refused.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "autograd/files/array.h"

namespace understudy::files {

struct Safetensors {
  NamedArrays arrays;
  std::map<std::string, std::string, std::less<>> metadata;

  friend bool operator==(const Safetensors&, const Safetensors&) = default;
};

// `name` begins the message of every Error. With an owner of the file's bytes the arrays look at
// them where they are aligned, and copy none.
Safetensors parse_safetensors(ByteSpan file, std::string_view name,
                              const std::shared_ptr<const void>& owner = nullptr);
Safetensors read_safetensors(const std::string& path);

// The header lists the arrays by name. Their data stands in order of falling element size, then by
// name, behind a header padded to 64 bytes: so every array is aligned to its elements, and the same
// arrays are the same file.
void write_safetensors(Sink& sink, const Safetensors& contents, std::string_view name = "arrays");
void write_safetensors(const std::string& path, const Safetensors& contents);

}  // namespace understudy::files
