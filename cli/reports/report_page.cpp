// A report's page, put together, and the tables that its parts are made of.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "cli/reports/chart.h"
#include "cli/reports/page.h"
#include "cli/reports/report.h"
#include "cli/session/settings.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

constexpr ReportSection sections[] = {
    {"irl", irl_section},     {"train", behavior_section},  {"train", policy_section},
    {"train", codes_section}, {"expert", behavior_section}, {"reproduce", reproduce_section},
};

constexpr const char* style = R"(
h2 { border-top: 1px solid var(--rule); padding-top: 1rem; } table { font-size: .9rem; }
)";

// The run that stands for its group where one is shown: the one in the middle by its score, of
// those that are done.
const ReportRun& representative(const Report& report, const RunGroup& group) {
  std::vector<std::size_t> members;
  for (std::size_t i : group.members)
    if (std::isfinite(report.runs[i].score)) members.push_back(i);
  if (members.empty()) {
    for (std::size_t i : group.members)
      if (report.runs[i].status == RunStatus::done) return report.runs[i];
    return report.runs[group.members[0]];
  }
  std::stable_sort(members.begin(), members.end(), [&](std::size_t a, std::size_t b) {
    return report.runs[a].score < report.runs[b].score;
  });
  return report.runs[members[(members.size() - 1) / 2]];
}

// A section that cannot be drawn, for want of a file that was there, says so; the page is made all
// the same.
std::string drawn(const ReportSection& section, const ReportRun& run) {
  throw_if_interrupted();
  try {
    return section.draw(run);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    return "<p class=\"small\">Not shown: " + escaped(error.what()) + "</p>\n";
  }
}

// Settings in which groups differ, a column a group.
std::string what_differs(const Report& report) {
  std::vector<std::string> keys, columns = {"setting"};
  for (const RunGroup& group : report.groups) {
    columns.push_back(group.name);
    for (const auto& [key, value] : group.own)
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  }
  std::vector<std::vector<Json>> rows;
  for (const std::string& key : keys) {
    rows.push_back({key});
    for (const RunGroup& group : report.groups) {
      Json found;
      for (const auto& [name, value] : group.own)
        if (name == key) found = value;
      rows.back().push_back(found.is_array() ? Json(found.dump()) : found);
    }
  }
  return rows.empty() ? "" : "<h3>What differs</h3>\n" + html_table(columns, rows);
}

std::string settings_of_all(const Report& report) {
  std::string html = what_differs(report);
  for (const RunGroup& group : report.groups) {
    const ReportRun& run = representative(report, group);
    Json what = run.config;
    const Json settings = what.value("settings", Json::object());
    what.erase("settings");
    if (report.groups.size() > 1) html += "<h3>" + escaped(group.name) + "</h3>\n";
    html += facts_table("the run", what) + facts_table("the algorithm", settings) +
            facts_table("what came out", run.result);
  }
  return folded("Settings", html);
}

std::string text_of(const Json& value) {
  return value.is_string()         ? value.get<std::string>()
         : value.is_number_float() ? formatted("%.6g", value.get<double>())
         : value.is_null()         ? ""
                                   : value.dump();
}

}  // namespace

std::string html_table(const std::vector<std::string>& columns,
                       const std::vector<std::vector<Json>>& rows,
                       const std::vector<std::string>& names) {
  // A column stands right where all that is in it are numbers.
  std::vector<bool> right(columns.size(), true);
  for (const auto& row : rows)
    for (std::size_t c = 0; c < row.size() && c < right.size(); ++c) {
      double parsed = 0;
      const std::string text = text_of(row[c]);
      right[c] = right[c] && (text.empty() || std::sscanf(text.c_str(), "%lf", &parsed) == 1);
    }
  const auto opening = [&](const char* tag, std::size_t c, const std::string& more) {
    const std::string classes = (c > 0 && right[c] ? "number" : "") + more;
    return "<" + std::string(tag) + (classes.empty() ? "" : " class=\"" + classes + "\"") + ">";
  };
  std::string html = "<div class=\"scroll\"><table>";
  const bool named = std::any_of(columns.begin(), columns.end(),
                                 [](const std::string& column) { return !column.empty(); });
  if (named) {
    html += "<tr>";
    for (std::size_t c = 0; c < columns.size(); ++c)
      html += opening("th", c, "") + escaped(columns[c]) + "</th>";
    html += "</tr>\n";
  }
  for (std::size_t r = 0; r < rows.size(); ++r) {
    html += "<tr>";
    for (std::size_t c = 0; c < rows[r].size(); ++c)
      html += opening("td", std::min(c, columns.size() - 1),
                      c == 0 && r < names.size() ? names[r] : "") +
              escaped(text_of(rows[r][c])) + "</td>";
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

std::string facts_table(const std::string& title, const Json& object) {
  std::string rows;
  for (const auto& [key, value] : object.items()) {
    if (key == "tables" || value.is_object() || (value.is_array() && value.size() > 8)) continue;
    std::string shown = value.is_array() ? "" : text_of(value);
    if (value.is_array())
      for (const Json& one : value) shown += (shown.empty() ? "" : ", ") + text_of(one);
    if (!shown.empty() && shown.size() <= 120)
      rows += "<tr><td>" + escaped(key) + "</td><td>" + escaped(shown) + "</td></tr>\n";
  }
  if (rows.empty()) return "";
  return "<figure><figcaption>" + escaped(title) + "</figcaption><table class=\"facts\">\n" + rows +
         "</table></figure>\n";
}

std::string report_page(Report report) {
  name_runs(report.runs);
  report.groups = groups_of(report.runs);
  const bool one = report.runs.size() == 1;
  std::string title = one ? report.runs[0].name : formatted("%zu runs", report.runs.size());
  std::string page = page_begin(title, style) + results_section(report) + learning_section(report);
  for (std::size_t g = 0; g < report.groups.size(); ++g) {
    const RunGroup& group = report.groups[g];
    const ReportRun& run = representative(report, group);
    std::string html;
    for (const ReportSection& section : sections)
      if (run.kind == section.kind) html += drawn(section, run);
    if (html.empty()) continue;
    page += one ? "<h2>What was learned</h2>\n"
                : "<h2 class=\"named " + series_class(g) + "\">" + escaped(group.name) + "</h2>\n";
    page += "<p class=\"small\">" + escaped(run.path) +
            (group.members.size() > 1 ? ", the seed in the middle" : "") + "</p>\n" + html;
  }
  return page + quantities_section(report) + settings_of_all(report) + page_end();
}

}  // namespace understudy::cli
