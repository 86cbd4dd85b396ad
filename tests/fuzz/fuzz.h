// What every fuzz target holds: bytes either parse, or are refused with one printable line about a
// bad file. The target itself adds what must hold of bytes that parse.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "autograd/files/bytes.h"
#include "kernels/device/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace understudy::files {

// True where `parse` returned.
template <class Parse>
bool parses(Parse parse) {
  try {
    parse();
    return true;
  } catch (const Error& error) {
    const std::string_view message = error.what();
    UNDERSTUDY_CHECK(error.kind() == ErrorKind::bad_file || error.kind() == ErrorKind::bad_input,
                     "neither a bad file nor bad input: %s", error.what());
    UNDERSTUDY_CHECK(message.size() > 8, "no message");
    UNDERSTUDY_CHECK(message.size() < Error::capacity - 1, "cut short: %s", error.what());
    UNDERSTUDY_CHECK(find_invalid_utf8(message) == std::string_view::npos, "not UTF-8");
    for (const char c : message) {
      UNDERSTUDY_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "not one line: %s",
                       error.what());
    }
    return false;
  }
}

inline ByteSpan input_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

}  // namespace understudy::files
