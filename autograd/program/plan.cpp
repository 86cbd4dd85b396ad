// A plan's making, its end, and its queries. The passes are in rewrite.cpp, schedule.cpp and
// place.cpp.

#include "autograd/program/plan.h"

#include "kernels/device/error.h"

namespace understudy {

Plan::Plan(Program& program) : program_(program) {
  collect();
  drop_unused();
  transpose_once();
  fuse();
  order_effects();
  keep_large_whole();
  schedule();
  cut_rows();
  place();
  bind_operands();
}

Plan::~Plan() {
  graph_.reset();  // before the memory that it uses
  Device& device = program_.device();
  if (arena_ != nullptr) device.release(arena_);
  for (void* arena : tile_arenas_) device.release(arena);
}

// The tensor whose memory this one is a part of.
int Plan::root_of(int tensor) const {
  const auto& tensors = program_.tensors_;
  while (tensors[tensor].base >= 0) tensor = tensors[tensor].base;
  return tensor;
}

std::int64_t Plan::element_bytes(int tensor) const {
  return static_cast<std::int64_t>(program_.bytes_of(program_.element(tensor)));
}

void Plan::collect() {
  for (const Program::Node& node : program_.nodes_) {
    Step step;
    step.operation = node.operation.get();
    step.inputs = node.inputs;
    step.outputs = node.outputs;
    step.effects = &node.effects;
    step.use = node.use;
    step.rows = node.rows;
    if (step.inputs.size() + step.outputs.size() > maximum_operands && !step.operation->is_alias())
      fail(ErrorKind::bad_shape, "%s: more than %d operands", step.operation->name(),
           maximum_operands);
    steps_.push_back(std::move(step));
  }
  find_producers();
}

const void* Plan::address(int tensor) const {
  const Storage& own = storage_[tensor];
  const Storage& root = storage_[own.root];
  const std::byte* base = root.place == Place::external
                              ? static_cast<const std::byte*>(program_.tensors_[own.root].data)
                              : static_cast<const std::byte*>(arena_) + root.offset;
  return base + own.offset_elements * element_bytes(tensor);
}

}  // namespace understudy
