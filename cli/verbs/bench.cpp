// understudy bench [FILTER]: what `make bench` built, run from here; --compare of two results.

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "cli/session/table.h"
#include "cli/verbs/bench_compare.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

struct BenchOptions {
  std::string filter;
  bool marks = false, list = false;
  double seconds = 0.3;
  std::vector<std::string> compare;
};

std::filesystem::path bench_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "bench";
}

// build/bench/*_bench, beside build/understudy, in the order of their names.
std::vector<std::string> programs() {
  const auto folder = bench_folder();
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

// Runs a program to its end, or to an interrupt. Its standard output goes to `out`, if not empty.
void run_program(std::vector<std::string> words, const std::string& out) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (!out.empty())
    posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
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

// A file that goes away.
class Scratch {
 public:
  Scratch()
      : path_((std::filesystem::temp_directory_path() /
               ("understudy-bench-" + std::to_string(getpid())))
                  .string()) {
    std::remove(path_.c_str());
  }
  ~Scratch() { std::remove(path_.c_str()); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }
  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);) all.push_back(line);
    return all;
  }

 private:
  std::string path_;
};

// Every row that there is, of all programs.
Json listed(const BenchOptions& options, const std::string& filter) {
  Json rows = Json::array();
  for (const std::string& program : programs()) {
    const Scratch told;
    std::vector<std::string> words = {program, "--list"};
    if (!filter.empty()) words.push_back("--only=" + filter);
    if (options.marks) words.push_back("--marks");
    run_program(words, told.path());
    for (const std::string& line : told.lines()) {
      const std::size_t first = line.find('\t'), second = line.find('\t', first + 1);
      if (second == line.npos) continue;
      rows.push_back({{"work", line.substr(0, first)},
                      {"place", line.substr(first + 1, second - first - 1)},
                      {"unit", line.substr(second + 1)},
                      {"program", std::filesystem::path(program).filename().string()}});
    }
  }
  return rows;
}

// Letters of the longest part that both have, whatever their case.
std::size_t longest_common(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before(b.size() + 1, 0), now(b.size() + 1, 0);
  std::size_t most = 0;
  for (char x : a) {
    for (std::size_t j = 0; j < b.size(); ++j) {
      now[j + 1] = std::tolower(x) == std::tolower(b[j]) ? before[j] + 1 : 0;
      most = std::max(most, now[j + 1]);
    }
    std::swap(before, now);
  }
  return most;
}

// Nothing has the words: those that come nearest are named.
[[noreturn]] void refuse_filter(const BenchOptions& options) {
  std::vector<std::pair<std::size_t, std::string>> found;
  const Json rows = listed({}, "");
  for (const Json& row : rows) {
    const std::string work = row["work"].get<std::string>();
    std::size_t alike = 0;
    std::istringstream words(options.filter);
    for (std::string word; words >> word;) alike += longest_common(word, work);
    const auto is = [&](const auto& one) { return one.second == work; };
    if (std::none_of(found.begin(), found.end(), is)) found.emplace_back(alike, work);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string nearest;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, found.size()); ++i)
    nearest += (i == 0 ? "'" : ", '") + found[i].second + "'";
  fail(ErrorKind::bad_input,
       "bench: no row of %zu has '%s'%s in its name; the nearest are %s (--list names all)",
       found.size(), options.filter.c_str(), options.marks ? " and a mark" : "", nearest.c_str());
}

int list(const BenchOptions& options, const Common& common) {
  const Json rows = listed(options, options.filter);
  if (rows.empty()) refuse_filter(options);
  if (common.json) {
    print({{"rows", rows}});
    return 0;
  }
  Table table;
  table.columns = {"work", "threads", "unit", "program"};
  for (const Json& row : rows)
    table.rows.push_back({row["work"], row["place"], row["unit"], row["program"]});
  print_table(table);
  return 0;
}

int run(const BenchOptions& options, const Common& common) {
  if (!options.compare.empty())
    return compare_benchmarks(options.compare[0], options.compare[1], common);
  if (options.list) return list(options, common);
  if (!options.filter.empty() && listed(options, options.filter).empty()) refuse_filter(options);
  const Scratch found;
  const std::string peers = bench_folder() / "peers.csv";
  for (const std::string& program : programs()) {
    std::vector<std::string> words = {program, "--json=" + found.path(),
                                      formatted("--seconds=%g", options.seconds)};
    if (!options.filter.empty()) words.push_back("--only=" + options.filter);
    if (options.marks) words.push_back("--marks");
    // Other programs' figures, as make bench left them.
    if (std::filesystem::exists(peers)) words.push_back("--peers=" + peers);
    run_program(words, common.json ? "/dev/null" : "");
  }
  if (!common.json) return 0;
  Json object = {{"machine", Json()}, {"rows", Json::array()}};
  for (const std::string& line : found.lines()) {
    Json row = Json::parse(line, nullptr, false);
    if (!row.is_object()) continue;
    // Each program measures the machine; their rows have the limits of their own time.
    if (row.contains("machine")) {
      if (object["machine"].is_null()) object["machine"] = row["machine"];
    } else {
      object["rows"].push_back(std::move(row));
    }
  }
  print(object);
  return 0;
}

}  // namespace

void add_bench(Verb& root, Command& command) {
  Verb verb = root.verb("bench", "Kernels and loops, each with its share of this machine's limit");
  auto options = std::make_shared<BenchOptions>();
  verb.option("FILTER", options->filter, "rows whose name has this (default: all)");
  verb.flag("--marks", options->marks, "only rows with a mark");
  verb.flag("--list", options->list, "names of rows; measures nothing");
  verb.option("--compare", options->compare,
              "BEFORE.json AFTER.json: two results of --json, row by row, with a U test")
      .numbers(2);
  verb.option("--seconds", options->seconds, "a side of a row (default 0.3)").between(0.001, 3600);
  verb.when_chosen([&command, options] {
    command.run = [&command, options] { return run(*options, command.common); };
  });
}

}  // namespace understudy::cli
