// Handwritten letters, free-running: a policy conditioned on the letter and the start of the pen
// draws the rest by itself and is compared with a held-out drawing by a person.
//
// A step is 0.04 s. The policy observes the pen's position, the letter and the elapsed share of the
// drawing's time, and outputs the pen's displacement; the next position follows from its own
// output. It was trained on a person's positions, so its errors lead to states without training
// data. The ways to train it differ in nothing else:
//
//   teacher forcing       the person's positions
//   perturb and correct   noisy positions; the target displacement leads back
//   scheduled sampling    more and more the policy's own positions; the person's displacements
//   ... with correction   the same; the target displacement leads to the person's next position
//   ... and blends        that, also on convex combinations of two drawings, sample by sample (all
//                         take two seconds)
//
// The two highest demonstration numbers of each letter are held out. Errors are mean distances a
// sample (of 200, interpolated between steps), and along the best alignment in time (DTW:
// accumulated distance over the path's length, on every second sample).

#include <algorithm>
#include <cmath>
#include <memory>

#include "algorithms/data/draws.h"
#include "algorithms/policies/actor.h"
#include "cli/demo/strokes.h"
#include "cli/reproduce/reproduce.h"
#include "cli/reproduce/train_cloning.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace letters {

constexpr std::int64_t samples = letter_samples, stride = 4, steps = samples / stride;
constexpr std::uint64_t blend_stream = (std::uint64_t{1} << 32) + 81;
constexpr double position_scale = 5, action_scale = 25;  // positions reach 0.37, steps 0.04

struct Settings {
  std::int64_t iterations = 800, hidden = 64, batch = 32;
  std::int64_t blends = 4;
  double rate = 3e-3, perturbation = 0.1;  // the latter in scaled positions: 0.02 units
};
void list_options(OptionList& list, Settings& o) {
  list.fields(
      o, option("iterations", o.iterations, "steps of training", {.least = 1}),
      option("hidden", o.hidden, "units of the GRU", {.least = 1}),
      option("batch_size", o.batch, "windows a step", {.least = 1}),
      option("blends", o.blends, "of each drawing with others", {.least = 1}),
      option("learning_rate", o.rate, "Adam's", {.above = 0}),
      option("perturbation", o.perturbation,
             "standard deviation of noise on positions, in fifths of a unit", {.above = 0}));
}

struct Method {
  const char* name;
  bool perturbed;
  TeacherSchedule::Kind kind;
  bool relabel, blended;
};
constexpr auto always = TeacherSchedule::Kind::always, linear = TeacherSchedule::Kind::linear;
const Method methods[] = {{"teacher forcing", false, always, false, false},
                          {"perturb and correct", true, always, false, false},
                          {"scheduled sampling", false, linear, false, false},
                          {"scheduled sampling, corrected", false, linear, true, false},
                          {"... on blends of drawings too", false, linear, true, true}};

std::vector<float> observation(const Point& at, std::int64_t step, const Letter& letter,
                               const Letters& data) {
  std::vector<float> o = {static_cast<float>(position_scale * at.x),
                          static_cast<float>(position_scale * at.y),
                          static_cast<float>(2.0 * static_cast<double>(step) / steps - 1)};
  for (std::int64_t l = 0; l < data.letters; ++l) o.push_back(l == letter.letter ? 1.0f : 0.0f);
  return o;
}

// A convex combination of two drawings of the same letter.
Letter blend(const Letter& a, const Letter& b, double share) {
  Letter result = a;
  for (std::size_t t = 0; t < a.points.size(); ++t)
    result.points[t] = {share * a.points[t].x + (1 - share) * b.points[t].x,
                        share * a.points[t].y + (1 - share) * b.points[t].y};
  return result;
}

// Of each training drawing, and optionally of so many blends of it with others.
Transitions sequences_of(const Letters& data, std::int64_t blends, std::uint64_t seed) {
  Transitions result = Transitions::of_numbers(3 + data.letters, 2);
  std::vector<Letter> shown;
  Draws draws(seed, blend_stream);
  for (const Letter& letter : data.all) {
    if (!letter.training) continue;
    shown.push_back(letter);
    std::vector<const Letter*> others;
    for (const Letter& other : data.all)
      if (other.training && other.letter == letter.letter && &other != &letter)
        others.push_back(&other);
    for (std::int64_t i = 0; i < blends && !others.empty(); ++i) {
      const auto other = static_cast<std::size_t>(draws.below(std::ssize(others)));
      shown.push_back(blend(letter, *others[other], static_cast<double>(draws.below(1001)) / 1000));
    }
  }
  for (const Letter& letter : shown) {
    for (std::int64_t t = 0; t + 1 < steps; ++t) {
      const Point a = letter.points[static_cast<std::size_t>(t * stride)];
      const Point b = letter.points[static_cast<std::size_t>((t + 1) * stride)];
      result.append(observation(a, t, letter, data),
                    {static_cast<float>(action_scale * (b.x - a.x)),
                     static_cast<float>(action_scale * (b.y - a.y))});
    }
    result.end_sequence();
  }
  return result;
}

// Samples 0, 1, ... from positions at every `stride`-th; past the last one it goes on straight.
Path between(const Path& coarse) {
  Path result;
  for (std::int64_t t = 0; t < samples; ++t) {
    const std::size_t i = std::min(static_cast<std::size_t>(t / stride), coarse.size() - 2);
    const double part = static_cast<double>(t - static_cast<std::int64_t>(i) * stride) / stride;
    result.push_back({coarse[i].x + part * (coarse[i + 1].x - coarse[i].x),
                      coarse[i].y + part * (coarse[i + 1].y - coarse[i].y)});
  }
  return result;
}

double distance(const Point& a, const Point& b) { return std::hypot(a.x - b.x, a.y - b.y); }

// Dynamic time warping (Sakoe & Chiba 1978) on every second sample: the least accumulated distance
// over an alignment, divided by the alignment's length.
double warped(const Path& a, const Path& b) {
  const std::size_t n = a.size() / 2;
  struct Cell {
    double cost = INFINITY;
    double length = 0;
  };
  std::vector<Cell> last(n), now(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      Cell best;
      if (i == 0 && j == 0) best = {0, 0};
      for (const Cell* from : {i > 0 ? &last[j] : nullptr, j > 0 ? &now[j - 1] : nullptr,
                               i > 0 && j > 0 ? &last[j - 1] : nullptr})
        if (from != nullptr && from->cost < best.cost) best = *from;
      now[j] = {best.cost + distance(a[2 * i], b[2 * j]), best.length + 1};
    }
    std::swap(last, now);
  }
  return last[n - 1].cost / last[n - 1].length;
}

// Samples of 0.01 s.
constexpr std::int64_t horizons[] = {20, 40, 60, 80, 100, 120, 140, 160, 180, 199};

struct Score {
  double mean = 0, aligned = 0;
  double at[std::size(horizons)] = {};
};

Score score_of(const std::vector<const Letter*>& letters, const std::vector<Path>& drawn) {
  Score score;
  const double share = 1.0 / static_cast<double>(letters.size());
  for (std::size_t i = 0; i < letters.size(); ++i) {
    const Path& truth = letters[i]->points;
    for (std::size_t t = 0; t < truth.size(); ++t)
      score.mean += share * distance(truth[t], drawn[i][t]) / static_cast<double>(samples);
    score.aligned += share * warped(truth, drawn[i]);
    for (std::size_t h = 0; h < std::size(horizons); ++h) {
      const std::size_t t = static_cast<std::size_t>(horizons[h]);
      score.at[h] += share * distance(truth[t], drawn[i][t]);
    }
  }
  return score;
}

// The mean of a letter's training drawings, sample by sample, moved to where the pen starts.
std::vector<Path> mean_drawings(const Letters& data, const std::vector<const Letter*>& letters) {
  std::vector<Path> result;
  for (const Letter* letter : letters) {
    Path mean(samples);
    double count = 0;
    for (const Letter& other : data.all)
      if (other.training && other.letter == letter->letter) {
        ++count;
        for (std::size_t t = 0; t < mean.size(); ++t)
          mean[t] = {mean[t].x + other.points[t].x, mean[t].y + other.points[t].y};
      }
    for (Point& p : mean) p = {p.x / count, p.y / count};
    const Point shift = {letter->points[0].x - mean[0].x, letter->points[0].y - mean[0].y};
    for (Point& p : mean) p = {p.x + shift.x, p.y + shift.y};
    result.push_back(std::move(mean));
  }
  return result;
}

std::vector<Path> drawn_by(Policy& policy, const Letters& data,
                           const std::vector<const Letter*>& letters) {
  Store store(policy.device());
  Actor actor(policy, store,
              {.rows = static_cast<std::int64_t>(letters.size()), .deterministic = true});
  std::vector<Path> drawn;
  for (const Letter* letter : letters) drawn.push_back({letter->points[0]});
  for (std::int64_t t = 0; t + 1 < steps; ++t) {
    std::vector<double> seen;
    for (std::size_t i = 0; i < letters.size(); ++i) {
      const std::vector<float> o = observation(drawn[i].back(), t, *letters[i], data);
      seen.insert(seen.end(), o.begin(), o.end());
    }
    const std::vector<double> a = actor.act(seen);
    for (std::size_t i = 0; i < letters.size(); ++i) {
      const Point at = drawn[i].back();
      drawn[i].push_back({at.x + a[2 * i] / action_scale, at.y + a[2 * i + 1] / action_scale});
    }
  }
  for (Path& path : drawn) path = between(path);
  return drawn;
}

void run(Reproduction& reproduction, const Settings& settings) {
  const Letters data = read_letters(reproduction.data_folder("letters2d"));
  std::vector<const Letter*> held_out;
  for (const Letter& letter : data.all)
    if (!letter.training) held_out.push_back(&letter);
  if (held_out.empty() || held_out.size() == data.all.size())
    fail(ErrorKind::bad_file, "letters: no letters to train on, or none held out");
  Session session(reproduction.common);
  const std::int64_t seeds = reproduction.seeds_or(5);
  Progress progress(static_cast<std::int64_t>(std::size(methods)) * seeds * settings.iterations,
                    reproduction.common.quiet);

  Table table{"Free-running drawings of unseen letters (" + std::to_string(held_out.size()) + ")",
              {"model", "mean distance", "aligned (DTW)"},
              {},
              ""};
  Table curve{"Mean distance at a horizon", {"model"}, {}, ""};
  for (std::int64_t h : horizons) curve.columns.push_back(formatted("%.1f s", 0.01 * double(h)));
  const auto add = [&](const std::string& name, const std::vector<Score>& scores) {
    std::vector<double> mean, aligned;
    std::vector<Json> at = {name};
    for (const Score& score : scores) {
      mean.push_back(score.mean);
      aligned.push_back(score.aligned);
    }
    const auto text = [](const std::vector<double>& values) {
      const Spread spread = spread_of(values);
      return values.size() < 2
                 ? formatted("%.4f", spread.mean)
                 : formatted("%.4f ± %.4f", spread.mean, (spread.high - spread.low) / 2);
    };
    for (std::size_t h = 0; h < std::size(horizons); ++h) {
      std::vector<double> values;
      for (const Score& score : scores) values.push_back(score.at[h]);
      at.push_back(text(values));
    }
    table.rows.push_back({name, text(mean), text(aligned)});
    curve.rows.push_back(at);
  };
  add("mean of the letter's drawings, moved (reference: 0.0459, 0.0175)",
      {score_of(held_out, mean_drawings(data, held_out))});

  for (const Method& method : methods) {
    std::vector<Score> scores;
    for (std::int64_t seed = 0; seed < seeds; ++seed) {
      SequenceCloning::Options options;
      options.policy.trunk = {.name = "gru", .hidden = {settings.hidden, settings.hidden}};
      options.policy.head = {"regression"};
      options.batch_size = settings.batch;
      options.steps = steps;
      options.learning_rate = settings.rate;
      options.seed = reproduction.seed(seed);
      options.decay = {1, 1};
      options.gain = {position_scale / action_scale, position_scale / action_scale};
      options.relabel = method.relabel;
      // One action corrects half of the deviation.
      options.correction = 0.5;
      options.draw = false;
      if (method.perturbed) options.perturbation = settings.perturbation;
      options.teacher = {.kind = method.kind,
                         .scale = 0.7 * static_cast<double>(settings.iterations)};
      options.schedule = {.steps = settings.iterations, .last = 0.02};
      const Transitions train =
          sequences_of(data, method.blended ? settings.blends : 0, options.seed);
      SequenceCloning cloning(session.device(), train, options);
      train_cloning(cloning, settings.iterations, [&](std::int64_t i, double loss) {
        progress.step(method.name, i, settings.iterations, formatted("loss %.4f", loss));
      });
      scores.push_back(score_of(held_out, drawn_by(cloning.policy(), data, held_out)));
    }
    add(method.name, scores);
  }
  table.note = formatted(
      "a GRU of %lld that sees position, letter and time; %lld steps of training, %lld seeds",
      static_cast<long long>(settings.hidden), static_cast<long long>(settings.iterations),
      static_cast<long long>(seeds));
  reproduction.tables.push_back(table);
  reproduction.tables.push_back(curve);
}

}  // namespace letters

Experiment letters_experiment() {
  return with_settings<letters::Settings>(
      "letters", "Letters drawn free-running: compounding errors of a policy",
      "Bengio et al. 2015; Venkatraman et al. 2015; letters2d (Idiap)", letters::run);
}

}  // namespace understudy::cli
