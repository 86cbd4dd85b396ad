#include "cli/session/arguments.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "cli/session/command.h"
#include "kernels/device/error.h"

namespace understudy::cli {

Option& Option::required(bool is) {
  option_->required(is);
  return *this;
}

Option& Option::check(const std::string& expected, std::function<bool(double)> holds) {
  option_->check([expected, holds = std::move(holds)](const std::string& text) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    const bool number = end != text.c_str() && *end == '\0' && !std::isnan(value);
    return number && holds(value) ? std::string() : "expected " + expected + ", found " + text;
  });
  return *this;
}

Option& Option::between(double low, double high) {
  return check(formatted("%.12g to %.12g", low, high),
               [low, high](double value) { return low <= value && value <= high; });
}

Option& Option::positive() {
  return check("a number above 0", [](double value) { return value > 0; });
}

Option& Option::not_negative() {
  return check("0 or more", [](double value) { return value >= 0; });
}

Option& Option::one_of(std::vector<std::string> names) {
  option_->check([names = std::move(names)](const std::string& text) {
    std::string all;
    for (const std::string& name : names) {
      if (name == text) return std::string();
      all += (all.empty() ? "" : ", ") + name;
    }
    return "expected one of " + all + "; found " + text;
  });
  return *this;
}

Option& Option::numbers(int count) {
  option_->expected(count);
  return *this;
}

Option& Option::excludes(const Option& other) {
  option_->excludes(other.option_);
  return *this;
}

Verb Verb::verb(const std::string& name, const std::string& summary) {
  return Verb(*app_->add_subcommand(name, summary));
}

Option Verb::option(const std::string& name, std::string& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}
Option Verb::option(const std::string& name, int& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}
Option Verb::option(const std::string& name, std::int64_t& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}
// A minus sign would be read as a number of the other end.
Option Verb::option(const std::string& name, std::uint64_t& value, const std::string& help) {
  return Option(app_->add_option(name, value, help)->check([](const std::string& text) {
    return text.find('-') == text.npos ? std::string() : "expected 0 or more, found " + text;
  }));
}
Option Verb::option(const std::string& name, double& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}
Option Verb::option(const std::string& name, std::vector<std::string>& value,
                    const std::string& help) {
  return Option(app_->add_option(name, value, help));
}
Option Verb::option(const std::string& name, std::vector<double>& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}
Option Verb::option(const std::string& name, std::vector<std::int64_t>& value,
                    const std::string& help) {
  return Option(app_->add_option(name, value, help));
}

Option Verb::flag(const std::string& name, bool& value, const std::string& help) {
  return Option(app_->add_flag(name, value, help));
}

void Verb::footer(std::function<std::string()> text) { app_->footer(std::move(text)); }

void Verb::when_chosen(std::function<void()> act) { app_->callback(std::move(act)); }

void Verb::may_stand_alone() {
  app_->fallthrough();
  app_->require_subcommand(0, 1);
}
bool Verb::stands_alone() const { return app_->get_subcommands().empty(); }

namespace {

// What is wrong with the options, in words that name the verbs where the verb is what is missing.
std::string describe(const CLI::App& app, const CLI::ParseError& error) {
  if (!app.get_subcommands().empty()) return error.what();
  std::string verbs;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    verbs += (verbs.empty() ? "" : ", ") + verb->get_name();
  const std::vector<std::string> unknown = app.remaining();
  if (unknown.empty() && std::string(error.get_name()) != "RequiredError") return error.what();
  const std::string found =
      unknown.empty() ? "no verb given" : "no verb or option '" + unknown[0] + "'";
  return found + "; verbs are " + verbs + " (--help says more)";
}

}  // namespace

CommandLine::CommandLine(const char* name, const char* summary, const char* version)
    : app_(std::make_unique<CLI::App>(summary, name)) {
  app_->fallthrough();
  app_->require_subcommand(1);
  app_->set_version_flag("--version", version);
}

CommandLine::~CommandLine() = default;

std::optional<int> CommandLine::parse(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app_->exit(error);
    fail(ErrorKind::bad_input, "%s", describe(*app_, error).c_str());
  }
  return std::nullopt;
}

}  // namespace understudy::cli
