// Settings as the command takes and shows them: --config and --set in; tables, JSON and Markdown
// out. What they are, and what they may be, the library's lists of options say.

#pragma once

#include <string>
#include <vector>

#include "autograd/options/options.h"
#include "cli/session/command.h"

namespace understudy::cli {

// What was given on the command line.
struct GivenSettings {
  std::string config;            // a file of JSON
  std::vector<std::string> set;  // key=value
};
void add_settings(Verb& verb, GivenSettings& given);  // --config and --set

// In words: of the file, then of --set, which wins. Objects within objects are names with points:
// {"a": {"b": 1}} is a.b; lists are 100,100.
std::vector<OptionAssignment> assignments_of(const GivenSettings& given);

// Values by name, as config.json has them.
Json settings_json(const OptionList& list);
// An object each: name, default, summary, range, unit, source, kind. Of a list that nobody set.
Json describe_settings(const OptionList& list);
// The same for people: "name  default  range  meaning (source)", a line each.
std::string settings_table(const OptionList& list);
// The same as a table of Markdown; without those that `elsewhere` has alike, if not null.
std::string settings_markdown(const OptionList& list, const OptionList* elsewhere = nullptr);

// Names with values of a JSON object, those within others with points between; what stands in
// "settings" has its own name alone.
std::vector<std::pair<std::string, Json>> flattened(const Json& object);
// What two such objects have not alike.
struct JsonDifference {
  std::string key;
  Json before, now;  // null: not there
};
std::vector<JsonDifference> differences_of(const Json& before, const Json& now);

}  // namespace understudy::cli
