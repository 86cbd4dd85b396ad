// Baselines: estimates v(o) of the return to come, which advantages are measured against.
//
//   none          v = 0
//   linear        (1) v = w . x + c,   x = (o, o^2, t, t^2, t^3), of mean 0 and std 1,
//                     o clipped to +-10, t the episode's steps in hundreds
//                 (2) (X'X / n + ridge I) w = X'y / n,   y = target - c,   c = mean target
//                 by Cholesky (Duan et al. 2016, "Benchmarking deep reinforcement learning for
//                 continuous control", section 4; their rllab)
//   regression    (3) a network, its mean squared error by Adam on shuffled minibatches
//   trust_region  (4) a network, its mean squared error by one trust-region step a fit, as the
//                 value functions of GAE's and GAIL's authors (Schulman et al. 2016, section 5;
//                 Ho & Ermon 2016, section 6)
//
// Networks see and predict normalized numbers, so that no scale matters (algorithms/data/
// normalizer.h):
//
//   (5) v(o) = restore_return(network(normalize_observation(o)))
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "algorithms/data/normalizer.h"
#include "algorithms/reinforcement/rollouts.h"
#include "algorithms/reinforcement/trust_region.h"
#include "autograd/optimize/optimizer.h"

namespace understudy {

enum class BaselineKind : std::int8_t { none, linear, regression, trust_region };

struct BaselineOptions {
  BaselineKind kind = BaselineKind::trust_region;
  std::vector<std::int64_t> hidden = {100, 100};  // of networks (Ho & Ermon 2016, section 6)
  bool time_feature = false;    // networks see the episode's steps, in hundreds, too
  double ridge = 1e-5;          // linear: of the features' variance (rllab)
  double learning_rate = 1e-3;  // regression: Adam's
  int epochs = 5;               // regression: passes over the transitions
  std::int64_t batch_size = 0;  // regression: rows a step, a divisor of them; 0: all
  TrustRegionOptions trust_region = {};
  std::uint64_t seed = 0;  // of the network and of the order of rows
};
void list_options(OptionList& list, BaselineOptions& options);

struct BaselineMetrics {
  double loss = 0;  // mean squared error in units of the targets' variance, before the fit
  TrustRegionMetrics trust_region = {};
};

class Baseline {
 public:
  virtual ~Baseline() = default;
  // On the device, with n = steps_per_iteration: v of all rows of observation(), [n + num_envs],
  // and where `final_value` is not null of those of final_observation(), [n].
  virtual void evaluate(float* value, float* final_value) = 0;
  // Fits v at the first n rows to `target`, [n] on the device.
  virtual BaselineMetrics fit(const Array& target) = 0;
};

// `store` gets parameters, moments and statistics, "value/...". What is given must outlive it.
std::unique_ptr<Baseline> make_baseline(const Rollouts& rollouts, Store& store,
                                        const BaselineOptions& options);

const char* name_of(BaselineKind kind);
BaselineKind baseline_kind_named(const std::string& name);  // an Error that lists them

// The rows of an epoch in a fresh random order, batch by batch, in memory of their own at which
// programs look: what is gathered lies at the same address for every batch.
class ShuffledBatches {
 public:
  // "<name>/order" in the store: the counter from which orders are drawn.
  ShuffledBatches(Store& store, const std::string& name, std::int64_t rows, std::int64_t batch,
                  std::uint64_t seed);
  // Adds a column of `rows` rows of 4-byte elements; returns where its rows of the batch lie.
  DataView add(const DataView& source);
  std::int64_t batches() const { return rows_ / batch_; }
  void shuffle();
  void load(std::int64_t batch);

 private:
  struct Column {
    DataView source;
    Array* batch;
  };
  std::int64_t rows_, batch_;
  Store buffers_;
  Program order_;
  std::vector<Column> columns_;
};

}  // namespace understudy
