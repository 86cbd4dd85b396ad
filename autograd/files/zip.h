// What the reader and the writer of .npz share of the zip format: its numbers, and which names a
// member may have. As in PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7 to 4.3.16 and 4.5.3.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace understudy::files::zip {

constexpr std::uint32_t local_signature = 0x04034b50;
constexpr std::uint32_t central_signature = 0x02014b50;
constexpr std::uint32_t end_signature = 0x06054b50;
constexpr std::uint32_t zip64_end_signature = 0x06064b50;
constexpr std::uint32_t zip64_locator_signature = 0x07064b50;
constexpr std::size_t local_size = 30, central_size = 46, end_size = 22;
constexpr std::size_t zip64_end_size = 56, zip64_locator_size = 20;
constexpr std::uint16_t zip64_extra = 0x0001;
constexpr std::uint16_t flag_encrypted = 1, flag_descriptor = 8, flag_utf8 = 0x800;
constexpr std::uint16_t method_stored = 0, method_deflated = 8;
constexpr std::uint64_t saturated32 = 0xffffffff;
constexpr std::uint64_t saturated16 = 0xffff;
constexpr std::string_view suffix = ".npy";

// The reason why a name is no member of an archive, or nullptr. Nothing is ever extracted under
// these names, but who lies here lies elsewhere.
const char* wrong_with_name(std::string_view name);

}  // namespace understudy::files::zip
