// How errors about options quote what was found.

#pragma once

#include <cstdio>
#include <string>

namespace understudy {

// An error's line is short and one line, and what was found may be neither.
inline std::string excerpt(const std::string& text) {
  std::string line;
  for (const char c : text.size() <= 60 ? text : text.substr(0, 57) + "...") {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      line += c;
    } else {
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned>(byte));
      line += hex;
    }
  }
  return line;
}

}  // namespace understudy
