// The page that reports are: one HTML file that needs nothing beside it and follows the reader's
// light or dark setting.

#pragma once

#include <string>

namespace understudy::cli {

// Everything up to the body's first heading, `title`. `style` is CSS on top of what every page has:
//
//   --ink --faint --paper --rule, --s0 to --s7      colors, other ones on light and on dark
//   s0 to s7, d1 to d3                              classes of one series: its color, its dashes
//   polyline .band .dots .mark .bar .named          what is drawn or written in a series' color
//   .grid .axis .level .frame                       of charts
//   .number, p.small, table.facts, .scroll          of tables and text; what is too wide scrolls
//   .charts, .panels                                a grid of small ones, of three in a row
std::string page_begin(const std::string& title, const std::string& style = "");
// A last line in small print, as HTML, after the program's name and version; and the end.
std::string page_end(const std::string& note = "");

// A picture in a file of its own, of so many pixels, with the same colors and classes of what is
// drawn.
std::string svg_file(double width, double height, const std::string& body);

// Shown when asked for, under a line; nothing of nothing.
std::string folded(const std::string& summary, const std::string& html);

}  // namespace understudy::cli
