// What a report shows of a policy that was trained: draws and modes over the demonstrated actions,
// whether its probabilities can be believed, and what it does free-running.

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "algorithms/data/demonstration_files.h"
#include "cli/reports/report.h"
#include "cli/reports/svg.h"
#include "cli/session/resolve_environment.h"
#include "cli/training/player.h"
#include "cli/training/policy_answers.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

using Index = std::int64_t;

constexpr Index most_steps = 2000;  // of the first episodes; a page is no data set
constexpr Index draws = 50;         // a step
constexpr std::size_t drawn_columns = 4, drawn_episodes = 3;

std::vector<float> numbers_of(const Series& series) {
  return series.discrete ? std::vector<float>(series.indices.begin(), series.indices.end())
                         : series.numbers;
}

// The first whole episodes of at most so many steps, one at least.
Demonstrations shown_part(const Demonstrations& all) {
  Index count = 1;
  while (count < all.episodes() && all.starts[static_cast<std::size_t>(count) + 1] <= most_steps)
    ++count;
  return first_episodes(all, count, "demonstrations");
}

struct Asked {
  const Demonstrations& part;
  std::vector<float> observations, actions;
  Index rows() const { return part.steps(); }
};

// Actions of two columns over each other: what was done, draws, modes. A single column stands over
// the first number observed.
std::string picture(const Asked& asked, const std::vector<double>& modes,
                    const std::vector<double>& drawn, Index width) {
  const Index seen = static_cast<Index>(asked.observations.size()) / asked.rows();
  const auto at = [&](const auto& values, Index row) {
    const std::size_t i = static_cast<std::size_t>(row * width);
    if (width > 1) return Point{double(values[i]), double(values[i + 1])};
    return Point{double(asked.observations[static_cast<std::size_t>(row * seen)]),
                 double(values[i])};
  };
  double x0 = INFINITY, x1 = -INFINITY, y0 = INFINITY, y1 = -INFINITY;
  for (Index row = 0; row < asked.rows(); ++row)
    for (const Point& p : {at(asked.actions, row), at(modes, row)}) {
      x0 = std::min(x0, p.x), x1 = std::max(x1, p.x);
      y0 = std::min(y0, p.y), y1 = std::max(y1, p.y);
    }
  const double dx = 0.1 * (x1 - x0) + 1e-9, dy = 0.1 * (y1 - y0) + 1e-9;
  std::string html;
  struct Layer {
    const char *title, *color;
    std::function<Point(Index)> point;
  };
  for (const Layer& layer :
       {Layer{"demonstrated", "s0", [&](Index i) { return at(asked.actions, i); }},
        Layer{"a draw each", "s1", [&](Index i) { return at(drawn, i); }},
        Layer{"modes", "s3", [&](Index i) { return at(modes, i); }}}) {
    Svg svg(260, 260, x0 - dx, x1 + dx, y0 - dy, y1 + dy);
    svg.path({{x0 - dx, y0 - dy},
              {x1 + dx, y0 - dy},
              {x1 + dx, y1 + dy},
              {x0 - dx, y1 + dy},
              {x0 - dx, y0 - dy}},
             "frame");
    for (Index i = 0; i < asked.rows(); ++i) {
      const Point p = layer.point(i);
      if (p.x >= x0 - dx && p.x <= x1 + dx && p.y >= y0 - dy && p.y <= y1 + dy)
        svg.dot(p, 1.5, std::string("dots ") + layer.color);
    }
    html += "<figure>" + svg.finish() + "<figcaption>" + layer.title + "</figcaption></figure>\n";
  }
  return html;
}

// Of numbers: the share of steps whose action lies below a quantile of the policy's own draws, over
// that quantile; a policy whose spread can be believed lies on the diagonal.
std::string quantiles(const Asked& asked, PolicyAnswers& answers, Index width) {
  std::vector<double> below(asked.actions.size(), 0.0);
  for (Index k = 0; k < draws; ++k) {
    const std::vector<double> drawn = answers.samples(asked.observations);
    for (std::size_t i = 0; i < below.size(); ++i)
      below[i] += drawn[i] < double(asked.actions[i]) ? 1.0 / draws : 0.0;
  }
  std::vector<Curve> curves = {{"believed", "s5", {}}};
  for (int q = 0; q <= 20; ++q) curves[0].points.push_back({q / 20.0, q / 20.0});
  for (std::size_t c = 0; c < std::min<std::size_t>(drawn_columns, std::size_t(width)); ++c) {
    Curve curve{formatted("act_%zu", c), formatted("s%zu", c), {}};
    for (int q = 0; q <= 20; ++q) {
      double share = 0;
      for (std::size_t i = c; i < below.size(); i += std::size_t(width))
        share += below[i] <= q / 20.0 ? 1.0 / double(asked.rows()) : 0.0;
      curve.points.push_back({q / 20.0, share});
    }
    curves.push_back(curve);
  }
  return chart(curves, {}, "quantile of the policy's draws", "share of actions below");
}

// Of choices: how often a choice was made, over the probability that the policy gave it.
std::string reliability(const Asked& asked, PolicyAnswers& answers, Index choices) {
  constexpr int parts = 10;
  double weight[parts] = {}, given[parts] = {}, made[parts] = {};
  for (Index choice = 0; choice < choices; ++choice) {
    const std::vector<float> asked_for(asked.actions.size(), static_cast<float>(choice));
    const std::vector<double> scores = answers.log_probabilities(asked.observations, asked_for);
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const double p = std::exp(scores[i]);
      const int part = std::clamp(static_cast<int>(parts * p), 0, parts - 1);
      ++weight[part];
      given[part] += p;
      made[part] += asked.actions[i] == asked_for[i] ? 1 : 0;
    }
  }
  std::vector<Curve> curves = {{"believed", "s5", {{0, 0}, {0.5, 0.5}, {1, 1}}},
                               {"made", "s0", {}}};
  for (int part = 0; part < parts; ++part)
    if (weight[part] > 0)
      curves[1].points.push_back({given[part] / weight[part], made[part] / weight[part]});
  return chart(curves, {}, "probability given", "share made");
}

// The first numbers observed over the steps, of some demonstrations and of the policy by itself.
std::string rollouts(const Demonstrations& part, const Policy& policy, const std::string& name) {
  const EnvironmentDescription& environment = resolve_environment(name);
  const PlayOptions how = {.episodes = Index(drawn_episodes)};
  const auto player = make_player(policy, how);
  const Demonstrations played = play(policy.device(), environment, *player, how);
  std::string html;
  const std::size_t width = std::size_t(part.observations.width());
  for (std::size_t c = 0; c < std::min(drawn_columns, width); ++c) {
    std::vector<Curve> curves;
    const auto add = [&](const Demonstrations& from, const char* who, const char* color) {
      for (Index e = 0; e < std::min<Index>(from.episodes(), Index(drawn_episodes)); ++e) {
        Curve curve{who, color, {}};
        for (Index t = 0; t < from.length(e); ++t) {
          const std::size_t row = std::size_t(from.first_observation(e) + t);
          curve.points.push_back({double(t), double(from.observations.numbers[row * width + c])});
        }
        curves.push_back(curve);
      }
    };
    add(part, "shown", "s0");
    add(played, "policy", "s1");
    html += chart(curves, {}, "step", formatted("obs_%zu", c));
  }
  return "<h3>Free-running, beside demonstrations</h3>\n" + html;
}

}  // namespace

std::string policy_section(const ReportRun& run) {
  const std::string file = run.path + "/policy.safetensors";
  if (!std::filesystem::exists(file) || !run.config.contains("demonstrations")) return "";
  std::vector<std::string> names;
  for (const Json& name : run.config["demonstrations"])
    if (name.is_string() && std::filesystem::exists(name.get<std::string>()))
      names.push_back(name.get<std::string>());
  if (names.empty()) return "<p class=\"small\">The demonstrations are not where they were.</p>\n";
  Common common;
  common.device = "cpu";
  Session session(common);
  const auto policy = Policy::load(session.device(), file);
  const Demonstrations part = shown_part(load_demonstrations(names));
  const Transitions steps = transitions(part);
  const Asked asked{part, numbers_of(steps.observations), numbers_of(steps.actions)};
  PolicyAnswers answers(*policy);
  answers.as_episodes(part.starts);
  const bool index = policy->description().action.kind == ActionKind::discrete;
  std::string html = formatted(
      "<p class=\"small\">The first %lld episodes (%lld steps) of the demonstrations.</p>\n",
      static_cast<long long>(part.episodes()), static_cast<long long>(part.steps()));
  if (index) {
    html += "<h3>Can its probabilities be believed?</h3>\n" +
            reliability(asked, answers, policy->description().action.size);
  } else {
    const Index width = answers.action_width();
    html += "<h3>Actions</h3>\n" + picture(asked, answers.modes(asked.observations),
                                           answers.samples(asked.observations), width);
    html += "<h3>Can its spread be believed?</h3>\n" + quantiles(asked, answers, width);
  }
  if (run.config.contains("environment") && run.config["environment"].is_string() &&
      !part.observations.discrete)
    html += rollouts(part, *policy, run.config["environment"].get<std::string>());
  return html;
}

}  // namespace understudy::cli
