// The environments of DAgger: several of a task, stepped on the host, with the internal states that
// an expert may use.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "autograd/program/array.h"
#include "envs/batch.h"

namespace understudy {

class DaggerWorld {
 public:
  virtual ~DaggerWorld() = default;
  virtual std::int64_t num_envs() const = 0;
  virtual std::int64_t state_width() const = 0;

  // New episodes everywhere. The same round gives the same episodes.
  virtual void begin(std::uint64_t round) = 0;
  // [num_envs, width], as they are now.
  virtual std::vector<float> observations() = 0;
  virtual std::vector<float> states() = 0;
  // An action an environment, [num_envs, action_width], an index as its number. An episode that
  // ended is followed by another at once; `terminated` says whether by itself.
  struct Outcome {
    std::vector<float> reward;
    std::vector<std::uint8_t> ended, terminated;
  };
  virtual Outcome step(const std::vector<float>& actions) = 0;
};

// Any of the environments.
class BatchWorld final : public DaggerWorld {
 public:
  BatchWorld(Device& device, const EnvironmentDescription& environment, std::int64_t num_envs,
             std::uint64_t seed);

  std::int64_t num_envs() const override { return num_envs_; }
  std::int64_t state_width() const override { return environment_.state_size; }
  void begin(std::uint64_t round) override;
  std::vector<float> observations() override;
  std::vector<float> states() override;
  Outcome step(const std::vector<float>& actions) override;

 private:
  Device& device_;
  const EnvironmentDescription& environment_;
  std::int64_t num_envs_;
  std::uint64_t seed_;
  Store store_;
  Array *observation_, *action_, *reward_, *terminated_, *truncated_;
  std::unique_ptr<Batch<float>> batch_;
};

}  // namespace understudy
