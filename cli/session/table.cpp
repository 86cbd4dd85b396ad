#include "cli/session/table.h"

#include <algorithm>
#include <cstdio>

namespace understudy::cli {

std::string cell_text(const Json& cell) {
  if (cell.is_null()) return "";
  if (cell.is_string()) return cell.get<std::string>();
  if (cell.is_number_float()) return formatted("%.6g", cell.get<double>());
  return cell.dump();
}

namespace {

// Characters that a terminal shows, which is not bytes: those that continue one are not counted.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace

Table without_empty_columns(const Table& table) {
  Table kept = {table.title, {}, std::vector<std::vector<Json>>(table.rows.size()), table.note};
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    if (std::all_of(table.rows.begin(), table.rows.end(),
                    [&](const auto& row) { return row[c].is_null(); }))
      continue;
    kept.columns.push_back(table.columns[c]);
    for (std::size_t r = 0; r < table.rows.size(); ++r) kept.rows[r].push_back(table.rows[r][c]);
  }
  return kept;
}

void print_table(const Table& table) {
  std::vector<std::vector<std::string>> lines = {table.columns};
  for (const std::vector<Json>& row : table.rows) {
    lines.emplace_back();
    for (const Json& cell : row) lines.back().push_back(cell_text(cell));
  }
  std::vector<std::size_t> widths(table.columns.size(), 0);
  for (const auto& line : lines)
    for (std::size_t i = 0; i < line.size() && i < widths.size(); ++i)
      widths[i] = std::max(widths[i], width_of(line[i]));
  if (!table.title.empty()) std::printf("%s\n", table.title.c_str());
  for (const auto& line : lines) {
    std::printf(" ");
    for (std::size_t i = 0; i < line.size() && i < widths.size(); ++i) {
      const std::string blanks(widths[i] - width_of(line[i]), ' ');
      // Names stand left, numbers right.
      std::printf(" %s%s%s ", i == 0 ? "" : blanks.c_str(), line[i].c_str(),
                  i == 0 ? blanks.c_str() : "");
    }
    std::printf("\n");
  }
  if (!table.note.empty()) std::printf("  %s\n", table.note.c_str());
  std::printf("\n");
}

Json table_json(const Table& table) {
  Json rows = Json::array();
  for (const auto& row : table.rows) rows.push_back(row);
  Json object = {{"title", table.title}, {"columns", table.columns}, {"rows", rows}};
  if (!table.note.empty()) object["note"] = table.note;
  return object;
}

}  // namespace understudy::cli
