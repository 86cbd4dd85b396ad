#include "cli/reports/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>

#include "autograd/files/atomic_file.h"
#include "cli/reports/page.h"
#include "cli/reports/svg.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

constexpr ReportSection sections[] = {
    {"irl", irl_section},         {"train", behavior_section},      {"train", policy_section},
    {"expert", behavior_section}, {"reproduce", reproduce_section},
};

constexpr const char* style = R"(
h2 { border-top: 1px solid var(--rule); padding-top: 1rem; } table { font-size: .92rem; }
circle.dots { stroke: none; opacity: .55; }
circle.s0 { fill: var(--s0); } circle.s1 { fill: var(--s1); } circle.s3 { fill: var(--s3); }
)";
constexpr std::size_t series = 6;

// At most so many points of a curve are drawn: the last of each of as many equal parts.
constexpr std::size_t most_points = 400;

Path curve_of(const ReportRun& run, const std::string& metric) {
  const std::vector<double>* x = run.progress.find("iteration");
  const std::vector<double>* y = run.progress.find(metric);
  Path points;
  if (x == nullptr || y == nullptr) return points;
  for (std::size_t i = 0; i < y->size(); ++i)
    if (std::isfinite((*y)[i])) points.push_back({(*x)[i], (*y)[i]});
  if (points.size() <= most_points) return points;
  Path kept;
  for (std::size_t i = 1; i <= most_points; ++i)
    kept.push_back(points[i * points.size() / most_points - 1]);
  return kept;
}

// Enough of the path to tell runs apart.
std::string short_name(const ReportRun& run) {
  std::string path = run.path;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return std::filesystem::path(path).filename().string();
}

// The metric that matters stands first in a run's rows.
std::string main_metric(const ReportRun& run) {
  for (const std::string& name : run.progress.names)
    if (name != "iteration") return name;
  return "";
}

// A number as it is read; what is none stays empty.
Json number(const Json& value, const char* format) {
  return value.is_number() ? Json(formatted(format, value.get<double>())) : Json();
}

// What was learned, from what, and how well: a row a run, columns that any of them fills.
std::string overview(const std::vector<ReportRun>& runs) {
  const std::vector<std::string> names = {"run",         "algorithm",        "environment",
                                          "from",        "iterations",       "steps of its own",
                                          "mean return", "95 % of the mean", "normalized"};
  std::vector<std::vector<Json>> rows;
  for (const ReportRun& run : runs) {
    const auto setting = [&](const char* name) { return run.config.value(name, Json()); };
    const auto found = [&](const char* name) { return run.result.value(name, Json()); };
    std::string from;
    const Json demonstrations = setting("demonstrations");
    if (demonstrations.is_array())
      for (const Json& one : demonstrations)
        if (one.is_string())
          from += (from.empty() ? "" : ", ") +
                  std::filesystem::path(one.get<std::string>()).filename().string();
    const Json interval = found("return_ci95");
    const bool bounded = interval.is_array() && interval.size() == 2 && interval[0].is_number();
    rows.push_back({short_name(run), setting("algorithm"), setting("environment"),
                    from.empty() ? Json() : Json(from), found("iterations"),
                    found("interactions") == 0 ? Json() : found("interactions"),
                    number(found("return_mean"), "%.2f"),
                    bounded ? Json(formatted("%.2f to %.2f", interval[0].get<double>(),
                                             interval[1].get<double>()))
                            : Json(),
                    number(found("normalised"), "%.3f")});
  }
  std::vector<std::string> columns;
  std::vector<std::vector<Json>> cells(rows.size());
  for (std::size_t c = 0; c < names.size(); ++c) {
    bool any = false;
    for (const auto& row : rows) any = any || !row[c].is_null();
    if (!any) continue;
    columns.push_back(names[c]);
    for (std::size_t r = 0; r < rows.size(); ++r) cells[r].push_back(rows[r][c]);
  }
  // A name alone says nothing that the page does not say anyway.
  return columns.size() > 2 ? html_table(columns, cells) : "";
}

// A metric's curve of each run that has one: one point is a number and no curve.
std::vector<Curve> curves_of(const std::vector<ReportRun>& runs, const std::string& metric) {
  std::vector<Curve> drawn;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    Path points = curve_of(runs[i], metric);
    if (points.size() > 1)
      drawn.push_back({short_name(runs[i]), formatted("s%zu", i % series), std::move(points)});
  }
  return drawn;
}

std::string learning(const std::vector<ReportRun>& runs) {
  std::vector<std::string> metrics;
  for (const ReportRun& run : runs)
    if (const std::string name = main_metric(run);
        !name.empty() && std::find(metrics.begin(), metrics.end(), name) == metrics.end())
      metrics.push_back(name);
  std::string html;
  for (const std::string& metric : metrics)
    if (const std::vector<Curve> drawn = curves_of(runs, metric); !drawn.empty())
      html += chart(drawn, {}, "iteration", metric);
  return html.empty() ? html : "<h2>Learning</h2>\n" + html;
}

// Every other metric that varies, small, by the prefix of its name.
std::string every_quantity(const std::vector<ReportRun>& runs) {
  std::vector<std::string> groups;
  std::map<std::string, std::string> charts;
  std::vector<std::string> done;
  for (const ReportRun& run : runs) done.push_back(main_metric(run));
  for (const ReportRun& run : runs)
    for (const std::string& metric : run.progress.names) {
      if (metric == "iteration" || std::find(done.begin(), done.end(), metric) != done.end())
        continue;
      done.push_back(metric);
      const std::vector<Curve> drawn = curves_of(runs, metric);
      bool varies = false;
      std::string caption;
      for (const Curve& curve : drawn) {
        for (const Point& point : curve.points)
          varies = varies || point.y != curve.points.front().y;
        caption += formatted(" <span class=\"c%c\">%.4g</span>", curve.css_class.back(),
                             curve.points.back().y);
      }
      if (!varies) continue;
      const std::size_t slash = metric.rfind('/');
      const std::string group = slash == metric.npos ? "" : metric.substr(0, slash);
      if (!charts.contains(group)) groups.push_back(group);
      charts[group] += "<figure><figcaption>" +
                       escaped(slash == metric.npos ? metric : metric.substr(slash + 1)) + caption +
                       "</figcaption>" + chart(drawn, {}, "", "", small_chart) + "</figure>\n";
    }
  if (groups.empty()) return "";
  std::string html = "<h2>Every quantity, over iterations</h2>\n";
  if (runs.size() > 1) {
    html += "<p>";
    for (std::size_t i = 0; i < runs.size(); ++i)
      html += formatted("<span class=\"c%zu\">", i % series) + escaped(short_name(runs[i])) +
              "</span> ";
    html += "</p>\n";
  }
  for (const std::string& group : groups)
    html += (group.empty() ? "" : "<h3>" + escaped(group) + "</h3>\n") +
            ("<div class=\"charts\">\n" + charts[group] + "</div>\n");
  return html;
}

ReportRun read_run(const std::string& path) {
  ReportRun run;
  run.path = path;
  run.config = run.result = Json::object();
  const bool finished = std::filesystem::is_regular_file(path + "/result.json");
  if (!is_run(path) && !finished)
    fail(ErrorKind::bad_input, "%s: expected a run (a folder with config.json)",
         files::shown_path(path).c_str());
  if (is_run(path)) run.config = read_json(path + "/config.json");
  if (finished) run.result = read_json(path + "/result.json");
  const Json& object = run.config.contains("kind") ? run.config : run.result;
  if (object.contains("kind") && object["kind"].is_string())
    run.kind = object["kind"].get<std::string>();
  run.progress = read_progress(path);
  return run;
}

}  // namespace

std::string html_table(const std::vector<std::string>& columns,
                       const std::vector<std::vector<Json>>& rows) {
  std::string html = "<table>";
  bool named = false;
  for (const std::string& column : columns) named = named || !column.empty();
  if (named) {
    html += "<tr>";
    for (const std::string& column : columns) html += "<th>" + escaped(column) + "</th>";
    html += "</tr>\n";
  }
  for (const auto& row : rows) {
    html += "<tr>";
    for (const Json& cell : row) {
      std::string text = cell.is_string()         ? cell.get<std::string>()
                         : cell.is_number_float() ? formatted("%.6g", cell.get<double>())
                         : cell.is_null()         ? ""
                                                  : cell.dump();
      double parsed = 0;
      const bool number = std::sscanf(text.c_str(), "%lf", &parsed) == 1;
      html += (number ? "<td class=\"number\">" : "<td>") + escaped(text) + "</td>";
    }
    html += "</tr>\n";
  }
  return html + "</table>\n";
}

std::string facts_table(const std::string& title, const Json& object) {
  const auto text = [](const Json& value) {
    return value.is_string()         ? value.get<std::string>()
           : value.is_number_float() ? formatted("%.6g", value.get<double>())
                                     : value.dump();
  };
  std::string rows;
  for (const auto& [key, value] : object.items()) {
    if (key == "tables" || value.is_object() || (value.is_array() && value.size() > 8)) continue;
    std::string shown = value.is_array() ? "" : text(value);
    if (value.is_array())
      for (const Json& one : value) shown += (shown.empty() ? "" : ", ") + text(one);
    if (shown.size() <= 120)
      rows += "<tr><td>" + escaped(key) + "</td><td>" + escaped(shown) + "</td></tr>\n";
  }
  if (rows.empty()) return "";
  return "<figure><figcaption>" + escaped(title) + "</figcaption><table class=\"facts\">\n" + rows +
         "</table></figure>\n";
}

std::string report_page(const std::vector<ReportRun>& runs) {
  const std::string title =
      runs.size() == 1 ? short_name(runs[0]) : formatted("%zu runs", runs.size());
  std::string page = page_begin(title, style) + overview(runs) + learning(runs);
  for (const ReportRun& run : runs) {
    page += "<h2>" + escaped(short_name(run)) + "</h2>\n<p class=\"small\">" + escaped(run.path) +
            "</p>\n";
    for (const ReportSection& section : sections)
      if (run.kind == section.kind) page += section.draw(run);
    Json what = run.config;
    const Json settings = what.value("settings", Json::object());
    what.erase("settings");
    page += "<h3>Settings and results</h3>\n" + facts_table("this run", what) +
            facts_table("of the algorithm", settings) + facts_table("what came out", run.result);
  }
  return page + every_quantity(runs) + page_end();
}

void add_report(Verb& root, Command& command) {
  Verb verb = root.verb("report", "One page of tables, curves and maps from one or more runs");
  struct Arguments {
    std::vector<std::string> runs;
    std::string out;
  };
  auto arguments = std::make_shared<Arguments>();
  verb.option("RUN", arguments->runs, "folders of runs").required();
  verb.option("--out", arguments->out, "the page to write").required();
  verb.when_chosen([&command, arguments] {
    command.run = [&command, arguments] {
      std::vector<ReportRun> runs;
      for (const std::string& path : arguments->runs) runs.push_back(read_run(path));
      const std::string page = report_page(runs);
      files::write_file_atomically(arguments->out, files::bytes_of(page));
      if (command.common.json)
        print({{"report", arguments->out}, {"runs", runs.size()}, {"bytes", page.size()}});
      else if (!command.common.quiet)
        std::printf("%s: %zu runs, %zu kB\n", arguments->out.c_str(), runs.size(),
                    page.size() / 1000);
      return 0;
    };
  });
}

}  // namespace understudy::cli
