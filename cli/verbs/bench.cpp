// understudy bench [FILTER]: what `make bench` built, run from here.

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cli/session/command.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

struct BenchOptions {
  std::string filter;
  bool marks = false;
  double seconds = 0.3;
};

// build/bench/*_bench, beside build/understudy, in the order of their names.
std::vector<std::string> programs() {
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "bench";
  std::vector<std::string> found;
  if (std::filesystem::is_directory(folder))
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      if (entry.is_regular_file() && entry.path().filename().string().ends_with("_bench"))
        found.push_back(entry.path().string());
  if (found.empty())
    fail(ErrorKind::not_available, "bench: expected %s/*_bench, found none: make bench builds them",
         folder.c_str());
  std::sort(found.begin(), found.end());
  return found;
}

// Runs a program to its end; `silent` leaves its standard output out.
void run_program(std::vector<std::string> words, bool silent) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (silent) posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int refused =
      posix_spawn(&child, words[0].c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  // An interrupt of this process alone is passed on.
  while (refused == 0 && waitpid(child, &status, WNOHANG) == 0) {
    if (interrupted()) kill(child, SIGTERM);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  throw_if_interrupted();
  if (refused != 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    fail(ErrorKind::not_available, "bench: %s did not run to its end", words[0].c_str());
}

Json number(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return end == text.c_str() || !std::isfinite(value) || value == 0 ? Json() : Json(value);
}

// A line that bench/bench.cpp writes: the work in quotes, then threads, unit, figure, those of the
// fastest and of the slowest run, mark, scaled mark and floor, and what is not of interest here.
Json row_of(const std::string& line) {
  const std::size_t quote = line.find('"', 1);
  std::vector<std::string> fields;
  std::string rest = line.substr(quote + 2);
  for (std::size_t comma; (comma = rest.find(',')) != rest.npos; rest.erase(0, comma + 1))
    fields.push_back(rest.substr(0, comma));
  if (fields.size() < 8) return {};
  Json row = {{"work", line.substr(1, quote - 1)},
              {"threads", std::atoi(fields[0].c_str())},
              {"unit", fields[1]},
              {"figure", number(fields[2])},
              {"fastest", number(fields[3])},
              {"slowest", number(fields[4])},
              {"mark", number(fields[5])},
              {"mark_scaled", number(fields[6])},
              {"floor", number(fields[7])}};
  if (!row["floor"].is_null() && !row["figure"].is_null()) {
    const double figure = row["figure"].get<double>(), floor = row["floor"].get<double>();
    row["share_of_floor"] = std::min(figure, floor) / std::max(figure, floor);
  }
  return row;
}

int run(const BenchOptions& options, const Common& common) {
  const std::string csv =
      (std::filesystem::temp_directory_path() / ("understudy-bench-" + std::to_string(getpid())))
          .string();
  struct Removed {
    const std::string& path;
    ~Removed() { std::remove(path.c_str()); }
  } removed{csv};
  for (const std::string& program : programs()) {
    std::vector<std::string> words = {program, "--csv=" + csv,
                                      formatted("--seconds=%g", options.seconds)};
    if (!options.filter.empty()) words.push_back("--only=" + options.filter);
    if (options.marks) words.push_back("--marks");
    run_program(words, common.json);
  }
  Json rows = Json::array();
  std::ifstream file(csv);
  for (std::string line; std::getline(file, line);)
    if (!line.empty() && line[0] == '"') rows.push_back(row_of(line));
  if (rows.empty())
    fail(ErrorKind::bad_input, "bench: expected a part of a benchmark's name, found '%s'",
         options.filter.c_str());
  if (common.json) print({{"rows", rows}});
  return 0;
}

}  // namespace

void add_bench(Verb& root, Command& command) {
  Verb verb = root.verb("bench", "Kernels and loops, each with its share of this machine's limit");
  auto options = std::make_shared<BenchOptions>();
  verb.option("FILTER", options->filter, "rows whose name has this (default: all)");
  verb.flag("--marks", options->marks, "only rows with a mark");
  verb.option("--seconds", options->seconds, "a side of a row (default 0.3)").between(0.001, 3600);
  verb.when_chosen([&command, options] {
    command.run = [&command, options] { return run(*options, command.common); };
  });
}

}  // namespace understudy::cli
