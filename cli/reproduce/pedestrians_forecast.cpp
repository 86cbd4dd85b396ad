// Where people walk next: Social-GAN's protocol on ETH and UCY (Gupta et al. 2018, section 4).
//
// Eight positions are observed, twelve are predicted, 0.4 s apart; one scene is left out and a
// policy is trained on all others. Errors are ADE, the mean distance over the twelve steps, and
// FDE, that at the last, in meters. A window is seen from its walker: the origin is where he is, x
// is where he heads, and lengths are over his own speed, so that places and directions teach
// nothing; its mirror image is a demonstration as well.
//
//   trajectory mixture   all twelve positions at once by a mixture of 20: what the walker departs
//                        from going straight on, made white by the training windows' covariance.
//                        One prediction: at each step the point from which the components' means
//                        are least far, by their weights (Weiszfeld 1937). Twenty: those means.
//   GRU mixture          a displacement after another, drawn from a mixture of 5 and fed back. One
//                        prediction: that point of twenty draws. Twenty: those draws.

#include "cli/reproduce/pedestrians_forecast.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>

#include "algorithms/cloning/sequence_cloning.h"
#include "algorithms/data/draws.h"
#include "algorithms/policies/actor.h"
#include "algorithms/policies/mixture.h"
#include "autograd/files/csv.h"
#include "cli/reports/svg.h"
#include "cli/session/progress.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

constexpr std::int64_t observed = 8, predicted = 12, all = observed + predicted;
constexpr std::int64_t numbers = 2 * predicted, predictions = 20;
constexpr double slowest = 0.1;  // meters a step: whoever stands has no speed to measure by
constexpr std::uint64_t speed_stream = (std::uint64_t{1} << 32) + 80;

// The published sets, and which files are one: `univ` is two hours.
struct Scene {
  const char* name;
  std::vector<const char*> files;
};
const Scene test_scenes[] = {{"eth", {"eth"}},
                             {"hotel", {"hotel"}},
                             {"univ", {"students001", "students003"}},
                             {"zara1", {"zara01"}}};
const char* const scene_files[] = {"eth",         "hotel",       "zara01",      "zara03",
                                   "students001", "students003", "uni_examples"};
// Of the data's README; the average is over the scenes above, as zara2 is not there.
struct Published {
  const char* name;
  double ade[4], fde[4];
};
const Published published[] = {
    {"linear (S-GAN's paper)", {1.33, 0.39, 0.82, 0.62}, {2.94, 0.72, 1.59, 1.21}},
    {"LSTM", {1.09, 0.86, 0.61, 0.41}, {2.41, 1.91, 1.31, 0.88}},
    {"Social-LSTM", {1.09, 0.79, 0.67, 0.47}, {2.35, 1.76, 1.40, 1.00}},
    {"S-GAN 1V-1", {1.13, 1.01, 0.60, 0.42}, {2.21, 2.18, 1.28, 0.91}},
    {"S-GAN 20V-20, best of 20", {0.81, 0.72, 0.60, 0.34}, {1.52, 1.61, 1.26, 0.69}}};

// A walker's twenty positions in his own frame (meters; he stands at the origin after the eighth
// and heads along x), and his speed in meters a step.
struct Window {
  std::array<Point, all> at;
  double speed = 0;

  Point step(std::int64_t t) const {
    const auto i = static_cast<std::size_t>(t);
    return {at[i + 1].x - at[i].x, at[i + 1].y - at[i].y};
  }
  // Where he would be going straight on.
  Point straight(std::int64_t t) const {
    const Point v = step(observed - 2);
    return {v.x * static_cast<double>(t + 1), v.y * static_cast<double>(t + 1)};
  }
};

Window framed(std::array<Point, all> at) {
  const Point origin = at[observed - 1], back = at[observed - 4];
  const double x = origin.x - back.x, y = origin.y - back.y, length = std::hypot(x, y);
  const double c = length > 1e-3 ? x / length : 1, s = length > 1e-3 ? y / length : 0;
  Window window;
  for (std::size_t i = 0; i < at.size(); ++i) {
    const Point p = {at[i].x - origin.x, at[i].y - origin.y};
    window.at[i] = {c * p.x + s * p.y, c * p.y - s * p.x};
  }
  for (std::int64_t t = 0; t + 1 < observed; ++t)
    window.speed += std::hypot(window.step(t).x, window.step(t).y) / (observed - 1);
  window.speed = std::hypot(window.speed, slowest);
  return window;
}

// Twenty annotated frames in a row, and in them whoever is there throughout; `least` of them at
// least.
void append_windows(std::vector<Window>& windows, const std::string& file, std::size_t least) {
  const files::Csv csv = files::Csv::open(file);
  const std::vector<std::int64_t> frame = csv.integers("frame"), walker = csv.integers("ped_id");
  const std::vector<double> x = csv.numbers("x_m"), y = csv.numbers("y_m");
  std::map<std::int64_t, std::map<std::int64_t, Point>> frames;
  for (std::size_t i = 0; i < frame.size(); ++i) frames[frame[i]][walker[i]] = {x[i], y[i]};
  std::vector<const std::map<std::int64_t, Point>*> in_order;
  for (const auto& [number, people] : frames) in_order.push_back(&people);
  for (std::size_t first = 0; first + all <= in_order.size(); ++first) {
    std::vector<Window> here;
    for (const auto& [id, start] : *in_order[first]) {
      std::array<Point, all> at;
      std::size_t t = 0;
      for (; t < at.size(); ++t) {
        const auto found = in_order[first + t]->find(id);
        if (found == in_order[first + t]->end()) break;
        at[t] = found->second;
      }
      if (t == at.size()) here.push_back(framed(at));
    }
    if (here.size() >= least) windows.insert(windows.end(), here.begin(), here.end());
  }
}

struct Split {
  std::vector<Window> train, test;
};
Split split_of(const std::string& folder, const Scene& left_out, const ForecastSettings& settings) {
  const auto is = [](const Scene& scene, const char* file) {
    return std::find_if(scene.files.begin(), scene.files.end(), [&](const char* one) {
             return std::string(one) == file;
           }) != scene.files.end();
  };
  // For choosing settings: the scene left out is not used, and the next one is predicted.
  const std::size_t next = static_cast<std::size_t>(&left_out - test_scenes + 1);
  const Scene& asked = settings.validate ? test_scenes[next % std::size(test_scenes)] : left_out;
  Split split;
  for (const char* file : scene_files) {
    const std::string path = folder + "/" + file + ".csv";
    if (is(asked, file)) append_windows(split.test, path, 2);
    if (is(asked, file) || is(left_out, file)) continue;
    // Scenes count alike: of one with many windows, which overlap, only some are taken.
    std::vector<Window> here;
    append_windows(here, path, 1);
    const std::size_t most = static_cast<std::size_t>(settings.most);
    const std::size_t taken = std::min(here.size(), most);
    for (std::size_t i = 0; i < taken; ++i) split.train.push_back(here[i * here.size() / taken]);
  }
  if (split.train.empty() || split.test.empty())
    fail(ErrorKind::bad_file,
         "%s: expected windows of 20 frames to train on and to test, found %zu and %zu",
         folder.c_str(), split.train.size(), split.test.size());
  return split;
}

using Forecast = std::array<Point, predicted>;

// Sums over windows; `best` is over the twenty predictions, each measure by itself.
struct Errors {
  double ade = 0, fde = 0, best_ade = 0, best_fde = 0, nats = 0;
};
struct Pair {
  double ade = 0, fde = 0;
};
Pair errors_of(const Window& window, const Forecast& forecast) {
  Pair pair;
  for (std::size_t t = 0; t < forecast.size(); ++t) {
    const Point truth = window.at[static_cast<std::size_t>(observed) + t];
    pair.fde = std::hypot(truth.x - forecast[t].x, truth.y - forecast[t].y);
    pair.ade += pair.fde / predicted;
  }
  return pair;
}
void add(Errors& errors, const Window& window, const Forecast& one,
         const std::vector<Forecast>& twenty, double nats, double share) {
  const Pair single = errors_of(window, one);
  Pair best = {INFINITY, INFINITY};
  for (const Forecast& forecast : twenty) {
    const Pair pair = errors_of(window, forecast);
    best = {std::min(best.ade, pair.ade), std::min(best.fde, pair.fde)};
  }
  errors.ade += share * single.ade;
  errors.fde += share * single.fde;
  errors.best_ade += share * best.ade;
  errors.best_fde += share * best.fde;
  errors.nats += share * nats;
}

// ---- All positions at once ----

// What was observed, over the speed; the speed itself, times a factor.
std::vector<float> history(const Window& window, double sign, double log_factor) {
  std::vector<float> o;
  for (std::int64_t t = 0; t + 1 < observed; ++t) {
    o.push_back(static_cast<float>(window.step(t).x / window.speed));
    o.push_back(static_cast<float>(sign * window.step(t).y / window.speed));
  }
  o.push_back(static_cast<float>(std::log(window.speed) + 1 + log_factor));
  return o;
}

// The departure from going straight on, over the speed: [numbers].
std::vector<double> departure(const Window& window, double sign) {
  std::vector<double> r;
  for (std::int64_t t = 0; t < predicted; ++t) {
    const Point truth = window.at[static_cast<std::size_t>(observed + t)];
    r.push_back((truth.x - window.straight(t).x) / window.speed);
    r.push_back(sign * (truth.y - window.straight(t).y) / window.speed);
  }
  return r;
}

// L of L L' = the covariance of departures about 0, lower and row-major; z = L^-1 r is white.
struct Whitening {
  std::vector<double> l = std::vector<double>(static_cast<std::size_t>(numbers * numbers), 0.0);
  double log_volume = 0;  // log |L|

  explicit Whitening(const std::vector<Window>& windows) {
    std::vector<double> c(l.size(), 0.0);
    for (const Window& window : windows)
      for (double sign : {1.0, -1.0}) {
        const std::vector<double> r = departure(window, sign);
        for (std::size_t i = 0; i < r.size(); ++i)
          for (std::size_t j = 0; j <= i; ++j)
            c[i * r.size() + j] += r[i] * r[j] / (2 * static_cast<double>(windows.size()));
      }
    const std::size_t n = static_cast<std::size_t>(numbers);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j <= i; ++j) {
        double left = c[i * n + j];
        for (std::size_t k = 0; k < j; ++k) left -= l[i * n + k] * l[j * n + k];
        l[i * n + j] = i == j ? std::sqrt(std::max(left, 1e-8)) : left / l[j * n + j];
        if (i == j) log_volume += std::log(l[i * n + i]);
      }
  }
  std::vector<float> white(std::vector<double> r) const {
    const std::size_t n = r.size();
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < i; ++k) r[i] -= l[i * n + k] * r[k];
      r[i] /= l[i * n + i];
    }
    return {r.begin(), r.end()};
  }
  Forecast forecast(const Window& window, const double* z) const {
    const std::size_t n = static_cast<std::size_t>(numbers);
    std::array<double, numbers> r = {};
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t k = 0; k <= i; ++k) r[i] += l[i * n + k] * z[k];
    Forecast result;
    for (std::size_t t = 0; t < result.size(); ++t) {
      const Point on = window.straight(static_cast<std::int64_t>(t));
      result[t] = {on.x + window.speed * r[2 * t], on.y + window.speed * r[2 * t + 1]};
    }
    return result;
  }
};

// The point from which the weighted sum of distances is least, step by step.
Forecast spatial_median(const std::vector<Forecast>& of, const std::vector<double>& weights) {
  Forecast result;
  for (std::size_t t = 0; t < result.size(); ++t) {
    Point at = {0, 0};
    for (std::size_t k = 0; k < of.size(); ++k)
      at = {at.x + weights[k] * of[k][t].x, at.y + weights[k] * of[k][t].y};
    for (int pass = 0; pass < 20; ++pass) {
      double x = 0, y = 0, total = 0;
      for (std::size_t k = 0; k < of.size(); ++k) {
        // A distance of a centimeter at least: the sum is smooth then.
        const double pull =
            weights[k] / std::max(0.01, std::hypot(of[k][t].x - at.x, of[k][t].y - at.y));
        x += pull * of[k][t].x;
        y += pull * of[k][t].y;
        total += pull;
      }
      at = {x / total, y / total};
    }
    result[t] = at;
  }
  return result;
}

Errors trajectory_mixture(Device& device, const Split& split, const ForecastSettings& settings,
                          std::uint64_t seed, const std::function<void(double)>& report) {
  const Whitening whitening(split.train);
  const std::int64_t width = 2 * (observed - 1) + 1;
  Transitions sequences = Transitions::of_numbers(width, numbers);
  Draws draws(seed, speed_stream);
  for (const Window& window : split.train)
    for (double sign : {1.0, -1.0}) {
      // Speeds up to a factor of 1.6 off: one scene's clock is known to run 1.67 times too fast.
      const double factor = 0.5 * (static_cast<double>(draws.below(2001)) / 1000 - 1);
      sequences.append(history(window, sign, factor), whitening.white(departure(window, sign)));
      sequences.end_sequence();
    }
  SequenceCloning::Options options;
  options.policy.trunk = {
      .name = "mlp", .hidden = {settings.hidden, settings.hidden}, .activation = Activation::tanh};
  options.policy.head = MixtureOptions{.components = predictions, .min_std = 0.02, .max_std = 20};
  options.batch_size = settings.batch;
  options.steps = 1;
  options.learning_rate = settings.rate;
  options.weight_decay = settings.weight_decay;
  options.schedule = {.steps = settings.iterations, .last = 0.01};
  options.seed = seed;
  SequenceCloning cloning(device, sequences, options);
  for (std::int64_t i = 0; i < settings.iterations; ++i) {
    throw_if_interrupted();
    report(cloning.step().loss);
  }

  Transitions asked = Transitions::of_numbers(width, numbers);
  for (const Window& window : split.test) {
    asked.append(history(window, 1, 0), whitening.white(departure(window, 1)));
    asked.end_sequence();
  }
  const std::vector<double> log_probability = cloning.log_probabilities(asked);
  constexpr std::int64_t chunk = 512;
  Program program(device);
  const auto distribution = cloning.policy().distribution(program.input("o", {rows(chunk), width}));
  const auto& mixture = dynamic_cast<const Mixture&>(*distribution);
  program.output("log_weight", mixture.log_weight);
  program.output("mean", mixture.mean);
  Errors errors;
  const double share = 1.0 / static_cast<double>(split.test.size());
  std::vector<float> o(static_cast<std::size_t>(chunk * width));
  for (std::size_t first = 0; first < split.test.size(); first += chunk) {
    const std::size_t n = std::min<std::size_t>(chunk, split.test.size() - first);
    std::copy_n(asked.observations.numbers.begin() + static_cast<std::ptrdiff_t>(first) * width,
                static_cast<std::int64_t>(n) * width, o.begin());
    program.write("o", o.data(), chunk * width);
    program.run();
    const std::vector<double> log_weight = program.read("log_weight"), mean = program.read("mean");
    for (std::size_t i = 0; i < n; ++i) {
      const Window& window = split.test[first + i];
      std::vector<Forecast> twenty;
      std::vector<double> weights;
      for (std::size_t k = 0; k < static_cast<std::size_t>(predictions); ++k) {
        const std::size_t at = i * static_cast<std::size_t>(predictions) + k;
        twenty.push_back(whitening.forecast(window, &mean[at * static_cast<std::size_t>(numbers)]));
        weights.push_back(std::exp(log_weight[at]));
      }
      const double nats =
          numbers * std::log(window.speed) + whitening.log_volume - log_probability[first + i];
      add(errors, window, spatial_median(twenty, weights), twenty, nats / predicted, share);
    }
  }
  return errors;
}

// ---- Step by step ----

std::vector<float> step_seen(const Point& step, double speed) {
  return {static_cast<float>(step.x / speed), static_cast<float>(step.y / speed),
          static_cast<float>(std::log(speed) + 1)};
}

Errors recurrent_mixture(Device& device, const Split& split, const ForecastSettings& settings,
                         std::uint64_t seed, const std::function<void(double)>& report) {
  const auto sequences_of = [](const std::vector<Window>& windows, bool mirrored) {
    Transitions sequences = Transitions::of_numbers(3, 2);
    for (const Window& window : windows)
      for (double sign : {1.0, -1.0}) {
        if (sign < 0 && !mirrored) continue;
        for (std::int64_t t = 0; t + 2 < all; ++t) {
          const Point now = {window.step(t).x, sign * window.step(t).y};
          const Point next = {window.step(t + 1).x, sign * window.step(t + 1).y};
          sequences.append(step_seen(now, window.speed),
                           {static_cast<float>(10 * (next.x - now.x) / window.speed),
                            static_cast<float>(10 * (next.y - now.y) / window.speed)});
        }
        sequences.end_sequence();
      }
    return sequences;
  };
  SequenceCloning::Options options;
  options.policy.trunk = {.name = "gru", .hidden = {settings.hidden}};
  options.policy.head = MixtureOptions{.components = 5, .min_std = 0.02, .max_std = 20};
  options.batch_size = settings.batch;
  options.steps = all - 2;
  options.learning_rate = settings.rate;
  options.schedule = {.steps = settings.iterations, .last = 0.01};
  options.seed = seed;
  SequenceCloning cloning(device, sequences_of(split.train, true), options);
  for (std::int64_t i = 0; i < settings.iterations; ++i) {
    throw_if_interrupted();
    report(cloning.step().loss);
  }

  const std::vector<double> log_probability =
      cloning.log_probabilities(sequences_of(split.test, false));
  constexpr std::size_t chunk = 256, wide = chunk * static_cast<std::size_t>(predictions);
  Store store(device);
  Actor actor(cloning.policy(), store, {.rows = static_cast<std::int64_t>(wide), .seed = seed});
  Errors errors;
  const double share = 1.0 / static_cast<double>(split.test.size());
  for (std::size_t first = 0; first < split.test.size(); first += chunk) {
    const std::size_t n = std::min(chunk, split.test.size() - first);
    std::vector<Point> step(wide), at(wide);
    std::vector<Forecast> drawn(wide);
    actor.reset_hidden_state();
    for (std::int64_t t = 0; t + 2 < all; ++t) {
      std::vector<double> seen;
      for (std::size_t i = 0; i < wide; ++i) {
        const Window& window = split.test[first + std::min(i / predictions, n - 1)];
        if (t + 1 < observed) step[i] = window.step(t);
        const std::vector<float> o = step_seen(step[i], window.speed);
        seen.insert(seen.end(), o.begin(), o.end());
      }
      const std::vector<double> action = actor.act(seen);
      if (t + 2 < observed) continue;
      for (std::size_t i = 0; i < wide; ++i) {
        const Window& window = split.test[first + std::min(i / predictions, n - 1)];
        step[i] = {step[i].x + window.speed * action[2 * i] / 10,
                   step[i].y + window.speed * action[2 * i + 1] / 10};
        at[i] = {at[i].x + step[i].x, at[i].y + step[i].y};
        drawn[i][static_cast<std::size_t>(t + 2 - observed)] = at[i];
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      const auto begin = drawn.begin() + static_cast<std::ptrdiff_t>(i) * predictions;
      const std::vector<Forecast> twenty(begin, begin + predictions);
      const std::vector<double> alike(twenty.size(), 1.0 / predictions);
      const Window& window = split.test[first + i];
      double nats = numbers * std::log(window.speed / 10);
      for (std::int64_t t = observed - 2; t + 2 < all; ++t)
        nats -= log_probability[(first + i) * (all - 2) + static_cast<std::size_t>(t)];
      add(errors, window, spatial_median(twenty, alike), twenty, nats / predicted, share);
    }
  }
  return errors;
}

Errors constant_velocity(const std::vector<Window>& windows) {
  Errors errors;
  for (const Window& window : windows) {
    Forecast straight;
    for (std::size_t t = 0; t < straight.size(); ++t)
      straight[t] = window.straight(static_cast<std::int64_t>(t));
    add(errors, window, straight, {straight}, 0, 1.0 / static_cast<double>(windows.size()));
  }
  return errors;
}

struct Model {
  const char* name;
  Errors (*run)(Device&, const Split&, const ForecastSettings&, std::uint64_t,
                const std::function<void(double)>&);
};
const Model models[] = {{"trajectory mixture", trajectory_mixture},
                        {"GRU mixture, step by step", recurrent_mixture}};

}  // namespace

void forecast_pedestrians(Reproduction& reproduction, const ForecastSettings& settings) {
  const std::string folder = reproduction.data_folder("eth_ucy");
  Session session(reproduction.common);
  const std::int64_t seeds = reproduction.seeds > 0 ? reproduction.seeds : 5;
  Progress progress(seeds * settings.iterations *
                        static_cast<std::int64_t>(std::size(models) * std::size(test_scenes)),
                    reproduction.common.quiet);
  Table single{"One prediction: ADE / FDE in meters, the scene left out", {"model"}, {}, ""};
  Table best{"Best of twenty predictions: ADE / FDE in meters", {"model"}, {}, ""};
  Table likelihood{
      "Negative log-likelihood of what was walked, nats a position (meters)", {"model"}, {}, ""};
  for (Table* table : {&single, &best, &likelihood}) {
    for (const Scene& scene : test_scenes)
      table->columns.push_back(settings.validate ? std::string("without ") + scene.name
                                                 : scene.name);
    table->columns.push_back("average");
  }
  constexpr std::size_t scenes = std::size(test_scenes);
  const std::size_t used = settings.validate ? 1 : std::size(models);
  std::vector<Json> counts = {"test windows"}, straight = {"constant velocity"};
  // By model, then scene: a number a seed.
  std::vector<std::vector<std::vector<Errors>>> found(std::size(models),
                                                      std::vector<std::vector<Errors>>(scenes));
  Pair average;
  for (std::size_t s = 0; s < scenes; ++s) {
    const Split split = split_of(folder, test_scenes[s], settings);
    counts.push_back(static_cast<std::int64_t>(split.test.size()));
    const Errors errors = constant_velocity(split.test);
    straight.push_back(formatted("%.3f/%.3f", errors.ade, errors.fde));
    average = {average.ade + errors.ade / scenes, average.fde + errors.fde / scenes};
    for (std::size_t m = 0; m < used; ++m)
      for (std::int64_t seed = 0; seed < seeds; ++seed) {
        std::int64_t i = 0;
        found[m][s].push_back(models[m].run(
            session.device(), split, settings,
            reproduction.common.seed + static_cast<std::uint64_t>(seed), [&](double loss) {
              progress.step(models[m].name, ++i, settings.iterations, formatted("loss %.3f", loss));
            }));
      }
  }
  straight.push_back(formatted("%.3f/%.3f", average.ade, average.fde));
  counts.push_back(nullptr);
  single.rows.push_back(counts);
  if (!settings.validate)
    for (const Published& one : published) {
      std::vector<Json> row = {one.name};
      Pair mean;
      for (std::size_t s = 0; s < scenes; ++s) {
        row.push_back(formatted("%.2f/%.2f", one.ade[s], one.fde[s]));
        mean = {mean.ade + one.ade[s] / scenes, mean.fde + one.fde[s] / scenes};
      }
      row.push_back(formatted("%.2f/%.2f", mean.ade, mean.fde));
      (std::string(one.name).find("best of 20") == std::string::npos ? single : best)
          .rows.push_back(row);
    }
  single.rows.push_back(straight);
  for (std::size_t m = 0; m < used; ++m) {
    const auto row = [&](Table& table, double Errors::*ade, double Errors::*fde) {
      std::vector<Json> cells = {models[m].name};
      const auto shown_of = [&](double Errors::*member, std::size_t s) {
        std::vector<double> values;
        for (std::size_t seed = 0; seed < found[m][0].size(); ++seed) {
          double value = 0;
          for (std::size_t one = 0; one < scenes; ++one)
            if (one == s || s == scenes)
              value += found[m][one][seed].*member / (s == scenes ? double(scenes) : 1.0);
          values.push_back(value);
        }
        return spread_of(values);
      };
      for (std::size_t s = 0; s <= scenes; ++s) {
        const Spread a = shown_of(ade, s);
        std::string text = formatted("%.3f", a.mean);
        if (fde != nullptr) text += formatted("/%.3f", shown_of(fde, s).mean);
        if (s == scenes && a.count > 1) {
          text += formatted(" ± %.3f", (a.high - a.low) / 2);
          if (fde != nullptr) {
            const Spread f = shown_of(fde, s);
            text += formatted("/%.3f", (f.high - f.low) / 2);
          }
        }
        cells.push_back(text);
      }
      table.rows.push_back(cells);
    };
    row(single, &Errors::ade, &Errors::fde);
    row(best, &Errors::best_ade, &Errors::best_fde);
    row(likelihood, &Errors::nats, nullptr);
  }
  single.note = formatted(
      "%lld seeds, half of a 95 %% interval behind the average; %lld steps of training; averages "
      "are without zara2, which is not in the data",
      static_cast<long long>(seeds), static_cast<long long>(settings.iterations));
  likelihood.note = "densities of all twelve positions, exact";
  for (Table* table : {&single, &best, &likelihood}) reproduction.tables.push_back(*table);
}

void list_options(OptionList& list, ForecastSettings& o) {
  list.fields(
      o, option("iterations", o.iterations, "forecasts: steps of training", {.least = 1}),
      option("hidden", o.hidden, "forecasts: units a layer", {.least = 1}),
      option("batch_size", o.batch, "forecasts: windows a step", {.least = 1}),
      option("most", o.most, "forecasts: windows of a file that are trained on", {.least = 1}),
      option("learning_rate", o.rate, "forecasts: Adam's", {.above = 0}),
      option("weight_decay", o.weight_decay, "forecasts: AdamW's", {.least = 0}),
      option("validate", o.validate,
             "forecasts: for choosing settings: predict another scene, not the one left out"));
}

}  // namespace understudy::cli
