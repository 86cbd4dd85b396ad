#include "cli/session/several_runs.h"

#include <fcntl.h>
#include <poll.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>

#include "autograd/files/atomic_file.h"
#include "autograd/files/csv.h"
#include "cli/session/progress.h"
#include "cli/session/run_folder.h"
#include "cli/session/run_records.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

namespace fs = std::filesystem;

std::vector<std::string> parts_of(const std::string& text, char between) {
  std::vector<std::string> parts(1);
  for (char c : text) {
    if (c == between)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

std::vector<std::uint64_t> seeds_of(const std::string& text) {
  constexpr std::uint64_t most = 100000;
  const auto refuse = [&] {
    fail(ErrorKind::bad_input, "--seeds: expected such as 0-9 or 0,3,7-9, found '%s'",
         text.c_str());
  };
  std::vector<std::uint64_t> seeds;
  for (const std::string& part : parts_of(text, ',')) {
    const std::size_t dash = part.find('-');
    std::int64_t first = 0, last = 0;
    if (!files::parse_number(part.substr(0, dash), first) || first < 0) refuse();
    last = first;
    if (dash != part.npos && (!files::parse_number(part.substr(dash + 1), last) || last < first))
      refuse();
    if (static_cast<std::uint64_t>(last - first) >= most - seeds.size())
      fail(ErrorKind::bad_input, "--seeds: expected at most %llu seeds, found '%s'",
           static_cast<unsigned long long>(most), text.c_str());
    for (std::int64_t seed = first; seed <= last; ++seed)
      seeds.push_back(static_cast<std::uint64_t>(seed));
  }
  return seeds;
}

struct SweptSetting {
  std::string key;
  std::vector<std::string> values;
};
SweptSetting swept(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == text.npos || equals == 0)
    fail(ErrorKind::bad_input, "--sweep: expected key=a,b,c, found '%s'", text.c_str());
  const std::string values = text.substr(equals + 1);
  const char between = values.find(';') == values.npos ? ',' : ';';
  SweptSetting one = {text.substr(0, equals), parts_of(values, between)};
  if (std::any_of(one.values.begin(), one.values.end(), [](const auto& v) { return v.empty(); }))
    fail(ErrorKind::bad_input, "--sweep: expected values with one '%c' between, found '%s'",
         between, text.c_str());
  return one;
}

// A value may be a path; a folder's name has no '/'.
std::string folder_name(std::string text) {
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

// A run's process, and what it says on standard error.
struct Child {
  std::size_t run = 0;
  pid_t process = -1;
  int pipe = -1;
  std::string text;   // of a line that is not whole yet
  std::string error;  // its last line of the command's own
};

// All that are planned, so many at a time.
class Crew {
 public:
  Crew(const std::vector<PlannedRun>& plan, std::string out, const Common& common, std::size_t jobs,
       std::function<int(const PlannedRun&, const std::string&, const Common&)> work)
      : plan_(plan),
        out_(std::move(out)),
        common_(common),
        jobs_(jobs),
        work_(std::move(work)),
        terminal_(isatty(STDERR_FILENO) != 0) {
    const int threads = common.threads == 0 ? available_cores() : common.threads;
    common_.threads = std::max(1, threads / static_cast<int>(jobs));
    common_.json = false;
  }

  // The greatest exit code of them; 130 after an interrupt.
  int run() {
    while (next_ < plan_.size() || !children_.empty()) {
      while (next_ < plan_.size() && children_.size() < jobs_ && !stopped_) begin(next_++);
      if (children_.empty()) break;
      if (interrupted() && !told_) tell_all();
      listen();
      reap();
    }
    if (open_) std::fputc('\n', stderr);
    return told_ ? 130 : worst_;
  }

 private:
  std::string path_of(std::size_t run) const { return out_ + "/" + plan_[run].folder; }

  void begin(std::size_t run) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
      fail(ErrorKind::not_available, "%s: no pipe: %s", plan_[run].folder.c_str(),
           std::strerror(errno));
    std::fflush(nullptr);
    const pid_t process = fork();
    if (process < 0)
      fail(ErrorKind::not_available, "%s: no process: %s", plan_[run].folder.c_str(),
           std::strerror(errno));
    if (process == 0) {
      const int nothing = open("/dev/null", O_RDWR);
      dup2(nothing, STDIN_FILENO);
      dup2(nothing, STDOUT_FILENO);
      dup2(ends[1], STDERR_FILENO);
      // A terminal's interrupt comes to the parent alone, which hands it on once.
      setpgid(0, 0);
#ifdef __linux__
      prctl(PR_SET_PDEATHSIG, SIGTERM);  // nobody is left behind by a parent that was killed
#endif
      relay_progress();
      Common own = common_;
      own.seed = plan_[run].seed;
      const bool there = is_run(path_of(run));
      own.resume = common_.resume && there;
      own.overwrite = common_.overwrite && there;
      const int code = exit_code_of([&] { return work_(plan_[run], path_of(run), own); });
      std::fflush(nullptr);
      _exit(code);
    }
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    Child child;
    child.run = run;
    child.process = process;
    child.pipe = ends[0];
    children_.push_back(std::move(child));
  }

  // Each writes its checkpoint and ends; none begins any more.
  void tell_all() {
    take_time_to_save();
    for (const Child& child : children_) kill(child.process, SIGTERM);
    told_ = stopped_ = true;
  }

  void listen() {
    std::vector<pollfd> waiting;
    for (const Child& child : children_) waiting.push_back({child.pipe, POLLIN, 0});
    poll(waiting.data(), waiting.size(), 20);
    for (Child& child : children_) read_lines(child);
  }

  void read_lines(Child& child) {
    char part[4096];
    for (ssize_t got; (got = read(child.pipe, part, sizeof part)) > 0;)
      child.text.append(part, static_cast<std::size_t>(got));
    for (std::size_t end; (end = child.text.find('\n')) != std::string::npos;) {
      say(child, child.text.substr(0, end));
      child.text.erase(0, end + 1);
    }
  }

  void say(Child& child, const std::string& line) {
    const std::string& name = plan_[child.run].folder;
    if (!line.empty() && line[0] == relayed_mark)
      return show_progress(name + ": " + line.substr(1));
    if (line.starts_with("understudy: ")) child.error = line;
    // What every run has to remark is read once.
    if (common_.quiet && child.error != line) return;
    if (child.error != line && !said_.insert(line).second) return;
    if (told_ && child.error == line) return;  // each says that it was interrupted
    std::fprintf(stderr, "%s%s: %s\n", terminal_ ? "\r\x1b[2K" : "", name.c_str(), line.c_str());
    open_ = false;
  }

  void show_progress(const std::string& line) {
    const auto now = std::chrono::steady_clock::now();
    const double passed = std::chrono::duration<double>(now - shown_).count();
    if (common_.quiet || passed < (terminal_ ? 0.1 : 5.0)) return;
    shown_ = now;
    std::fprintf(stderr, "%s%zu of %zu done; %s%s", terminal_ ? "\r\x1b[2K" : "", done_,
                 plan_.size(), line.c_str(), terminal_ ? "" : "\n");
    std::fflush(stderr);
    open_ = terminal_;
  }

  void reap() {
    for (std::size_t i = 0; i < children_.size();) {
      int status = 0;
      if (waitpid(children_[i].process, &status, WNOHANG) == 0) {
        ++i;
        continue;
      }
      Child child = std::move(children_[i]);
      children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(i));
      read_lines(child);
      close(child.pipe);
      ended(child, status);
    }
  }

  void ended(const Child& child, int status) {
    ++done_;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    std::string failure = child.error;
    if (WIFSIGNALED(status) && !told_) {
      failure = formatted("ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
      std::fprintf(stderr, "%s: %s\n", plan_[child.run].folder.c_str(), failure.c_str());
    }
    // A run that failed before it had a folder is counted, too.
    const std::string left = path_of(child.run) + "/failure.json";
    std::error_code error;
    if (code == 1 && !told_ && !fs::exists(left)) {
      fs::create_directories(path_of(child.run), error);
      write_json(left, {{"error", failure}});
    }
    if (code == 130) {
      told_ = stopped_ = true;  // somebody interrupted that one alone
      for (const Child& other : children_) kill(other.process, SIGTERM);
      return;
    }
    // Options that one run finds wrong, the others would find wrong too.
    if (code == 2) stopped_ = true;
    worst_ = std::max(worst_, code);
  }

  const std::vector<PlannedRun>& plan_;
  std::string out_;
  Common common_;
  std::size_t jobs_;
  std::function<int(const PlannedRun&, const std::string&, const Common&)> work_;
  bool terminal_, open_ = false, told_ = false, stopped_ = false;
  std::size_t next_ = 0, done_ = 0;
  int worst_ = 0;
  std::vector<Child> children_;
  std::set<std::string> said_;
  std::chrono::steady_clock::time_point shown_;
};

const char* word_of(RunStatus status) {
  return status == RunStatus::done ? "done" : status == RunStatus::failed ? "failed" : "unfinished";
}

// seeds.csv, curves.csv, and the table.
void sum_up(const std::vector<PlannedRun>& plan, const std::string& out, const Common& common) {
  std::vector<RunRecord> runs;
  for (const PlannedRun& one : plan) {
    const std::string path = out + "/" + one.folder;
    if (!is_run(path) && !fs::exists(path + "/failure.json")) continue;
    runs.push_back(read_record(path));
    runs.back().name = one.folder;
    runs.back().seed = one.seed;
  }
  if (runs.empty()) return;
  const std::vector<RunGroup> groups = groups_of(runs);
  files::write_file_atomically(out + "/seeds.csv", files::bytes_of(scores_csv(runs, groups)));
  files::write_file_atomically(out + "/curves.csv", files::bytes_of(curves_csv(runs, groups)));
  if (common.json) {
    Json object = {{"out", out}, {"runs", Json::array()}};
    for (const RunRecord& run : runs) {
      Json one = {{"run", run.name}, {"seed", run.seed}, {"status", word_of(run.status)}};
      one["score"] = std::isfinite(run.score) ? Json(run.score) : Json();
      one["measure"] = run.measure;
      one["normalised"] = std::isfinite(run.normalized) ? Json(run.normalized) : Json();
      if (!run.failure.empty()) one["error"] = run.failure;
      object["runs"].push_back(one);
    }
    object.update(summary_json(runs, groups));
    print(object);
  } else if (!common.quiet) {
    print_table(summary_table(runs, groups));
    if (const Table joined = across_tasks(runs, groups); !joined.rows.empty()) print_table(joined);
    std::printf("%s/seeds.csv\n", out.c_str());
  }
}

}  // namespace

void add_several_runs(Verb& verb, SeveralRuns& several) {
  verb.option("--seeds", several.seeds,
              "a run for each, such as 0-9 or 0,3,7-9, in OUT/seed-0 and so on; one table");
  verb.option("--sweep", several.sweep,
              "key=a,b,c: a run for each value of a setting, in OUT/key=a and so on; several make "
              "their cross product; of lists, key='8,8;16,16'");
  verb.option("--jobs", several.jobs, "of --seeds and --sweep, runs at a time (all threads)")
      .between(1, 1024);
}

std::vector<PlannedRun> planned_runs(const SeveralRuns& several, const Common& common) {
  if (!several.seeds.empty() && common.seed != 0)
    fail(ErrorKind::bad_input, "--seeds: expected no --seed beside it, found %llu",
         static_cast<unsigned long long>(common.seed));
  std::vector<PlannedRun> plan(1);
  std::set<std::string> keys;
  for (const std::string& text : several.sweep) {
    const SweptSetting one = swept(text);
    if (!keys.insert(one.key).second)
      fail(ErrorKind::bad_input, "--sweep: expected each setting once, found %s twice",
           one.key.c_str());
    std::vector<PlannedRun> wider;
    for (const PlannedRun& run : plan)
      for (const std::string& value : one.values) {
        wider.push_back(run);
        wider.back().folder += folder_name(one.key + "=" + value) + "/";
        wider.back().set.push_back(one.key + "=" + value);
      }
    plan = std::move(wider);
  }
  const std::vector<std::uint64_t> seeds =
      several.seeds.empty() ? std::vector<std::uint64_t>{common.seed} : seeds_of(several.seeds);
  std::vector<PlannedRun> all;
  std::set<std::string> folders;
  for (const PlannedRun& run : plan)
    for (const std::uint64_t seed : seeds) {
      all.push_back(run);
      all.back().seed = seed;
      all.back().folder += "seed-" + std::to_string(seed);
      if (!folders.insert(all.back().folder).second)
        fail(ErrorKind::bad_input, "--seeds, --sweep: expected each run once, found %s twice",
             all.back().folder.c_str());
    }
  return all;
}

GivenSettings with_swept(GivenSettings given, const PlannedRun& run) {
  given.set.insert(given.set.end(), run.set.begin(), run.set.end());
  return given;
}

int run_several(const SeveralRuns& several, const std::string& out, const Common& common,
                const std::function<void(const PlannedRun&)>& check,
                const std::function<int(const PlannedRun& run, const std::string& path,
                                        const Common& common)>& work) {
  const std::vector<PlannedRun> plan = planned_runs(several, common);
  const std::string shown = files::shown_path(out);
  if (is_run(out))
    fail(ErrorKind::bad_input, "--out: expected a folder for runs, found one run in %s",
         shown.c_str());
  for (const PlannedRun& run : plan) {
    if (check) check(run);
    if (is_run(out + "/" + run.folder) && !common.resume && !common.overwrite)
      fail(ErrorKind::bad_input,
           "--out: %s holds a run already (--resume continues all, --overwrite replaces them)",
           files::shown_path(out + "/" + run.folder).c_str());
  }
  std::error_code error;
  fs::create_directories(out, error);
  if (error) fail(ErrorKind::bad_input, "--out: %s: %s", shown.c_str(), error.message().c_str());
  const auto threads =
      static_cast<std::size_t>(common.threads == 0 ? available_cores() : common.threads);
  const std::size_t jobs =
      std::min(plan.size(), several.jobs > 0 ? static_cast<std::size_t>(several.jobs) : threads);
  const int code = Crew(plan, out, common, jobs, work).run();
  if (code != 2) sum_up(plan, out, common);
  if (code == 130) fail(ErrorKind::interrupted, "interrupted");
  return code;
}

}  // namespace understudy::cli
