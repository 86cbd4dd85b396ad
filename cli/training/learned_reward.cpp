#include "cli/training/learned_reward.h"

#include <cmath>
#include <filesystem>

#include "algorithms/evaluation/statistics.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

// Null where one of both never varies.
Json correlation_of(const std::vector<double>& x, const std::vector<double>& y) {
  const double mean_x = mean_of(x), mean_y = mean_of(y);
  double both = 0, square_x = 0, square_y = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    both += (x[i] - mean_x) * (y[i] - mean_y);
    square_x += (x[i] - mean_x) * (x[i] - mean_x);
    square_y += (y[i] - mean_y) * (y[i] - mean_y);
  }
  const double scale = std::sqrt(square_x) * std::sqrt(square_y);
  // Equal numbers have a mean that is off by roundings.
  constexpr double rounding = 1e-12;
  const double n = static_cast<double>(x.size());
  const bool varies = square_x > rounding * n * mean_x * mean_x &&
                      square_y > rounding * n * mean_y * mean_y && scale > 0;
  return varies ? Json(both / scale) : Json();
}

}  // namespace

std::unique_ptr<FrozenReward> load_reward(Device& device, const std::string& run,
                                          const EnvironmentDescription& environment) {
  std::string path = run;
  if (std::filesystem::is_directory(run)) path += std::string("/") + reward_file;
  if (!std::filesystem::exists(path))
    fail(ErrorKind::bad_input,
         "%s: expected a run that learned a reward (gail, fem, gtal, airl, gan_gcl) and is done, "
         "found no %s",
         run.c_str(), reward_file);
  auto reward = FrozenReward::load(device, path);
  reward->require_spaces(spaces_of(environment), run, environment.name);
  return reward;
}

Json reward_json(const FrozenReward& reward, const Demonstrations& played) {
  const std::vector<double> learned = reward.rewards(transitions(played));
  const std::vector<double> truth(played.rewards.begin(), played.rewards.end());
  std::vector<double> learned_return;
  for (std::int64_t e = 0; e < played.episodes(); ++e) {
    double total = 0;
    for (std::int64_t t = 0; t < played.length(e); ++t)
      total += learned[static_cast<std::size_t>(played.first_action(e) + t)];
    learned_return.push_back(total);
  }
  return {{"learned_reward_mean", mean_of(learned)},
          {"true_reward_mean", mean_of(truth)},
          {"learned_return_mean", mean_of(learned_return)},
          {"reward_correlation", correlation_of(learned, truth)},
          {"return_correlation", correlation_of(learned_return, played.returns())}};
}

}  // namespace understudy::cli
