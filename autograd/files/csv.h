// Tables as text: commas, a header row of unique names, '.' for decimals, lines that end with LF
// or CRLF.
//
// Where the header has no comma, but semicolons or tabs, those part the cells, and a number may
// have ',' for its decimals, as spreadsheets of half of Europe write them. Blanks around a cell
// that is not quoted, a '#' before the names (NumPy's) and empty lines at the end are no part of
// the table.
//
// A cell may stand in double quotes, and then hold commas, line ends and doubled quotes (RFC 4180).
// Text is UTF-8, with or without a byte-order mark; the locale has no say. Every line has as many
// cells as the header. An Error says file:line:column, the line counted from 1 as editors do.
//
// The table keeps its cells as text, and the reader of a column says its type: so an error
// is about what was expected, and a column that no one asks for may hold anything.
//
// Thread safety: const functions from any number of threads at once.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "autograd/files/bytes.h"

namespace understudy::files {

class Csv {
 public:
  enum class ColumnType { integer, number, text };

  static Csv open(const std::string& path);
  static Csv parse(std::string text, std::string path);

  const std::string& path() const { return path_; }
  const std::vector<std::string>& names() const { return names_; }
  std::size_t columns() const { return names_.size(); }
  std::size_t rows() const { return lines_.size(); }
  char delimiter() const { return delimiter_; }

  bool contains(std::string_view name) const;
  std::size_t column(std::string_view name) const;  // its index; an Error where there is none

  // REQUIRES: row < rows(), column < columns().
  std::string_view cell(std::size_t row, std::size_t column) const;
  // The line in the file where a row begins.
  std::size_t line(std::size_t row) const { return lines_[row]; }

  // Whole columns; a cell that is empty or of another type is an Error. "nan" and "inf" are
  // numbers.
  std::vector<double> numbers(std::string_view name) const;
  std::vector<std::int64_t> integers(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;

  // The narrowest type that fits every cell; text where there is no row.
  ColumnType type(std::size_t column) const;

  // For the reader's own complaints about a cell: "file:line:column: expected ..., found '...'".
  [[noreturn]] void refuse(std::size_t row, std::size_t column, std::string_view expected) const;

 private:
  struct Cell {
    std::size_t begin;
    std::size_t size;
  };

  friend class CsvParser;

  std::string path_;
  std::string text_;  // the cells' characters, quotes resolved
  std::vector<std::string> names_;
  std::vector<Cell> cells_;  // row by row
  std::vector<std::size_t> lines_;
  char delimiter_ = ',';
};

// A number in the notation of C ("1", "+2", "-2.5e-3", "nan", "inf"), all of the text; false else.
bool parse_number(std::string_view text, double& value);
bool parse_number(std::string_view text, std::int64_t& value);

// Numbers are written with as few digits as bring back the same bits.
using CsvColumn = std::variant<std::vector<double>, std::vector<float>, std::vector<std::int64_t>,
                               std::vector<std::string>>;
using CsvColumns = std::vector<std::pair<std::string, CsvColumn>>;

// REQUIRES: columns of one length, with unique names.
void write_csv(Sink& sink, const CsvColumns& columns);
void write_csv(const std::string& path, const CsvColumns& columns);

}  // namespace understudy::files
