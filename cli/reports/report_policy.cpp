// What a report shows of a policy that was trained: draws and modes over the demonstrated actions,
// whether its probabilities can be believed, and what it does free-running.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>

#include "algorithms/data/demonstration_files.h"
#include "cli/reports/chart.h"
#include "cli/reports/report.h"
#include "cli/session/resolve_environment.h"
#include "cli/training/player.h"
#include "cli/training/policy_answers.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

using Index = std::int64_t;

constexpr Index most_steps = 2000;  // of the first episodes; a page is no data set
constexpr Index draws = 50;         // a step
constexpr Index dots_of_a_page = 6000;
constexpr std::size_t drawn_columns = 12, drawn_episodes = 3, points_of_an_episode = 120;

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

// Three pictures of one size side by side, on the same axes: what was demonstrated, a draw of the
// policy for each step, and its modes.
struct Layer {
  const char *title, *color;
  std::function<Point(Index)> point;
};
std::string layers_side_by_side(const std::string& x_label, const std::string& y_label,
                                const std::vector<Layer>& layers, const std::vector<Index>& rows) {
  std::vector<double> xs, ys;
  for (const Layer& layer : layers) {
    if (std::string(layer.color) == "s1") continue;  // a wild draw would hide the rest
    for (Index row : rows) {
      xs.push_back(layer.point(row).x);
      ys.push_back(layer.point(row).y);
    }
  }
  Axis x = axis_of(xs, x_label, 0.1), y = axis_of(ys, y_label, 0.1);
  x.ticks = y.ticks = 4;
  std::string html = "<div class=\"panels\">\n";
  for (const Layer& layer : layers) {
    Plot plot(280, 250, x, y);
    Path points;
    for (Index row : rows) points.push_back(layer.point(row));
    plot.dots(points, layer.color);
    html += "<figure><figcaption class=\"named " + std::string(layer.color) + "\">" + layer.title +
            "</figcaption>" + plot.finish() + "</figure>\n";
  }
  return html + "</div>\n";
}

// At most so many steps, spread evenly, so that all pictures of all columns stay small.
std::vector<Index> shown_steps(Index rows, Index columns) {
  const Index count = std::min(rows, std::clamp<Index>(dots_of_a_page / columns, 100, 600));
  std::vector<Index> steps;
  for (Index i = 0; i < count; ++i) steps.push_back(i * rows / count);
  return steps;
}

// Every column of the action: of one, over the first number observed; of more, neighbors over each
// other, and each by itself over what was demonstrated.
std::string pictures(const Asked& asked, const std::vector<double>& modes,
                     const std::vector<double>& drawn, Index width) {
  const Index seen = static_cast<Index>(asked.observations.size()) / asked.rows();
  const std::vector<Index> steps = shown_steps(asked.rows(), width);
  const auto value = [&](const auto& values, Index row, Index column) {
    return static_cast<double>(values[static_cast<std::size_t>(row * width + column)]);
  };
  if (width == 1) {
    const auto over_observation = [&](const auto& values) {
      return [&](Index row) {
        return Point{static_cast<double>(asked.observations[static_cast<std::size_t>(row * seen)]),
                     value(values, row, 0)};
      };
    };
    return layers_side_by_side("obs_0", "act_0",
                               {{"demonstrated", "s0", over_observation(asked.actions)},
                                {"a draw each", "s1", over_observation(drawn)},
                                {"modes", "s3", over_observation(modes)}},
                               steps);
  }
  std::string html;
  for (Index c = 0; c < width; c += 2) {
    const Index i = std::min(c, width - 2), j = i + 1;
    const auto over_each_other = [&](const auto& values) {
      return [&, i, j](Index row) { return Point{value(values, row, i), value(values, row, j)}; };
    };
    html += layers_side_by_side(formatted("act_%lld", static_cast<long long>(i)),
                                formatted("act_%lld", static_cast<long long>(j)),
                                {{"demonstrated", "s0", over_each_other(asked.actions)},
                                 {"a draw each", "s1", over_each_other(drawn)},
                                 {"modes", "s3", over_each_other(modes)}},
                                steps);
  }
  html += "<h3>Each column, over what was demonstrated</h3>\n<div class=\"panels\">\n";
  for (Index c = 0; c < width; ++c) {
    std::vector<double> shown;
    for (Index row : steps) shown.push_back(value(asked.actions, row, c));
    Axis x = axis_of(shown, "demonstrated", 0.1),
         y = axis_of(shown, formatted("act_%lld", static_cast<long long>(c)), 0.1);
    x.ticks = y.ticks = 4;
    Plot plot(280, 250, x, y);
    plot.line({{x.low, x.low}, {x.high, x.high}}, "level");
    Path draws_path, modes_path;
    for (Index row : steps) {
      draws_path.push_back({value(asked.actions, row, c), value(drawn, row, c)});
      modes_path.push_back({value(asked.actions, row, c), value(modes, row, c)});
    }
    plot.dots(draws_path, "s1");
    plot.dots(modes_path, "s3");
    html += "<figure>" + plot.finish() + "</figure>\n";
  }
  return html + "</div>\n" + legend_of({{"a draw each", "s1"}, {"modes", "s3"}});
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
  std::vector<Curve> curves = {{"as it should be", "level", {}}};
  for (int q = 0; q <= 20; ++q) curves[0].points.push_back({q / 20.0, q / 20.0});
  for (std::size_t c = 0; c < static_cast<std::size_t>(width); ++c) {
    Curve curve{formatted("act_%zu", c), series_class(c), {}};
    for (int q = 0; q <= 20; ++q) {
      double share = 0;
      for (std::size_t i = c; i < below.size(); i += std::size_t(width))
        share += below[i] <= q / 20.0 ? 1.0 / double(asked.rows()) : 0.0;
      curve.points.push_back({q / 20.0, share});
    }
    curves.push_back(curve);
  }
  return chart(curves, {}, "quantile of the policy's draws", "share of actions below",
               {.values = false});
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
  std::vector<Curve> curves = {{"as it should be", "level", {{0, 0}, {0.5, 0.5}, {1, 1}}},
                               {"made", "s0", {}}};
  for (int part = 0; part < parts; ++part)
    if (weight[part] > 0)
      curves[1].points.push_back({given[part] / weight[part], made[part] / weight[part]});
  return chart(curves, {}, "probability given", "share made", {.values = false});
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
        const Index every = 1 + from.length(e) / static_cast<Index>(points_of_an_episode);
        for (Index t = 0; t < from.length(e); t += every) {
          const std::size_t row = std::size_t(from.first_observation(e) + t);
          curve.points.push_back({double(t), double(from.observations.numbers[row * width + c])});
        }
        curves.push_back(curve);
      }
    };
    add(part, "demonstrated", "s0");
    add(played, "policy", "s1");
    html += chart(curves, {}, "step", formatted("obs_%zu", c),
                  {.width = 420, .height = 200, .values = false});
  }
  if (width > drawn_columns)
    html += formatted("<p class=\"small\">The first %zu of %zu numbers observed.</p>\n",
                      drawn_columns, width);
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
  // Nobody knows the codes of demonstrations: `codes_section` has what there is to see.
  if (policy->description().codes.any()) return "";
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
    html += "<h3>Actions</h3>\n" + pictures(asked, answers.modes(asked.observations),
                                            answers.samples(asked.observations), width);
    html += "<h3>Can its spread be believed?</h3>\n" + quantiles(asked, answers, width);
  }
  if (run.config.contains("environment") && run.config["environment"].is_string() &&
      !part.observations.discrete) {
    try {
      html += rollouts(part, *policy, run.config["environment"].get<std::string>());
    } catch (const Error& gone) {
      if (gone.kind() == ErrorKind::interrupted) throw;
      html += "<p class=\"small\">No free-running episodes: " + escaped(gone.what()) + "</p>\n";
    }
  }
  return html;
}

}  // namespace understudy::cli
