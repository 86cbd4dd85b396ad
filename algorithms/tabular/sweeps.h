// What `solve` sweeps with: a problem's dynamics and rewards in one precision, in the memory of the
// host or of a device, and the kernels there. Values go in and out as double.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "algorithms/tabular/engine.h"
#include "algorithms/tabular/grid_solver.h"
#include "algorithms/tabular/problem.h"
#include "kernels/device/backend.h"
#include "kernels/dynamic_programming/packed.h"

namespace understudy {

// An array where an engine sweeps. On the host it may lend somebody else's memory.
template <class U>
class Room {
 public:
  Room() = default;
  Room(Engine& engine, std::int64_t n) : device_(engine.device()), n_(n) {
    if (device_ == nullptr) {
      own_.reset(new U[static_cast<std::size_t>(n)]());
      data_ = own_.get();
    } else {
      data_ = static_cast<U*>(device_->allocate(std::max<std::size_t>(bytes(), 64)));
      device_->fill_zero(data_, bytes());
    }
  }
  // A copy of `values`, or on the host `values` itself, which must outlive the room.
  Room(Engine& engine, const std::vector<U>& values)
      : device_(engine.device()), n_(static_cast<std::int64_t>(values.size())) {
    if (device_ == nullptr) {
      data_ = const_cast<U*>(values.data());
    } else {
      data_ = static_cast<U*>(device_->allocate(std::max<std::size_t>(bytes(), 64)));
      if (n_ > 0) device_->copy_from_host(data_, values.data(), bytes());
    }
  }
  Room(Room&& other) noexcept { swap(other); }
  Room& operator=(Room&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Room() {
    if (device_ != nullptr && data_ != nullptr) device_->release(data_);
  }

  void swap(Room& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(n_, other.n_);
    std::swap(data_, other.data_);
    own_.swap(other.own_);
  }
  U* data() { return data_; }
  const U* data() const { return data_; }
  std::int64_t size() const { return n_; }

  void read(const std::vector<double>& values) {
    std::vector<U> narrow(values.begin(), values.end());
    if (n_ == 0) return;
    if (device_ == nullptr)
      std::memcpy(data_, narrow.data(), bytes());
    else
      device_->copy_from_host(data_, narrow.data(), bytes());
  }
  std::vector<double> wide() const {
    if (device_ == nullptr) return {data_, data_ + n_};
    std::vector<U> there(static_cast<std::size_t>(n_));
    if (n_ > 0) device_->copy_to_host(there.data(), data_, bytes());
    return {there.begin(), there.end()};
  }

 private:
  std::size_t bytes() const { return static_cast<std::size_t>(n_) * sizeof(U); }

  Device* device_ = nullptr;
  std::int64_t n_ = 0;
  U* data_ = nullptr;
  std::unique_ptr<U[]> own_;
};

// The sparse form of a problem's dynamics where an engine sweeps. The problem must outlive it.
template <class T>
class PlacedDynamics {
 public:
  PlacedDynamics(Engine& engine, const Problem& p)
      : probabilities_(p.probability.begin(), p.probability.end()),
        pair_begin_(engine, p.pair_begin),
        transition_begin_(engine, p.transition_begin),
        next_state_(engine, p.next_state),
        probability_(engine, probabilities_),
        view_{p.n_states,
              p.n_pairs(),
              p.n_transitions(),
              pair_begin_.data(),
              transition_begin_.data(),
              next_state_.data(),
              probability_.data()} {}
  const SparseDynamics<T>& view() const { return view_; }

 private:
  std::vector<T> probabilities_;
  Room<std::int32_t> pair_begin_, transition_begin_, next_state_;
  Room<T> probability_;
  SparseDynamics<T> view_;
};

// One problem, one reward, packed.
template <class T>
class PackedSweeps {
 public:
  PackedSweeps(Engine& engine, const Problem& p, const std::vector<double>& reward,
               BackupRule<double> rule)
      : engine_(engine),
        rule_{rule.backup, rule.expectation, static_cast<T>(rule.discount)},
        store_(p.dynamics()),
        packed_rewards_(store_.pack_pairs(p.dynamics(), reward.data())),
        block_(engine, store_.block),
        code_(engine, store_.code),
        index_(engine, store_.index),
        coefficient_(engine, store_.coefficient),
        packed_reward_(engine, packed_rewards_),
        change_(engine, 1) {
    // The device's kernel finds a state's pairs in the sparse form; the host's reads that form for
    // plain blocks and for optimistic backups alone.
    sparse_.states = p.n_states;
    if (engine.device() != nullptr || store_.has_plain_blocks() ||
        rule.expectation == Expectation::log_mean_exp) {
      placed_ = std::make_unique<PlacedDynamics<T>>(engine, p);
      rewards_.assign(reward.begin(), reward.end());
      reward_ = Room<T>(engine, rewards_);
      sparse_ = placed_->view();
    }
    packed_ = store_.view();
    packed_.block = block_.data();
    packed_.code = code_.data();
    packed_.index = index_.data();
    packed_.coefficient = coefficient_.data();
  }

  const PackedStore<T>& store() const { return store_; }

  void backup(const T* value, T* new_value, T* chain = nullptr) {
    const auto& kernels = kernels_of_place();
    kernels.packed_backup(stream(), sparse_, packed_, rule_, reward_.data(), packed_reward_.data(),
                          value, new_value, chain);
  }
  double change(const Room<T>& a, const Room<T>& b) {
    kernels_of_place().maximum_change(stream(), a.size(), a.data(), b.data(), change_.data());
    return change_.wide()[0];
  }

 private:
  const DynamicProgrammingKernels<T>& kernels_of_place() const {
    return engine_.device() != nullptr ? engine_.device()->kernels<T>().dynamic_programming
                                       : engine_.kernels_of<T>();
  }
  Stream& stream() {
    return engine_.device() != nullptr ? engine_.device()->stream() : engine_.stream();
  }

  Engine& engine_;
  BackupRule<T> rule_;
  PackedStore<T> store_;
  std::vector<T> packed_rewards_, rewards_;
  std::unique_ptr<PlacedDynamics<T>> placed_;
  Room<PackedBlock> block_;
  Room<std::uint16_t> code_;
  Room<std::int32_t> index_;
  Room<T> coefficient_, packed_reward_, reward_, change_;
  SparseDynamics<T> sparse_;
  PackedDynamics<T> packed_;
};

// A gridworld, one reward by cell, swept as a stencil on the host.
template <class T>
class GridSweeps {
 public:
  GridSweeps(Engine& engine, const GridForm& form, Backup backup, double discount)
      : engine_(engine),
        grid_{form.dynamics.height,
              form.dynamics.width,
              form.dynamics.stay,
              static_cast<T>(form.dynamics.chosen),
              static_cast<T>(form.dynamics.stay_slip),
              static_cast<T>(form.dynamics.move_slip)},
        backup_(backup),
        discount_(static_cast<T>(discount)),
        reward_(form.reward.begin(), form.reward.end()) {}

  void backup(const T* value, T* new_value) {
    engine_.kernels_of<T>().grid_backup(engine_.stream(), grid_, backup_, discount_, reward_.data(),
                                        value, new_value);
  }
  double change(const Room<T>& a, const Room<T>& b) {
    T result = 0;
    engine_.kernels_of<T>().maximum_change(engine_.stream(), a.size(), a.data(), b.data(), &result);
    return static_cast<double>(result);
  }

 private:
  Engine& engine_;
  GridDynamics<T> grid_;
  Backup backup_;
  T discount_;
  std::vector<T> reward_;
};

}  // namespace understudy
