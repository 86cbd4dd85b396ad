// Running a plan: tiles on the CPU's team of threads, or one graph on CUDA. Nothing here allocates,
// but for timed and checked runs.

#include <chrono>
#include <cmath>

#include "autograd/program/plan.h"
#include "kernels/device/error.h"

namespace understudy {

void Plan::call(const Step& step, Stream& stream, std::byte* tile_arena, std::int64_t rows,
                std::int64_t first_row, std::int64_t chunk, bool accumulate, bool tiled) {
  void* pointers[maximum_operands];
  const int count = static_cast<int>(step.operands.size());
  for (int i = 0; i < count; ++i) {
    const Operand& operand = step.operands[i];
    if (operand.base == nullptr && !operand.in_tile) {
      pointers[i] = nullptr;  // a result that nobody uses
      continue;
    }
    std::byte* base =
        operand.in_tile ? tile_arena : static_cast<std::byte*>(const_cast<void*>(*operand.base));
    pointers[i] =
        base + operand.offset + first_row * operand.row_bytes + chunk * operand.partial_bytes;
  }
  const int inputs = static_cast<int>(step.inputs.size());
  std::byte* workspace = nullptr;
  if (step.workspace_bytes > 0)
    workspace = (tiled ? tile_arena : static_cast<std::byte*>(arena_)) + step.workspace_offset;

  const Call call{stream,
                  program_.device(),
                  program_.real(),
                  pointers,
                  pointers + inputs,
                  step.shapes.data(),
                  step.shapes.data() + inputs,
                  rows,
                  first_row,
                  tiled,
                  accumulate && step.use == RowUse::reduce,
                  workspace};
  step.operation->run(call);
}

void Plan::run_chunk(const Segment& segment, std::int64_t chunk, int thread) {
  Stream& stream = program_.device().stream_of_thread(thread);
  std::byte* arena = tile_arenas_.empty() ? nullptr : static_cast<std::byte*>(tile_arenas_[thread]);
  const std::int64_t begin = chunk * segment.chunk_rows;
  const std::int64_t end = std::min(begin + segment.chunk_rows, segment.rows);
  // With no rows at all one empty tile still runs, so that sums over nothing are written as zero.
  for (std::int64_t first = begin; first < end || first == 0; first += segment.tile_rows) {
    const std::int64_t rows = std::min(segment.tile_rows, end - first);
    for (int at : segment.steps)
      call(steps_[at], stream, arena, rows, first, chunk, first != begin, true);
    if (end == 0) break;
  }
}

// Adds up the chunks' partial sums in the chunks' order.
void Plan::combine(const Segment& segment) {
  Device& device = program_.device();
  for (const Partial& partial : segment.partials) {
    const void* from = static_cast<std::byte*>(arena_) + partial.offset;
    void* to = const_cast<void*>(address(partial.tensor));
    if (program_.real() == Real::f32)
      device.kernels<float>().reduce.reduce(device.stream(), partial.how, 1, segment.chunks,
                                            partial.elements, static_cast<const float*>(from),
                                            static_cast<float*>(to), false);
    else
      device.kernels<double>().reduce.reduce(device.stream(), partial.how, 1, segment.chunks,
                                             partial.elements, static_cast<const double*>(from),
                                             static_cast<double*>(to), false);
  }
}

void Plan::run_segments() {
  Device& device = program_.device();
  Threads* team = device.team();
  for (const Segment& segment : segments_) {
    if (!segment.tiled) {
      for (int at : segment.steps) {
        const Step& step = steps_[at];
        call(step, device.stream(), nullptr, step.rows, 0, 0, false, false);
      }
      continue;
    }
    if (team == nullptr || segment.chunks == 1) {
      for (std::int64_t chunk = 0; chunk < segment.chunks; ++chunk) run_chunk(segment, chunk, 0);
    } else {
      team->run(static_cast<int>(segment.chunks),
                [&](int chunk, int thread) { run_chunk(segment, chunk, thread); });
    }
    combine(segment);
  }
}

// Captured at the second run (see graph.h), and again when an address or the precision has changed:
// that only updates the graph.
void Plan::run() {
  Device& device = program_.device();
  if (!device.captures_graphs() || !ran_) {
    run_segments();
    ran_ = true;
    return;
  }
  const Precision precision = device.stream().precision;
  if (graph_ == nullptr || !graph_current_ || graph_precision_ != precision) {
    Capture capture(device);
    run_segments();
    capture.end(graph_);
    graph_current_ = true;
    graph_precision_ = precision;
  }
  graph_->launch();
}

// Every call of a run, in order, on the calling thread: each(step, run it).
template <class Each>
void Plan::run_in_order(const Each& each) {
  Device& device = program_.device();
  for (const Segment& segment : segments_) {
    if (!segment.tiled) {
      for (int at : segment.steps) {
        const Step& step = steps_[at];
        each(step, step.rows,
             [&] { call(step, device.stream(), nullptr, step.rows, 0, 0, false, false); });
      }
      continue;
    }
    std::byte* arena = tile_arenas_.empty() ? nullptr : static_cast<std::byte*>(tile_arenas_[0]);
    for (std::int64_t chunk = 0; chunk < segment.chunks; ++chunk) {
      const std::int64_t begin = chunk * segment.chunk_rows;
      const std::int64_t end = std::min(begin + segment.chunk_rows, segment.rows);
      for (std::int64_t first = begin; first < end; first += segment.tile_rows) {
        const std::int64_t rows = std::min(segment.tile_rows, end - first);
        for (int at : segment.steps) {
          const Step& step = steps_[at];
          each(step, rows, [&] {
            call(step, device.stream_of_thread(0), arena, rows, first, chunk, first != begin, true);
          });
        }
      }
    }
    combine(segment);
  }
}

void Plan::run_timed() {
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t most_events = 200000;
  const auto origin = Clock::now();
  const double shift = events_.empty() ? 0.0 : events_.back().start + events_.back().duration;
  const auto seconds = [&](Clock::time_point at) {
    return std::chrono::duration<double>(at - origin).count();
  };
  run_in_order([&](const Step& step, std::int64_t rows, const auto& run_it) {
    const double start = seconds(Clock::now());
    run_it();
    program_.device().synchronize();
    const double duration = seconds(Clock::now()) - start;
    OperationTime& time = times_[step.time_index];
    ++time.calls;
    time.seconds += duration;
    if (events_.size() < most_events)
      events_.push_back({step.time_index, shift + start, duration, rows});
  });
}

std::string Plan::first_not_finite() {
  std::string found;
  Device& device = program_.device();
  const auto finite = [&](const void* data, int tensor, std::int64_t count) {
    if (program_.element(tensor) != Element::real) return true;
    const auto look = [&](auto zero) {
      std::vector<decltype(zero)> values(static_cast<std::size_t>(count));
      device.copy_to_host(values.data(), data, values.size() * sizeof(zero));
      for (auto value : values)
        if (!std::isfinite(value)) return false;
      return true;
    };
    return program_.real() == Real::f32 ? look(float{}) : look(double{});
  };

  for (std::size_t id = 0; id < program_.tensors_.size() && found.empty(); ++id) {
    const Program::TensorRecord& tensor = program_.tensors_[id];
    if (storage_[id].root == static_cast<int>(id) && storage_[id].place == Place::external &&
        !finite(tensor.data, static_cast<int>(id), tensor.shape.elements()))
      found = (tensor.kind == Program::Kind::array ? "array " : "input ") + tensor.name;
  }
  run_in_order([&](const Step& step, std::int64_t rows, const auto& run_it) {
    if (!step.effects->writes.empty() || !found.empty()) return;
    run_it();
    for (std::size_t i = 0; i < step.outputs.size() && found.empty(); ++i) {
      const int tensor = step.outputs[i];
      const Storage& own = storage_[tensor];
      const Storage& root = storage_[own.root];
      const bool in_tile = root.place == Place::tile;
      if (root.place == Place::none) continue;
      const Shape& shape = program_.shape(tensor);
      const void* data =
          in_tile ? static_cast<const void*>(static_cast<std::byte*>(tile_arenas_[0]) + root.offset)
                  : address(tensor);
      // Partial sums are checked where they are combined.
      if (step.operands[step.inputs.size() + i].partial_bytes != 0) continue;
      const std::int64_t count = in_tile ? shape.row_elements() * rows : shape.elements();
      if (!in_tile && shape.has_rows() && rows != shape.row_count()) continue;
      if (!finite(data, tensor, count))
        found = std::string(step.operation->name()) + " " + shape.text() + " (operation " +
                std::to_string(step.time_index) + " of the listing)";
    }
  });
  return found;
}

}  // namespace understudy
