// understudy reproduce infogail-circles: one policy for demonstrations that walk three circles, and
// nobody says which (Li, Song & Ermon 2017, "InfoGAIL", section 5.1).
//
// Episodes are judged by the circle fitted to their positions (least squares): the mode whose
// signed radius is nearest, if that is off by a quarter at most and the positions are off the
// circle by 15 % of its radius at most; else none. Of a policy:
//
//   mode accuracy   share of episodes whose mode is the one assigned to their code, by the best
//                   assignment of codes to modes
//   information     I(code; mode) of the episodes' table, nats; at most log 3
//   bound           L_I of the posterior in the last iteration
//
// Each finished run is a line of results.jsonl in --out; what is there is not run again.

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>

#include "algorithms/training/registry.h"
#include "cli/reproduce/kept_runs.h"
#include "cli/reproduce/picture.h"
#include "cli/reproduce/reproduce.h"
#include "cli/session/progress.h"
#include "cli/training/player.h"
#include "envs/circles.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace infogail_circles {

constexpr int modes = CirclesFacts::modes, outcomes = modes + 1;  // the last one: no mode

struct Variant {
  const char *name, *what;
  std::vector<std::pair<std::string, std::string>> settings;
};

const std::vector<Variant>& variants() {
  static const std::vector<Variant> all = {
      {"infogail", "InfoGAIL", {{"information_weight", "0.3"}}},
      {"gail", "GAIL: no information term", {{"information_weight", "0"}}},
      {"wasserstein",
       "InfoGAIL, Wasserstein critic with gradient penalty",
       {{"information_weight", "0.3"}, {"adversary", "wasserstein"}}}};
  return all;
}

struct Options {
  std::string variants = "infogail,gail";
  std::int64_t iterations = 600, demonstrations = 60, episodes = 30;
};
void list_options(OptionList& list, Options& o) {
  list.fields(
      o, option("variants", o.variants, "of infogail, gail, wasserstein, with commas"),
      option("iterations", o.iterations, "of each run", {.least = 1, .most = 100000}),
      option("demonstrations", o.demonstrations, "of the built-in expert",
             {.least = 1, .most = 100000}),
      option("episodes", o.episodes, "of each code, to judge by", {.least = 1, .most = 100000}));
}

// ---- What an episode is ----

struct FittedCircle {
  double signed_radius = 0;  // above 0: anticlockwise
  double residual = 0;       // root of the mean squared distance from the circle
};

// x^2 + y^2 = 2 a x + 2 b y + c, solved by the normal equations about the mean.
FittedCircle fitted_circle(const Path& at) {
  const double n = static_cast<double>(at.size());
  double mx = 0, my = 0;
  for (const Point& p : at) {
    mx += p.x / n;
    my += p.y / n;
  }
  double xx = 0, xy = 0, yy = 0, xq = 0, yq = 0, q = 0;
  for (const Point& p : at) {
    const double x = p.x - mx, y = p.y - my, square = x * x + y * y;
    xx += x * x;
    xy += x * y;
    yy += y * y;
    xq += x * square;
    yq += y * square;
    q += square / n;
  }
  const double determinant = xx * yy - xy * xy;
  if (!(determinant > 1e-12 * (xx + yy) * (xx + yy))) return {INFINITY, INFINITY};
  const double a = (yy * xq - xy * yq) / (2 * determinant),
               b = (xx * yq - xy * xq) / (2 * determinant);
  const double radius = std::sqrt(q + a * a + b * b);
  FittedCircle result;
  double turned = 0;
  for (std::size_t i = 0; i < at.size(); ++i) {
    const double x = at[i].x - mx - a, y = at[i].y - my - b;
    const double off = std::hypot(x, y) - radius;
    result.residual += off * off / n;
    if (i + 1 < at.size()) turned += x * (at[i + 1].y - my - b) - y * (at[i + 1].x - mx - a);
  }
  result.residual = std::sqrt(result.residual);
  result.signed_radius = turned < 0 ? -radius : radius;
  return result;
}

int mode_of(const Path& at) {
  constexpr double radius_off = 0.25, residual_off = 0.15;
  const FittedCircle circle = fitted_circle(at);
  int nearest = modes;
  double least = radius_off;
  for (int m = 0; m < modes; ++m) {
    const double radius = CirclesFacts::radius(m);
    const double off = std::abs(circle.signed_radius - CirclesFacts::sense(m) * radius) / radius;
    if (off > least || circle.residual > residual_off * radius) continue;
    least = off;
    nearest = m;
  }
  return nearest;
}

Path positions(const Demonstrations& played, std::int64_t episode) {
  Path path;
  const std::size_t width = static_cast<std::size_t>(CirclesFacts::observation_size);
  for (std::int64_t t = 0; t < played.observations_of(episode); ++t) {
    const float* row =
        &played.observations
             .numbers[static_cast<std::size_t>(played.first_observation(episode) + t) * width];
    path.push_back({static_cast<double>(row[width - 2]), static_cast<double>(row[width - 1])});
  }
  return path;
}

// ---- What a policy is ----

using Counts = std::array<std::array<double, outcomes>, modes>;  // of codes and modes

struct Outcome {
  Counts counts = {};
  double bound = 0, return_mean = 0, seconds = 0;
};

double accuracy_of(const Counts& counts) {
  std::array<int, modes> order = {0, 1, 2};
  double best = 0, all = 0;
  for (const auto& row : counts)
    for (double count : row) all += count;
  do {
    double right = 0;
    for (std::size_t k = 0; k < order.size(); ++k)
      right += counts[k][static_cast<std::size_t>(order[k])];
    best = std::max(best, right);
  } while (std::next_permutation(order.begin(), order.end()));
  return best / all;
}

double information_of(const Counts& counts) {
  std::array<double, modes> code = {};
  std::array<double, outcomes> mode = {};
  double all = 0, total = 0;
  for (std::size_t k = 0; k < code.size(); ++k)
    for (std::size_t m = 0; m < mode.size(); ++m) {
      code[k] += counts[k][m];
      mode[m] += counts[k][m];
      all += counts[k][m];
    }
  for (std::size_t k = 0; k < code.size(); ++k)
    for (std::size_t m = 0; m < mode.size(); ++m)
      if (counts[k][m] > 0)
        total += counts[k][m] / all * std::log(counts[k][m] * all / (code[k] * mode[m]));
  return total;
}

int modes_shown(const Counts& counts) {
  int shown = 0;
  for (std::size_t m = 0; m < modes; ++m) {
    double of_mode = 0, all = 0;
    for (const auto& row : counts) {
      of_mode += row[m];
      for (double count : row) all += count;
    }
    shown += of_mode >= 0.05 * all;
  }
  return shown;
}

Outcome learn(Device& device, const Variant& variant, const Demonstrations& shown,
              const Options& options, std::uint64_t seed, std::vector<Curve>* curves) {
  const auto begin = std::chrono::steady_clock::now();
  const EnvironmentDescription& environment = environment_named("circles");
  const auto setup = algorithm_named("infogail")
                         .setup({.device = &device,
                                 .environment = &environment,
                                 .demonstrations = &shown,
                                 .seed = seed});
  std::vector<OptionAssignment> assignments = {{"codes.categories", "3", "experiment"},
                                               {"initial_std", "1", "experiment"}};
  for (const auto& [name, value] : variant.settings)
    assignments.push_back({name, value, "experiment"});
  if (std::string(variant.name) != "wasserstein")
    for (const auto& [name, value] :
         {std::pair{"discriminator.steps", "3"}, {"discriminator.batch_size", "1000"}})
      assignments.push_back({name, value, "experiment"});
  setup->assign(assignments);
  const auto trainer = setup->make();
  Outcome outcome;
  for (std::int64_t i = 0; i < options.iterations; ++i) {
    throw_if_interrupted();
    for (const auto& [name, value] : trainer->step())
      if (name == "information/bound") outcome.bound = value;
  }
  for (int code = 0; code < modes; ++code) {
    const PlayOptions how = {.episodes = options.episodes,
                             .deterministic = false,
                             .seed = seed,
                             .code = std::to_string(code)};
    const auto player = make_player(trainer->policy(), how);
    const Demonstrations played = play(device, environment, *player, how);
    for (double one : played.returns())
      outcome.return_mean += one / static_cast<double>(modes * options.episodes);
    for (std::int64_t e = 0; e < played.episodes(); ++e) {
      const Path at = positions(played, e);
      ++outcome.counts[static_cast<std::size_t>(code)][static_cast<std::size_t>(mode_of(at))];
      if (curves != nullptr && e < 4)
        curves->push_back({formatted("code %d", code), series_class(std::size_t(code)), at});
    }
  }
  outcome.seconds = seconds_since(begin);
  return outcome;
}

// ---- Runs that are kept ----

Json key_of(const Variant& variant, std::uint64_t seed, const Options& options) {
  return {{"variant", variant.name},
          {"seed", seed},
          {"iterations", options.iterations},
          {"demonstrations", options.demonstrations},
          {"episodes", options.episodes}};
}

Json json_of(const Outcome& outcome) {
  return {{"counts", outcome.counts},
          {"bound", outcome.bound},
          {"return", outcome.return_mean},
          {"seconds", outcome.seconds}};
}

Outcome outcome_of(const Json& found) {
  return {found["counts"].get<Counts>(), found["bound"].get<double>(),
          found["return"].get<double>(), found["seconds"].get<double>()};
}

std::string interquartile(const std::vector<double>& values) {
  const auto [low, high] = interquartile_mean_interval({values});
  return formatted("%.3f [%.3f, %.3f]", interquartile_mean(values), low, high);
}

void run(Reproduction& reproduction, const Options& options) {
  const std::int64_t seeds = reproduction.seeds_or(10);
  CpuSession cpu(reproduction.common);
  const EnvironmentDescription& environment = environment_named("circles");
  const PlayOptions how = {.episodes = options.demonstrations, .seed = reproduction.common.seed};
  const auto expert = make_player(cpu.device(), "builtin", environment, how);
  const Demonstrations shown = play(cpu.device(), environment, *expert, how);
  Counts of_expert = {};
  for (std::int64_t e = 0; e < shown.episodes(); ++e)
    ++of_expert[0][static_cast<std::size_t>(mode_of(positions(shown, e)))];

  std::vector<const Variant*> chosen;
  for (const std::string& name : words(options.variants)) {
    const auto found = std::find_if(variants().begin(), variants().end(),
                                    [&](const Variant& one) { return name == one.name; });
    if (found == variants().end())
      fail(ErrorKind::bad_input, "--variants: expected infogail, gail or wasserstein, found '%s'",
           name.c_str());
    chosen.push_back(&*found);
  }
  KeptRuns kept(reproduction.out);
  Progress progress(static_cast<std::int64_t>(chosen.size()) * seeds, reproduction.common.quiet);
  Table table{"Circles: three modes, one policy",
              {"", "mode accuracy", "seeds at 0.95", "modes shown", "information, nats",
               "bound, nats", "return", "seconds a run"},
              {},
              ""};
  Table raw{"Each run",
            {"variant", "seed", "accuracy", "modes shown", "information", "bound", "return"},
            {},
            ""};
  std::string csv = "variant,seed,accuracy,modes,information,bound,return\n";
  for (const Variant* variant : chosen) {
    std::vector<double> accuracy, information, bound, returned, seconds;
    int reached = 0, all_modes = 0;
    for (std::int64_t i = 0; i < seeds; ++i) {
      const std::uint64_t seed = reproduction.seed(i);
      const Json key = key_of(*variant, seed, options);
      if (kept.find(key) == nullptr) {
        std::vector<Curve> curves;
        kept.add(key, json_of(learn(cpu.device(), *variant, shown, options, seed, &curves)));
        if (i == 0)
          reproduction.pictures.emplace_back(
              std::string(variant->name) + ".svg",
              picture_of({panel_of(std::move(curves), "x", "y")}, 1));
      }
      const Outcome outcome = outcome_of(*kept.find(key));
      accuracy.push_back(accuracy_of(outcome.counts));
      information.push_back(information_of(outcome.counts));
      bound.push_back(outcome.bound);
      returned.push_back(outcome.return_mean);
      seconds.push_back(outcome.seconds);
      reached += accuracy.back() >= 0.95;
      all_modes += modes_shown(outcome.counts) == modes;
      csv +=
          formatted("%s,%llu,%.4f,%d,%.4f,%.4f,%.2f\n", variant->name,
                    static_cast<unsigned long long>(seed), accuracy.back(),
                    modes_shown(outcome.counts), information.back(), bound.back(), returned.back());
      raw.rows.push_back({variant->name, seed, formatted("%.3f", accuracy.back()),
                          modes_shown(outcome.counts), formatted("%.3f", information.back()),
                          formatted("%.3f", bound.back()), formatted("%.1f", returned.back())});
      progress.step("runs", i + 1, seeds,
                    formatted("%s seed %llu: accuracy %.3f", variant->name,
                              static_cast<unsigned long long>(seed), accuracy.back()));
    }
    table.rows.push_back({variant->what, interquartile(accuracy),
                          formatted("%d of %lld", reached, static_cast<long long>(seeds)),
                          formatted("all in %d of %lld", all_modes, static_cast<long long>(seeds)),
                          interquartile(information), interquartile(bound), interquartile(returned),
                          formatted("%.1f", mean_of(seconds))});
  }
  table.note = formatted(
      "interquartile means over %lld seeds with 95 %% bootstrap intervals; log 3 = %.3f nats; the "
      "expert's %lld demonstrations, judged alike: %.0f, %.0f, %.0f of the modes, %.0f of none; "
      "its return is %.1f",
      static_cast<long long>(seeds), std::log(3.0), static_cast<long long>(shown.episodes()),
      of_expert[0][0], of_expert[0][1], of_expert[0][2], of_expert[0][3],
      score_of(shown, environment).mean);
  reproduction.tables = {table, raw};
  if (!reproduction.out.empty()) {
    std::ofstream file(reproduction.out + "/seeds.csv");
    file << csv;
  }
}

}  // namespace infogail_circles

Experiment infogail_circles_experiment() {
  return with_settings<infogail_circles::Options>(
      "infogail-circles", "Three ways of walking, one policy: codes against none",
      "Li, Song & Ermon 2017, \"InfoGAIL\", section 5.1 (constants of circles)",
      infogail_circles::run);
}

}  // namespace understudy::cli
