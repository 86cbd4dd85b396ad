// Settings of an algorithm, from a file of JSON (--config) and from the command line (--set
// key=value, which wins).
//
// The algorithm takes what it knows, name by name, each with its default; then `finish` refuses
// whatever nobody took. What was taken, defaults included, is `resolved`: it goes into the run's
// config.json.

#pragma once

#include <map>
#include <string>
#include <vector>

#include "autograd/options/options.h"
#include "cli/session/command.h"

namespace understudy::cli {

class Settings {
 public:
  // `config` may be empty. Objects within objects are names with points: {"a": {"b": 1}} is a.b;
  // lists are written 100,100 on the command line.
  Settings(const std::string& config, const std::vector<std::string>& set);

  // Puts what was given into `value`, or leaves it. An Error names the setting, and where it came
  // from, when it is no such thing.
  void take(const char* name, bool& value);
  void take(const char* name, int& value);
  void take(const char* name, std::int64_t& value);
  void take_count(const char* name, std::int64_t& value);  // 1 or more
  void take(const char* name, double& value);
  void take(const char* name, std::string& value);
  void take(const char* name, std::vector<std::int64_t>& value);          // each 1 or more
  void take_columns(const char* name, std::vector<std::int64_t>& value);  // each 0 or more
  void take(const char* name, std::vector<double>& value);
  // Whether it was given; nothing is taken.
  bool has(const char* name) const { return given_.count(name) > 0; }

  // One of the names, in the order of an enumeration's values from 0.
  template <typename Kind>
  Kind choose(const char* name, const std::vector<const char*>& names, Kind value) {
    return static_cast<Kind>(place_of(name, names, static_cast<std::size_t>(value)));
  }

  // All that was given, in words, for options that are described once.
  std::vector<OptionAssignment> assignments() const;

  // The number of iterations is not part of what must stay the same when a run goes on.
  void finish() const;
  const Json& resolved() const { return resolved_; }

 private:
  struct Given {
    std::string text, from;
  };
  const Given* find(const char* name);
  template <typename Number>
  void take_list(const char* name, const char* expected, Number least, std::vector<Number>& value);
  std::size_t place_of(const char* name, const std::vector<const char*>& names, std::size_t place);
  [[noreturn]] void refuse(const char* name, const Given& given, const char* expected) const;
  void add(const std::string& name, const Json& value, const std::string& from);

  std::map<std::string, Given> given_;
  std::vector<std::string> known_;
  Json resolved_ = Json::object();
};

// Options by name, as JSON has them: numbers, true and false, lists, text.
Json values_of(const OptionList& list);

}  // namespace understudy::cli
