// Multimodal demonstrations: every action distribution on three tasks, one table each.
//
//   tree       the lecture's: a road with a tree in it, passed on the left or on the right; the
//              action is the lateral position before the tree and beside it (generated)
//   strokes    Omniglot: given a character, where a stroke starts and how the pen came there, the
//              pen's displacement over the first 12 canvas units of the stroke
//   letters    20 capital letters: given the pen's position alone, its displacement over the next
//              0.1 s, at points where letters cross
//
// Least squares predicts the average of the modes, where no demonstration is. The table has the
// held-out log-likelihood (exact, or marked as a lower bound), the error of the best of k samples,
// and the share of samples far from every demonstrated action: in the tree, or more than 0.4
// standard deviations from every action demonstrated in similar states.

#include <algorithm>
#include <cmath>
#include <memory>

#include "algorithms/data/draws.h"
#include "algorithms/policies/actor.h"
#include "algorithms/policies/bins.h"
#include "algorithms/policies/latent.h"
#include "cli/demo/strokes.h"
#include "cli/reproduce/reproduce.h"
#include "cli/reproduce/train_cloning.h"

namespace understudy::cli {

namespace multimodal {

struct Settings {
  std::int64_t iterations = 1500, batch = 256, bins = 24;
  double rate = 2e-3;
};
void list_options(OptionList& list, Settings& o) {
  list.fields(o, option("iterations", o.iterations, "steps of training", {.least = 1}),
              option("batch_size", o.batch, "rows a step", {.least = 1}),
              option("bins", o.bins, "in each dimension", {.least = 2}),
              option("learning_rate", o.rate, "Adam's", {.above = 0}));
}

// Situations and what people did there, a sequence of one row each.
struct Task {
  std::string title, off;
  Transitions train, held_out;
  // Whether nobody goes there from held-out row i.
  std::function<bool(std::int64_t, const double* action)> nobody;
};

struct Head {
  const char* name;
  const char* head;
};
const Head heads[] = {{"regression", "regression"},
                      {"Gaussian", "gaussian"},
                      {"Gaussian, full covariance", "full_gaussian"},
                      {"mixture", "mixture"},
                      {"mixture, full covariances", "full_mixture"},
                      {"bins, independent", "independent_bins"},
                      {"bins, joint", "joint_bins"},
                      {"bins, masked autoregressive", "autoregressive"},
                      {"bins, recurrent autoregressive", "recurrent_bins"},
                      {"best of 10", "best_of"},
                      {"variational", "variational"},
                      {"adversarial", "adversarial"}};

void append(Transitions& to, const std::vector<float>& input, double x, double y) {
  to.append(input, {static_cast<float>(x), static_cast<float>(y)});
  to.end_sequence();
}

// ---- the tree in the road; lengths in units of 0.15 road lengths ----

constexpr std::int64_t tree_train = 6000, tree_held_out = 1000;

double uniform(Draws& draws, double low, double high) {
  constexpr std::int64_t steps = std::int64_t{1} << 52;
  return low + (high - low) * (static_cast<double>(draws.below(steps)) + 0.5) / steps;
}

Task tree_task() {
  Task task{"The tree in the road",
            "in the tree",
            Transitions::of_numbers(3, 2),
            Transitions::of_numbers(3, 2),
            {}};
  Draws draws(1, 7);
  for (std::int64_t i = 0; i < tree_train + tree_held_out; ++i) {
    const double start = uniform(draws, -1.3, 1.3), tree = uniform(draws, -1, 1);
    const double radius = uniform(draws, 0.5, 1);
    const double left = 1 / (1 + std::exp(-(start - tree) / 2));  // the nearer side a little more
    const double side = uniform(draws, 0, 1) < left ? 1 : -1;
    const double beside = tree + side * (radius + uniform(draws, 0.4, 0.65));
    const double before = 0.4 * start + 0.6 * beside + uniform(draws, -0.1, 0.1);
    append(i < tree_train ? task.train : task.held_out,
           {static_cast<float>(start), static_cast<float>(tree), static_cast<float>(radius)},
           before, beside);
  }
  const std::vector<float> inputs = task.held_out.observations.numbers;
  task.nobody = [inputs](std::int64_t i, const double* action) {
    const std::size_t at = static_cast<std::size_t>(3 * i);
    return std::abs(action[1] - static_cast<double>(inputs[at + 1])) <
           static_cast<double>(inputs[at + 2]);
  };
  return task;
}

// Whether an action is further than `far` from all those that people took there.
bool far_from_all(const std::vector<Point>& actions, const double* action, double far) {
  return std::none_of(actions.begin(), actions.end(), [&](const Point& a) {
    return std::hypot(a.x - action[0], a.y - action[1]) <= far;
  });
}

constexpr double near_share = 0.4;  // of the actions' deviation: "near"

// Actions divided by their common deviation, so that numbers of tasks are alike. Returns it.
double scale_actions(Task& task) {
  double squares = 0;
  for (float a : task.train.actions.numbers)
    squares += static_cast<double>(a) * static_cast<double>(a);
  const double deviation =
      std::sqrt(squares / static_cast<double>(task.train.actions.numbers.size()));
  for (Transitions* sequences : {&task.train, &task.held_out})
    for (float& a : sequences->actions.numbers)
      a = static_cast<float>(static_cast<double>(a) / deviation);
  return deviation;
}

Point action_of(const Transitions& sequences, std::int64_t row) {
  const float* a = sequences.action(row);
  return {static_cast<double>(a[0]), static_cast<double>(a[1])};
}

// What people did in the situations like each held-out one: of all people, but for that row itself.
template <class Alike>
void nobody_by_neighbors(Task& task, const Alike& alike) {
  std::vector<std::vector<Point>> done;
  for (std::int64_t i = 0; i < task.held_out.rows(); ++i) {
    std::vector<Point> here;
    for (const bool training : {true, false}) {
      const Transitions& from = training ? task.train : task.held_out;
      for (std::int64_t j = 0; j < from.rows(); ++j)
        if ((training || i != j) && alike(i, from, j)) here.push_back(action_of(from, j));
    }
    done.push_back(std::move(here));
  }
  task.nobody = [done](std::int64_t i, const double* action) {
    return far_from_all(done[static_cast<std::size_t>(i)], action, near_share);
  };
}

// ---- Omniglot's stroke starts ----

Task stroke_task(const std::string& folder) {
  constexpr std::size_t ahead = 4;           // points of 3 canvas units
  constexpr double like = 15, canvas = 105;  // starts nearer than this are alike
  const Drawings drawings = read_drawings(folder);
  const std::int64_t width = 5 + drawings.characters;
  Task task{"Omniglot's stroke starts",
            "nobody's",
            Transitions::of_numbers(width, 2),
            Transitions::of_numbers(width, 2),
            {}};
  for (const Drawing& drawing : drawings.all) {
    Point end;
    for (std::size_t s = 0; s < drawing.strokes.size(); ++s) {
      const Path& stroke = drawing.strokes[s];
      const Point at = stroke[0];
      std::vector<float> o = {static_cast<float>(2 * at.x / canvas - 1),
                              static_cast<float>(2 * at.y / canvas + 1), s == 0 ? 1.0f : 0.0f,
                              s == 0 ? 0.0f : static_cast<float>((at.x - end.x) / canvas),
                              s == 0 ? 0.0f : static_cast<float>((at.y - end.y) / canvas)};
      for (std::int64_t c = 0; c < drawings.characters; ++c)
        o.push_back(c == drawing.character ? 1.0f : 0.0f);
      end = stroke.back();
      if (stroke.size() <= ahead) continue;
      append(drawing.drawer <= 13 ? task.train : task.held_out, o, stroke[ahead].x - at.x,
             stroke[ahead].y - at.y);
    }
  }
  scale_actions(task);
  const Transitions held_out = task.held_out;
  nobody_by_neighbors(task, [&](std::int64_t i, const Transitions& from, std::int64_t j) {
    const float* a = held_out.observation(i);
    const float* b = from.observation(j);
    return std::equal(a + 5, a + width, b + 5) &&
           std::hypot(static_cast<double>(a[0] - b[0]), static_cast<double>(a[1] - b[1])) <
               2 * like / canvas;
  });
  return task;
}

// ---- letters at their crossing points ----

Task letter_task(const std::string& folder) {
  constexpr std::int64_t ahead = 10, every = 5;
  constexpr double like = 0.02;  // positions nearer than this are alike
  const Letters letters = read_letters(folder);
  Task task{"Letters at their crossing points",
            "nobody's",
            Transitions::of_numbers(2, 2),
            Transitions::of_numbers(2, 2),
            {}};
  Transitions tested = Transitions::of_numbers(2, 2);
  for (const Letter& letter : letters.all)
    for (std::int64_t t = 0; t + ahead < letter_samples; t += every) {
      const Point p = letter.points[static_cast<std::size_t>(t)];
      const Point q = letter.points[static_cast<std::size_t>(t + ahead)];
      append(letter.training ? task.train : tested,
             {static_cast<float>(5 * p.x), static_cast<float>(5 * p.y)}, q.x - p.x, q.y - p.y);
    }
  task.held_out = tested;
  scale_actions(task);
  tested = task.held_out;
  task.held_out = Transitions::of_numbers(2, 2);
  const auto alike = [&](const Transitions& a, std::int64_t i, const Transitions& b,
                         std::int64_t j) {
    const float* x = a.observation(i);
    const float* y = b.observation(j);
    return std::hypot(static_cast<double>(x[0] - y[0]), static_cast<double>(x[1] - y[1])) <
           5 * like;
  };
  // A crossing: training actions from there of which a fifth lead more than 60 degrees off the
  // others' mean direction.
  for (std::int64_t i = 0; i < tested.rows(); ++i) {
    std::vector<Point> here;
    Point sum;
    for (std::int64_t j = 0; j < task.train.rows(); ++j)
      if (alike(tested, i, task.train, j)) {
        Point a = action_of(task.train, j);
        const double length = std::max(1e-9, std::hypot(a.x, a.y));
        here.push_back({a.x / length, a.y / length});
        sum = {sum.x + here.back().x, sum.y + here.back().y};
      }
    const double length = std::max(1e-9, std::hypot(sum.x, sum.y));
    const auto aside = std::count_if(here.begin(), here.end(), [&](const Point& a) {
      return (a.x * sum.x + a.y * sum.y) / length < 0.5;
    });
    if (here.size() < 5 || static_cast<std::size_t>(aside) * 5 < here.size()) continue;
    const Point a = action_of(tested, i);
    append(task.held_out, {tested.observation(i)[0], tested.observation(i)[1]}, a.x, a.y);
  }
  const Transitions held_out = task.held_out;
  nobody_by_neighbors(task, [&](std::int64_t i, const Transitions& from, std::int64_t j) {
    return alike(held_out, i, from, j);
  });
  return task;
}

// ---- one model on one task ----

struct Measured {
  double nats = NAN;  // mean log p
  bool bound = false;
  double best[3] = {};  // of 1, 5, 20
  double off = 0;       // share of samples, in percent
};
constexpr int draws_of[] = {1, 5, 20};

// The densest that a learned Gaussian may be, and a bin as dense.
constexpr double least_deviation = 0.03, least_width = 2.5 * least_deviation;

std::vector<double> edges_for(const Transitions& train, std::int64_t bins) {
  std::vector<double> edges = Bins::quantile(train.actions.numbers, 2, bins, least_width);
  // Held-out actions reach a little further than training's.
  const std::size_t one = static_cast<std::size_t>(bins) + 1;
  for (std::size_t d = 0; d < 2; ++d) {
    double &low = edges[d * one], &high = edges[(d + 1) * one - 1];
    const double margin = 0.05 * (high - low);
    low -= margin;
    high += margin;
  }
  return edges;
}

Measured measure(Device& device, const Task& task, const HeadDescription& head,
                 const Settings& settings, std::uint64_t seed, const ReportLoss& report) {
  SequenceCloning::Options options;
  options.policy.trunk = {.name = "mlp", .hidden = {64, 64}};
  const bool adversarial = head.name() == AdversarialHeadOptions::head;
  options.policy.head = head;
  options.policy.head.set("state_dependent_std", true);
  options.policy.head.set("min_std", least_deviation);
  options.policy.head.set("max_std", 10.0);
  options.policy.head.set("components", std::int64_t{8});
  options.policy.head.set("bins", settings.bins);
  options.policy.head.set("edges", edges_for(task.train, settings.bins));
  if (adversarial) options.policy.head.set("hidden", "64,64");
  options.batch_size = settings.batch;
  options.steps = 1;
  options.learning_rate = settings.rate;
  options.momentum = adversarial ? 0 : 0.9;
  options.gradient_norm = 10;
  options.warm_up = static_cast<double>(settings.iterations) / 4;
  options.seed = seed;
  SequenceCloning cloning(device, task.train, options);
  train_cloning(cloning, settings.iterations, report);
  Measured result;
  const std::int64_t n = task.held_out.rows();
  const HeadTraits& traits = head.row().traits;
  const bool scored = traits.likelihood || traits.bound;
  if (scored) {
    result.nats = 0;
    for (double value : cloning.log_probabilities(task.held_out, 200))
      result.nats += value / static_cast<double>(n);
    result.bound = traits.bound;
  }
  Store store(device);
  Actor actor(cloning.policy(), store, {.rows = n, .seed = seed});
  const std::vector<double> inputs(task.held_out.observations.numbers.begin(),
                                   task.held_out.observations.numbers.end());
  std::vector<double> nearest(static_cast<std::size_t>(n), INFINITY);
  double off = 0;
  int column = 0;
  for (int k = 1; k <= draws_of[2]; ++k) {
    const std::vector<double> actions = actor.act(inputs);
    for (std::int64_t i = 0; i < n; ++i) {
      const double* a = &actions[static_cast<std::size_t>(2 * i)];
      const Point truth = action_of(task.held_out, i);
      double& least = nearest[static_cast<std::size_t>(i)];
      least = std::min(least, std::hypot(a[0] - truth.x, a[1] - truth.y));
      off += task.nobody(i, a);
    }
    if (k != draws_of[column]) continue;
    for (double distance : nearest) result.best[column] += distance / static_cast<double>(n);
    ++column;
  }
  result.off = 100 * off / static_cast<double>(n * draws_of[2]);
  return result;
}

void run(Reproduction& reproduction, const Settings& settings) {
  std::vector<Task> tasks = {tree_task(), stroke_task(reproduction.data_folder("omniglot_strokes")),
                             letter_task(reproduction.data_folder("letters2d"))};
  Session session(reproduction.common);
  const std::int64_t seeds = reproduction.seeds_or(3);
  Progress progress(
      static_cast<std::int64_t>(std::size(heads) * tasks.size()) * seeds * settings.iterations,
      reproduction.common.quiet);
  for (const Task& task : tasks) {
    Table table{
        task.title,
        {"distribution", "log-likelihood", "", "best of 1", "of 5", "of 20", task.off + " %"},
        {},
        ""};
    for (const Head& head : heads) {
      std::vector<double> nats, best[3], off;
      bool bound = false;
      for (std::int64_t seed = 0; seed < seeds; ++seed) {
        const Measured found =
            measure(session.device(), task, head.head, settings, reproduction.seed(seed),
                    loss_on(progress, task.title + ", " + head.name, settings.iterations));
        nats.push_back(found.nats);
        for (int k = 0; k < 3; ++k) best[k].push_back(found.best[k]);
        off.push_back(found.off);
        bound = found.bound;
      }
      const bool known = !std::isnan(nats[0]);
      table.rows.push_back({head.name, known ? Json(shown(spread_of(nats))) : Json("not known"),
                            known ? (bound ? "bound" : "exact") : "", shown(spread_of(best[0])),
                            shown(spread_of(best[1])), shown(spread_of(best[2])),
                            shown(spread_of(off))});
    }
    double people = 0;
    for (std::int64_t i = 0; i < task.held_out.rows(); ++i) {
      const Point a = action_of(task.held_out, i);
      const double action[] = {a.x, a.y};
      people += 100.0 * task.nobody(i, action) / static_cast<double>(task.held_out.rows());
    }
    table.rows.push_back({"(the held-out people)", nullptr, nullptr, nullptr, nullptr, nullptr,
                          formatted("%.1f", people)});
    table.note = formatted(
        "%lld rows train, %lld are held out; %lld seeds; actions in units of their deviation; "
        "learned deviations above %g and bins wider than %g; regression's deviation is 1",
        static_cast<long long>(task.train.rows()), static_cast<long long>(task.held_out.rows()),
        static_cast<long long>(seeds), least_deviation, least_width);
    reproduction.tables.push_back(table);
  }
}

}  // namespace multimodal

Experiment multimodal_experiment() {
  return with_settings<multimodal::Settings>(
      "multimodal", "Every action distribution on multimodal demonstrations",
      "Bishop 1994; Omniglot (Lake et al. 2015) and letters2d (Idiap), generated roads",
      multimodal::run);
}

}  // namespace understudy::cli
