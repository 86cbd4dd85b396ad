// The page that reports are: one HTML file that needs nothing beside it and follows the reader's
// light or dark setting.

#pragma once

#include <string>

namespace understudy::cli {

// Everything up to the body's first heading, `title`. `style` is CSS on top of what every page has:
// the colors --ink, --faint, --paper, --rule and --s0 to --s5, in which classes s0 to s5 draw
// lines and c0 to c5 write; tables with class "number"; p.small; .charts, a grid of small ones; and
// of charts .grid, .axis, .level, .frame.
std::string page_begin(const std::string& title, const std::string& style = "");
// A last line in small print, as HTML, after the program's name and version; and the end.
std::string page_end(const std::string& note = "");

}  // namespace understudy::cli
