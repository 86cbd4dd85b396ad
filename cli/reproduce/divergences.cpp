// understudy reproduce divergences: what a divergence prefers, where the policy is too small for
// its expert. The expert's action has two modes; the policy is one Gaussian, and can cover both or
// seek one of them.
//
// Each learner descends a divergence D_f = E_q f(rho), rho = p / q the ratio of expert and learner:
//
//   (1)  d D_f = E_q [ (f(rho) - rho f'(rho)) d log q ]
//
// so that each is reinforcement by its own reward of the ratio:
//
//   forward KL, KL(p || q)   f = u log u                              reward rho, cloning
//   Jensen-Shannon           f = (u log u - (1 + u) log((1 + u)/2))/2  log((1 + rho)/2)/2, GAIL
//   reverse KL, KL(q || p)   f = -log u                               log rho, AIRL
//   chi^2(p || q)            f = (u - 1)^2                            rho^2
//   chi^2(q || p)            f = 1/u - 1                              -2/rho
//
// (Nowozin, Cseke & Tomioka 2016; Ghasemipour, Zemel & Gu 2020). Once with the ratio exact, by
// quadrature, and once as imitation from demonstrations: the ratio from a classifier of the
// expert's actions and the learner's (logistic regression on bumps), renewed each iteration. Steps
// are natural gradients of mean and log deviation.

#include <algorithm>
#include <cmath>
#include <functional>

#include "algorithms/data/draws.h"
#include "algorithms/evaluation/statistics.h"
#include "autograd/optimize/lbfgs.h"
#include "cli/reproduce/picture.h"
#include "cli/reproduce/reproduce.h"

namespace understudy::cli {

namespace divergences {

using Vector = std::vector<double>;

constexpr std::int64_t default_seeds = 10;
constexpr double pi = 3.14159265358979323846;

struct Gaussian {
  double mean = 0, deviation = 1;
  double density(double a) const {
    const double z = (a - mean) / deviation;
    return std::exp(-0.5 * z * z) / (deviation * std::sqrt(2 * pi));
  }
};
constexpr double share = 0.6;
constexpr Gaussian modes[2] = {{-1, 0.25}, {1, 0.25}};
double expert_density(double a) {
  return share * modes[0].density(a) + (1 - share) * modes[1].density(a);
}

struct Divergence {
  const char *name, *learner;
  std::function<double(double)> f, reward;
};
const std::vector<Divergence>& divergences() {
  static const std::vector<Divergence> all = {
      {"forward KL", "cloning", [](double u) { return u > 0 ? u * std::log(u) : 0; },
       [](double u) { return u; }},
      {"Jensen-Shannon", "GAIL",
       [](double u) {
         return 0.5 * ((u > 0 ? u * std::log(u) : 0) - (1 + u) * std::log((1 + u) / 2));
       },
       [](double u) { return 0.5 * std::log((1 + u) / 2); }},
      {"reverse KL", "AIRL", [](double u) { return -std::log(u); },
       [](double u) { return std::log(u); }},
      {"chi^2(p || q)", "", [](double u) { return (u - 1) * (u - 1); },
       [](double u) { return u * u; }},
      {"chi^2(q || p)", "", [](double u) { return 1 / u - 1; }, [](double u) { return -2 / u; }}};
  return all;
}

constexpr int points = 1201;
constexpr double low = -6, high = 6;
double point(int i) { return low + (high - low) * i / (points - 1); }

double divergence_of(const Divergence& divergence, const Gaussian& q) {
  double sum = 0;
  for (int i = 0; i < points; ++i) {
    const double density = q.density(point(i));
    if (density > 1e-200) sum += density * divergence.f(expert_density(point(i)) / density);
  }
  return sum * (high - low) / (points - 1);
}

// A natural step along (1): the actions have weights that sum to 1 and rewards. The Fisher
// information of (mean, log deviation) is diag(1 / deviation^2, 2).
void step(Gaussian& q, const Vector& actions, const Vector& weights, const Vector& rewards,
          double rate) {
  double middle = 0, square = 0;
  for (std::size_t i = 0; i < actions.size(); ++i) middle += weights[i] * rewards[i];
  for (std::size_t i = 0; i < actions.size(); ++i)
    square += weights[i] * (rewards[i] - middle) * (rewards[i] - middle);
  const double scale = rate / std::max(1e-12, std::sqrt(square));
  double by_mean = 0, by_log = 0;
  for (std::size_t i = 0; i < actions.size(); ++i) {
    const double z = (actions[i] - q.mean) / q.deviation, r = weights[i] * (rewards[i] - middle);
    by_mean += r * z;
    by_log += r * (z * z - 1);
  }
  q.mean += scale * by_mean * q.deviation;
  q.deviation *= std::exp(std::clamp(scale * by_log / 2, -0.1, 0.1));
}

constexpr Gaussian beginning = {0, 1};

Gaussian descended(const Divergence& divergence, Gaussian q) {
  constexpr int steps = 1000;
  Vector actions(points), weights(points), rewards(points);
  for (int t = 0; t < steps; ++t) {
    double total = 0;
    for (int i = 0; i < points; ++i) {
      actions[i] = point(i);
      const double density = q.density(actions[i]);
      // Where the policy never comes there is no reward to speak of.
      weights[i] = density > 1e-12 ? density : 0;
      total += weights[i];
      rewards[i] = weights[i] > 0 ? divergence.reward(expert_density(actions[i]) / density) : 0;
    }
    for (double& weight : weights) weight /= total;
    step(q, actions, weights, rewards, 0.05 / (1 + t / 200.0));
  }
  return q;
}

// The best of where one comes to from between the modes, and from each of them.
Gaussian exact(const Divergence& divergence) {
  Gaussian best = beginning;
  double least = INFINITY;
  for (const Gaussian& start : {beginning, modes[0], modes[1]}) {
    const Gaussian q = descended(divergence, start);
    const double value = divergence_of(divergence, q);
    if (value < least) least = value, best = q;
  }
  return best;
}

class Uniforms {
 public:
  explicit Uniforms(std::uint64_t seed) : draws_(seed, 0x64697665) {}
  double uniform() { return (static_cast<double>(draws_.below(1 << 30)) + 0.5) / (1 << 30); }
  double normal() { return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * pi * uniform()); }

 private:
  Draws draws_;
};

// log p / q of actions, by logistic regression on bumps; the weights go on from call to call.
class Classifier {
 public:
  void fit(const Vector& expert, const Vector& learner) {
    std::vector<Vector> rows;
    for (const Vector* side : {&expert, &learner})
      for (double a : *side) rows.push_back(features(a));
    const double n = static_cast<double>(expert.size());
    const LbfgsObjective loss = [&](const Vector& w, Vector& gradient) {
      constexpr double l2 = 1e-3;
      double value = 0;
      gradient.assign(w.size(), 0.0);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const double sign = i < expert.size() ? 1 : -1;
        double x = 0;
        for (std::size_t c = 0; c < w.size(); ++c) x += w[c] * rows[i][c];
        value += std::log1p(std::exp(-sign * x)) / n;
        const double slope = -sign / (1 + std::exp(sign * x)) / n;
        for (std::size_t c = 0; c < w.size(); ++c) gradient[c] += slope * rows[i][c];
      }
      for (std::size_t c = 0; c < w.size(); ++c) {
        value += 0.5 * l2 * w[c] * w[c];
        gradient[c] += l2 * w[c];
      }
      return value;
    };
    weights_ = minimize(loss, weights_, {.iterations = 10, .gradient_tolerance = 1e-4}).point;
  }
  double log_ratio(double a) const {
    const Vector x = features(a);
    double sum = 0;
    for (std::size_t c = 0; c < x.size(); ++c) sum += weights_[c] * x[c];
    return sum;
  }

 private:
  static constexpr int bumps = 21;
  static Vector features(double a) {
    Vector x;
    for (int c = 0; c < bumps; ++c) {
      const double z = (a - (-2.5 + 5.0 * c / (bumps - 1))) / 0.25;
      x.push_back(std::exp(-0.5 * z * z));
    }
    x.push_back(1);
    x.push_back(a * a / 4);
    return x;
  }
  Vector weights_ = Vector(bumps + 2, 0.0);
};

struct Options {
  std::int64_t demonstrations = 500, iterations = 150;
};
void list_options(OptionList& list, Options& o) {
  list.fields(o, option("demonstrations", o.demonstrations, "the expert's actions", {.least = 2}),
              option("iterations", o.iterations, "of a learner", {.least = 1}));
}

Gaussian imitated(const Divergence& divergence, std::uint64_t seed, const Options& options) {
  Uniforms random(seed);
  Vector shown;
  for (std::int64_t i = 0; i < options.demonstrations; ++i) {
    const Gaussian& mode = modes[random.uniform() < share ? 0 : 1];
    shown.push_back(mode.mean + mode.deviation * random.normal());
  }
  Gaussian q = beginning;
  Classifier classifier;
  const auto n = static_cast<std::size_t>(options.demonstrations);
  const Vector weights(n, 1.0 / static_cast<double>(n));
  for (std::int64_t t = 0; t < options.iterations; ++t) {
    Vector own, rewards;
    for (std::size_t i = 0; i < n; ++i) own.push_back(q.mean + q.deviation * random.normal());
    classifier.fit(shown, own);
    for (double a : own)
      rewards.push_back(
          divergence.reward(std::exp(std::clamp(classifier.log_ratio(a), -6.0, 6.0))));
    step(q, own, weights, rewards, 0.1 / (1 + static_cast<double>(t) / 50));
  }
  return q;
}

// The policy's mass within two deviations of either mode, and between them.
double mass(const Gaussian& q, double from, double to) {
  const auto below = [&](double a) {
    return 0.5 * std::erfc(-(a - q.mean) / (q.deviation * std::sqrt(2.0)));
  };
  return below(to) - below(from);
}

void run(Reproduction& reproduction, const Options& options) {
  const std::int64_t seeds = reproduction.seeds_or(default_seeds);
  Table table{
      "One Gaussian for 0.6 N(-1, 0.25) + 0.4 N(1, 0.25), exact: the policy and all divergences",
      {"descends", "learner", "mean", "deviation", "at -1", "between", "at 1"},
      {},
      "at -1, between, at 1: mass in [-1.5, -0.5], [-0.5, 0.5] and [0.5, 1.5]; the expert has "
      "0.573, 0.023 and 0.382"};
  for (const Divergence& divergence : divergences()) table.columns.push_back(divergence.name);
  Table sampled{
      formatted("The same as imitation of %lld demonstrations, the ratio from a classifier",
                static_cast<long long>(options.demonstrations)),
      {"descends", "mean", "deviation", "between", "its divergence", "exact learner's"},
      {},
      formatted("medians of %lld seeds; %lld iterations", static_cast<long long>(seeds),
                static_cast<long long>(options.iterations))};
  Curve expert{"the expert", "s6 d1", {}, {}};
  for (int i = 0; i < points; i += 4)
    if (std::abs(point(i)) <= 3) expert.points.push_back({point(i), expert_density(point(i))});
  std::vector<Curve> curves = {expert};
  for (const Divergence& divergence : divergences()) {
    throw_if_interrupted();
    const Gaussian q = exact(divergence);
    std::vector<Json> row = {divergence.name,
                             divergence.learner,
                             formatted("%.3f", q.mean),
                             formatted("%.3f", q.deviation),
                             formatted("%.3f", mass(q, -1.5, -0.5)),
                             formatted("%.3f", mass(q, -0.5, 0.5)),
                             formatted("%.3f", mass(q, 0.5, 1.5))};
    for (const Divergence& other : divergences())
      row.push_back(formatted("%.3g", divergence_of(other, q)));
    table.rows.push_back(std::move(row));
    Curve curve{divergence.name, series_class(curves.size() - 1), {}, {}};
    for (int i = 0; i < points; i += 4)
      if (std::abs(point(i)) <= 3) curve.points.push_back({point(i), q.density(point(i))});
    curves.push_back(std::move(curve));

    Vector means, deviations, between, own;
    for (std::int64_t i = 0; i < seeds; ++i) {
      throw_if_interrupted();
      const Gaussian found = imitated(divergence, reproduction.seed(i), options);
      means.push_back(found.mean);
      deviations.push_back(found.deviation);
      between.push_back(mass(found, -0.5, 0.5));
      own.push_back(divergence_of(divergence, found));
    }
    sampled.rows.push_back(
        {divergence.name, formatted("%.3f", median_of(means)),
         formatted("%.3f", median_of(deviations)), formatted("%.3f", median_of(between)),
         formatted("%.3g", median_of(own)), formatted("%.3g", divergence_of(divergence, q))});
  }
  reproduction.tables.push_back(std::move(table));
  reproduction.tables.push_back(std::move(sampled));
  Panel panel = panel_of(std::move(curves), "action", "density");
  panel.marks = false;
  panel.y.low = 0;
  reproduction.pictures.emplace_back("divergences.svg", picture_of({panel}));
}

}  // namespace divergences

Experiment divergences_experiment() {
  return with_settings<divergences::Options>(
      "divergences", "What a divergence prefers: a policy too small for a bimodal expert",
      "Nowozin et al. 2016; Ghasemipour et al. 2020 (no table of theirs)", divergences::run);
}

}  // namespace understudy::cli
