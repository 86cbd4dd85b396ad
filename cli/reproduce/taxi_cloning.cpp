// Taxis in Shanghai by cloning, the destination as the goal: pi(direction | link, destination).
//
// Both links are indices and are embedded; beside them stand where the destination lies from here
// and how the link heads. A policy is trained for all destinations at once, on trips to their own
// destination or, in hindsight, to any later link of the trip as well; counts make one policy a
// destination, to compare. A direction that does not exist at a link has no probability: scores
// are over those that do. The state and the splits are the data README's: folds 1 to 3 train, fold
// 4 is held out.

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>

#include "algorithms/cloning/augmentation.h"
#include "algorithms/cloning/behavior_cloning.h"
#include "algorithms/tabular/networks.h"
#include "autograd/files/csv.h"
#include "cli/reproduce/reproduce.h"
#include "cli/reproduce/routes.h"
#include "cli/session/progress.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

constexpr std::int64_t directions = 8;

struct Settings {
  std::int64_t iterations = 8000, batch = 256, hidden = 128, embedding = 32;
  double rate = 2e-3, weight_decay = 1e-2;
};
void list_options(OptionList& list, Settings& o) {
  list.fields(o, option("iterations", o.iterations, "steps of training", {.least = 1}),
              option("batch_size", o.batch, "rows a step", {.least = 1}),
              option("hidden", o.hidden, "units of both layers", {.least = 1}),
              option("embedding", o.embedding, "numbers that a link becomes", {.least = 1}),
              option("learning_rate", o.rate, "Adam's", {.above = 0}),
              option("weight_decay", o.weight_decay, "AdamW's", {.least = 0}));
}

struct Link {
  double x[2], y[2];                 // of both ends, kilometers from the first link's
  std::int32_t to[directions] = {};  // the next link by direction, or -1
};

struct Trip {
  Route route;
  std::vector<std::int64_t> turns;  // route.size() - 1
  std::int64_t fold = 0;
};

struct Data {
  std::vector<Link> links;
  std::vector<Trip> trips;
};

Data read(const std::string& folder) {
  Data data;
  const files::Csv network = files::Csv::open(folder + "/links.csv");
  const std::vector<double> lon[2] = {network.numbers("lon_from"), network.numbers("lon_to")};
  const std::vector<double> lat[2] = {network.numbers("lat_from"), network.numbers("lat_to")};
  // A degree of latitude is 111.2 km; of longitude less, by the cosine of the latitude.
  constexpr double degree = 111.2;
  for (std::size_t i = 0; i < network.rows(); ++i) {
    Link link;
    std::fill_n(link.to, directions, -1);
    for (std::size_t end : {0u, 1u}) {
      link.x[end] = degree * std::cos(lat[0][0] * 0.0174533) * (lon[end][i] - lon[0][0]);
      link.y[end] = degree * (lat[end][i] - lat[0][0]);
    }
    data.links.push_back(link);
  }
  const files::Csv table = files::Csv::open(folder + "/transitions.csv");
  const auto from = table.integers("from_link"), to = table.integers("to_link");
  const auto direction = table.integers("direction");
  const std::int64_t links = static_cast<std::int64_t>(data.links.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i] < 0 || from[i] >= links || to[i] < 0 || to[i] >= links || direction[i] < 0 ||
        direction[i] >= directions)
      table.refuse(i, table.column("from_link"), "links and directions that there are");
    data.links[static_cast<std::size_t>(from[i])].to[direction[i]] =
        static_cast<std::int32_t>(to[i]);
  }
  const files::Csv trips = files::Csv::open(folder + "/trips.csv");
  const auto fold = trips.integers("fold");
  const auto paths = trips.texts("path");
  for (std::size_t i = 0; i < paths.size(); ++i) {
    Trip trip;
    trip.fold = fold[i];
    for (const auto link : parse_path(paths[i]))
      trip.route.push_back(static_cast<std::int32_t>(link));
    for (std::size_t t = 0; t + 1 < trip.route.size(); ++t) {
      const Link& here = data.links.at(static_cast<std::size_t>(trip.route[t]));
      const auto found = std::find(here.to, here.to + directions, trip.route[t + 1]);
      if (found == here.to + directions)
        trips.refuse(i, trips.column("path"), "a path along the network's transitions");
      trip.turns.push_back(found - here.to);
    }
    data.trips.push_back(std::move(trip));
  }
  return data;
}

// Both indices, and the destination as it lies from the end of the link, turned so that the link
// heads along x.
constexpr std::int64_t seen_width = 10;
std::vector<float> seen(const Data& data, std::int32_t link, std::int32_t goal) {
  const Link& here = data.links[static_cast<std::size_t>(link)];
  const Link& there = data.links[static_cast<std::size_t>(goal)];
  const double hx = here.x[1] - here.x[0], hy = here.y[1] - here.y[0];
  const double length = std::max(1e-6, std::hypot(hx, hy)), c = hx / length, s = hy / length;
  const double dx = there.x[0] - here.x[1], dy = there.y[0] - here.y[1];
  const double far = std::hypot(dx, dy), near = std::max(far, 1e-6);
  std::vector<float> o = {static_cast<float>(link), static_cast<float>(goal)};
  for (double number : {(c * dx + s * dy) / near, (c * dy - s * dx) / near, dx, dy,
                        std::log(far + 0.05) + 1, c, s, far < 1e-3 ? 1.0 : 0.0})
    o.push_back(static_cast<float>(number));
  return o;
}

enum class Goals : std::int8_t { destination, later };

// The rows of trips in the folds that train; what follows a link in hindsight, too.
Transitions pairs_for(const Data& data, Goals goals, std::uint64_t seed) {
  Transitions links = Transitions::of_numbers(1, 1);
  for (const Trip& trip : data.trips) {
    if (trip.fold == 4) continue;
    for (std::size_t t = 0; t < trip.route.size(); ++t)
      links.append({static_cast<float>(trip.route[t])},
                   {t < trip.turns.size() ? static_cast<float>(trip.turns[t]) : 0.0f},
                   t < trip.turns.size());
    links.end_sequence();
  }
  Transitions pairs = Transitions::of_numbers(seen_width, 1);
  const auto add = [&](const GoalRelabeling& how) {
    const Transitions told = with_goals(links, how);
    for (std::int64_t row = 0; row < told.rows(); ++row) {
      if (!told.counts(row)) continue;
      pairs.append(seen(data, static_cast<std::int32_t>(told.observation(row)[0]),
                        static_cast<std::int32_t>(told.observation(row)[1])),
                   {told.action(row)[0]});
    }
  };
  add({.kind = GoalRelabeling::Kind::last, .columns = 1, .seed = seed});
  if (goals == Goals::later)
    add({.kind = GoalRelabeling::Kind::within, .columns = 1, .horizon = 20, .seed = seed});
  return pairs;
}

// Of held-out trips: how often the likeliest direction was taken, and the mean over trips of the
// log-probability of a trip; of all, of those to a destination no trip was trained on, and of those
// between two links that no trip was trained on.
struct Score {
  double steps[3] = {}, right[3] = {}, trips[3] = {}, log_probability[3] = {};
  double accuracy(int group) const { return right[group] / std::max(1.0, steps[group]); }
  double mean(int group) const { return log_probability[group] / std::max(1.0, trips[group]); }
};

// `weights_of`: eight weights, not negative, of each step of a trip; only their ratios count.
Score score_of(const Data& data,
               const std::function<std::vector<double>(const Trip& trip)>& weights_of) {
  std::set<std::int32_t> goals;
  std::set<std::pair<std::int32_t, std::int32_t>> ends;
  for (const Trip& trip : data.trips)
    if (trip.fold != 4) {
      goals.insert(trip.route.back());
      ends.insert({trip.route.front(), trip.route.back()});
    }
  Score score;
  for (const Trip& trip : data.trips) {
    if (trip.fold != 4) continue;
    const bool in[3] = {true, goals.count(trip.route.back()) == 0,
                        ends.count({trip.route.front(), trip.route.back()}) == 0};
    const std::vector<double> weights = weights_of(trip);
    double right = 0, log_probability = 0;
    for (std::size_t t = 0; t < trip.turns.size(); ++t) {
      const Link& here = data.links[static_cast<std::size_t>(trip.route[t])];
      double total = 0, taken = 0, most = -1;
      std::int64_t likeliest = 0;
      for (std::int64_t d = 0; d < directions; ++d) {
        if (here.to[d] < 0) continue;
        const double w = weights[t * directions + static_cast<std::size_t>(d)];
        total += w;
        if (w > most) most = w, likeliest = d;
        if (d == trip.turns[t]) taken = w;
      }
      right += likeliest == trip.turns[t] ? 1 : 0;
      log_probability += std::log(std::max(taken, 1e-300) / total);
    }
    for (int group = 0; group < 3; ++group) {
      if (!in[group]) continue;
      score.steps[group] += static_cast<double>(trip.turns.size());
      score.right[group] += right;
      score.log_probability[group] += log_probability;
      ++score.trips[group];
    }
  }
  return score;
}

// Half a trip in every direction beside those that were counted (Krichevsky & Trofimov 1981), at
// each link, or at each link for each destination.
Score by_counts(const Data& data, bool a_goal) {
  std::map<std::pair<std::int32_t, std::int32_t>, std::vector<double>> counts;
  const auto key = [&](const Trip& trip, std::size_t t) {
    return std::pair(trip.route[t], a_goal ? trip.route.back() : -1);
  };
  for (const Trip& trip : data.trips)
    for (std::size_t t = 0; t < trip.turns.size() && trip.fold != 4; ++t) {
      std::vector<double>& here = counts[key(trip, t)];
      here.resize(static_cast<std::size_t>(directions));
      ++here[static_cast<std::size_t>(trip.turns[t])];
    }
  return score_of(data, [&](const Trip& trip) {
    std::vector<double> weights(trip.turns.size() * directions, 0.5);
    for (std::size_t t = 0; t < trip.turns.size(); ++t) {
      const auto found = counts.find(key(trip, t));
      if (found == counts.end()) continue;
      for (std::size_t d = 0; d < static_cast<std::size_t>(directions); ++d)
        weights[t * directions + d] += found->second[d];
    }
    return weights;
  });
}

Score by_policy(const Data& data, const Policy& policy) {
  constexpr std::int64_t longest = 64;
  Program program(policy.device());
  const auto distribution = policy.distribution(program.input("o", {rows(longest), seen_width}));
  program.output("weights", softmax(distribution->parameters()[0]));
  return score_of(data, [&](const Trip& trip) {
    std::vector<double> weights;
    for (std::size_t first = 0; first < trip.turns.size(); first += longest) {
      std::vector<float> o;
      const std::size_t end = std::min(trip.turns.size(), first + longest);
      for (std::size_t t = first; t < end; ++t) {
        const std::vector<float> one = seen(data, trip.route[t], trip.route.back());
        o.insert(o.end(), one.begin(), one.end());
      }
      o.resize(static_cast<std::size_t>(longest * seen_width), 0.0f);
      program.write("o", o.data(), longest * seen_width);
      program.run();
      const std::vector<double> found = program.read("weights");
      weights.insert(weights.end(), found.begin(),
                     found.begin() + static_cast<std::ptrdiff_t>((end - first) * directions));
    }
    return weights;
  });
}

void run(Reproduction& reproduction, const Settings& settings) {
  const Data data = read(reproduction.data_folder("shanghai_taxi"));
  Session session(reproduction.common);
  const std::int64_t seeds = reproduction.seeds_or(5);
  Progress progress(2 * seeds * settings.iterations, reproduction.common.quiet);
  Table table{"Taxi routes by cloning, fold 4 held out",
              {"policy", "step accuracy", "log-probability", "unseen destinations: accuracy",
               "log-probability", "unseen pairs: accuracy", "log-probability"},
              {},
              ""};
  Score last;
  const auto add = [&](const std::string& name, const std::vector<Score>& scores) {
    std::vector<Json> cells = {name};
    for (int group = 0; group < 3; ++group) {
      std::vector<double> accuracy, mean;
      for (const Score& score : scores) {
        accuracy.push_back(score.accuracy(group));
        mean.push_back(score.mean(group));
      }
      cells.push_back(shown(spread_of(accuracy)));
      cells.push_back(shown(spread_of(mean)));
    }
    table.rows.push_back(cells);
    last = scores[0];
  };
  table.rows.push_back({"the authors' cloned network (their own fold)", "0.930", "-4.90", nullptr,
                        nullptr, nullptr, nullptr});
  add("uniform over directions", {score_of(data, [](const Trip& trip) {
        return std::vector<double>(trip.turns.size() * directions, 1.0);
      })});
  add("counts at a link, no goal", {by_counts(data, false)});
  add("counts, one policy a destination", {by_counts(data, true)});
  for (Goals goals : {Goals::destination, Goals::later}) {
    const char* name = goals == Goals::destination ? "joint, destinations as goals"
                                                   : "joint, later links as goals too";
    std::vector<Score> scores;
    for (std::int64_t seed = 0; seed < seeds; ++seed) {
      const std::uint64_t own = reproduction.seed(seed);
      const std::int64_t links = static_cast<std::int64_t>(data.links.size());
      Policy policy(session.device(),
                    {.observation = {.shape = {seen_width}, .vocabularies = {links, links}},
                     .action = {ActionKind::discrete, directions},
                     .trunk = {.hidden = {settings.hidden, settings.hidden},
                               .activation = Activation::relu,
                               .embedding = settings.embedding},
                     .head = {"categorical"}},
                    own);
      BehaviorCloning::Options options;
      options.batch_size = settings.batch;
      options.learning_rate = settings.rate;
      options.weight_decay = settings.weight_decay;
      options.schedule = {.steps = settings.iterations, .last = 0.01};
      options.validation_share = 0;
      options.seed = own;
      BehaviorCloning cloning(policy, pairs_for(data, goals, own), options);
      for (std::int64_t i = 0; i < settings.iterations;) {
        throw_if_interrupted();
        const std::int64_t n = std::min<std::int64_t>(100, settings.iterations - i);
        i += n;
        progress.step(name, i, settings.iterations, formatted("loss %.4f", cloning.train(n).loss));
      }
      scores.push_back(by_policy(data, policy));
    }
    add(name, scores);
  }
  table.note = formatted(
      "%.0f trips, %.0f to unseen destinations, %.0f between unseen pairs; log-probabilities are "
      "means over trips; %lld steps of %lld, %lld seeds, half of a 95 %% interval",
      last.trips[0], last.trips[1], last.trips[2], static_cast<long long>(settings.iterations),
      static_cast<long long>(settings.batch), static_cast<long long>(seeds));
  reproduction.tables.push_back(table);
}

}  // namespace

Experiment routes_experiment() {
  return with_settings<Settings>(
      "routes", "Taxi routes cloned with the destination as the goal",
      "Zhao & Liang 2023 (data, released network); Andrychowicz et al. 2017 (goals in hindsight)",
      run);
}

}  // namespace understudy::cli
