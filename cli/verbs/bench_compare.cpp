#include "cli/verbs/bench_compare.h"

#include <cmath>

#include "algorithms/evaluation/statistics.h"
#include "autograd/files/bytes.h"
#include "cli/session/run_folder.h"
#include "cli/session/table.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

constexpr double significant = 0.05;
// Fewer runs than these cannot be told apart, however far from each other: with 3 and 3 the least
// p-value is 0.1.
constexpr std::size_t enough_runs = 4;

struct BenchRow {
  std::string work, place, unit;
  bool higher_is_better = false;
  std::vector<double> figures;

  bool same_work(const BenchRow& other) const {
    return work == other.work && place == other.place && unit == other.unit;
  }
};

std::vector<BenchRow> rows_of(const std::string& path) {
  const Json file = read_json(path);
  const auto refuse = [&](const char* expected, std::size_t row) {
    fail(ErrorKind::bad_file, "%s: rows[%zu]: expected %s, as bench --json writes it",
         files::shown_path(path).c_str(), row, expected);
  };
  if (!file.contains("rows") || !file["rows"].is_array())
    fail(ErrorKind::bad_file, "%s: expected an array 'rows', as bench --json writes it",
         files::shown_path(path).c_str());
  std::vector<BenchRow> rows;
  for (const Json& one : file["rows"]) {
    const std::size_t i = rows.size();
    BenchRow row;
    for (const auto& [key, into] :
         {std::pair{"work", &row.work}, {"place", &row.place}, {"unit", &row.unit}}) {
      if (!one.is_object() || !one.contains(key) || !one[key].is_string())
        refuse("words 'work', 'place' and 'unit'", i);
      *into = one[key].get<std::string>();
    }
    if (!one.contains("higher_is_better") || !one["higher_is_better"].is_boolean())
      refuse("true or false 'higher_is_better'", i);
    row.higher_is_better = one["higher_is_better"].get<bool>();
    if (!one.contains("figures") || !one["figures"].is_array() || one["figures"].empty())
      refuse("an array 'figures' of a number a run", i);
    for (const Json& figure : one["figures"]) {
      if (!figure.is_number() || !(figure.get<double>() > 0)) refuse("figures above 0", i);
      row.figures.push_back(figure.get<double>());
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

struct Change {
  double before = 0, after = 0, speedup = 1, low = 1, high = 1, p = 1;
  const char* verdict = "same";
};

Change change_of(const BenchRow& before, const BenchRow& after) {
  const auto speedup = [&](const Strata& sides) {
    const double ratio = median_of(sides[1]) / median_of(sides[0]);
    return before.higher_is_better ? ratio : 1 / ratio;
  };
  const Strata sides = {before.figures, after.figures};
  Change change;
  change.before = median_of(before.figures);
  change.after = median_of(after.figures);
  change.speedup = speedup(sides);
  std::tie(change.low, change.high) = stratified_bootstrap_interval(sides, speedup);
  change.p = mann_whitney_u(after.figures, before.figures).p;
  if (change.p < significant) change.verdict = change.speedup > 1 ? "faster" : "slower";
  return change;
}

std::string names_of(const std::vector<BenchRow>& rows, const std::vector<BenchRow>& others) {
  std::string names;
  for (const BenchRow& row : rows) {
    bool there = false;
    for (const BenchRow& other : others) there = there || row.same_work(other);
    if (!there) names += (names.empty() ? "" : "; ") + row.work + " (" + row.place + ")";
  }
  return names;
}

}  // namespace

int compare_benchmarks(const std::string& before, const std::string& after, const Common& common) {
  const std::vector<BenchRow> old_rows = rows_of(before), new_rows = rows_of(after);
  Table table;
  table.columns = {"work", "threads", "unit", "before", "after", "times faster", "95 %", "p", ""};
  Json rows = Json::array();
  std::size_t few = 0;
  for (const BenchRow& old_row : old_rows)
    for (const BenchRow& new_row : new_rows) {
      if (!old_row.same_work(new_row)) continue;
      throw_if_interrupted();
      const Change change = change_of(old_row, new_row);
      few += std::min(old_row.figures.size(), new_row.figures.size()) < enough_runs ? 1 : 0;
      table.rows.push_back({old_row.work, old_row.place, old_row.unit,
                            formatted("%.4g", change.before), formatted("%.4g", change.after),
                            formatted("%.3f", change.speedup),
                            formatted("%.3f to %.3f", change.low, change.high),
                            formatted("%.2g", change.p), change.verdict});
      rows.push_back({{"work", old_row.work},
                      {"place", old_row.place},
                      {"unit", old_row.unit},
                      {"before", change.before},
                      {"after", change.after},
                      {"runs", {old_row.figures.size(), new_row.figures.size()}},
                      {"speedup", change.speedup},
                      {"speedup_ci95", {change.low, change.high}},
                      {"p", change.p},
                      {"verdict", change.verdict}});
    }
  const std::string gone = names_of(old_rows, new_rows), come = names_of(new_rows, old_rows);
  if (rows.empty())
    fail(ErrorKind::bad_input,
         "bench --compare: %s and %s: expected rows of the same work, found "
         "none",
         files::shown_path(before).c_str(), files::shown_path(after).c_str());
  std::vector<std::string> remarks;
  if (!gone.empty()) remarks.push_back("only in " + before + ": " + gone);
  if (!come.empty()) remarks.push_back("only in " + after + ": " + come);
  if (few > 0)
    remarks.push_back(
        formatted("%zu rows have fewer than %zu runs on a side, which no test can "
                  "tell apart (p < %g)",
                  few, enough_runs, significant));
  print_remarks(common, remarks);
  if (common.json) {
    print({{"before", before}, {"after", after}, {"rows", rows}});
    return 0;
  }
  table.note = formatted(
      "medians; intervals by the bootstrap; p of a two-sided Mann-Whitney U "
      "test, faster or slower where p < %g; of many rows some are by chance",
      significant);
  print_table(table);
  return 0;
}

}  // namespace understudy::cli
