// The demonstration's page: table, learning curves, and what each policy does.

#include "cli/demo/demo_task.h"
#include "cli/reports/chart.h"
#include "cli/reports/page.h"
#include "cli/session/command.h"

namespace understudy::cli {

namespace {

constexpr const char* demo_style = R"(
.mixture { --c: var(--s0); } .gaussian { --c: var(--s1); }
.regression { --c: var(--s3); }
.sample { stroke-width: 1.4; stroke-opacity: .65; }
.expert { stroke: var(--faint); stroke-width: 1; stroke-opacity: .35; }
.truth { stroke: var(--faint); stroke-width: 4; stroke-opacity: .6; }
.given { stroke: var(--ink); stroke-width: 2.5; } .point { fill: var(--ink); }
.tree { fill: var(--s2); fill-opacity: .55; }
)";

std::string row(const std::string& name, const std::string& nats, const std::string& score,
                const std::string& parameters) {
  return "<tr><td>" + name + "</td><td class=\"number\">" + nats + "</td><td class=\"number\">" +
         score + "</td><td class=\"number\">" + parameters + "</td></tr>\n";
}

}  // namespace

std::string score_text(const DemoTask& task, double score) {
  return formatted("%.*f%s", task.score_decimals, score, task.score_unit.c_str());
}

std::string demo_report(const DemoTask& task, const std::vector<DemoModel>& models,
                        const std::vector<DemoLevel>& levels, std::uint64_t seed) {
  std::string page = page_begin(task.title, demo_style) + "<p>" + task.about + "</p>\n";

  page += "<table><tr><th>model</th><th class=\"number\">held-out nats</th><th class=\"number\">" +
          escaped(task.score_name) + "</th><th class=\"number\">parameters</th></tr>\n";
  std::vector<Curve> curves, lines;
  for (const DemoModel& model : models) {
    page +=
        row(escaped(model.name), formatted("%.3f", model.nats), score_text(task, model.acted.score),
            formatted("%lld", static_cast<long long>(model.parameters)));
    curves.push_back({model.name, model.css_class, model.curve});
  }
  for (const DemoLevel& level : levels) {
    page += row(escaped(level.name) + ", closed form", formatted("%.3f", level.nats), "", "");
    lines.push_back({level.name, "level", {{0, level.nats}}});
  }
  if (task.expert_score >= 0)
    page += row("the expert", "", score_text(task, task.expert_score), "");
  page += "</table>\n<p class=\"small\">Nats: the mean of &minus;log p over " +
          formatted("%lld", static_cast<long long>(task.held_out.rows())) +
          " held-out actions after training on " +
          formatted("%lld", static_cast<long long>(task.train.rows())) +
          "; lower is better. The first two models act by drawing from their densities; the "
          "regression, which knows no spread, by its mean. " +
          task.caveats + "</p>\n";

  page += "<h2>Learning</h2>\n" + chart(curves, lines, "iteration", "held-out nats");
  for (const DemoModel& model : models)
    page += "<h2>" + escaped(model.name) + "</h2>\n" + model.acted.picture;
  return page + page_end(formatted(
                    ", seed %llu: the same seed gives the same page on the same instruction set, "
                    "on any number of threads.",
                    static_cast<unsigned long long>(seed)));
}

}  // namespace understudy::cli
