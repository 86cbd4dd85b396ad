#include "algorithms/training/trainer.h"

#include "algorithms/adversarial/frozen_reward.h"
#include "autograd/files/checkpoint.h"

namespace understudy {

std::unique_ptr<FrozenReward> Trainer::learned_reward() const { return nullptr; }

std::string Trainer::checkpoint_in(const std::string& folder) {
  return folder + "/checkpoint.safetensors";
}

void Trainer::write(const std::string& folder, std::int64_t iteration,
                    const std::vector<const Store*>& stores,
                    std::map<std::string, std::string> metadata) {
  metadata["iteration"] = std::to_string(iteration);
  write_checkpoint(checkpoint_in(folder), stores, metadata);
}

std::map<std::string, std::string> Trainer::read(const std::string& folder,
                                                 const std::vector<Store*>& stores) {
  return read_checkpoint(checkpoint_in(folder), stores);
}

void TrainingSetup::assign(const std::vector<OptionAssignment>& assignments) {
  assign_options([this] { return options(); }, assignments);
  options().check();
}

}  // namespace understudy
