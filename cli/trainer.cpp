#include "cli/trainer.h"

#include <chrono>
#include <cstdio>

#include "cli/player.h"
#include "kernels/device/error.h"

namespace understudy::cli {

PolicyDescription take_policy(const Training& training) {
  PolicyDescription description;
  if (const EnvironmentDescription* e = training.environment) {
    description.observation.shape = {e->observation_size};
    if (e->action_count > 0)
      description.action = {ActionKind::index, e->action_count};
    else
      description.action = {
          ActionKind::real, e->action_size,
          std::vector<double>(static_cast<std::size_t>(e->action_size), e->action_low),
          std::vector<double>(static_cast<std::size_t>(e->action_size), e->action_high)};
  } else {
    const Demonstrations& d = *training.demonstrations;
    std::int64_t most = 0;
    if (d.observations.discrete) {
      for (std::int64_t one : d.observations.indices) most = std::max(most, one);
      description.observation = {.index = true, .shape = {most + 1}};
    } else {
      description.observation.shape =
          d.observations.shape.empty() ? files::Shape{1} : d.observations.shape;
    }
    most = 0;
    for (std::int64_t one : d.actions.indices) most = std::max(most, one);
    description.action = d.actions.discrete ? ActionSpace{ActionKind::index, most + 1}
                                            : ActionSpace{ActionKind::real, d.actions.width()};
  }
  std::string head = name_of(PolicyDescription::usual_head(description.action));
  training.settings->take("head", head);
  training.settings->take("hidden", description.trunk.hidden);
  description.head.kind = head_kind_named(head);
  description.normalise_observations = !description.observation.index;
  training.settings->take("normalise_observations", description.normalise_observations);
  // As the code of TRPO's and GAIL's authors begins: nearly the same distribution everywhere.
  description.initialisation = InitialisationKind::column_normalised;
  description.last_scale = 0.01;
  return description;
}

Trained train_in(const std::string& out, Json config, Trainer& trainer, const Training& training,
                 std::int64_t iterations, const Common& common) {
  using Clock = std::chrono::steady_clock;
  if (iterations == 0) iterations = trainer.default_iterations();
  training.settings->finish();
  config["settings"] = training.settings->resolved();
  config["iterations"] = iterations;
  RunFolder run(out, config, common);
  if (run.resumed()) trainer.resume(run);

  const Clock::time_point begin = Clock::now();
  Loop loop;
  loop.iterations = iterations;
  loop.what = config["algorithm"].get<std::string>();
  loop.metric = trainer.metric();
  loop.step = [&](std::int64_t) { return trainer.step(); };
  loop.save = [&](std::int64_t iteration) { trainer.save(run, iteration); };
  loop.finished = [&] { return trainer.finished(); };
  Trained trained;
  trained.iterations = iterate(run, loop, common);
  trainer.conclude();
  trained.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  trained.interactions = trainer.interactions();
  trainer.policy().save(run.file("policy.safetensors"));

  Json result = {{"iterations", trained.iterations}, {"interactions", trained.interactions}};
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
