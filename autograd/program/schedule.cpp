// Cutting the list into segments, and a segment's rows into chunks and tiles.

#include <algorithm>

#include "autograd/program/plan.h"
#include "kernels/device/error.h"

namespace understudy {

// Steps that touch one persistent array keep their order where one of them writes.
void Plan::order_effects() {
  struct Touch {
    const Array* root;
    int step;
    bool writes;
  };
  std::vector<Touch> touches;
  for (std::size_t at = 0; at < steps_.size(); ++at) {
    Step& step = steps_[at];
    if (step.dropped) continue;
    std::vector<Touch> own;
    for (int input : step.inputs) {
      if (input < 0) continue;
      const Array* array = program_.tensors_[root_of(input)].array;
      if (array != nullptr) own.push_back({array->root(), static_cast<int>(at), false});
    }
    for (const Array* array : step.effects->reads)
      own.push_back({array->root(), static_cast<int>(at), false});
    for (const Array* array : step.effects->writes)
      own.push_back({array->root(), static_cast<int>(at), true});
    for (const Touch& mine : own)
      for (const Touch& earlier : touches)
        if (earlier.root == mine.root && (earlier.writes || mine.writes) &&
            earlier.step != mine.step)
          step.after.push_back(earlier.step);
    touches.insert(touches.end(), own.begin(), own.end());
  }
  // An alias of an array that is written stands for a read at the time of its users: their root is
  // the array, so they are in the list above by themselves.
}

// Takes steps off the tiles whose matrices, weights or their gradients, are larger than the rows.
void Plan::keep_large_whole() {
  for (Step& step : steps_) {
    if (step.dropped || step.use == RowUse::once || step.operation->is_alias()) continue;
    std::int64_t matrix_bytes = 0, row_bytes = 0;
    const auto count = [&](int tensor) {
      const Shape& shape = program_.shape(tensor);
      std::int64_t& bytes = shape.has_rows() ? row_bytes : matrix_bytes;
      bytes += shape.elements() * element_bytes(tensor);
    };
    for_operands(step, count);
    if (matrix_bytes > large_bytes && matrix_bytes > row_bytes) step.use = RowUse::once;
  }
}

// Whether a step's results may be used by a step that runs once, in `segment`, or later.
bool Plan::complete(int step, int segment) const {
  const int found = segment_of_step_[step];
  if (found < 0) return false;
  return !segments_[found].tiled || found < segment;
}

void Plan::schedule() {
  const bool tiles = tiles_rows();
  segment_of_step_.assign(steps_.size(), -1);
  std::vector<int> waiting;
  for (std::size_t at = 0; at < steps_.size(); ++at)
    if (!steps_[at].dropped) waiting.push_back(static_cast<int>(at));

  const auto is_tiled = [&](const Step& step) {
    return tiles && step.use != RowUse::once && !step.operation->is_alias();
  };

  while (!waiting.empty()) {
    const int segment_index = static_cast<int>(segments_.size());
    segments_.emplace_back();
    const bool tiled_turn = segment_index % 2 == 1;
    segments_.back().tiled = tiled_turn;
    std::int64_t segment_rows = -1;
    std::vector<int> left;

    for (int at : waiting) {
      const Step& step = steps_[at];
      bool ready = true;
      // An alias goes with whatever makes its operands.
      const bool alias = step.operation->is_alias();
      const auto usable = [&](int producer) {
        const int found = segment_of_step_[producer];
        if (found < 0) return false;
        if (complete(producer, segment_index)) return true;
        const Step& maker = steps_[producer];
        // Within its own tiled segment a result can be used tile by tile, unless it is a sum.
        return found == segment_index && maker.use == RowUse::local && (alias || is_tiled(step));
      };
      for (int input : step.inputs) {
        const int producer = input < 0 ? -1 : producer_[input];
        if (producer >= 0) ready = ready && usable(producer);
      }
      for (int earlier : step.after) ready = ready && complete(earlier, segment_index);
      if (!alias) {
        ready = ready && is_tiled(step) == tiled_turn;
        if (ready && tiled_turn) {
          if (segment_rows < 0) segment_rows = step.rows;
          ready = segment_rows == step.rows;
        }
      }
      if (!ready) {
        left.push_back(at);
        continue;
      }
      segment_of_step_[at] = segment_index;
      if (!alias) segments_.back().steps.push_back(at);
      if (alias && tiled_turn && step.use != RowUse::local)
        segment_of_step_[at] = segment_index - 1;
    }
    segments_.back().rows = segment_rows < 0 ? 1 : segment_rows;
    UNDERSTUDY_CHECK(segment_index < 4 * static_cast<int>(steps_.size()) + 4,
                     "planning found a circle");
    waiting = left;
  }
}

// Chunks and tiles of each tiled segment, from sizes alone.
void Plan::cut_rows() {
  for (Segment& segment : segments_) {
    if (!segment.tiled) continue;
    std::int64_t row_bytes = 0;
    for (int at : segment.steps) {
      const Step& step = steps_[at];
      for (int output : step.outputs)
        if (program_.shape(output).has_rows())
          row_bytes += program_.shape(output).row_elements() * element_bytes(output);
    }
    row_bytes = std::max<std::int64_t>(row_bytes, 1);

    // Eight rows are a register block of the matrix product: cuts fall on multiples of it.
    const auto up = [](std::int64_t n) { return (n + 7) / 8 * 8; };
    const std::int64_t rows = segment.rows;
    std::int64_t chunks = 1;
    for (std::int64_t more = 2; more <= maximum_chunks; more += 2)
      if (more * more * chunk_bytes <= rows * row_bytes) chunks = more;
    segment.chunk_rows = std::max<std::int64_t>(up((rows + chunks - 1) / chunks), 8);
    if (program_.chunk_rows_ > 0) segment.chunk_rows = program_.chunk_rows_;
    segment.chunks =
        std::max<std::int64_t>((rows + segment.chunk_rows - 1) / segment.chunk_rows, 1);

    const std::int64_t largest = std::clamp<std::int64_t>(tile_bytes / row_bytes, 8, 192);
    const std::int64_t tiles = (segment.chunk_rows + largest - 1) / largest;
    segment.tile_rows = up((segment.chunk_rows + tiles - 1) / tiles);
    if (program_.tile_rows_ > 0) segment.tile_rows = program_.tile_rows_;
  }
}

}  // namespace understudy
