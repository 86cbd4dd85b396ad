#include "cli/session/run_records.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "autograd/files/bytes.h"
#include "cli/session/settings.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

namespace fs = std::filesystem;

const double unknown = std::nan("");

std::string word(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

double figure(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : unknown;
}

std::string last_part(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return fs::path(path).filename().string();
}

std::string task_of(const Json& config) {
  for (const char* key : {"environment", "mdp"})
    if (const std::string found = word(config, key); !found.empty()) return last_part(found);
  std::string names;
  const auto demonstrations = config.find("demonstrations");
  if (demonstrations != config.end() && demonstrations->is_array())
    for (const Json& one : *demonstrations)
      if (one.is_string()) names += (names.empty() ? "" : ", ") + last_part(one.get<std::string>());
  return names;
}

void judge(RunRecord& run) {
  struct Measure {
    const char *key, *name;
    bool higher;
  };
  run.normalized = figure(run.result, "normalised");
  for (const Measure& one :
       {Measure{"return_mean", "mean return", true},
        Measure{"expected_value_difference", "expected value difference", false},
        Measure{"log_likelihood", "log-likelihood", true}})
    if (run.result.contains(one.key)) {
      run.measure = one.name;
      run.higher_is_better = one.higher;
      run.score = figure(run.result, one.key);
      return;
    }
  run.score = unknown;
  // Only of runs that are done: what others logged last is no result.
  if (run.status != RunStatus::done) return;
  run.higher_is_better = false;
  const std::vector<double>* logged = run.progress.find("best_validation");
  if (logged != nullptr && std::isfinite(logged->back())) {
    run.measure = "validation loss";
    run.score = logged->back();
  } else if (const std::string metric = curve_metric(run); !metric.empty()) {
    run.measure = metric;
    run.score = run.progress.find(metric)->back();
  }
}

// "seed-9" before "seed-10".
bool before_by_number(const std::string& a, const std::string& b) {
  std::size_t i = 0, j = 0;
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto end_of = [&](const std::string& text, std::size_t at) {
    while (at < text.size() && digit(text[at])) ++at;
    return at;
  };
  while (i < a.size() && j < b.size()) {
    if (digit(a[i]) && digit(b[j])) {
      const std::size_t to = end_of(a, i), until = end_of(b, j);
      std::string x = a.substr(i, to - i), y = b.substr(j, until - j);
      x.erase(0, std::min(x.find_first_not_of('0'), x.size() - 1));
      y.erase(0, std::min(y.find_first_not_of('0'), y.size() - 1));
      if (x != y) return x.size() != y.size() ? x.size() < y.size() : x < y;
      i = to;
      j = until;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
    }
  }
  return a.size() - i < b.size() - j;
}

// Reproductions have a result alone, runs that failed before they began that.
bool holds_run(const std::string& path) {
  return is_run(path) || fs::is_regular_file(path + "/result.json") ||
         fs::is_regular_file(path + "/failure.json");
}

void collect(const std::string& path, std::vector<std::string>& found) {
  if (holds_run(path)) {
    found.push_back(path);
    return;
  }
  std::vector<std::string> below;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path, error))
    if (entry.is_directory()) below.push_back(entry.path().string());
  std::sort(below.begin(), below.end(), before_by_number);
  for (const std::string& one : below) collect(one, found);
}

// A setting's value in few letters.
std::string brief(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return formatted("%.6g", value.get<double>());
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const Json& one : value)
    text += (text.empty() ? "" : ",") +
            (one.is_string() ? last_part(one.get<std::string>()) : brief(one));
  return text;
}

using Settings = std::vector<std::pair<std::string, Json>>;

const Json* find_setting(const Settings& settings, const std::string& key) {
  for (const auto& [name, value] : settings)
    if (name == key) return &value;
  return nullptr;
}

// What decides a run's results, the seed apart.
Settings deciding(const RunRecord& run) {
  Settings kept;
  for (auto& [name, value] : flattened(run.config))
    if (name != "seed" && name != "threads" && name != "device") kept.emplace_back(name, value);
  if (kept.empty()) kept.emplace_back("run", run.path);
  return kept;
}

// What groups differ in is told among those of one algorithm and task: what follows from these says
// nothing beside them.
struct ToldApart {
  std::string kin;  // algorithm and task
  Settings settings;
};

// Whether group i and another of its kin have this key otherwise; `all`: and all of them have it.
bool differs(const std::vector<ToldApart>& groups, std::size_t i, const std::string& key,
             bool all) {
  const Json* one = find_setting(groups[i].settings, key);
  bool found = false;
  for (const ToldApart& other : groups) {
    if (other.kin != groups[i].kin) continue;
    const Json* theirs = find_setting(other.settings, key);
    if (all && (one == nullptr || theirs == nullptr)) return false;
    found = found || (one == nullptr) != (theirs == nullptr) || (one != nullptr && *one != *theirs);
  }
  return found;
}

// How many of the groups such keys tell apart.
std::size_t told_apart(const std::vector<ToldApart>& groups, const std::vector<std::string>& keys) {
  std::set<std::string> different;
  for (const ToldApart& group : groups) {
    std::string text = group.kin;
    for (const std::string& key : keys)
      if (const Json* value = find_setting(group.settings, key)) text += ";" + key + value->dump();
    different.insert(text);
  }
  return different.size();
}

// Keys in which groups differ: those that all of a kin have, and of the others those that tell
// groups apart which the first do not.
std::vector<std::string> telling_keys(const std::vector<ToldApart>& groups) {
  std::vector<std::string> everywhere, somewhere;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < groups.size(); ++i)
    for (const auto& [key, value] : groups[i].settings) {
      if (seen.contains(key)) continue;
      if (differs(groups, i, key, true))
        everywhere.push_back(key);
      else if (differs(groups, i, key, false))
        somewhere.push_back(key);
      else
        continue;  // of another kin they may differ
      seen.insert(key);
    }
  std::size_t told = told_apart(groups, everywhere);
  for (const std::string& key : somewhere) {
    if (told == groups.size()) break;
    everywhere.push_back(key);
    const std::size_t more = told_apart(groups, everywhere);
    if (more == told) everywhere.pop_back();
    told = more;
  }
  return everywhere;
}

}  // namespace

std::string curve_metric(const RunRecord& run) {
  if (const std::vector<double>* validation = run.progress.find("validation");
      validation != nullptr && std::any_of(validation->begin(), validation->end(),
                                           [](double x) { return std::isfinite(x); }))
    return "validation";
  for (const std::string& name : run.progress.names)
    if (name != "iteration") return name;
  return "";
}

RunRecord read_record(const std::string& path) {
  if (!holds_run(path))
    fail(ErrorKind::bad_input, "%s: expected a run (a folder with config.json)",
         files::shown_path(path).c_str());
  RunRecord run;
  run.path = path;
  run.config = run.result = Json::object();
  if (is_run(path)) run.config = read_json(path + "/config.json");
  if (fs::is_regular_file(path + "/result.json")) {
    run.result = read_json(path + "/result.json");
    run.status = RunStatus::done;
  } else if (fs::is_regular_file(path + "/failure.json")) {
    run.failure = word(read_json(path + "/failure.json"), "error");
    run.status = RunStatus::failed;
  }
  const Json& object = run.config.contains("kind") ? run.config : run.result;
  run.kind = word(object, "kind");
  run.algorithm = word(object, "algorithm");
  if (run.algorithm.empty()) run.algorithm = word(object, "name");
  run.task = task_of(run.config);
  const auto seed = run.config.find("seed");
  if (seed != run.config.end() && seed->is_number_unsigned()) run.seed = seed->get<std::uint64_t>();
  run.progress = read_progress(path);
  run.name = last_part(path);
  judge(run);
  return run;
}

std::vector<std::string> runs_below(const std::vector<std::string>& paths) {
  std::vector<std::string> all;
  for (const std::string& path : paths) {
    std::vector<std::string> found;
    collect(path, found);
    if (found.empty())
      fail(ErrorKind::bad_input, "%s: expected a run (a folder with config.json), or runs below it",
           files::shown_path(path).c_str());
    for (const std::string& one : found)
      if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
  }
  return all;
}

void name_runs(std::vector<RunRecord>& runs) {
  std::set<std::string> names;
  for (RunRecord& run : runs) names.insert(run.name);
  if (names.size() == runs.size() || runs.size() < 2) return;
  // Up to the last '/' that all paths have behind the same letters.
  std::size_t shared = runs[0].path.size();
  for (const RunRecord& run : runs) {
    std::size_t same_letters = 0;
    while (same_letters < std::min(shared, run.path.size()) &&
           run.path[same_letters] == runs[0].path[same_letters])
      ++same_letters;
    shared = same_letters;
  }
  const std::size_t slash = shared == 0 ? std::string::npos : runs[0].path.rfind('/', shared - 1);
  for (RunRecord& run : runs) {
    run.name = run.path.substr(slash == std::string::npos ? 0 : slash + 1);
    while (run.name.size() > 1 && run.name.back() == '/') run.name.pop_back();
  }
}

std::vector<RunGroup> groups_of(const std::vector<RunRecord>& runs) {
  std::vector<ToldApart> settings;
  std::vector<std::string> keys;
  std::vector<RunGroup> groups;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    Settings own = deciding(runs[i]);
    std::string key;
    for (const auto& [name, value] : own) key += name + "=" + value.dump() + ";";
    const auto found = std::find(keys.begin(), keys.end(), key);
    if (found == keys.end()) {
      keys.push_back(key);
      settings.push_back({runs[i].algorithm + " on " + runs[i].task, std::move(own)});
      groups.emplace_back();
      groups.back().members.push_back(i);
    } else {
      groups[static_cast<std::size_t>(found - keys.begin())].members.push_back(i);
    }
  }
  std::vector<std::string> tasks;
  for (const RunGroup& group : groups) tasks.push_back(runs[group.members[0]].task);
  const std::vector<std::string> telling = telling_keys(settings);
  const bool several_tasks = std::set<std::string>(tasks.begin(), tasks.end()).size() > 1;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    RunGroup& group = groups[g];
    const RunRecord& first = runs[group.members[0]];
    group.variant = first.algorithm.empty() ? first.name : first.algorithm;
    for (const std::string& key : telling) {
      const Json* value = find_setting(settings[g].settings, key);
      if (value == nullptr || key == "run" || !differs(settings, g, key, false)) continue;
      group.own.emplace_back(key, *value);
      group.variant += " " + key + "=" + brief(*value);
    }
    group.name = group.variant;
    if (several_tasks && !tasks[g].empty()) group.name += " on " + tasks[g];
  }
  return groups;
}

}  // namespace understudy::cli
