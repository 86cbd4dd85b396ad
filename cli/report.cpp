#include "cli/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "autograd/files/atomic_file.h"
#include "cli/svg.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

constexpr ReportSection sections[] = {
    {"irl", irl_section},
    {"train", policy_section},
    {"reproduce", reproduce_section},
};

constexpr const char* style = R"(
:root { --ink: #1f2430; --faint: #8a91a0; --paper: #fcfcfa; --rule: #e4e4de;
  --s0: #1f6feb; --s1: #d97706; --s2: #3f7d4e; --s3: #c0392b; --s4: #7d4fc4; --s5: #0f8b8d; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e9ec; --faint: #8d95a5; --paper: #16181d; --rule: #333843;
    --s0: #6ea8fe; --s1: #f0b455; --s2: #5da46f; --s3: #ef7f72; --s4: #b594ee; --s5: #5cc5c7; } }
body { margin: 2.5rem auto; max-width: 860px; padding: 0 1rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.6rem;
  border-top: 1px solid var(--rule); padding-top: 1rem; } h3 { font-size: 1rem; }
p.small, figcaption { color: var(--faint); font-size: .88rem; }
table { border-collapse: collapse; margin: 1rem 0; font-size: .92rem; }
th, td { padding: .25rem 1.1rem .25rem 0; text-align: left; border-bottom: 1px solid var(--rule); }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
figure { display: inline-block; margin: .5rem 1.2rem 1rem 0; vertical-align: top; }
svg { max-width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 12px; }
circle.dots { stroke: none; opacity: .55; }
circle.s0 { fill: var(--s0); } circle.s1 { fill: var(--s1); } circle.s3 { fill: var(--s3); }
polyline { fill: none; stroke-linejoin: round; stroke-linecap: round; stroke-width: 2; }
.grid { stroke: var(--rule); stroke-width: 1; } .axis { stroke: var(--faint); stroke-width: 1; }
.frame { fill: none; stroke: var(--rule); }
.s0 { stroke: var(--s0); } .s1 { stroke: var(--s1); } .s2 { stroke: var(--s2); }
.s3 { stroke: var(--s3); } .s4 { stroke: var(--s4); } .s5 { stroke: var(--s5); }
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
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>understudy: " +
      escaped(title) + "</title>\n<style>" + style + "</style></head><body>\n<h1>" +
      escaped(title) + "</h1>\n" + curves(runs);
  for (const ReportRun& run : runs) {
    page += "<h2>" + escaped(short_name(run)) + "</h2>\n<p class=\"small\">" + escaped(run.path) +
            "</p>\n";
    page += facts("Settings", run.config) + facts("Result", run.result);
    for (const ReportSection& section : sections)
      if (run.kind == section.kind) page += section.draw(run);
  }
  return page + "<p class=\"small\">understudy " + UNDERSTUDY_VERSION + "</p>\n</body></html>\n";
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
