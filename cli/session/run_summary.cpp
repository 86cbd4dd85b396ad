// What groups of runs say together: tables, JSON, CSV.

#include <algorithm>
#include <cmath>
#include <set>

#include "algorithms/evaluation/statistics.h"
#include "cli/session/run_records.h"

namespace understudy::cli {

namespace {

using Pair = std::pair<double, double>;

constexpr const char* how_summed_up =
    "IQM: the mean of the middle half of the seeds; intervals: 95 %, by the bootstrap over seeds";

std::vector<double> known(const std::vector<RunRecord>& runs, const RunGroup& group,
                          double RunRecord::*figure) {
  std::vector<double> values;
  for (std::size_t i : group.members)
    if (std::isfinite(runs[i].*figure)) values.push_back(runs[i].*figure);
  return values;
}

// Means and intervals of what all strata have.
struct Aggregate {
  double mean = std::nan(""), iqm = std::nan("");
  Pair mean_interval = {std::nan(""), std::nan("")}, iqm_interval = {std::nan(""), std::nan("")};
};

std::vector<double> joined(const Strata& strata) {
  std::vector<double> all;
  for (const std::vector<double>& one : strata) all.insert(all.end(), one.begin(), one.end());
  return all;
}

Aggregate aggregate_of(const Strata& strata) {
  Aggregate found;
  const std::vector<double> all = joined(strata);
  if (all.empty()) return found;
  found.mean = mean_of(all);
  found.iqm = interquartile_mean(all);
  if (all.size() == 1) return found;
  found.mean_interval = stratified_bootstrap_interval(
      strata, [](const Strata& some) { return mean_of(joined(some)); });
  found.iqm_interval = interquartile_mean_interval(strata);
  return found;
}

Json shown_number(double value) {
  return std::isfinite(value) ? Json(formatted("%.5g", value)) : Json();
}
Json shown_interval(const Pair& interval) {
  return std::isfinite(interval.first)
             ? Json(formatted("%.5g to %.5g", interval.first, interval.second))
             : Json();
}
Json exact(double value) { return std::isfinite(value) ? Json(value) : Json(); }
Json exact(const Pair& interval) {
  return Json::array({exact(interval.first), exact(interval.second)});
}

std::int64_t count_of(const std::vector<RunRecord>& runs, const RunGroup& group, RunStatus status) {
  std::int64_t count = 0;
  for (std::size_t i : group.members) count += runs[i].status == status ? 1 : 0;
  return count;
}

// What a group is judged by: that of its first run that is.
const RunRecord& judged(const std::vector<RunRecord>& runs, const RunGroup& group) {
  for (std::size_t i : group.members)
    if (!runs[i].measure.empty()) return runs[i];
  return runs[group.members[0]];
}

// The same variant on several tasks, each a stratum.
struct Family {
  std::string name;
  std::vector<std::string> tasks;
  Strata strata;
};
std::vector<Family> families_of(const std::vector<RunRecord>& runs,
                                const std::vector<RunGroup>& groups) {
  std::vector<Family> families;
  for (const RunGroup& group : groups) {
    const std::vector<double> scores = normalized_of(runs, group);
    if (scores.empty()) continue;
    Family* family = nullptr;
    for (Family& one : families)
      if (one.name == group.variant) family = &one;
    if (family == nullptr) family = &families.emplace_back(Family{group.variant, {}, {}});
    family->tasks.push_back(runs[group.members[0]].task);
    family->strata.push_back(scores);
  }
  std::erase_if(families, [](const Family& one) { return one.tasks.size() < 2; });
  return families;
}

// A cell as CSV has it.
std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n") == text.npos) return text;
  std::string quoted = "\"";
  for (char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}
std::string csv_number(double value) { return std::isfinite(value) ? Json(value).dump() : ""; }

std::string csv_head(const RunGroup& group, const RunRecord& run) {
  return csv_cell(group.variant) + "," + csv_cell(run.task) + "," + std::to_string(run.seed) + ",";
}

const char* name_of(RunStatus status) {
  switch (status) {
    case RunStatus::done: return "done";
    case RunStatus::failed: return "failed";
    case RunStatus::unfinished: break;
  }
  return "unfinished";
}

}  // namespace

std::vector<double> scores_of(const std::vector<RunRecord>& runs, const RunGroup& group) {
  return known(runs, group, &RunRecord::score);
}
std::vector<double> normalized_of(const std::vector<RunRecord>& runs, const RunGroup& group) {
  return known(runs, group, &RunRecord::normalized);
}

Table summary_table(const std::vector<RunRecord>& runs, const std::vector<RunGroup>& groups) {
  Table table;
  table.columns = {"runs", "measure", "seeds",      "failed", "unfinished", "mean",
                   "95 %", "IQM",     "95 % of it", "least",  "greatest",   "normalized IQM"};
  for (const RunGroup& group : groups) {
    const std::vector<double> scores = scores_of(runs, group);
    const std::vector<double> normalized = normalized_of(runs, group);
    const Aggregate found = aggregate_of({scores});
    const std::int64_t failed = count_of(runs, group, RunStatus::failed);
    const std::int64_t unfinished = count_of(runs, group, RunStatus::unfinished);
    const RunRecord& by = judged(runs, group);
    const bool several = scores.size() > 1;
    table.rows.push_back(
        {group.name, by.measure.empty() ? Json() : Json(by.measure), group.members.size(),
         failed > 0 ? Json(failed) : Json(), unfinished > 0 ? Json(unfinished) : Json(),
         shown_number(found.mean), shown_interval(found.mean_interval), shown_number(found.iqm),
         shown_interval(found.iqm_interval),
         several ? shown_number(*std::min_element(scores.begin(), scores.end())) : Json(),
         several ? shown_number(*std::max_element(scores.begin(), scores.end())) : Json(),
         shown_number(interquartile_mean(normalized))});
  }
  table.note = how_summed_up;
  return without_empty_columns(table);
}

Table brief_summary_table(const std::vector<RunRecord>& runs, const std::vector<RunGroup>& groups) {
  std::set<std::string> measures;
  for (const RunGroup& group : groups) measures.insert(judged(runs, group).measure);
  measures.erase("");
  const std::string one = measures.size() == 1 ? *measures.begin() : "";
  const auto with = [](double value, const Pair& interval) {
    if (!std::isfinite(value)) return Json();
    std::string text = formatted("%.4g", value);
    if (std::isfinite(interval.first))
      text += formatted(" (%.4g\u00a0to\u00a0%.4g)", interval.first, interval.second);
    return Json(text);
  };
  // Of one seed there is a figure, and no mean.
  bool several = false;
  for (const RunGroup& group : groups) several = several || scores_of(runs, group).size() > 1;
  const auto named = [&](const char* what) {
    if (!several) return one.empty() ? std::string("score") : one;
    return one.empty() ? std::string(what) : one + ", " + what;
  };
  Table table;
  table.note = several ? how_summed_up : "";
  table.columns = {
      "runs",       "measure",    "seeds",       "failed",
      "unfinished", named("IQM"), named("mean"), several ? "normalized, IQM" : "normalized"};
  for (const RunGroup& group : groups) {
    const Aggregate found = aggregate_of({scores_of(runs, group)});
    const Aggregate normalized = aggregate_of({normalized_of(runs, group)});
    const std::int64_t failed = count_of(runs, group, RunStatus::failed);
    const std::int64_t unfinished = count_of(runs, group, RunStatus::unfinished);
    table.rows.push_back(
        {group.name, one.empty() ? Json(judged(runs, group).measure) : Json(),
         several ? Json(group.members.size()) : Json(), failed > 0 ? Json(failed) : Json(),
         unfinished > 0 ? Json(unfinished) : Json(), with(found.iqm, found.iqm_interval),
         several ? with(found.mean, found.mean_interval) : Json(),
         with(normalized.iqm, normalized.iqm_interval)});
  }
  return without_empty_columns(table);
}

Table across_tasks(const std::vector<RunRecord>& runs, const std::vector<RunGroup>& groups) {
  Table table;
  table.title = "Over tasks, normalized";
  table.columns = {"runs", "tasks", "scores", "mean", "95 %", "IQM", "95 % of it"};
  for (const Family& one : families_of(runs, groups)) {
    const Aggregate found = aggregate_of(one.strata);
    table.rows.push_back({one.name, one.tasks.size(), joined(one.strata).size(),
                          shown_number(found.mean), shown_interval(found.mean_interval),
                          shown_number(found.iqm), shown_interval(found.iqm_interval)});
  }
  table.note =
      "0: uniform actions, 1: the reference; intervals: 95 %, by the bootstrap over seeds, "
      "stratified by task";
  return table;
}

Json summary_json(const std::vector<RunRecord>& runs, const std::vector<RunGroup>& groups) {
  Json array = Json::array();
  for (const RunGroup& group : groups) {
    const std::vector<double> scores = scores_of(runs, group);
    const Aggregate found = aggregate_of({scores}),
                    normalized = aggregate_of({normalized_of(runs, group)});
    const RunRecord& by = judged(runs, group);
    Json settings = Json::object();
    for (const auto& [key, value] : group.own) settings[key] = value;
    array.push_back({{"name", group.name},
                     {"settings", settings},
                     {"algorithm", by.algorithm},
                     {"task", by.task},
                     {"measure", by.measure},
                     {"higher_is_better", by.higher_is_better},
                     {"seeds", group.members.size()},
                     {"failed", count_of(runs, group, RunStatus::failed)},
                     {"unfinished", count_of(runs, group, RunStatus::unfinished)},
                     {"mean", exact(found.mean)},
                     {"std", exact(scores.empty() ? std::nan("") : spread_of(scores).deviation)},
                     {"mean_ci95", exact(found.mean_interval)},
                     {"iqm", exact(found.iqm)},
                     {"iqm_ci95", exact(found.iqm_interval)},
                     {"normalised_iqm", exact(normalized.iqm)},
                     {"normalised_iqm_ci95", exact(normalized.iqm_interval)},
                     {"scores", scores}});
  }
  Json across = Json::array();
  for (const Family& one : families_of(runs, groups)) {
    const Aggregate found = aggregate_of(one.strata);
    across.push_back({{"name", one.name},
                      {"tasks", one.tasks},
                      {"mean", exact(found.mean)},
                      {"mean_ci95", exact(found.mean_interval)},
                      {"iqm", exact(found.iqm)},
                      {"iqm_ci95", exact(found.iqm_interval)}});
  }
  return {{"groups", array}, {"across_tasks", across}};
}

std::string scores_csv(const std::vector<RunRecord>& runs, const std::vector<RunGroup>& groups) {
  std::string text = "algorithm,task,seed,score,normalized,measure,status,iterations,run\n";
  for (const RunGroup& group : groups)
    for (std::size_t i : group.members) {
      const RunRecord& run = runs[i];
      const auto iterations = run.result.find("iterations");
      text += csv_head(group, runs[i]) + csv_number(run.score) + "," + csv_number(run.normalized) +
              "," + csv_cell(run.measure) + "," + name_of(run.status) + "," +
              (iterations == run.result.end() ? "" : iterations->dump()) + "," +
              csv_cell(run.name) + "\n";
    }
  return text;
}

std::string curves_csv(const std::vector<RunRecord>& runs, const std::vector<RunGroup>& groups) {
  std::string text = "algorithm,task,seed,step,score,measure\n";
  for (const RunGroup& group : groups)
    for (std::size_t i : group.members) {
      const std::string metric = curve_metric(runs[i]);
      const std::vector<double>* steps = runs[i].progress.find("iteration");
      const std::vector<double>* values = runs[i].progress.find(metric);
      if (steps == nullptr || values == nullptr) continue;
      const std::string head = csv_head(group, runs[i]);
      for (std::size_t row = 0; row < values->size(); ++row)
        if (std::isfinite((*values)[row]))
          text += head + Json(static_cast<std::int64_t>((*steps)[row])).dump() + "," +
                  csv_number((*values)[row]) + "," + csv_cell(metric) + "\n";
    }
  return text;
}

}  // namespace understudy::cli
