// Options described once: name, member, range, unit, one sentence and source of every field, beside
// the struct that has them. Settings, help, configuration files and resumption read that list.
//
//   struct TrustRegionOptions {
//     double max_kl = 0.01;
//     int cg_iterations = 10;
//   };
//   void list_options(OptionList& list, TrustRegionOptions& o) {
//     list.fields(o,
//                 option("max_kl", o.max_kl, "bound on the mean divergence of a step",
//                        {.above = 0, .unit = "nats", .source = "Schulman et al. 2015"}),
//                 option("cg_iterations", o.cg_iterations, "of conjugate gradient", {.least = 1}));
//   }
//
//   TrustRegionOptions options;
//   assign_options(options, {{"max_kl", "0.02", "--set"}});  // or one line that says what is wrong
//   for (const Option& one : OptionList(options).options()) use(one.name, one.text(), one.range());
//
// What always holds:
//
//   complete     `fields` counts the members of the struct when it is compiled: one that is not
//                listed is a compile error. What may not be set is listed as `fixed`, with the
//                reason, or as `seed`, which follows the run's seed.
//   bound        an Option reads and writes the member itself. The list must not outlive the
//                struct, and is made anew where one value decides which others there are.
//   defaults     are the initializers of the struct: the text of a struct that nobody changed.
//   round trip   text() of a value, assigned again, gives the same bits.
//
// Thread safety: one thread at a time for each struct that is listed.

#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "autograd/options/field_count.h"

namespace understudy {

enum class OptionKind : std::int8_t {
  boolean,   // "true" or "false"
  integer,   // int or int64
  number,    // double, finite
  text,      // std::string
  choice,    // an enum, by its table of names
  integers,  // std::vector<int64>: "100,100"; "" is none
  numbers,   // std::vector<double>
  seed,      // uint64, set with the run's seed alone
  fixed,     // may not be set; `summary` says why
  group      // a struct with a list of its own; never in options()
};
const char* name_of(OptionKind kind);  // "boolean" ... "numbers"

// A value of an enum and its name. A value that stands twice has its later names as aliases.
struct OptionChoice {
  std::int64_t value = 0;
  const char* name = "";
};
template <class Enum>
constexpr OptionChoice choice(Enum value, const char* name) {
  return {static_cast<std::int64_t>(value), name};
}
template <class Enum>
const char* choice_name(std::span<const OptionChoice> choices, Enum value) {
  const std::int64_t wanted = static_cast<std::int64_t>(value);
  for (const OptionChoice& one : choices)
    if (one.value == wanted) return one.name;
  return "?";
}
// An Error "<what>: expected none, linear or regression, found 'x'".
std::int64_t choice_named(std::span<const OptionChoice> choices, const std::string& name,
                          const std::string& what);

// What is said of a field beside its sentence. Bounds are of a number, or of each one of a list.
struct OptionDetails {
  double least = -std::numeric_limits<double>::infinity();
  double above = -std::numeric_limits<double>::infinity();  // the bound itself is outside
  double most = std::numeric_limits<double>::infinity();
  double below = std::numeric_limits<double>::infinity();
  bool infinite = false;  // infinities too
  const char* unit = "";
  const char* source = "";
};

class OptionList;

struct Option {
  // Within a group "baseline" the name "hidden" becomes "baseline.hidden", "" becomes "baseline",
  // and "/reward", from the top, "reward".
  std::string name;
  OptionKind kind = OptionKind::fixed;
  void* value = nullptr;
  int bytes = 0;  // of integers and enums
  const char* summary = "";
  OptionDetails details = {};
  std::span<const OptionChoice> choices = {};
  void (*list_group)(OptionList& list, void* options) = nullptr;
  // Called when it was set: gives other fields the defaults that go with the value. Such options
  // are set before all others.
  std::function<void()> then = {};

  bool settable() const { return kind < OptionKind::seed; }
  std::string text() const;
  // What a value has to be, as an Error says it: "a number above 0", "one of none, linear, ...".
  std::string expected() const;
  // The same in short, for a table: "> 0", "1 or more", "none, linear".
  std::string range() const;
  // An Error "<from>: <name>: expected <expected()>, found '<text>'"; the value is then as it was.
  void set(const std::string& text, const std::string& from) const;
  // An Error unless the value is within its range: "<name>: expected ..., found ...".
  void check() const;
};

Option option(const char* name, bool& value, const char* summary, OptionDetails details = {});
Option option(const char* name, int& value, const char* summary, OptionDetails details = {});
Option option(const char* name, std::int64_t& value, const char* summary,
              OptionDetails details = {});
Option option(const char* name, double& value, const char* summary, OptionDetails details = {});
Option option(const char* name, std::string& value, const char* summary,
              OptionDetails details = {});
Option option(const char* name, std::vector<std::int64_t>& value, const char* summary,
              OptionDetails details = {});
Option option(const char* name, std::vector<double>& value, const char* summary,
              OptionDetails details = {});
// One of the names, whose values mean nothing; or, while nobody chooses, what it is at first.
Option option(const char* name, std::string& value, std::span<const OptionChoice> choices,
              const char* summary, OptionDetails details = {});
Option choice_option(const char* name, void* value, int bytes,
                     std::span<const OptionChoice> choices, const char* summary,
                     OptionDetails details);
template <class Enum>
requires std::is_enum_v<Enum> Option option(const char* name, Enum& value,
                                            std::span<const OptionChoice> choices,
                                            const char* summary, OptionDetails details = {}) {
  return choice_option(name, &value, sizeof value, choices, summary, details);
}
// A struct within the struct, under a name of its own; "": its fields stand among the others.
template <class Struct>
Option group(const char* name, Struct& value) {
  Option made;
  made.name = name;
  made.kind = OptionKind::group;
  made.value = &value;
  made.list_group = [](OptionList& list, void* options) {
    list_options(list, *static_cast<Struct*>(options));
  };
  return made;
}
Option seed(std::uint64_t& value);
template <class Anything>
Option fixed(const char* name, const Anything& value, const char* reason) {
  Option made;
  made.name = name;
  made.summary = reason;
  made.value = const_cast<void*>(static_cast<const void*>(&value));
  return made;
}

// A group where it applies; else the reason why not.
template <class Struct>
Option group_if(bool applies, const char* name, Struct& value, const char* reason) {
  return applies ? group(name, value) : fixed(name, value, reason);
}

// A value in words, and where they came from: "--set", or the name of a file.
struct OptionAssignment {
  std::string name, text, from;
};

class OptionList {
 public:
  OptionList() = default;
  template <class Struct>
  explicit OptionList(Struct& options) {
    list_options(*this, options);
  }

  // ---- For who lists ----

  // Each member of the struct once, in any order.
  template <class Struct, std::same_as<Option>... Listed>
  void fields(Struct& options, Listed... listed) {
    static_assert(sizeof...(Listed) == field_count<Struct>,
                  "each member of the struct is listed once, as option, group, seed or fixed");
    Option rows[] = {std::move(listed)...};
    add(&options, sizeof options, rows);
  }
  // Options of several structs side by side, or of none.
  void add(Option one);
  // What must hold between fields: `holds` calls `fail` where it does not.
  void require(std::function<void()> holds) { checks_.push_back(std::move(holds)); }
  // Calls `act` when the option of this name, within the group that is being listed, was set; see
  // Option::then. Without an act it says that the list may be another after it.
  void when_set(
      const std::string& name, std::function<void()> act = [] {});
  // Takes an option away which an algorithm has no use for.
  void leave_out(const std::string& name);

  // ---- For who reads ----

  // In the order in which they were listed, groups spread out; with those that may not be set.
  const std::vector<Option>& options() const { return options_; }
  const Option* find(const std::string& name) const;  // of those that may be set; null: none
  // The name of those that may be set that is most like `name`; "" where there are none.
  std::string nearest(const std::string& name) const;
  // Gives every seed this value.
  void seed(std::uint64_t value) const;
  // Ranges, and what was required. An Error names the option.
  void check() const;
  // A copy of all values in words, of those that may be set.
  std::vector<std::pair<std::string, std::string>> texts() const;

 private:
  std::string full_name(const std::string& name) const;
  void add(void* begin, std::size_t bytes, std::span<Option> rows);

  std::string prefix_;
  std::vector<Option> options_;
  std::vector<std::function<void()>> checks_;
};

// Sets all of them; `list` makes the list, and is asked again as long as what was set may have
// changed which options there are. An Error names what no list has and the nearest name there is,
// or the value that is none. Options with consequences (`then`) are set first; of two assignments
// of one name the later counts.
void assign_options(const std::function<OptionList()>& list,
                    const std::vector<OptionAssignment>& assignments);
template <class Struct>
requires(!std::is_convertible_v<Struct&, std::function<OptionList()>>) void assign_options(
    Struct& options, const std::vector<OptionAssignment>& assignments) {
  assign_options([&options] { return OptionList(options); }, assignments);
}

// For constructors: an Error where a value is out of its range, or does not fit the others.
template <class Struct>
void check_options(Struct options) {
  OptionList(options).check();
}

// Names whose values differ, with both of them; "" where one side lacks the name.
struct OptionDifference {
  std::string name, before, now;
};
std::vector<OptionDifference> differences(
    const std::vector<std::pair<std::string, std::string>>& before,
    const std::vector<std::pair<std::string, std::string>>& now);

// How near two names are: the least number of letters put in, left out, replaced or exchanged with
// their neighbor; 1 at most where one has the other as a part between dots or underscores.
int name_distance(std::string_view a, std::string_view b);

}  // namespace understudy
