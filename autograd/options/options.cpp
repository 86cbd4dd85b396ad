#include "autograd/options/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "kernels/device/error.h"

namespace understudy {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double most_int = 1e9;  // of an int, so that sums of a few are none too large

template <class Number>
bool parse(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// As few digits as bring back the same bits.
template <class Number>
std::string shortest(Number value) {
  char digits[40];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

template <class Number>
std::string joined(const std::vector<Number>& values) {
  std::string text;
  for (Number one : values) text += (text.empty() ? "" : ",") + shortest(one);
  return text;
}

// An error's line is short and one line, and what was found may be neither.
std::string excerpt(const std::string& text) {
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

std::int64_t read_integer(const void* from, int bytes) {
  switch (bytes) {
    case 1: return *static_cast<const std::int8_t*>(from);
    case 4: {
      std::int32_t value;
      std::memcpy(&value, from, sizeof value);
      return value;
    }
    default: {
      std::int64_t value;
      std::memcpy(&value, from, sizeof value);
      return value;
    }
  }
}

void write_integer(void* to, int bytes, std::int64_t value) {
  switch (bytes) {
    case 1: *static_cast<std::int8_t*>(to) = static_cast<std::int8_t>(value); break;
    case 4: {
      const std::int32_t narrow = static_cast<std::int32_t>(value);
      std::memcpy(to, &narrow, sizeof narrow);
      break;
    }
    default: std::memcpy(to, &value, sizeof value);
  }
}

bool within(const OptionDetails& d, double value) {
  if (d.infinite && std::isinf(value)) return true;
  return std::isfinite(value) && d.least <= value && value <= d.most && d.above < value &&
         value < d.below;
}

// "1 or more", "from 0 to 1", "above 0"; "" without bounds. `short_form`: ">= 1", "0 to 1", "> 0".
std::string bounds(const OptionDetails& d, bool short_form) {
  const bool open_low = d.above > d.least, open_high = d.below < d.most;
  const double low = std::max(d.least, d.above), high = std::min(d.most, d.below);
  const std::string from = shortest(low), to = shortest(high);
  if (low == -infinity && high == infinity) return "";
  if (high == infinity) {
    if (short_form) return (open_low ? "> " : ">= ") + from;
    return open_low ? "above " + from : "of " + from + " or more";
  }
  if (low == -infinity) {
    if (short_form) return (open_high ? "< " : "<= ") + to;
    return open_high ? "below " + to : "of " + to + " or less";
  }
  if (!open_low && !open_high)
    return short_form ? from + " to " + to : "from " + from + " to " + to;
  if (short_form) return (open_low ? "> " : ">= ") + from + ", " + (open_high ? "< " : "<= ") + to;
  return (open_low ? "above " : "of at least ") + from + " and " +
         (open_high ? "below " : "at most ") + to;
}

// "a, b or c", each name once.
std::string listed(std::span<const OptionChoice> choices, const char* last) {
  std::vector<const char*> names;
  for (std::size_t i = 0; i < choices.size(); ++i)
    if (choice_name(choices, choices[i].value) == choices[i].name) names.push_back(choices[i].name);
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? last : ", ") + std::string(names[i]);
  return text;
}

const OptionChoice* find_choice(std::span<const OptionChoice> choices, const std::string& name) {
  for (const OptionChoice& one : choices)
    if (name == one.name) return &one;
  return nullptr;
}

// What stands between commas; false where one of it is no such number.
template <class Number>
bool parse_list(const std::string& text, const OptionDetails& details,
                std::vector<Number>& values) {
  values.clear();
  for (std::size_t at = 0; !text.empty() && at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    Number one = 0;
    if (!parse(std::string_view(text).substr(at, comma - at), one) ||
        !within(details, static_cast<double>(one)))
      return false;
    values.push_back(one);
    at = comma + 1;
  }
  return true;
}

Option made(const char* name, OptionKind kind, void* value, int bytes, const char* summary,
            const OptionDetails& details) {
  Option one;
  one.name = name;
  one.kind = kind;
  one.value = value;
  one.bytes = bytes;
  one.summary = summary;
  one.details = details;
  return one;
}

}  // namespace

const char* name_of(OptionKind kind) {
  switch (kind) {
    case OptionKind::boolean: return "boolean";
    case OptionKind::integer: return "integer";
    case OptionKind::number: return "number";
    case OptionKind::text: return "text";
    case OptionKind::choice: return "choice";
    case OptionKind::integers: return "integers";
    case OptionKind::numbers: return "numbers";
    case OptionKind::seed: return "seed";
    case OptionKind::fixed: return "fixed";
    case OptionKind::group: return "group";
  }
  return "?";
}

std::int64_t choice_named(std::span<const OptionChoice> choices, const std::string& name,
                          const std::string& what) {
  if (const OptionChoice* found = find_choice(choices, name)) return found->value;
  fail(ErrorKind::bad_input, "%s: expected %s, found '%s'", what.c_str(),
       listed(choices, " or ").c_str(), excerpt(name).c_str());
}

Option option(const char* name, bool& value, const char* summary, OptionDetails details) {
  return made(name, OptionKind::boolean, &value, 1, summary, details);
}
Option option(const char* name, int& value, const char* summary, OptionDetails details) {
  details.most = std::min(details.most, most_int);
  return made(name, OptionKind::integer, &value, sizeof value, summary, details);
}
Option option(const char* name, std::int64_t& value, const char* summary, OptionDetails details) {
  return made(name, OptionKind::integer, &value, sizeof value, summary, details);
}
Option option(const char* name, double& value, const char* summary, OptionDetails details) {
  return made(name, OptionKind::number, &value, sizeof value, summary, details);
}
Option option(const char* name, std::string& value, const char* summary, OptionDetails details) {
  return made(name, OptionKind::text, &value, 0, summary, details);
}
Option option(const char* name, std::vector<std::int64_t>& value, const char* summary,
              OptionDetails details) {
  return made(name, OptionKind::integers, &value, 0, summary, details);
}
Option option(const char* name, std::vector<double>& value, const char* summary,
              OptionDetails details) {
  return made(name, OptionKind::numbers, &value, 0, summary, details);
}
Option option(const char* name, std::string& value, std::span<const OptionChoice> choices,
              const char* summary, OptionDetails details) {
  Option one = option(name, value, summary, details);
  one.choices = choices;
  return one;
}
Option choice_option(const char* name, void* value, int bytes,
                     std::span<const OptionChoice> choices, const char* summary,
                     OptionDetails details) {
  Option one = made(name, OptionKind::choice, value, bytes, summary, details);
  one.choices = choices;
  return one;
}
Option seed(std::uint64_t& value) {
  return made("seed", OptionKind::seed, &value, sizeof value, "the run's seed", {});
}

std::string Option::text() const {
  switch (kind) {
    case OptionKind::boolean: return *static_cast<const bool*>(value) ? "true" : "false";
    case OptionKind::integer: return shortest(read_integer(value, bytes));
    case OptionKind::number: return shortest(*static_cast<const double*>(value));
    case OptionKind::text: return *static_cast<const std::string*>(value);
    case OptionKind::choice: return choice_name(choices, read_integer(value, bytes));
    case OptionKind::integers: return joined(*static_cast<const std::vector<std::int64_t>*>(value));
    case OptionKind::numbers: return joined(*static_cast<const std::vector<double>*>(value));
    case OptionKind::seed: return shortest(*static_cast<const std::uint64_t*>(value));
    case OptionKind::fixed:
    case OptionKind::group: break;
  }
  return "";
}

std::string Option::expected() const {
  // What every int keeps to is said of none.
  OptionDetails said = details;
  if (kind == OptionKind::integer && said.most == most_int && bytes == 4) said.most = infinity;
  const std::string bound = bounds(said, false), tail = bound.empty() ? "" : " " + bound;
  switch (kind) {
    case OptionKind::boolean: return "true or false";
    case OptionKind::integer: return "a whole number" + tail;
    case OptionKind::number: return (bound.empty() ? "a finite number" : "a number") + tail;
    case OptionKind::choice: return listed(choices, " or ");
    case OptionKind::integers: return "whole numbers" + tail + ", with commas between them";
    case OptionKind::numbers: return "numbers" + tail + ", with commas between them";
    case OptionKind::text: return choices.empty() ? "a text" : listed(choices, " or ");
    case OptionKind::seed:
    case OptionKind::fixed:
    case OptionKind::group: break;
  }
  return "";
}

std::string Option::range() const {
  OptionDetails said = details;
  if (kind == OptionKind::integer && said.most == most_int && bytes == 4) said.most = infinity;
  switch (kind) {
    case OptionKind::boolean: return "true, false";
    case OptionKind::text:
    case OptionKind::choice: return listed(choices, ", ");
    case OptionKind::integers:
    case OptionKind::numbers: {
      const std::string bound = bounds(said, true);
      return bound.empty() ? "a list" : "a list, each " + bound;
    }
    default: return bounds(said, true);
  }
}

void Option::set(const std::string& text, const std::string& from) const {
  const auto refuse = [&] {
    fail(ErrorKind::bad_input, "%s: %s: expected %s, found '%s'", from.c_str(), name.c_str(),
         expected().c_str(), excerpt(text).c_str());
  };
  switch (kind) {
    case OptionKind::boolean:
      if (text != "true" && text != "false") refuse();
      *static_cast<bool*>(value) = text == "true";
      break;
    case OptionKind::integer: {
      std::int64_t number = 0;
      if (!parse(text, number)) refuse();
      if (!within(details, static_cast<double>(number))) {
        if (bytes == 4 && static_cast<double>(number) > most_int && details.most == most_int)
          fail(ErrorKind::bad_input, "%s: %s: expected at most 10^9, found %s", from.c_str(),
               name.c_str(), excerpt(text).c_str());
        refuse();
      }
      write_integer(value, bytes, number);
      break;
    }
    case OptionKind::number: {
      double number = 0;
      if (!parse(text, number) || !within(details, number)) refuse();
      *static_cast<double*>(value) = number;
      break;
    }
    case OptionKind::text:
      if (!choices.empty() && find_choice(choices, text) == nullptr) refuse();
      *static_cast<std::string*>(value) = text;
      break;
    case OptionKind::choice: {
      const OptionChoice* found = find_choice(choices, text);
      if (found == nullptr) refuse();
      write_integer(value, bytes, found->value);
      break;
    }
    case OptionKind::integers: {
      std::vector<std::int64_t> numbers;
      if (!parse_list(text, details, numbers)) refuse();
      *static_cast<std::vector<std::int64_t>*>(value) = std::move(numbers);
      break;
    }
    case OptionKind::numbers: {
      std::vector<double> numbers;
      if (!parse_list(text, details, numbers)) refuse();
      *static_cast<std::vector<double>*>(value) = std::move(numbers);
      break;
    }
    case OptionKind::seed:
    case OptionKind::fixed:
    case OptionKind::group: UNDERSTUDY_CHECK(false, "set: an option that may not be set"); break;
  }
}

void Option::check() const {
  bool holds = true;
  switch (kind) {
    case OptionKind::integer:
      holds = within(details, static_cast<double>(read_integer(value, bytes)));
      break;
    case OptionKind::number: holds = within(details, *static_cast<const double*>(value)); break;
    case OptionKind::choice:
      holds = choice_name(choices, read_integer(value, bytes)) != std::string_view("?");
      break;
    case OptionKind::integers:
      for (std::int64_t one : *static_cast<const std::vector<std::int64_t>*>(value))
        holds = holds && within(details, static_cast<double>(one));
      break;
    case OptionKind::numbers:
      for (double one : *static_cast<const std::vector<double>*>(value))
        holds = holds && within(details, one);
      break;
    default: break;
  }
  if (!holds)
    fail(ErrorKind::bad_input, "%s: expected %s, found %s", name.c_str(), expected().c_str(),
         excerpt(text()).c_str());
}

std::string OptionList::full_name(const std::string& name) const {
  if (name.starts_with("/")) return name.substr(1);
  if (name.empty()) return prefix_;
  return prefix_.empty() ? name : prefix_ + "." + name;
}

void OptionList::add(Option one) {
  one.name = full_name(one.name);
  if (one.kind == OptionKind::group) {
    std::swap(prefix_, one.name);
    one.list_group(*this, one.value);
    std::swap(prefix_, one.name);
    return;
  }
  if (one.settable())
    UNDERSTUDY_CHECK(!one.name.empty() && find(one.name) == nullptr, "option %s is listed twice",
                     one.name.c_str());
  options_.push_back(std::move(one));
}

void OptionList::add(void* begin, std::size_t bytes, std::span<Option> rows) {
  const char* const first = static_cast<const char*>(begin);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const char* const at = static_cast<const char*>(rows[i].value);
    UNDERSTUDY_CHECK(at >= first && at < first + bytes, "option %s is no member of its struct",
                     rows[i].name.c_str());
    for (std::size_t j = 0; j < i; ++j)
      UNDERSTUDY_CHECK(rows[j].value != rows[i].value, "a member is listed twice: %s, %s",
                       rows[j].name.c_str(), rows[i].name.c_str());
  }
  for (Option& one : rows) add(std::move(one));
}

void OptionList::when_set(const std::string& name, std::function<void()> act) {
  const std::string whole = full_name(name);
  for (Option& one : options_)
    if (one.settable() && one.name == whole) {
      one.then = std::move(act);
      return;
    }
  UNDERSTUDY_CHECK(false, "when_set: no option %s", whole.c_str());
}

void OptionList::leave_out(const std::string& name) {
  const std::string whole = full_name(name);
  const std::size_t before = options_.size();
  std::erase_if(options_, [&](const Option& one) { return one.settable() && one.name == whole; });
  UNDERSTUDY_CHECK(options_.size() + 1 == before, "leave_out: no option %s", whole.c_str());
}

const Option* OptionList::find(const std::string& name) const {
  for (const Option& one : options_)
    if (one.settable() && one.name == name) return &one;
  return nullptr;
}

std::string OptionList::nearest(const std::string& name) const {
  const Option* best = nullptr;
  int least = std::numeric_limits<int>::max();
  for (const Option& one : options_) {
    if (!one.settable()) continue;
    const int distance = name_distance(name, one.name);
    if (distance >= least) continue;
    least = distance;
    best = &one;
  }
  return best == nullptr ? "" : best->name;
}

void OptionList::seed(std::uint64_t value) const {
  for (const Option& one : options_)
    if (one.kind == OptionKind::seed) *static_cast<std::uint64_t*>(one.value) = value;
}

void OptionList::check() const {
  for (const Option& one : options_) one.check();
  for (const std::function<void()>& holds : checks_) holds();
}

std::vector<std::pair<std::string, std::string>> OptionList::texts() const {
  std::vector<std::pair<std::string, std::string>> all;
  for (const Option& one : options_)
    if (one.settable()) all.emplace_back(one.name, one.text());
  return all;
}

void assign_options(const std::function<OptionList()>& list,
                    const std::vector<OptionAssignment>& assignments) {
  // Of two of one name the later counts.
  std::vector<const OptionAssignment*> left;
  for (const OptionAssignment& one : assignments) {
    std::erase_if(left, [&](const OptionAssignment* other) { return other->name == one.name; });
    left.push_back(&one);
  }
  for (bool consequences = true;; consequences = true) {
    const OptionList known = list();
    const std::size_t before = left.size();
    const auto set = [&](const OptionAssignment* one) {
      const Option* option = known.find(one->name);
      if (option == nullptr || (consequences && !option->then)) return false;
      option->set(one->text, one->from);
      if (option->then) option->then();
      return true;
    };
    // One with consequences at a time: the next may be there, or mean something, because of it.
    const auto first = std::find_if(left.begin(), left.end(), set);
    if (first != left.end()) {
      left.erase(first);
      continue;
    }
    consequences = false;
    std::erase_if(left, set);
    if (left.empty()) return;
    if (left.size() < before) continue;
    fail(ErrorKind::bad_input, "%s: no setting '%s'; the nearest is '%s'", left[0]->from.c_str(),
         excerpt(left[0]->name).c_str(), known.nearest(left[0]->name).c_str());
  }
}

std::vector<OptionDifference> differences(
    const std::vector<std::pair<std::string, std::string>>& before,
    const std::vector<std::pair<std::string, std::string>>& now) {
  const auto value_in = [](const auto& all, const std::string& name) -> const std::string* {
    for (const auto& [key, value] : all)
      if (key == name) return &value;
    return nullptr;
  };
  std::vector<OptionDifference> found;
  for (const auto& [name, value] : now) {
    const std::string* was = value_in(before, name);
    if (was == nullptr || *was != value) found.push_back({name, was ? *was : "", value});
  }
  for (const auto& [name, value] : before)
    if (value_in(now, name) == nullptr) found.push_back({name, value, ""});
  return found;
}

int name_distance(std::string_view a, std::string_view b) {
  // A part of a name is what people remember: "lambda" of gae_lambda, "hidden" of baseline.hidden.
  const auto part = [](std::string_view whole, std::string_view piece) {
    const auto edge = [&](std::size_t at) {
      return at == 0 || at == whole.size() || whole[at] == '_' || whole[at] == '.' ||
             whole[at - 1] == '_' || whole[at - 1] == '.';
    };
    for (std::size_t at = whole.find(piece); !piece.empty() && at != whole.npos;
         at = whole.find(piece, at + 1))
      if (edge(at) && edge(at + piece.size())) return true;
    return false;
  };
  if (a != b && (part(a, b) || part(b, a))) return 1;
  // Optimal string alignment, by rows of the table of distances of beginnings.
  std::vector<int> before, last(b.size() + 1), now(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = std::min(now[j], before[j - 2] + 1);
    }
    before = last;
    last.swap(now);
  }
  return last[b.size()];
}

}  // namespace understudy
