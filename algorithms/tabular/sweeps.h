// What `solve` sweeps with: one reward and the dynamics it is earned in, in one precision, where a
// device's kernels read them.

#pragma once

#include <memory>
#include <vector>

#include "algorithms/tabular/device_dynamics.h"
#include "algorithms/tabular/grid_solver.h"
#include "kernels/dynamic_programming/packed.h"

namespace understudy {

// max |a - b|, by the device.
template <class T>
class MaximumChange {
 public:
  explicit MaximumChange(Device& device) : device_(device), result_(device, 1) {}
  template <class A, class B>
  double of(const DeviceBuffer<A>& a, const DeviceBuffer<B>& b) {
    kernels_of<T>(device_).maximum_change(device_.stream(), a.size(), a.data(), b.data(),
                                          result_.data());
    result_.to_host();
    return static_cast<double>(*result_.host());
  }

 private:
  Device& device_;
  DeviceBuffer<T> result_;
};

// One problem, one reward, packed.
template <class T>
class PackedSweeps {
 public:
  PackedSweeps(Device& device, const Problem& p, const std::vector<double>& reward,
               BackupRule<double> rule)
      : device_(device),
        rule_{rule.backup, rule.expectation, static_cast<T>(rule.discount)},
        store_(p.dynamics()),
        packed_rewards_(store_.pack_pairs(p.dynamics(), reward.data())),
        block_(view_of(device, store_.block)),
        code_(view_of(device, store_.code)),
        index_(view_of(device, store_.index)),
        coefficient_(view_of(device, store_.coefficient)),
        packed_reward_(view_of(device, packed_rewards_)),
        change_(device) {
    // CUDA's kernel finds a state's pairs in the sparse form; the CPU's reads that form for
    // plain blocks and for log_mean_exp alone.
    sparse_.states = p.n_states;
    if (device.kind() != DeviceKind::cpu || store_.has_plain_blocks() ||
        rule.expectation == Expectation::log_mean_exp) {
      dynamics_ = std::make_unique<DeviceDynamics<T>>(device, p);
      rewards_.assign(reward.begin(), reward.end());
      reward_ = view_of(device, rewards_);
      sparse_ = *dynamics_;
    }
    packed_ = store_.view();
    packed_.block = block_.data();
    packed_.code = code_.data();
    packed_.index = index_.data();
    packed_.coefficient = coefficient_.data();
  }

  const PackedStore<T>& store() const { return store_; }

  void backup(const T* value, T* new_value, T* chain = nullptr) {
    kernels_of<T>(device_).packed_backup(device_.stream(), sparse_, packed_, rule_, reward_.data(),
                                         packed_reward_.data(), value, new_value, chain);
  }
  double change(const DeviceBuffer<T>& a, const DeviceBuffer<T>& b) { return change_.of(a, b); }

 private:
  Device& device_;
  BackupRule<T> rule_;
  PackedStore<T> store_;
  std::vector<T> packed_rewards_, rewards_;
  std::unique_ptr<DeviceDynamics<T>> dynamics_;
  DeviceBuffer<PackedBlock> block_;
  DeviceBuffer<std::uint16_t> code_;
  DeviceBuffer<std::int32_t> index_;
  DeviceBuffer<T> coefficient_, packed_reward_, reward_;
  MaximumChange<T> change_;
  SparseDynamics<T> sparse_;
  PackedDynamics<T> packed_;
};

template <class T>
GridDynamics<T> grid_in(const GridDynamics<double>& grid) {
  return {grid.height,
          grid.width,
          grid.stay,
          static_cast<T>(grid.chosen),
          static_cast<T>(grid.stay_slip),
          static_cast<T>(grid.move_slip)};
}

// A gridworld, one reward by cell, swept as a stencil.
template <class T>
class GridSweeps {
 public:
  GridSweeps(Device& device, const GridForm& form, Backup backup, double discount)
      : device_(device),
        grid_(grid_in<T>(form.dynamics)),
        backup_(backup),
        discount_(static_cast<T>(discount)),
        reward_(view_of(device, rounded<T>(form.reward, rewards_))),
        change_(device) {}

  void backup(const T* value, T* new_value) {
    kernels_of<T>(device_).grid_backup(device_.stream(), grid_, backup_, discount_, reward_.data(),
                                       value, new_value);
  }
  double change(const DeviceBuffer<T>& a, const DeviceBuffer<T>& b) { return change_.of(a, b); }

 private:
  Device& device_;
  GridDynamics<T> grid_;
  Backup backup_;
  T discount_;
  std::vector<T> rewards_;
  DeviceBuffer<const T> reward_;
  MaximumChange<T> change_;
};

}  // namespace understudy
