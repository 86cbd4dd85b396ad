// Tables as the command prints them, and as JSON and pages have them.

#pragma once

#include <string>
#include <vector>

#include "cli/session/command.h"

namespace understudy::cli {

// Cells are text, numbers (printed with six digits), or null (nothing).
struct Table {
  std::string title;  // a line above, or nothing
  std::vector<std::string> columns;
  std::vector<std::vector<Json>> rows;
  std::string note;  // one line below, or nothing
};

std::string cell_text(const Json& cell);

// Without columns in which no row has anything.
Table without_empty_columns(const Table& table);

// On standard output: names left, numbers right.
void print_table(const Table& table);

// An object with title, columns, rows and, if there is one, the note.
Json table_json(const Table& table);

}  // namespace understudy::cli
