#include "algorithms/adversarial/transition_replay.h"

#include <algorithm>

#include "algorithms/data/draws.h"

namespace understudy {

namespace {

constexpr std::uint64_t mix_stream = (std::uint64_t{1} << 35) + (std::uint64_t{3} << 33);

}  // namespace

TransitionReplay::TransitionReplay(Store& store, const TransitionBatch& newest,
                                   const DataView& code, std::int64_t collections,
                                   std::int64_t num_envs, std::uint64_t seed)
    : buffers_(store.device()),
      rows_(newest.rows()),
      collections_(collections),
      num_envs_(num_envs),
      seed_(seed) {
  mixed_.observation = add(store, "observation", newest.observation);
  mixed_.action = add(store, "action", newest.action);
  mixed_.next_observation = add(store, "next_observation", newest.next_observation);
  mixed_.terminated = add(store, "terminated", newest.terminated);
  mixed_.time = add(store, "time", newest.time);
  mixed_code_ = add(store, "code", code);
  pushed_ = &store.create("replay/pushed", {1}, Element::counter);
}

DataView TransitionReplay::add(Store& store, const std::string& name, const DataView& newest) {
  if (!newest.defined()) return {};
  const Shape& shape = newest.shape();
  const bool wide = shape.rank() > 1;
  const Shape kept = wide ? Shape{rows_ * collections_, shape[1]} : Shape{rows_ * collections_};
  const Shape mixed = wide ? Shape{rows_, shape[1]} : Shape{rows_};
  Column column{newest, &store.create("replay/" + name, kept, newest.element()),
                &buffers_.create(name, mixed, newest.element()), 0};
  column.bytes = column.mixed->bytes();
  columns_.push_back(column);
  return rows_of(*column.mixed);
}

void TransitionReplay::push() {
  const auto pushed = static_cast<std::int64_t>(pushed_->read()[0]);
  const auto place = static_cast<std::size_t>(pushed % collections_);
  for (const Column& one : columns_)
    buffers_.device().copy(static_cast<std::byte*>(one.kept->data()) + place * one.bytes,
                           one.newest.data(), one.bytes);
  pushed_->write({static_cast<double>(pushed + 1)});
}

void TransitionReplay::mix() {
  const auto pushed = static_cast<std::int64_t>(pushed_->read()[0]);
  const std::int64_t kept = std::min(pushed, collections_);
  const std::size_t steps = static_cast<std::size_t>(rows_ / num_envs_);
  // By the number of collections alone, so that a resumed run draws the same.
  Draws draws(seed_, mix_stream + static_cast<std::uint64_t>(pushed));
  for (std::size_t t = 0; t < steps; ++t) {
    const auto place = static_cast<std::size_t>(draws.below(kept));
    for (const Column& one : columns_) {
      const std::size_t step = one.bytes / steps;
      buffers_.device().copy(
          static_cast<std::byte*>(one.mixed->data()) + t * step,
          static_cast<const std::byte*>(one.kept->data()) + place * one.bytes + t * step, step);
    }
  }
}

}  // namespace understudy
