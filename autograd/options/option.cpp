// One option: how it is made, its value to and from text, its range.

#include "autograd/options/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>

#include "autograd/options/excerpt.h"
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

}  // namespace understudy
