#include "cli/session/settings.h"

#include <algorithm>
#include <cstdlib>

#include "cli/session/run_folder.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

using Setting = understudy::Option;

void add(const std::string& name, const Json& value, const std::string& from,
         std::vector<OptionAssignment>& all) {
  if (value.is_object()) {
    for (const auto& [inner, below] : value.items()) add(name + "." + inner, below, from, all);
    return;
  }
  std::string text;
  if (value.is_array())
    for (const Json& one : value) text += (text.empty() ? "" : ",") + one.dump();
  else
    text = value.is_string() ? value.get<std::string>() : value.dump();
  all.push_back({name, text, from});
}

template <class Number>
Json list_of(const void* value) {
  return *static_cast<const std::vector<Number>*>(value);
}

Json value_of(const Setting& one) {
  switch (one.kind) {
    case OptionKind::boolean: return *static_cast<const bool*>(one.value);
    case OptionKind::integer: return std::strtoll(one.text().c_str(), nullptr, 10);
    case OptionKind::number: return *static_cast<const double*>(one.value);
    case OptionKind::integers: return list_of<std::int64_t>(one.value);
    case OptionKind::numbers: return list_of<double>(one.value);
    default: return one.text();
  }
}

std::string meaning_of(const Setting& one) {
  std::string text = one.summary;
  if (*one.details.unit != '\0') text += formatted(" [%s]", one.details.unit);
  return text;
}

// Text broken at blanks, so that no line is longer than `width`.
std::vector<std::string> broken(const std::string& text, std::size_t width) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = text.size();
    if (end - at > width) {
      end = text.rfind(' ', at + width);
      if (end == text.npos || end <= at) end = std::min(text.find(' ', at), text.size());
    }
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// '|' ends a cell of Markdown.
std::string cell(const std::string& text) {
  std::string made;
  for (char c : text) made += c == '|' ? "\\|" : std::string(1, c);
  return made;
}

bool same(const Setting& one, const OptionList& list) {
  const Setting* other = list.find(one.name);
  return other != nullptr && other->text() == one.text() && other->range() == one.range() &&
         std::string(other->summary) == one.summary;
}

void flatten(const std::string& name, const Json& value,
             std::vector<std::pair<std::string, Json>>& all) {
  if (!value.is_object()) {
    all.emplace_back(name, value);
    return;
  }
  for (const auto& [inner, below] : value.items())
    flatten(name.empty() || name == "settings" ? inner : name + "." + inner, below, all);
}

}  // namespace

void add_settings(Verb& verb, GivenSettings& given) {
  verb.option("--config", given.config, "settings: a file with a JSON object");
  verb.option("--set", given.set, "a setting, key=value");
}

std::vector<OptionAssignment> assignments_of(const GivenSettings& given) {
  std::vector<OptionAssignment> all;
  if (!given.config.empty()) {
    const Json read = read_json(given.config);
    for (const auto& [name, value] : read.items()) add(name, value, given.config, all);
  }
  for (const std::string& one : given.set) {
    const std::size_t equals = one.find('=');
    if (equals == one.npos || equals == 0)
      fail(ErrorKind::bad_input, "--set: expected key=value, found '%s'", one.c_str());
    all.push_back({one.substr(0, equals), one.substr(equals + 1), "--set"});
  }
  return all;
}

Json settings_json(const OptionList& list) {
  Json object = Json::object();
  for (const Setting& one : list.options())
    if (one.settable()) object[one.name] = value_of(one);
  return object;
}

Json describe_settings(const OptionList& list) {
  Json array = Json::array();
  for (const Setting& one : list.options())
    if (one.settable())
      array.push_back({{"name", one.name},
                       {"default", value_of(one)},
                       {"summary", one.summary},
                       {"range", one.range()},
                       {"unit", one.details.unit},
                       {"source", one.details.source},
                       {"kind", name_of(one.kind)}});
  return array;
}

std::string settings_table(const OptionList& list) {
  constexpr std::size_t meaning_width = 62;
  std::size_t name_width = 0, value_width = 7;
  for (const Setting& one : list.options()) {
    if (!one.settable()) continue;
    name_width = std::max(name_width, one.name.size());
    value_width = std::max(value_width, std::min<std::size_t>(one.text().size(), 20));
  }
  const int name = static_cast<int>(name_width), value = static_cast<int>(value_width);
  std::string text =
      formatted("  %-*s  %-*s  meaning (range; source)\n", name, "setting", value, "default");
  for (const Setting& one : list.options()) {
    if (!one.settable()) continue;
    std::string meaning = meaning_of(one);
    const std::string range = one.range(), source = one.details.source;
    if (!range.empty() || !source.empty())
      meaning += " (" + range + (range.empty() || source.empty() ? "" : "; ") + source + ")";
    const std::string shown = one.text();
    std::vector<std::string> lines = broken(meaning, meaning_width);
    if (lines.empty()) lines.emplace_back();
    text += formatted("  %-*s  %-*s  %s\n", name, one.name.c_str(), value,
                      shown.empty() ? "-" : shown.c_str(), lines[0].c_str());
    for (std::size_t i = 1; i < lines.size(); ++i)
      text += formatted("  %-*s  %-*s  %s\n", name, "", value, "", lines[i].c_str());
  }
  return text;
}

std::string settings_markdown(const OptionList& list, const OptionList* elsewhere) {
  std::string text;
  for (const Setting& one : list.options()) {
    if (!one.settable() || (elsewhere != nullptr && same(one, *elsewhere))) continue;
    const std::string value = one.text();
    text += "| `" + one.name + "` | " + (value.empty() ? "" : "`" + value + "`") + " | " +
            cell(one.range()) + " | " + cell(meaning_of(one)) + " | " + cell(one.details.source) +
            " |\n";
  }
  if (text.empty()) return text;
  return "| setting | default | range | meaning | source |\n|---|---|---|---|---|\n" + text;
}

std::vector<std::pair<std::string, Json>> flattened(const Json& object) {
  std::vector<std::pair<std::string, Json>> all;
  flatten("", object, all);
  return all;
}

std::vector<JsonDifference> differences_of(const Json& before, const Json& now) {
  const auto old_values = flattened(before), new_values = flattened(now);
  const auto find = [](const auto& all, const std::string& key) {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.first == key; });
    return found == all.end() ? Json() : found->second;
  };
  std::vector<JsonDifference> found;
  for (const auto& [key, value] : new_values) {
    const Json was = find(old_values, key);
    if (was != value) found.push_back({key, was, value});
  }
  for (const auto& [key, value] : old_values)
    if (find(new_values, key).is_null() && !value.is_null()) found.push_back({key, value, Json()});
  return found;
}

}  // namespace understudy::cli
