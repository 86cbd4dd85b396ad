#include "cli/session/arguments.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "cli/session/command.h"

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

}  // namespace understudy::cli
