// Step by step: a displacement after another, drawn from a mixture and fed back.

#include <algorithm>
#include <cmath>

#include "algorithms/policies/actor.h"
#include "algorithms/policies/mixture.h"
#include "cli/reproduce/pedestrians_models.h"

namespace understudy::cli {

namespace {

std::vector<float> step_seen(const Point& step, double speed) {
  return {static_cast<float>(step.x / speed), static_cast<float>(step.y / speed),
          static_cast<float>(std::log(speed) + 1)};
}

}  // namespace

ForecastErrors recurrent_mixture(Device& device, const WalkSplit& split,
                                 const ForecastSettings& settings, std::uint64_t seed,
                                 const ReportLoss& report) {
  const auto sequences_of = [](const std::vector<WalkWindow>& windows, bool mirrored) {
    Transitions sequences = Transitions::of_numbers(3, 2);
    for (const WalkWindow& window : windows)
      for (double sign : {1.0, -1.0}) {
        if (sign < 0 && !mirrored) continue;
        for (std::int64_t t = 0; t + 2 < window_length; ++t) {
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
  options.steps = window_length - 2;
  options.learning_rate = settings.rate;
  options.schedule = {.steps = settings.iterations, .last = 0.01};
  options.seed = seed;
  SequenceCloning cloning(device, sequences_of(split.train, true), options);
  train_cloning(cloning, settings.iterations, report);

  const std::vector<double> log_probability =
      cloning.log_probabilities(sequences_of(split.test, false));
  constexpr std::size_t chunk = 256, wide = chunk * static_cast<std::size_t>(predictions);
  Store store(device);
  Actor actor(cloning.policy(), store, {.rows = static_cast<std::int64_t>(wide), .seed = seed});
  ForecastErrors errors;
  const double share = 1.0 / static_cast<double>(split.test.size());
  for (std::size_t first = 0; first < split.test.size(); first += chunk) {
    const std::size_t n = std::min(chunk, split.test.size() - first);
    std::vector<Point> step(wide), at(wide);
    std::vector<Forecast> drawn(wide);
    actor.reset_hidden_state();
    for (std::int64_t t = 0; t + 2 < window_length; ++t) {
      std::vector<double> seen;
      for (std::size_t i = 0; i < wide; ++i) {
        const WalkWindow& window = split.test[first + std::min(i / predictions, n - 1)];
        if (t + 1 < observed) step[i] = window.step(t);
        const std::vector<float> o = step_seen(step[i], window.speed);
        seen.insert(seen.end(), o.begin(), o.end());
      }
      const std::vector<double> action = actor.act(seen);
      if (t + 2 < observed) continue;
      for (std::size_t i = 0; i < wide; ++i) {
        const WalkWindow& window = split.test[first + std::min(i / predictions, n - 1)];
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
      const WalkWindow& window = split.test[first + i];
      double nats = forecast_size * std::log(window.speed / 10);
      for (std::int64_t t = observed - 2; t + 2 < window_length; ++t)
        nats -= log_probability[(first + i) * (window_length - 2) + static_cast<std::size_t>(t)];
      add(errors, window, spatial_median(twenty, alike), twenty, nats / predicted, share);
    }
  }
  return errors;
}

}  // namespace understudy::cli
