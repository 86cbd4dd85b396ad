// Curves of what runs logged: seeds together, a color a group.

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "algorithms/evaluation/statistics.h"
#include "cli/reports/chart.h"
#include "cli/reports/page.h"
#include "cli/reports/report.h"

namespace understudy::cli {

namespace {

constexpr std::size_t points_of_a_curve = 150, points_of_a_small_one = 50;

// What one run logged of a metric: rows that have a number.
Path logged(const ReportRun& run, const std::string& metric) {
  const std::vector<double>* x = run.progress.find("iteration");
  const std::vector<double>* y = run.progress.find(metric);
  Path points;
  if (x == nullptr || y == nullptr) return points;
  for (std::size_t i = 0; i < y->size(); ++i)
    if (std::isfinite((*y)[i])) points.push_back({(*x)[i], (*y)[i]});
  return points;
}

// Every step that some path has, or at most so many of them: the last of each of as many parts.
std::vector<double> steps_of(const std::vector<Path>& paths, std::size_t most) {
  std::set<double> all;
  for (const Path& path : paths)
    for (const Point& point : path) all.insert(point.x);
  std::vector<double> steps(all.begin(), all.end());
  if (steps.size() <= most) return steps;
  std::vector<double> kept;
  for (std::size_t i = 1; i <= most; ++i) kept.push_back(steps[i * steps.size() / most - 1]);
  return kept;
}

// The interquartile mean over a group's seeds, with its interval. A seed has at each step what it
// logged last, and from its end on what it ended with.
Curve curve_of(const Report& report, std::size_t g, const std::string& metric, std::size_t most,
               bool banded) {
  const RunGroup& group = report.groups[g];
  std::vector<Path> paths;
  for (std::size_t i : group.members)
    if (Path path = logged(report.runs[i], metric); !path.empty()) paths.push_back(std::move(path));
  Curve curve{group.name, series_class(g), {}};
  std::vector<std::size_t> at(paths.size(), 0);
  for (double step : steps_of(paths, most)) {
    std::vector<double> values;
    for (std::size_t p = 0; p < paths.size(); ++p) {
      while (at[p] + 1 < paths[p].size() && paths[p][at[p] + 1].x <= step) ++at[p];
      if (paths[p][at[p]].x <= step) values.push_back(paths[p][at[p]].y);
    }
    // Before all seeds have logged there is no mean of all.
    if (values.size() < paths.size()) continue;
    curve.points.push_back({step, interquartile_mean(values)});
    if (banded && values.size() > 1)
      curve.band.push_back(stratified_bootstrap_interval(
          {values}, [](const Strata& some) { return interquartile_mean(some[0]); }, 1000));
  }
  return curve;
}

const std::string& task_of(const Report& report, std::size_t group) {
  return report.runs[report.groups[group].members[0]].task;
}

// Of the groups of one task, or, without one, of all.
std::vector<Curve> curves_of(const Report& report, const std::string* task,
                             const std::string& metric, std::size_t most, bool banded) {
  std::vector<Curve> drawn;
  for (std::size_t g = 0; g < report.groups.size(); ++g) {
    if (task != nullptr && task_of(report, g) != *task) continue;
    // One point is a number and no curve.
    if (Curve curve = curve_of(report, g, metric, most, banded); curve.points.size() > 1)
      drawn.push_back(std::move(curve));
  }
  return drawn;
}

bool vary(const std::vector<Curve>& curves) {
  for (const Curve& curve : curves)
    for (const Point& point : curve.points)
      if (point.y != curve.points.front().y) return true;
  return false;
}

// What runs are watched by: returns while learning, how far from the best, validation, the first
// that is logged.
std::vector<std::string> watched(const Report& report) {
  std::vector<std::string> metrics;
  const auto add = [&](const std::string& name) {
    if (!name.empty() && std::find(metrics.begin(), metrics.end(), name) == metrics.end())
      metrics.push_back(name);
  };
  // One of the two returns is enough: the latest is there at every iteration.
  for (const ReportRun& run : report.runs)
    add(run.progress.find("latest_return") != nullptr ? "latest_return"
        : run.progress.find("return_mean") != nullptr ? "return_mean"
                                                      : "");
  for (const char* name : {"expected_value_difference", "validation"})
    for (const ReportRun& run : report.runs)
      if (run.progress.find(name) != nullptr) add(name);
  for (const ReportRun& run : report.runs)
    for (const std::string& name : run.progress.names)
      if (name != "iteration") {
        add(name);
        break;
      }
  return metrics;
}

std::string readable(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

}  // namespace

std::string learning_section(const Report& report) {
  std::string html;
  bool banded = false;
  std::vector<std::string> tasks;
  for (std::size_t g = 0; g < report.groups.size(); ++g)
    if (std::find(tasks.begin(), tasks.end(), task_of(report, g)) == tasks.end())
      tasks.push_back(task_of(report, g));
  for (const std::string& metric : watched(report))
    for (const std::string& task : tasks) {
      const std::vector<Curve> drawn = curves_of(report, &task, metric, points_of_a_curve, true);
      if (drawn.empty()) continue;
      for (const Curve& curve : drawn) banded = banded || !curve.band.empty();
      html += chart(drawn, {}, "iteration",
                    readable(metric) + (tasks.size() > 1 && !task.empty() ? ", " + task : ""));
    }
  if (html.empty()) return html;
  return "<h2>Learning</h2>\n" + html +
         (banded ? "<p class=\"small\">The interquartile mean over seeds with its 95 % bootstrap "
                   "interval; a seed that ended keeps its last value.</p>\n"
                 : "");
}

std::string quantities_section(const Report& report) {
  std::vector<std::string> groups, done = watched(report);
  std::map<std::string, std::string> charts;
  for (const ReportRun& run : report.runs)
    for (const std::string& metric : run.progress.names) {
      if (metric == "iteration" || std::find(done.begin(), done.end(), metric) != done.end())
        continue;
      done.push_back(metric);
      const std::vector<Curve> drawn =
          curves_of(report, nullptr, metric, points_of_a_small_one, false);
      if (!vary(drawn)) continue;
      std::string caption;
      for (const Curve& curve : drawn)
        caption += " <span class=\"named " + curve.css_class + "\">" +
                   formatted("%.4g", curve.points.back().y) + "</span>";
      const std::size_t slash = metric.rfind('/');
      const std::string group = slash == metric.npos ? "" : metric.substr(0, slash);
      if (!charts.contains(group)) groups.push_back(group);
      charts[group] += "<figure><figcaption>" +
                       escaped(slash == metric.npos ? metric : metric.substr(slash + 1)) + caption +
                       "</figcaption>" + chart(drawn, {}, "", "", small_chart) + "</figure>\n";
    }
  std::string html;
  if (report.groups.size() > 1) {
    std::vector<std::pair<std::string, std::string>> names;
    for (std::size_t g = 0; g < report.groups.size(); ++g)
      names.emplace_back(report.groups[g].name, series_class(g));
    html += legend_of(names);
  }
  for (const std::string& group : groups)
    html += (group.empty() ? "" : "<h3>" + escaped(group) + "</h3>\n") +
            ("<div class=\"charts\">\n" + charts[group] + "</div>\n");
  return groups.empty() ? "" : folded("Every quantity, over iterations", html);
}

}  // namespace understudy::cli
