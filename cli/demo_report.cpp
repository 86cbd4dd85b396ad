// The demonstration's page: table, learning curves, and what each policy does.

#include "cli/command.h"
#include "cli/demo_task.h"

namespace understudy::cli {

namespace {

constexpr const char* style = R"(
:root { --ink: #1f2430; --faint: #8a91a0; --paper: #fcfcfa; --rule: #e4e4de;
  --mixture: #1f6feb; --gaussian: #d97706; --regression: #c0392b; --tree: #3f7d4e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e9ec; --faint: #8d95a5; --paper: #16181d; --rule: #333843;
    --mixture: #6ea8fe; --gaussian: #f0b455; --regression: #ef7f72; --tree: #5da46f; } }
body { margin: 2.5rem auto; max-width: 820px; padding: 0 1rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin-bottom: .4rem; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
p.small { color: var(--faint); font-size: .88rem; }
table { border-collapse: collapse; margin: 1.2rem 0; }
th, td { padding: .35rem 1.1rem .35rem 0; text-align: left; border-bottom: 1px solid var(--rule); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
svg { max-width: 100%; margin: 2px; } svg text { fill: var(--ink); font-size: 12px; }
polyline { fill: none; stroke-linejoin: round; stroke-linecap: round; stroke-width: 2; }
.grid { stroke: var(--rule); stroke-width: 1; } .axis { stroke: var(--faint); stroke-width: 1; }
.level { stroke: var(--faint); stroke-width: 1.5; stroke-dasharray: 5 4; }
.mixture { stroke: var(--mixture); } .gaussian { stroke: var(--gaussian); }
.regression { stroke: var(--regression); }
.sample { stroke-width: 1.4; stroke-opacity: .65; }
.expert { stroke: var(--faint); stroke-width: 1; stroke-opacity: .35; }
.truth { stroke: var(--faint); stroke-width: 4; stroke-opacity: .6; }
.given { stroke: var(--ink); stroke-width: 2.5; } .point { fill: var(--ink); }
.tree { fill: var(--tree); fill-opacity: .55; }
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
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>understudy: " +
      escaped(task.title) + "</title>\n<style>" + style + "</style></head><body>\n<h1>" +
      escaped(task.title) + "</h1>\n<p>" + task.about + "</p>\n";

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
  page += formatted(
      "<p class=\"small\">understudy %s, seed %llu: the same seed gives the same "
      "page on the same instruction set, on any number of threads.</p>\n",
      UNDERSTUDY_VERSION, static_cast<unsigned long long>(seed));
  return page + "</body></html>\n";
}

}  // namespace understudy::cli
