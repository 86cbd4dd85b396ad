// understudy report RUN...: one page that needs nothing beside it: what was learned and how well,
// then pictures, then settings and tables, folded.
//
// A kind of run (`kind` in its config.json) adds to the page by one function that draws its part,
// listed in `sections` in report_page.cpp. Colors are classes of the page's style sheet (page.h),
// or those of `heat_color`, which read on light and on dark.

#pragma once

#include <string>
#include <vector>

#include "cli/session/command.h"
#include "cli/session/run_records.h"

namespace understudy::cli {

using ReportRun = RunRecord;

struct ReportSection {
  const char* kind;
  std::string (*draw)(const ReportRun&);  // HTML
};

std::string irl_section(const ReportRun& run);
// Of a run that `train` made: held-out or training demonstrations beside what the policy does.
std::string policy_section(const ReportRun& run);
// Of a run whose policy has categories of latent codes: trajectories by code.
std::string codes_section(const ReportRun& run);
// Of `train` and `expert`: the return beside uniform actions and the reference, and an episode.
std::string behavior_section(const ReportRun& run);
std::string reproduce_section(const ReportRun& run);

// Runs and their groups; group i is drawn in the color of series i.
struct Report {
  std::vector<ReportRun> runs;
  std::vector<RunGroup> groups;
};

// What groups and runs reached: tables, seeds with intervals, performance profiles.
std::string results_section(const Report& report);
// Curves of what runs are watched by, and, folded, of every other metric that varies.
std::string learning_section(const Report& report);
std::string quantities_section(const Report& report);

// The whole page.
std::string report_page(Report report);
// The same of what `solve` wrote: values, visits, and over a horizon messages and marginals.
std::string solved_page(const std::vector<std::string>& files);

// ---- what sections are made of ------------------------------------------------------------------

// A table; cells are escaped, numbers stand right. `names`, if not empty, are classes of the first
// cell of each row.
std::string html_table(const std::vector<std::string>& columns,
                       const std::vector<std::vector<Json>>& rows,
                       const std::vector<std::string>& names = {});

// What an object has that is a number, a word or a short list, and is not empty; nothing where
// there is none.
std::string facts_table(const std::string& title, const Json& object);

// Values of cells y * width + x, y downwards, with a scale of colors below. What is not finite
// stays empty. `title` stands above.
std::string heat_map(const std::string& title, std::int64_t height, std::int64_t width,
                     const std::vector<double>& values);

// Values of links that lead from (x0, y0) to (x1, y1) [n, 4], or of places (x, y) [n, 2], y
// upwards; coordinates that can be degrees are drawn as those of a map.
std::string network_map(const std::string& title, const std::vector<double>& coordinates,
                        const std::vector<double>& values);

// "#440154" and so on for 0 to 1: Matplotlib's viridis, dark to bright.
std::string heat_color(double share);

}  // namespace understudy::cli
