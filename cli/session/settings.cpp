#include "cli/session/settings.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/files/csv.h"
#include "cli/session/run_folder.h"
#include "kernels/device/error.h"

namespace understudy::cli {

Settings::Settings(const std::string& config, const std::vector<std::string>& set) {
  if (!config.empty()) {
    const Json read = read_json(config);  // items() only looks at it
    for (const auto& [name, value] : read.items()) add(name, value, config);
  }
  for (const std::string& one : set) {
    const std::size_t equals = one.find('=');
    if (equals == one.npos || equals == 0)
      fail(ErrorKind::bad_input, "--set: expected key=value, found '%s'", one.c_str());
    given_[one.substr(0, equals)] = {one.substr(equals + 1), "--set"};
  }
}

void Settings::add(const std::string& name, const Json& value, const std::string& from) {
  if (value.is_object()) {
    for (const auto& [inner, below] : value.items()) add(name + "." + inner, below, from);
    return;
  }
  std::string text;
  if (value.is_array()) {
    for (const Json& one : value) text += (text.empty() ? "" : ",") + one.dump();
  } else {
    text = value.is_string() ? value.get<std::string>() : value.dump();
  }
  given_[name] = {text, from};
}

std::vector<OptionAssignment> Settings::assignments() const {
  std::vector<OptionAssignment> all;
  for (const auto& [name, given] : given_) all.push_back({name, given.text, given.from});
  return all;
}

Json values_of(const OptionList& list) {
  Json values = Json::object();
  for (const understudy::Option& one : list.options()) {
    if (!one.settable()) continue;
    const std::string text = one.text();
    switch (one.kind) {
      case OptionKind::boolean:
      case OptionKind::integer:
      case OptionKind::number: values[one.name] = Json::parse(text); break;
      case OptionKind::integers:
      case OptionKind::numbers: values[one.name] = Json::parse("[" + text + "]"); break;
      default: values[one.name] = text;
    }
  }
  return values;
}

const Settings::Given* Settings::find(const char* name) {
  known_.push_back(name);
  const auto found = given_.find(name);
  return found == given_.end() ? nullptr : &found->second;
}

void Settings::refuse(const char* name, const Given& given, const char* expected) const {
  fail(ErrorKind::bad_input, "%s: %s: expected %s, found '%s'", given.from.c_str(), name, expected,
       given.text.c_str());
}

void Settings::take(const char* name, bool& value) {
  if (const Given* given = find(name)) {
    if (given->text != "true" && given->text != "false") refuse(name, *given, "true or false");
    value = given->text == "true";
  }
  resolved_[name] = value;
}

void Settings::take(const char* name, std::int64_t& value) {
  if (const Given* given = find(name))
    if (!files::parse_number(given->text, value) || value < 0)
      refuse(name, *given, "a whole number of 0 or more");
  resolved_[name] = value;
}

void Settings::take_count(const char* name, std::int64_t& value) {
  take(name, value);
  if (value < 1)
    fail(ErrorKind::bad_input, "%s: expected a whole number of 1 or more, found %lld", name,
         static_cast<long long>(value));
}

void Settings::take(const char* name, int& value) {
  std::int64_t wide = value;
  take(name, wide);
  if (wide > 1000000000)
    fail(ErrorKind::bad_input, "%s: expected at most 10^9, found %lld", name,
         static_cast<long long>(wide));
  value = static_cast<int>(wide);
}

void Settings::take(const char* name, double& value) {
  if (const Given* given = find(name))
    if (!files::parse_number(given->text, value) || !std::isfinite(value))
      refuse(name, *given, "a finite number");
  resolved_[name] = value;
}

void Settings::take(const char* name, std::string& value) {
  if (const Given* given = find(name)) value = given->text;
  resolved_[name] = value;
}

// What stands between commas.
template <typename Number>
void Settings::take_list(const char* name, const char* expected, Number least,
                         std::vector<Number>& value) {
  if (const Given* given = find(name)) {
    value.clear();
    std::string rest = given->text;
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      Number one = 0;
      if (!files::parse_number(rest.substr(0, comma), one) || !(one >= least) ||
          !std::isfinite(static_cast<double>(one)))
        refuse(name, *given, expected);
      value.push_back(one);
      rest = comma == rest.npos ? "" : rest.substr(comma + 1);
    }
  }
  resolved_[name] = value;
}

void Settings::take(const char* name, std::vector<std::int64_t>& value) {
  take_list(name, "whole numbers above 0, with commas between them", std::int64_t{1}, value);
}

void Settings::take_columns(const char* name, std::vector<std::int64_t>& value) {
  take_list(name, "whole numbers of 0 or more, with commas between them", std::int64_t{0}, value);
}

void Settings::take(const char* name, std::vector<double>& value) {
  take_list(name, "numbers with commas between them", std::numeric_limits<double>::lowest(), value);
}

std::size_t Settings::place_of(const char* name, const std::vector<const char*>& names,
                               std::size_t place) {
  if (const Given* given = find(name)) {
    place = static_cast<std::size_t>(std::find(names.begin(), names.end(), given->text) -
                                     names.begin());
    std::string all;
    for (std::size_t i = 0; i < names.size(); ++i)
      all += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + std::string(names[i]);
    if (place == names.size()) refuse(name, *given, all.c_str());
  }
  resolved_[name] = names[place];
  return place;
}

void Settings::finish() const {
  for (const auto& [name, given] : given_) {
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    std::string names;
    for (const std::string& one : known_) names += (names.empty() ? "" : ", ") + one;
    fail(ErrorKind::bad_input, "%s: no setting '%s'; there are: %s", given.from.c_str(),
         name.c_str(), names.c_str());
  }
}

}  // namespace understudy::cli
