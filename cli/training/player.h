// Who acts, and what comes of it: a trained policy, a built-in expert or uniform actions, played
// for whole episodes.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "algorithms/cloning/expert.h"
#include "algorithms/data/demonstrations.h"
#include "algorithms/policies/policy.h"
#include "cli/session/command.h"
#include "envs/registry.h"

namespace understudy::cli {

// Acts for `rows` environments at once.
class Player {
 public:
  virtual ~Player() = default;
  // Observations [rows, observation_size], internal states [rows, state_size]; actions [rows,
  // action_size], an index as its number.
  virtual std::vector<double> act(const std::vector<double>& observations,
                                  const std::vector<double>& states) = 0;
};

// The environment's built-in expert, to be asked by DAgger; an Error where it has none.
std::unique_ptr<Expert> built_in_expert(const EnvironmentDescription& environment);

struct PlayOptions {
  std::int64_t episodes = 50;
  bool deterministic = true;  // a policy's mode instead of a draw
  std::uint64_t seed = 0;
  // Of a policy with latent codes, in words ("2"); empty: every episode has its own, drawn by the
  // seed.
  std::string code = {};
};

// The codes of the episodes that a policy plays, [episodes, codes.width()]; empty where it has
// none. An Error where one is given that it cannot have.
std::vector<double> episode_codes(const Policy& policy, const PlayOptions& options);

// The policy of a run folder, or of a .safetensors file that `Policy::save` wrote.
std::unique_ptr<Policy> load_policy(Device& device, const std::string& run);
// An Error, which begins with `where`, unless the policy observes and acts as the environment asks.
void require_spaces(const Policy& policy, const EnvironmentDescription& environment,
                    const std::string& where);
// The environment of a run's config.json, unless `given` names one.
const EnvironmentDescription& environment_of(const std::string& run, const std::string& given);

// `who` is "random", "builtin", a run or a policy's file.
std::unique_ptr<Player> make_player(Device& device, const std::string& who,
                                    const EnvironmentDescription& environment,
                                    const PlayOptions& options);
std::unique_ptr<Player> make_player(const Policy& policy, const PlayOptions& options);

// The first episode of each of so many environments, whole, with rewards and what was observed
// last. The same seed gives the same episodes; environments are others than those of training.
// `states`, if not null, gets the internal states of the first environment's episode, row by row.
Demonstrations play(Device& device, const EnvironmentDescription& environment, Player& player,
                    const PlayOptions& options, std::vector<double>* states = nullptr);

// Mean and deviation of returns, their 95 % interval by Student's t, and where the mean lies
// between uniform actions (0) and the reference (1); NaN where the environment has none.
struct Score {
  std::int64_t episodes = 0;
  double mean = 0, deviation = 0, low = 0, high = 0, length = 0, normalized = 0;
};
Score score_of(const Demonstrations& played, const EnvironmentDescription& environment);
Json score_json(const Score& score);

}  // namespace understudy::cli
