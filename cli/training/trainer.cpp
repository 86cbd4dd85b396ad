#include "cli/training/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "algorithms/policies/bins.h"
#include "cli/training/player.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

// What people call heads elsewhere.
std::string usual_name(const std::string& name) {
  constexpr struct {
    const char *other, *ours;
  } names[] = {{"gmm", "mixture"},      {"mdn", "mixture"},      {"full_gmm", "full_mixture"},
               {"cvae", "variational"}, {"cgan", "adversarial"}, {"made", "autoregressive"}};
  for (const auto& one : names)
    if (name == one.other) return one.ours;
  return name;
}

// Settings of the heads that have any. A head that is a teacher's keeps its bins: between others
// and those there is no divergence.
void take_head(const Training& training, PolicyDescription& description, bool taught) {
  HeadOptions& head = description.head;
  Settings& settings = *training.settings;
  switch (head.kind) {
    case HeadKind::gaussian:
      settings.take("state_dependent_std", head.state_dependent_std);
      [[fallthrough]];
    case HeadKind::full_gaussian: settings.take("min_std", head.min_std); break;
    case HeadKind::mixture:
    case HeadKind::full_mixture:
      settings.take("components", head.components);
      settings.take("min_std", head.min_std);
      break;
    case HeadKind::best_of:
    case HeadKind::variational:
    case HeadKind::adversarial:
      settings.take("latent", head.latent);
      settings.take("draws", head.draws);
      break;
    case HeadKind::autoregressive:
    case HeadKind::recurrent_bins: settings.take("order", head.order); [[fallthrough]];
    case HeadKind::independent_bins:
    case HeadKind::joint_bins: {
      if (taught) break;
      head.bins = head.kind == HeadKind::joint_bins ? 8 : 32;
      settings.take("bins", head.bins);
      // Quantiles of what was demonstrated, unless the actions have bounds to cut evenly between.
      const bool evenly = settings.choose("bin_placement", {"quantile", "uniform"},
                                          description.action.low.empty() ? 0 : 1) == 1;
      if (training.demonstrations == nullptr || training.demonstrations->actions.discrete) break;
      const std::vector<float>& actions = training.demonstrations->actions.numbers;
      const std::size_t width = static_cast<std::size_t>(description.action.size);
      if (!evenly) {
        head.edges = Bins::quantile(actions, description.action.size, head.bins);
      } else if (description.action.low.empty()) {
        std::vector<double> low(width, INFINITY), high(width, -INFINITY);
        for (std::size_t i = 0; i < actions.size(); ++i) {
          low[i % width] = std::min(low[i % width], static_cast<double>(actions[i]));
          high[i % width] = std::max(high[i % width], static_cast<double>(actions[i]));
        }
        for (std::size_t d = 0; d < width; ++d)
          if (!(low[d] < high[d])) low[d] -= 0.5, high[d] += 0.5;
        head.edges = Bins::uniform(low, high, head.bins);
      }
      break;
    }
    case HeadKind::categorical:
    case HeadKind::bernoulli:
    case HeadKind::regression: break;
  }
}

}  // namespace

PolicyDescription take_policy(const Training& training, const PolicyDescription* like) {
  PolicyDescription description;
  const Spaces spaces = training.environment != nullptr ? spaces_of(*training.environment)
                                                        : spaces_of(*training.demonstrations);
  description.observation = spaces.observation;
  description.action = spaces.action;
  HeadKind kind = PolicyDescription::default_head(description.action);
  if (like != nullptr) {
    description.observation = like->observation;
    description.action = like->action;
    // Heads that do not know their likelihood can be learned from, and do not learn so.
    if (like->head.kind < HeadKind::best_of) kind = like->head.kind;
  }
  Settings& settings = *training.settings;
  std::string head = name_of(kind), trunk = "mlp";
  settings.take("head", head);
  settings.take("trunk", trunk);
  description.head.kind = head_kind_named(usual_name(head));
  const bool same = like != nullptr && like->head.kind == description.head.kind;
  if (same) description.head = like->head;
  description.trunk.kind = trunk_kind_named(trunk);
  if (description.trunk.kind != TrunkKind::mlp) description.trunk.hidden = {64};
  settings.take("hidden", description.trunk.hidden);
  settings.take("convolutions", description.trunk.convolutions);
  if (!description.observation.vocabularies.empty())
    settings.take_count("embedding", description.trunk.embedding);
  take_head(training, description, same);
  description.normalize_observations =
      !description.observation.discrete && description.observation.vocabularies.empty();
  training.settings->take("normalize_observations", description.normalize_observations);
  // As the code of TRPO's and GAIL's authors begins: nearly the same distribution everywhere.
  description.initialization = InitializationKind::column_normalized;
  description.last_scale = 0.01;
  return description;
}

void add_logging_options(Verb& verb, LoggingOptions& watch) {
  verb.flag("--trace", watch.trace,
            "write every inner quantity of each iteration into trace.csv of the run");
  verb.option("--checkpoint-seconds", watch.checkpoint_seconds,
              "at least so long between checkpoints (30; 0: one after each iteration)")
      .between(0, 1e9);
}

Trained train_in(const std::string& out, Json config, Trainer& trainer, const Training& training,
                 std::int64_t iterations, const Common& common, const LoggingOptions& watch) {
  using Clock = std::chrono::steady_clock;
  if (iterations == 0) iterations = trainer.default_iterations();
  training.settings->finish();
  config["settings"] = training.settings->resolved();
  config["iterations"] = iterations;
  RunFolder run(out, config, common);
  if (run.resumed()) {
    trainer.resume(run);
    // Whoever was killed between the last step and the result has no step to do.
    if (trainer.finished()) iterations = run.iteration();
  }

  const Json decisions = trainer.decisions();
  if (!common.quiet)
    for (const auto& [name, value] : decisions.items())
      std::fprintf(stderr, "%s: %s\n", name.c_str(), value.get<std::string>().c_str());
  const Clock::time_point begin = Clock::now();
  Loop loop;
  loop.iterations = iterations;
  loop.what = config["algorithm"].get<std::string>();
  loop.metric = trainer.metric();
  loop.metric_may_wait = trainer.metric_may_wait();
  const char* warned = nullptr;
  Metrics latest;
  loop.step = [&](std::int64_t iteration) {
    latest = trainer.step();
    // Once each time that it begins.
    const char* warning = trainer.warning();
    if (warning != nullptr && warned == nullptr && !common.quiet)
      std::fprintf(stderr, "iteration %lld: %s\n", static_cast<long long>(iteration), warning);
    warned = warning;
    return latest;
  };
  loop.checkpoint_seconds = watch.checkpoint_seconds;
  if (watch.trace) {
    loop.trace = [&] {
      Metrics inner = trainer.trace();
      return inner.empty() ? latest : inner;
    };
  }
  loop.save = [&](std::int64_t iteration) { trainer.save(run, iteration); };
  loop.finished = [&] { return trainer.finished(); };
  Trained trained;
  trained.iterations = iterate(run, loop, common);
  trainer.conclude();
  trained.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  trained.interactions = trainer.interactions();
  trainer.policy().save(run.file("policy.safetensors"));

  Json result = {{"iterations", trained.iterations}, {"interactions", trained.interactions}};
  result.update(decisions);
  if (training.environment != nullptr) {
    const PlayOptions how = {.seed = training.seed};
    const auto player = make_player(trainer.policy(), how);
    const Demonstrations played = play(*training.device, *training.environment, *player, how);
    trained.score = score_json(score_of(played, *training.environment));
    result.update(trained.score);
  }
  // The time is nobody's result: it is told, and not kept.
  run.finish(result);
  return trained;
}

}  // namespace understudy::cli
