// CRC-32 as zip and zlib have it: polynomial 0xEDB88320 (reflected 0x04C11DB7), from and to ~0.

#pragma once

#include <cstdint>

#include "autograd/files/bytes.h"

namespace understudy::files {

// Of a followed by b: crc32(b, crc32(a)).
std::uint32_t crc32(ByteSpan bytes, std::uint32_t crc = 0);

}  // namespace understudy::files
