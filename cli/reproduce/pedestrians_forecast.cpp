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

#include "cli/reproduce/pedestrians_models.h"

namespace understudy::cli {

namespace {

// Of the data's README; the average is over the test scenes, as zara2 is not there.
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

ForecastErrors constant_velocity(const std::vector<WalkWindow>& windows) {
  ForecastErrors errors;
  for (const WalkWindow& window : windows) {
    Forecast straight;
    for (std::size_t t = 0; t < straight.size(); ++t)
      straight[t] = window.straight(static_cast<std::int64_t>(t));
    add(errors, window, straight, {straight}, 0, 1.0 / static_cast<double>(windows.size()));
  }
  return errors;
}

struct Model {
  const char* name;
  ForecastErrors (*run)(Device&, const WalkSplit&, const ForecastSettings&, std::uint64_t,
                        const ReportLoss&);
};
const Model models[] = {{"trajectory mixture", trajectory_mixture},
                        {"GRU mixture, step by step", recurrent_mixture}};

}  // namespace

void forecast_pedestrians(Reproduction& reproduction, const ForecastSettings& settings) {
  const std::string folder = reproduction.data_folder("eth_ucy");
  Session session(reproduction.common);
  const std::int64_t seeds = reproduction.seeds_or(5);
  Progress progress(seeds * settings.iterations *
                        static_cast<std::int64_t>(std::size(models) * std::size(test_scenes)),
                    reproduction.common.quiet);
  Table single{"One prediction: ADE / FDE in meters, the scene left out", {"model"}, {}, ""};
  Table best{"Best of twenty predictions: ADE / FDE in meters", {"model"}, {}, ""};
  Table likelihood{
      "Negative log-likelihood of what was walked, nats a position (meters)", {"model"}, {}, ""};
  for (Table* table : {&single, &best, &likelihood}) {
    for (const WalkScene& scene : test_scenes)
      table->columns.push_back(settings.validate ? std::string("without ") + scene.name
                                                 : scene.name);
    table->columns.push_back("average");
  }
  constexpr std::size_t scenes = std::size(test_scenes);
  const std::size_t used = settings.validate ? 1 : std::size(models);
  std::vector<Json> counts = {"test windows"}, straight = {"constant velocity"};
  // By model, then scene: a number a seed.
  std::vector<std::vector<std::vector<ForecastErrors>>> found(
      std::size(models), std::vector<std::vector<ForecastErrors>>(scenes));
  DisplacementErrors average;
  for (std::size_t s = 0; s < scenes; ++s) {
    const WalkSplit split = split_of(folder, test_scenes[s], settings);
    counts.push_back(static_cast<std::int64_t>(split.test.size()));
    const ForecastErrors errors = constant_velocity(split.test);
    straight.push_back(formatted("%.3f/%.3f", errors.ade, errors.fde));
    average = {average.ade + errors.ade / scenes, average.fde + errors.fde / scenes};
    for (std::size_t m = 0; m < used; ++m)
      for (std::int64_t seed = 0; seed < seeds; ++seed)
        found[m][s].push_back(
            models[m].run(session.device(), split, settings, reproduction.seed(seed),
                          loss_on(progress, models[m].name, settings.iterations)));
  }
  straight.push_back(formatted("%.3f/%.3f", average.ade, average.fde));
  counts.push_back(nullptr);
  single.rows.push_back(counts);
  if (!settings.validate)
    for (const Published& one : published) {
      std::vector<Json> row = {one.name};
      DisplacementErrors mean;
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
    const auto row = [&](Table& table, double ForecastErrors::*ade, double ForecastErrors::*fde) {
      std::vector<Json> cells = {models[m].name};
      const auto shown_of = [&](double ForecastErrors::*member, std::size_t s) {
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
    row(single, &ForecastErrors::ade, &ForecastErrors::fde);
    row(best, &ForecastErrors::best_ade, &ForecastErrors::best_fde);
    row(likelihood, &ForecastErrors::nats, nullptr);
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
