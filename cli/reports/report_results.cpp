// What a report shows first: how well what was learned does, seeds together.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "algorithms/evaluation/statistics.h"
#include "cli/reports/chart.h"
#include "cli/reports/page.h"
#include "cli/reports/report.h"

namespace understudy::cli {

namespace {

// A number as it is read; what is none stays empty.
Json read_as(const Json& value, const char* format) {
  return value.is_number() ? Json(formatted(format, value.get<double>())) : Json();
}

std::string demonstrated_by(const ReportRun& run) {
  std::string from;
  const Json files = run.config.value("demonstrations", Json());
  if (files.is_array())
    for (const Json& one : files)
      if (one.is_string())
        from += (from.empty() ? "" : ", ") +
                std::filesystem::path(one.get<std::string>()).filename().string();
  return from;
}

// A row a run: what was learned, from what, and how well.
std::string each_run(const Report& report) {
  Table table;
  table.columns = {
      "run", "seed",  "algorithm",        "task",       "from",  "iterations", "steps of its own",
      "",    "score", "95 % of the mean", "normalized", "failed"};
  std::vector<std::string> names;
  for (std::size_t g = 0; g < report.groups.size(); ++g)
    for (std::size_t i : report.groups[g].members) {
      const ReportRun& run = report.runs[i];
      const auto found = [&](const char* name) { return run.result.value(name, Json()); };
      const Json interval = found("return_ci95");
      const bool bounded = interval.is_array() && interval.size() == 2 && interval[0].is_number();
      const std::string from = demonstrated_by(run);
      const Json score = std::isfinite(run.score) ? Json(run.score) : Json();
      table.rows.push_back({run.name, run.config.contains("seed") ? Json(run.seed) : Json(),
                            run.algorithm.empty() ? Json() : Json(run.algorithm),
                            run.task.empty() ? Json() : Json(run.task),
                            from.empty() || from == run.task ? Json() : Json(from),
                            found("iterations"),
                            found("interactions") == 0 ? Json() : found("interactions"),
                            run.measure.empty() || score.is_null() ? Json() : Json(run.measure),
                            read_as(score, "%.5g"),
                            bounded ? Json(formatted("%.2f to %.2f", interval[0].get<double>(),
                                                     interval[1].get<double>()))
                                    : Json(),
                            read_as(found("normalised"), "%.3f"),
                            run.status == RunStatus::failed       ? Json(run.failure)
                            : run.status == RunStatus::unfinished ? Json("not finished")
                                                                  : Json()});
      names.push_back(report.groups.size() > 1 ? "named " + series_class(g) : "");
    }
  const Table shown = without_empty_columns(table);
  return html_table(shown.columns, shown.rows, names);
}

// Groups that can stand on one scale: of one task, by one measure.
struct Comparison {
  std::string task, measure;
  bool higher_is_better = true;
  std::vector<std::size_t> groups;
};
std::vector<Comparison> comparisons(const Report& report) {
  std::vector<Comparison> all;
  for (std::size_t g = 0; g < report.groups.size(); ++g) {
    const ReportRun* judged = nullptr;
    for (std::size_t i : report.groups[g].members)
      if (std::isfinite(report.runs[i].score)) judged = &report.runs[i];
    if (judged == nullptr) continue;
    Comparison* into = nullptr;
    for (Comparison& one : all)
      if (one.task == judged->task && one.measure == judged->measure) into = &one;
    if (into == nullptr)
      into = &all.emplace_back(
          Comparison{judged->task, judged->measure, judged->higher_is_better, {}});
    into->groups.push_back(g);
  }
  return all;
}

// Each seed a dot, the interquartile mean and its interval above: a row a group.
std::string seeds_picture(const Report& report, const Comparison& compared) {
  std::vector<double> all;
  std::size_t most = 0;
  for (std::size_t g : compared.groups) {
    const std::vector<double> scores = scores_of(report.runs, report.groups[g]);
    all.insert(all.end(), scores.begin(), scores.end());
    most = std::max(most, scores.size());
  }
  if (all.size() < 2) return "";
  const double n = static_cast<double>(compared.groups.size());
  Axis rows = {-0.4, n - 0.15, "", 5, std::vector<std::string>(compared.groups.size())};
  Plot plot(640, 44 * n + 52,
            axis_of(all, compared.measure + (compared.higher_is_better ? "" : " (less is better)")),
            rows);
  for (std::size_t k = 0; k < compared.groups.size(); ++k) {
    const std::size_t g = compared.groups[k];
    const std::string color = series_class(g);
    const double y = n - 1 - static_cast<double>(k);
    const std::vector<double> scores = scores_of(report.runs, report.groups[g]);
    if (scores.size() > 1) {
      const auto [low, high] = interquartile_mean_interval({scores});
      plot.segment({low, y}, {high, y}, "bar " + color);
    }
    for (double score : scores) plot.mark({score, y}, 2.5, color);
    plot.mark({interquartile_mean(scores), y}, 5.5, color);
    plot.name({axis_of(all, "").low, y}, report.groups[g].name, color, 6, 10);
  }
  return "<figure><figcaption>" +
         escaped(compared.measure + (compared.task.empty() ? "" : ", " + compared.task)) +
         "</figcaption>" + plot.finish() +
         (most > 1
              ? "<figcaption>Small dots: seeds. Large ones: their interquartile mean, with its "
                "95 % bootstrap interval.</figcaption>"
              : "") +
         "</figure>\n";
}

// The share of runs that are better than tau, over tau (Agarwal et al. 2021, section 4.2).
std::string profile(const std::string& title, const std::string& label, bool higher_is_better,
                    const std::vector<std::pair<std::size_t, Strata>>& series,
                    const std::vector<std::string>& names) {
  std::vector<double> all;
  for (const auto& [color, strata] : series)
    for (const auto& one : strata) all.insert(all.end(), one.begin(), one.end());
  const Axis x = axis_of(all, label);
  constexpr int points = 80;
  std::vector<double> thresholds;
  for (int i = 0; i <= points; ++i) thresholds.push_back(x.low + (x.high - x.low) * i / points);
  Plot plot(640, 260, x, {-0.02, 1.02, "share of runs that are better"});
  std::vector<std::pair<std::string, std::string>> named;
  const auto share = [&](const Strata& strata, double threshold) {
    double better = 0, count = 0;
    for (const auto& one : strata)
      for (double score : one) {
        better += (higher_is_better ? score > threshold : score < threshold) ? 1 : 0;
        ++count;
      }
    return better / count;
  };
  for (std::size_t k = 0; k < series.size(); ++k) {
    const auto& [color, strata] = series[k];
    Path path;
    std::vector<std::pair<double, double>> band;
    for (double threshold : thresholds) {
      path.push_back({threshold, share(strata, threshold)});
      band.push_back(stratified_bootstrap_interval(
          strata, [&](const Strata& some) { return share(some, threshold); }, 1000));
    }
    plot.band(thresholds, band, series_class(color));
    plot.line(path, series_class(color));
    named.emplace_back(names[k], series_class(color));
  }
  return "<figure><figcaption>" + escaped(title) + "</figcaption>" + plot.finish() +
         legend_of(named) + "</figure>\n";
}

constexpr std::size_t seeds_of_a_profile = 3;

std::string profiles(const Report& report) {
  // Normalized scores of all tasks together, a variant a curve; else each task by its own scores.
  std::vector<std::string> variants;
  std::map<std::string, std::pair<std::size_t, Strata>> normalized;
  bool all_normalized = true;
  for (std::size_t g = 0; g < report.groups.size(); ++g) {
    const std::vector<double> scores = normalized_of(report.runs, report.groups[g]);
    if (scores.size() < seeds_of_a_profile) {
      all_normalized = all_normalized && scores_of(report.runs, report.groups[g]).empty();
      continue;
    }
    const std::string& variant = report.groups[g].variant;
    if (!normalized.contains(variant)) {
      variants.push_back(variant);
      normalized[variant].first = g;
    }
    normalized[variant].second.push_back(scores);
  }
  if (all_normalized && !normalized.empty()) {
    std::vector<std::pair<std::size_t, Strata>> series;
    for (const std::string& variant : variants) series.push_back(normalized[variant]);
    return profile("Performance profile", "normalized return", true, series, variants);
  }
  std::string html;
  for (const Comparison& compared : comparisons(report)) {
    std::vector<std::pair<std::size_t, Strata>> series;
    std::vector<std::string> names;
    for (std::size_t g : compared.groups) {
      const std::vector<double> scores = scores_of(report.runs, report.groups[g]);
      if (scores.size() < seeds_of_a_profile) continue;
      series.emplace_back(g, Strata{scores});
      names.push_back(report.groups[g].name);
    }
    if (!series.empty())
      html += profile("Performance profile" + (compared.task.empty() ? "" : ", " + compared.task),
                      compared.measure, compared.higher_is_better, series, names);
  }
  return html;
}

}  // namespace

std::string results_section(const Report& report) {
  if (report.runs.size() == 1) return each_run(report);
  std::vector<std::string> names;
  for (std::size_t g = 0; g < report.groups.size(); ++g)
    names.push_back("named " + series_class(g));
  const Table table = brief_summary_table(report.runs, report.groups);
  std::string html = "<h2>Results</h2>\n" + html_table(table.columns, table.rows, names);
  if (!table.note.empty()) html += "<p class=\"small\">" + escaped(table.note) + "</p>\n";
  if (const Table joined = across_tasks(report.runs, report.groups); !joined.rows.empty())
    html += "<h3>" + escaped(joined.title) + "</h3>\n" + html_table(joined.columns, joined.rows) +
            "<p class=\"small\">" + escaped(joined.note) + "</p>\n";
  for (const Comparison& compared : comparisons(report)) html += seeds_picture(report, compared);
  html += profiles(report);
  return html + folded("Each run", each_run(report));
}

}  // namespace understudy::cli
