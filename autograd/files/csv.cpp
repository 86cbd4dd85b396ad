#include "autograd/files/csv.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "autograd/files/atomic_file.h"
#include "kernels/device/error.h"

namespace understudy::files {

constexpr std::string_view utf8_mark = "\xEF\xBB\xBF";

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// What parts the names of the first line: a comma, where there is one outside of quotes.
char delimiter_of(std::string_view text) {
  bool quoted = false;
  char found = ',';
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == ',' || c == '\n') return c == ',' ? c : found;
    if (c == ';' || (c == '\t' && found == ',')) found = c;
  }
  return found;
}

// "-1,5e3": digits with one comma between them, perhaps a sign and an exponent.
bool has_decimal_comma(std::string_view cell) {
  const std::size_t comma = cell.find(',');
  return comma != cell.npos && comma > 0 && comma + 1 < cell.size() && is_digit(cell[comma - 1]) &&
         is_digit(cell[comma + 1]) &&
         cell.find_first_not_of("+-0123456789eE", comma + 1) == cell.npos &&
         cell.substr(0, comma).find_first_not_of("+-0123456789") == cell.npos;
}

}  // namespace

// One pass over the text. Cells are moved towards the front as their quotes are resolved: a cell is
// never longer than what it was read from, so that the text is its own buffer.
class CsvParser {
 public:
  explicit CsvParser(Csv& csv) : csv_(csv), text_(csv.text_) {}

  void parse() {
    check_characters();
    if (text_.starts_with(utf8_mark)) at_ = utf8_mark.size();
    if (at_ == text_.size()) refuse_line("expected a row of names, found an empty file");
    csv_.delimiter_ = delimiter_ = delimiter_of(std::string_view(text_).substr(at_));
    if (text_[at_] == '#') ++at_;
    std::vector<Csv::Cell> row;
    read_row(row);
    std::set<std::string_view> seen;
    for (const Csv::Cell& cell : row) csv_.names_.push_back(text_.substr(cell.begin, cell.size));
    for (const std::string& name : csv_.names_) {
      if (!seen.insert(name).second) refuse_line("the column '" + shown(name) + "' twice");
    }
    // a table of one column has rows of an empty cell
    const std::size_t end = row.size() > 1 ? end_of_rows() : text_.size();
    while (at_ < end) {
      ++line_;
      const std::size_t first_line = line_;
      row.clear();
      read_row(row);
      if (row.size() != csv_.names_.size()) {
        line_ = first_line;
        refuse_line("expected " + std::to_string(csv_.names_.size()) + " cells, found " +
                    std::to_string(row.size()));
      }
      csv_.cells_.insert(csv_.cells_.end(), row.begin(), row.end());
      csv_.lines_.push_back(first_line);
    }
    text_.resize(to_);
  }

 private:
  [[noreturn]] void refuse_line(const std::string& message) const {
    fail(ErrorKind::bad_file, "%s:%zu: %s", shown_path(csv_.path_).c_str(), line_, message.c_str());
  }

  void check_characters() {
    const std::size_t broken_at = find_invalid_utf8(text_);
    const std::size_t zero_at = text_.find('\0');
    const std::size_t at = std::min(broken_at, zero_at);
    if (at == std::string::npos) return;
    if (text_.starts_with("\xff\xfe") || text_.starts_with("\xfe\xff")) {
      refuse_line("expected text in UTF-8, found UTF-16: iconv -f UTF-16 -t UTF-8 converts it");
    }
    line_ += static_cast<std::size_t>(
        std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
    refuse_line("expected text in UTF-8, found byte " +
                std::to_string(static_cast<unsigned char>(text_[at])) + " at byte " +
                std::to_string(at) + " of the file");
  }

  // Before empty lines at the end.
  std::size_t end_of_rows() const {
    std::size_t end = text_.size();
    for (std::size_t at = end; at > at_; --at) {
      const char c = text_[at - 1];
      if (c != '\n' && c != '\r') break;
      // the line's own end is part of it
      if (c == '\n') end = at;
    }
    return end;
  }

  bool at_line_end() const {
    return at_ == text_.size() || text_[at_] == '\n' ||
           (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n');
  }

  // One line, its end included.
  void read_row(std::vector<Csv::Cell>& row) {
    for (;;) {
      row.push_back(read_cell(row.size() + 1));
      if (at_ < text_.size() && text_[at_] == delimiter_) {
        ++at_;
        continue;
      }
      if (at_ < text_.size()) at_ += text_[at_] == '\r' ? 2 : 1;
      return;
    }
  }

  Csv::Cell read_cell(std::size_t number) {
    const std::size_t begin = to_;
    const auto place = [&] { return "cell " + std::to_string(number) + ": "; };
    skip_blanks();
    if (at_ < text_.size() && text_[at_] == '"') {
      const std::size_t opened = line_;
      for (++at_;; ++at_) {
        if (at_ == text_.size()) {
          line_ = opened;
          refuse_line(place() + "a quote is opened and never closed");
        }
        if (text_[at_] == '"') {
          if (at_ + 1 == text_.size() || text_[at_ + 1] != '"') break;
          ++at_;
        }
        if (text_[at_] == '\n') ++line_;
        text_[to_++] = text_[at_];
      }
      ++at_;
      skip_blanks();
      if (!at_line_end() && text_[at_] != delimiter_) {
        refuse_line(place() + "expected " +
                    (delimiter_ == '\t' ? "a tab" : std::string("'") + delimiter_ + "'") +
                    " after the closing quote, found '" +
                    shown(std::string_view(text_).substr(at_, 1)) + "'");
      }
    } else {
      while (!at_line_end() && text_[at_] != delimiter_) {
        if (text_[at_] == '"') refuse_line(place() + "a quote within a cell that is not quoted");
        if (text_[at_] == '\r') refuse_line(place() + "a carriage return within a line");
        text_[to_++] = text_[at_++];
      }
      while (to_ > begin && is_blank(text_[to_ - 1])) --to_;
      const std::string_view cell = std::string_view(text_).substr(begin, to_ - begin);
      if (delimiter_ != ',' && has_decimal_comma(cell)) text_[begin + cell.find(',')] = '.';
    }
    return {begin, to_ - begin};
  }

  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_]) && text_[at_] != delimiter_) ++at_;
  }

  Csv& csv_;
  std::string& text_;
  std::size_t at_ = 0, to_ = 0;  // read here, written there
  std::size_t line_ = 1;
  char delimiter_ = ',';
};

Csv Csv::open(const std::string& path) { return parse(std::string(read_file(path).text()), path); }

Csv Csv::parse(std::string text, std::string path) {
  Csv csv;
  csv.text_ = std::move(text);
  csv.path_ = std::move(path);
  CsvParser(csv).parse();
  return csv;
}

bool Csv::contains(std::string_view name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

std::size_t Csv::column(std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) {
    std::string has;
    for (const std::string& other : names_) has += (has.empty() ? "" : ", ") + other;
    fail(ErrorKind::bad_file, "%s:1: expected a column '%s', found %s", shown_path(path_).c_str(),
         shown(name).c_str(), shown(has, 120).c_str());
  }
  return static_cast<std::size_t>(found - names_.begin());
}

std::string_view Csv::cell(std::size_t row, std::size_t column) const {
  const Cell& cell = cells_[row * columns() + column];
  return std::string_view(text_).substr(cell.begin, cell.size);
}

void Csv::refuse(std::size_t row, std::size_t column, std::string_view expected) const {
  const std::string_view found = cell(row, column);
  const std::string text = found.empty() ? "an empty cell" : "'" + shown(found) + "'";
  fail(ErrorKind::bad_file, "%s:%zu:%s: expected %s, found %s", shown_path(path_).c_str(),
       line(row), shown(names_[column]).c_str(), std::string(expected).c_str(), text.c_str());
}

static std::string_view without_plus(std::string_view text) {
  const bool plus = text.size() > 1 && text[0] == '+' && text[1] != '-' && text[1] != '+';
  return text.substr(plus ? 1 : 0);
}

bool parse_number(std::string_view text, double& value) {
  text = without_plus(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_number(std::string_view text, std::int64_t& value) {
  text = without_plus(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

namespace {

template <class T>
std::vector<T> read_column(const Csv& csv, std::string_view name, const char* expected) {
  const std::size_t column = csv.column(name);
  std::vector<T> values(csv.rows());
  for (std::size_t row = 0; row < csv.rows(); ++row) {
    if (!parse_number(csv.cell(row, column), values[row])) csv.refuse(row, column, expected);
  }
  return values;
}

}  // namespace

std::vector<double> Csv::numbers(std::string_view name) const {
  return read_column<double>(*this, name, "a number");
}

std::vector<std::int64_t> Csv::integers(std::string_view name) const {
  return read_column<std::int64_t>(*this, name, "an integer of at most 64 bits");
}

std::vector<std::string> Csv::texts(std::string_view name) const {
  const std::size_t index = column(name);
  std::vector<std::string> values;
  for (std::size_t row = 0; row < rows(); ++row) values.emplace_back(cell(row, index));
  return values;
}

Csv::ColumnType Csv::type(std::size_t column) const {
  ColumnType type = rows() == 0 ? ColumnType::text : ColumnType::integer;
  for (std::size_t row = 0; row < rows() && type != ColumnType::text; ++row) {
    std::int64_t integer;
    double number;
    if (type == ColumnType::integer && parse_number(cell(row, column), integer)) continue;
    type = parse_number(cell(row, column), number) ? ColumnType::number : ColumnType::text;
  }
  return type;
}

// ---- writing ------------------------------------------------------------------------------------

namespace {

// Quoted where the text would be read as something else: what may part cells, quotes, line ends,
// and blanks at either end; a cell that is nothing and alone on its line, which is no row to some
// readers; the mark of UTF-8 and '#', which are dropped at the beginning of a file.
void append_text(std::string& line, std::string_view text, bool alone) {
  const bool quoted = text.find_first_of(",;\t\"\r\n") != std::string_view::npos ||
                      text.starts_with(' ') || text.ends_with(' ') || (alone && text.empty()) ||
                      text.starts_with(utf8_mark) || text.starts_with('#');
  if (!quoted) {
    line += text;
    return;
  }
  line += '"';
  for (const char c : text) line.append(c == '"' ? 2 : 1, c);
  line += '"';
}

template <class T>
void append_value(std::string& line, T value, bool) {
  char digits[32];  // the shortest form of a double has at most 24 characters
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  UNDERSTUDY_CHECK(error == std::errc(), "a number of more than 32 characters");
  line.append(digits, end);
}

void append_value(std::string& line, const std::string& value, bool alone) {
  append_text(line, value, alone);
}

}  // namespace

void write_csv(Sink& sink, const CsvColumns& columns) {
  UNDERSTUDY_CHECK(!columns.empty(), "a table without columns");
  const auto length = [](const CsvColumn& column) {
    return std::visit([](const auto& values) { return values.size(); }, column);
  };
  const std::size_t rows = length(columns[0].second);
  const bool alone = columns.size() == 1;
  std::string line;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    UNDERSTUDY_CHECK(length(columns[i].second) == rows, "columns of different length: %s",
                     columns[i].first.c_str());
    if (i != 0) line += ',';
    append_text(line, columns[i].first, alone);
  }
  line += '\n';
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i != 0) line += ',';
      std::visit([&](const auto& values) { append_value(line, values[row], alone); },
                 columns[i].second);
    }
    line += '\n';
    sink.write(line);
    line.clear();
  }
  sink.write(line);
}

void write_csv(const std::string& path, const CsvColumns& columns) {
  AtomicFile file(path);
  write_csv(file, columns);
  file.commit();
}

}  // namespace understudy::files
