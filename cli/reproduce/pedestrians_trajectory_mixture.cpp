// All twelve positions at once by a mixture: what the walker departs from going straight on, made
// white by the training windows' covariance.

#include <algorithm>
#include <array>
#include <cmath>

#include "algorithms/data/draws.h"
#include "algorithms/policies/mixture.h"
#include "cli/reproduce/pedestrians_models.h"

namespace understudy::cli {

namespace {

constexpr std::uint64_t speed_stream = (std::uint64_t{1} << 32) + 80;

// What was observed, over the speed; the speed itself, times a factor.
std::vector<float> history(const WalkWindow& window, double sign, double log_factor) {
  std::vector<float> o;
  for (std::int64_t t = 0; t + 1 < observed; ++t) {
    o.push_back(static_cast<float>(window.step(t).x / window.speed));
    o.push_back(static_cast<float>(sign * window.step(t).y / window.speed));
  }
  o.push_back(static_cast<float>(std::log(window.speed) + 1 + log_factor));
  return o;
}

// The departure from going straight on, over the speed: [forecast_size].
std::vector<double> departure(const WalkWindow& window, double sign) {
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
  std::vector<double> l =
      std::vector<double>(static_cast<std::size_t>(forecast_size * forecast_size), 0.0);
  double log_volume = 0;  // log |L|

  explicit Whitening(const std::vector<WalkWindow>& windows) {
    std::vector<double> c(l.size(), 0.0);
    for (const WalkWindow& window : windows)
      for (double sign : {1.0, -1.0}) {
        const std::vector<double> r = departure(window, sign);
        for (std::size_t i = 0; i < r.size(); ++i)
          for (std::size_t j = 0; j <= i; ++j)
            c[i * r.size() + j] += r[i] * r[j] / (2 * static_cast<double>(windows.size()));
      }
    const std::size_t n = static_cast<std::size_t>(forecast_size);
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
  Forecast forecast(const WalkWindow& window, const double* z) const {
    const std::size_t n = static_cast<std::size_t>(forecast_size);
    std::array<double, forecast_size> r = {};
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

}  // namespace

ForecastErrors trajectory_mixture(Device& device, const WalkSplit& split,
                                  const ForecastSettings& settings, std::uint64_t seed,
                                  const ReportLoss& report) {
  const Whitening whitening(split.train);
  const std::int64_t width = 2 * (observed - 1) + 1;
  Transitions sequences = Transitions::of_numbers(width, forecast_size);
  Draws draws(seed, speed_stream);
  for (const WalkWindow& window : split.train)
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
  train_cloning(cloning, settings.iterations, report);

  Transitions asked = Transitions::of_numbers(width, forecast_size);
  for (const WalkWindow& window : split.test) {
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
  ForecastErrors errors;
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
      const WalkWindow& window = split.test[first + i];
      std::vector<Forecast> twenty;
      std::vector<double> weights;
      for (std::size_t k = 0; k < static_cast<std::size_t>(predictions); ++k) {
        const std::size_t at = i * static_cast<std::size_t>(predictions) + k;
        twenty.push_back(
            whitening.forecast(window, &mean[at * static_cast<std::size_t>(forecast_size)]));
        weights.push_back(std::exp(log_weight[at]));
      }
      const double nats = forecast_size * std::log(window.speed) + whitening.log_volume -
                          log_probability[first + i];
      add(errors, window, spatial_median(twenty, weights), twenty, nats / predicted, share);
    }
  }
  return errors;
}

}  // namespace understudy::cli
