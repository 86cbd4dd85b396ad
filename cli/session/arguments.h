// What verbs are told on the command line: a face of CLI11, which reads it.
//
//   Verb verb = root.verb("solve", "Values of a tabular problem");
//   verb.option("--horizon", options->horizon, "steps (default: discounted)").between(1, 1e9);
//   verb.when_chosen([&command, options] { command.run = [options] { return run(*options); }; });
//
// CLI11 takes the compiler some four seconds wherever it is included: arguments.cpp alone does.
// Variables that options are written to must outlive the parsing; their values before it are the
// defaults.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace understudy::cli {

// One option, to say more about it. What a value breaks is named in one line, with what was found.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option& required(bool is = true);
  Option& between(double low, double high);  // a number, both ends included
  Option& positive();
  Option& not_negative();
  Option& one_of(std::vector<std::string> names);
  Option& numbers(int count);  // so many values, one behind the other
  Option& excludes(const Option& other);

 private:
  // `broken` says what was expected of a number that is not right, or nothing.
  Option& check(const std::string& expected, std::function<bool(double)> holds);

  CLI::Option* option_;
};

// The command itself, one of its verbs, or a verb's own verb.
class Verb {
 public:
  explicit Verb(CLI::App& app) : app_(&app) {}

  Verb verb(const std::string& name, const std::string& summary);

  // `name`: "--threads", "-n,--count", or "RUN" for what stands alone, in its order.
  Option option(const std::string& name, std::string& value, const std::string& help);
  Option option(const std::string& name, int& value, const std::string& help);
  Option option(const std::string& name, std::int64_t& value, const std::string& help);
  Option option(const std::string& name, std::uint64_t& value, const std::string& help);
  Option option(const std::string& name, double& value, const std::string& help);
  Option option(const std::string& name, std::vector<std::string>& value, const std::string& help);
  Option option(const std::string& name, std::vector<double>& value, const std::string& help);
  Option option(const std::string& name, std::vector<std::int64_t>& value, const std::string& help);
  Option flag(const std::string& name, bool& value, const std::string& help);

  // Text behind the help, made when it is asked for: options that stand before --help are read.
  void footer(std::function<std::string()> text);

  // Called once all options are read, if this verb was chosen.
  void when_chosen(std::function<void()> act);

  // It may stand without one of its own verbs, whose options are its own too.
  void may_stand_alone();
  bool stands_alone() const;  // known once options are read

 private:
  CLI::App* app_;
};

// All of the command line.
class CommandLine {
 public:
  CommandLine(const char* name, const char* summary, const char* version);
  ~CommandLine();

  // A verb must be chosen; the root's own options may stand behind it.
  Verb root() { return Verb(*app_); }
  // None where the chosen verb is to run. An exit code where help or the version was asked for, and
  // was printed. An Error where the words are not ones that were declared.
  std::optional<int> parse(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace understudy::cli
