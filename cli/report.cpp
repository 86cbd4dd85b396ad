#include "cli/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "autograd/files/atomic_file.h"
#include "cli/page.h"
#include "cli/svg.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

constexpr ReportSection sections[] = {
    {"irl", irl_section},
    {"train", policy_section},
    {"train", behaviour_section},
    {"expert", behaviour_section},
    {"reproduce", reproduce_section},
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
  Path thinned;
  for (std::size_t i = 1; i <= most_points; ++i)
    thinned.push_back(points[i * points.size() / most_points - 1]);
  return thinned;
}

// Enough of the path to tell runs apart.
std::string short_name(const ReportRun& run) {
  std::string path = run.path;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return std::filesystem::path(path).filename().string();
}

std::string curves(const std::vector<ReportRun>& runs) {
  std::vector<std::string> metrics;
  for (const ReportRun& run : runs)
    for (const std::string& name : run.progress.names)
      if (name != "iteration" && std::find(metrics.begin(), metrics.end(), name) == metrics.end())
        metrics.push_back(name);
  std::string html;
  for (const std::string& metric : metrics) {
    std::vector<Curve> drawn;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      Path points = curve_of(runs[i], metric);
      // One point is a number and no curve; numbers stand in the table of results.
      if (points.size() > 1)
        drawn.push_back({short_name(runs[i]), formatted("s%zu", i % series), std::move(points)});
    }
    if (!drawn.empty())
      html += "<h3>" + escaped(metric) + "</h3>\n" + chart(drawn, {}, "iteration", metric);
  }
  return html.empty() ? html : "<h2>Curves</h2>\n" + html;
}

// Settings and results that are one number or one word.
std::string facts(const std::string& title, const Json& object) {
  std::vector<std::vector<Json>> rows;
  for (const auto& [key, value] : object.items()) {
    if (value.is_structured() && (value.size() > 8 || value.dump().size() > 120)) continue;
    if (key != "tables") rows.push_back({key, value.is_structured() ? Json(value.dump()) : value});
  }
  if (rows.empty()) return "";
  return "<h3>" + title + "</h3>\n" + html_table({"", ""}, rows);
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

std::string report_page(const std::vector<ReportRun>& runs) {
  const std::string title =
      runs.size() == 1 ? short_name(runs[0]) : formatted("%zu runs", runs.size());
  std::string page = page_begin(title, style) + curves(runs);
  for (const ReportRun& run : runs) {
    page += "<h2>" + escaped(short_name(run)) + "</h2>\n<p class=\"small\">" + escaped(run.path) +
            "</p>\n";
    page += facts("Settings", run.config) + facts("Result", run.result);
    for (const ReportSection& section : sections)
      if (run.kind == section.kind) page += section.draw(run);
  }
  return page + page_end();
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
