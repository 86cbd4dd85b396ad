#include "cli/training/player.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "algorithms/data/draws.h"
#include "algorithms/evaluation/statistics.h"
#include "algorithms/policies/actor.h"
#include "cli/session/resolve_environment.h"
#include "cli/session/run_folder.h"
#include "cli/verbs/device_step.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

using Index = std::int64_t;

// Environments of recordings and evaluations are numbered from here; those of training from 0.
constexpr std::uint64_t first_played = std::uint64_t{1} << 40;

class RandomPlayer final : public Player {
 public:
  RandomPlayer(const EnvironmentDescription& environment, std::uint64_t seed)
      : environment_(environment), draws_(seed, std::uint64_t{1} << 41) {}
  std::vector<double> act(const std::vector<double>& observations,
                          const std::vector<double>&) override {
    const std::size_t rows =
        observations.size() / static_cast<std::size_t>(environment_.observation_size);
    std::vector<double> actions(rows * static_cast<std::size_t>(environment_.action_size));
    constexpr Index steps = Index{1} << 24;
    for (double& one : actions)
      one = environment_.action_count > 0
                ? static_cast<double>(draws_.below(environment_.action_count))
                : environment_.action_low + (environment_.action_high - environment_.action_low) *
                                                static_cast<double>(draws_.below(steps)) /
                                                static_cast<double>(steps);
    return actions;
  }

 private:
  const EnvironmentDescription& environment_;
  Draws draws_;
};

class BuiltInPlayer final : public Player {
 public:
  explicit BuiltInPlayer(const EnvironmentDescription& environment) : environment_(environment) {
    if (environment.expert == nullptr)
      fail(ErrorKind::not_available, "%s: there is no built-in expert", environment.name);
  }
  std::vector<double> act(const std::vector<double>&, const std::vector<double>& states) override {
    const std::size_t size = static_cast<std::size_t>(environment_.state_size);
    const std::size_t width = static_cast<std::size_t>(environment_.action_size);
    std::vector<double> actions(states.size() / size * width);
    for (std::size_t i = 0; i < states.size() / size; ++i)
      environment_.expert(&states[i * size], &actions[i * width]);
    return actions;
  }

 private:
  const EnvironmentDescription& environment_;
};

class PolicyPlayer final : public Player {
 public:
  PolicyPlayer(const Policy& policy, const PlayOptions& options)
      : codes_(episode_codes(policy, options)),
        observed_(policy.description().observation.width()),
        code_width_(policy.description().codes.width()),
        store_(policy.device()),
        actor_(policy, store_,
               {.rows = options.episodes,
                .deterministic = options.deterministic,
                .seed = options.seed}) {}
  PolicyPlayer(std::unique_ptr<Policy> policy, const PlayOptions& options)
      : PolicyPlayer(*policy, options) {
    owned_ = std::move(policy);
  }
  std::vector<double> act(const std::vector<double>& observations,
                          const std::vector<double>&) override {
    return actor_.act(codes_.empty() ? observations
                                     : with_codes(observations, observed_, codes_, code_width_));
  }

 private:
  std::vector<double> codes_;
  Index observed_, code_width_;
  std::unique_ptr<Policy> owned_;
  Store store_;
  Actor actor_;
};

}  // namespace

std::vector<double> episode_codes(const Policy& policy, const PlayOptions& options) {
  const CodeSpace& codes = policy.description().codes;
  if (!codes.any()) {
    if (!options.code.empty())
      fail(ErrorKind::bad_input, "--code: expected a policy with latent codes, found one without");
    return {};
  }
  if (options.code.empty()) return draw_codes(codes, options.episodes, options.seed);
  const std::vector<double> one = code_named(codes, options.code, "--code");
  std::vector<double> all;
  for (Index i = 0; i < options.episodes; ++i) all.insert(all.end(), one.begin(), one.end());
  return all;
}

std::unique_ptr<Expert> built_in_expert(const EnvironmentDescription& environment) {
  if (environment.expert == nullptr)
    fail(ErrorKind::not_available, "%s: there is no built-in expert; expected a run",
         environment.name);
  return std::make_unique<FunctionExpert>([&environment](std::span<const float>,
                                                         std::span<const float> state,
                                                         std::span<float> action) {
    const std::vector<double> wide(state.begin(), state.end());
    std::vector<double> chosen(action.size());
    environment.expert(wide.data(), chosen.data());
    for (std::size_t k = 0; k < chosen.size(); ++k) action[k] = static_cast<float>(chosen[k]);
  });
}

std::unique_ptr<Policy> load_policy(Device& device, const std::string& run) {
  if (!std::filesystem::is_directory(run)) return Policy::load(device, run);
  const std::string path = run + "/policy.safetensors";
  if (!std::filesystem::exists(path))
    fail(ErrorKind::bad_input, "%s: expected a run with policy.safetensors, found none",
         run.c_str());
  return Policy::load(device, path);
}

void require_spaces(const Policy& policy, const EnvironmentDescription& environment,
                    const std::string& where) {
  const PolicyDescription& d = policy.description();
  const ActionSpace wanted = spaces_of(environment).action;
  if (d.observation.discrete || d.observation.width() != environment.observation_size)
    fail(ErrorKind::bad_shape, "%s: %s has %d observations, the policy takes %lld", where.c_str(),
         environment.name, environment.observation_size,
         static_cast<long long>(d.observation.width()));
  if (d.action.kind != wanted.kind || d.action.size != wanted.size)
    fail(ErrorKind::bad_shape, "%s: %s takes %s, the policy gives %s", where.c_str(),
         environment.name, wanted.text().c_str(), d.action.text().c_str());
}

const EnvironmentDescription& environment_of(const std::string& run, const std::string& given) {
  if (!given.empty()) return resolve_environment(given);
  if (!is_run(run))
    fail(ErrorKind::bad_input, "%s: expected a run with config.json, or --env beside it",
         run.c_str());
  const Json config = read_json(run + "/config.json");
  if (!config.contains("environment") || !config["environment"].is_string())
    fail(ErrorKind::bad_input, "%s: the run has no environment; expected --env", run.c_str());
  return resolve_environment(config["environment"].get<std::string>());
}

std::unique_ptr<Player> make_player(Device& device, const std::string& who,
                                    const EnvironmentDescription& environment,
                                    const PlayOptions& options) {
  if ((who == "random" || who == "builtin") && !options.code.empty())
    fail(ErrorKind::bad_input, "--code: expected a run with latent codes, found %s", who.c_str());
  if (who == "random") return std::make_unique<RandomPlayer>(environment, options.seed);
  if (who == "builtin") return std::make_unique<BuiltInPlayer>(environment);
  std::unique_ptr<Policy> policy = load_policy(device, who);
  require_spaces(*policy, environment, who);
  return std::make_unique<PolicyPlayer>(std::move(policy), options);
}

std::unique_ptr<Player> make_player(const Policy& policy, const PlayOptions& options) {
  return std::make_unique<PolicyPlayer>(policy, options);
}

Demonstrations play(Device& device, const EnvironmentDescription& environment, Player& player,
                    const PlayOptions& options, std::vector<double>* states) {
  const std::size_t n = static_cast<std::size_t>(options.episodes);
  const std::size_t seen = static_cast<std::size_t>(environment.observation_size);
  const std::size_t width = static_cast<std::size_t>(environment.action_size);
  const bool discrete = environment.action_count > 0;
  Batch<float> batch(device, environment, options.episodes, options.seed, first_played);
  DeviceStep<float> stepped(device, environment, n);
  const std::size_t state_size = static_cast<std::size_t>(environment.state_size);
  std::vector<float> state;

  struct Episode {
    std::vector<float> observations, actions, rewards;
    bool over = false, terminal = false;
  };
  std::vector<Episode> episodes(n);
  batch.reset(stepped.observation.data());
  std::size_t left = n;
  // Whoever acts is shown no state beyond an episode's end, but the one before again: a user's
  // expert need not know what to do there.
  std::vector<float> now, before, state_before;
  const auto see = [&] {
    std::swap(now, before);
    std::swap(state, state_before);
    now = stepped.observation.host();
    state.resize(n * state_size);
    batch.get_state(state.data());
    for (std::size_t i = 0; i < n; ++i) {
      if (!episodes[i].over) continue;
      std::copy_n(&before[i * seen], seen, &now[i * seen]);
      std::copy_n(&state_before[i * state_size], state_size, &state[i * state_size]);
    }
  };
  while (left > 0) {
    throw_if_interrupted();
    see();
    if (states != nullptr && !episodes[0].over)
      states->insert(states->end(), state.begin(), state.begin() + environment.state_size);
    const std::vector<double> actions =
        player.act({now.begin(), now.end()}, {state.begin(), state.end()});
    std::vector<float> narrow(actions.begin(), actions.end());
    // What is written down is what is done: environments clip what a Gaussian draws beyond bounds.
    if (!discrete)
      for (float& a : narrow)
        a = std::clamp(a, static_cast<float>(environment.action_low),
                       static_cast<float>(environment.action_high));
    stepped.step(batch, narrow);
    const std::vector<float> next = stepped.observation.host(), earned = stepped.reward.host();
    const std::vector<float> ended = stepped.terminated.host(), cut = stepped.truncated.host();
    for (std::size_t i = 0; i < n; ++i) {
      Episode& one = episodes[i];
      if (one.over) continue;
      one.observations.insert(one.observations.end(), &now[i * seen], &now[i * seen] + seen);
      one.actions.insert(one.actions.end(), &narrow[i * width], &narrow[i * width] + width);
      one.rewards.push_back(earned[i]);
      if (ended[i] == 0 && cut[i] == 0) continue;
      one.over = true;
      one.terminal = ended[i] != 0;
      one.observations.insert(one.observations.end(), &next[i * seen], &next[i * seen] + seen);
      --left;
    }
  }

  Demonstrations all;
  all.observations.shape = {environment.observation_size};
  all.actions.discrete = discrete;
  if (!discrete) all.actions.shape = {environment.action_size};
  for (const Episode& one : episodes) {
    all.observations.numbers.insert(all.observations.numbers.end(), one.observations.begin(),
                                    one.observations.end());
    if (discrete)
      all.actions.indices.insert(all.actions.indices.end(), one.actions.begin(), one.actions.end());
    else
      all.actions.numbers.insert(all.actions.numbers.end(), one.actions.begin(), one.actions.end());
    all.rewards.insert(all.rewards.end(), one.rewards.begin(), one.rewards.end());
    all.terminal.push_back(one.terminal ? 1 : 0);
    all.starts.push_back(all.starts.back() + static_cast<Index>(one.rewards.size()));
  }
  return all;
}

Score score_of(const Demonstrations& played, const EnvironmentDescription& environment) {
  const Spread spread = spread_of(played.returns());
  Score score;
  score.episodes = played.episodes();
  score.mean = spread.mean;
  score.deviation = spread.deviation;
  score.low = spread.low;
  score.high = spread.high;
  score.length = static_cast<double>(played.steps()) / static_cast<double>(played.episodes());
  score.normalized = (spread.mean - environment.random_return) /
                     (environment.reference_return - environment.random_return);
  return score;
}

// "normalised" keeps the spelling that programs outside read it by.
Json score_json(const Score& score) {
  const auto finite = [](double value) { return std::isfinite(value) ? Json(value) : Json(); };
  return {{"episodes", score.episodes},
          {"return_mean", score.mean},
          {"return_std", score.deviation},
          {"return_ci95", Json::array({finite(score.low), finite(score.high)})},
          {"normalised", finite(score.normalized)},
          {"length_mean", score.length}};
}

}  // namespace understudy::cli
