// Planning: from a recorded list to segments, tiles and memory.

#include "autograd/program/plan.h"

#include <algorithm>

#include "autograd/program/arena.h"
#include "kernels/device/error.h"

namespace understudy {

Plan::Plan(Program& program) : program_(program) {
  collect();
  drop_unused();
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
  producer_.assign(program_.tensors_.size(), -1);
  for (const Program::Node& node : program_.nodes_) {
    Step step;
    step.operation = node.operation.get();
    step.inputs = node.inputs;
    step.outputs = node.outputs;
    step.effects = &node.effects;
    step.use = node.use;
    step.rows = node.rows;
    for (int output : step.outputs) producer_[output] = static_cast<int>(steps_.size());
    if (step.inputs.size() + step.outputs.size() > maximum_operands && !step.operation->is_alias())
      fail(ErrorKind::bad_shape, "%s: more than %d operands", step.operation->name(),
           maximum_operands);
    steps_.push_back(std::move(step));
  }
}

void Plan::drop_unused() {
  std::vector<bool> needed(program_.tensors_.size(), false);
  for (const Program::Named& named : program_.outputs_) needed[named.tensor] = true;
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    bool keep = !step->effects->writes.empty();
    for (int output : step->outputs) keep = keep || needed[output];
    step->dropped = !keep;
    if (keep)
      for (int input : step->inputs) needed[input] = true;
  }
}

// Lets a producer absorb the elementwise operation that alone uses its result.
void Plan::fuse() {
  std::vector<int> uses(program_.tensors_.size(), 0);
  for (const Step& step : steps_)
    if (!step.dropped)
      for (int input : step.inputs) ++uses[input];
  for (const Program::Named& named : program_.outputs_) ++uses[named.tensor];

  for (Step& consumer : steps_) {
    if (consumer.dropped || consumer.outputs.size() != 1) continue;
    const Shape& result = program_.shape(consumer.outputs[0]);
    bool same_shape = true;
    for (int input : consumer.inputs) same_shape = same_shape && program_.shape(input) == result;

    for (std::size_t position = 0; position < consumer.inputs.size(); ++position) {
      const int between = consumer.inputs[position];
      const int at = producer_[between];
      if (at < 0 || uses[between] != 1) continue;
      Step& producer = steps_[at];
      if (producer.dropped || producer.outputs.size() != 1 || producer.use != consumer.use ||
          producer.rows != consumer.rows || root_of(between) != between)
        continue;
      std::unique_ptr<Operation> both =
          producer.operation->absorb(*consumer.operation, static_cast<int>(position), same_shape);
      if (both == nullptr) continue;

      std::vector<int> inputs = producer.inputs;
      for (std::size_t i = 0; i < consumer.inputs.size(); ++i)
        if (i != position) inputs.push_back(consumer.inputs[i]);
      consumer.inputs = inputs;
      consumer.operation = both.get();
      fused_.push_back(std::move(both));
      producer.dropped = true;
      break;
    }
  }
}

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
    for (int tensor : step.inputs) count(tensor);
    for (int tensor : step.outputs) count(tensor);
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
  const bool tiles = program_.device().kind() == DeviceKind::cpu;
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
        const int producer = producer_[input];
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

// Decides where every tensor lives, and lays out the arenas.
void Plan::place() {
  const std::size_t count = program_.tensors_.size();
  storage_.resize(count);
  for (std::size_t id = 0; id < count; ++id) {
    Storage& storage = storage_[id];
    storage.root = root_of(static_cast<int>(id));
    for (int at = static_cast<int>(id); program_.tensors_[at].base >= 0;
         at = program_.tensors_[at].base)
      storage.offset_elements += program_.tensors_[at].offset;
    const Program::Kind kind = program_.tensors_[storage.root].kind;
    if (kind == Program::Kind::input || kind == Program::Kind::array ||
        kind == Program::Kind::view_of_memory || kind == Program::Kind::constant)
      storage.place = Place::external;
  }

  // Which segments touch each root.
  for (std::size_t s = 0; s < segments_.size(); ++s)
    for (int at : segments_[s].steps) {
      const Step& step = steps_[at];
      const auto touch = [&](int tensor) {
        Storage& root = storage_[storage_[tensor].root];
        const int now = static_cast<int>(s);
        root.first = root.first < 0 ? now : std::min(root.first, now);
        root.last = std::max(root.last, now);
      };
      for (int tensor : step.inputs) touch(tensor);
      for (int tensor : step.outputs) touch(tensor);
    }
  for (const Program::Named& named : program_.outputs_)
    storage_[storage_[named.tensor].root].kept = true;

  // Results that nobody uses and that their operation can do without have no place at all.
  std::vector<bool> used(count, false);
  for (const Step& step : steps_)
    if (!step.dropped)
      for (int tensor : step.inputs) used[tensor] = true;
  for (const Program::Named& named : program_.outputs_) used[named.tensor] = true;
  std::vector<bool> left_out(count, false);
  for (const Step& step : steps_)
    for (std::size_t i = 0; i < step.outputs.size() && !step.dropped; ++i) {
      const std::size_t id = static_cast<std::size_t>(step.outputs[i]);
      left_out[id] = !used[id] && step.operation->optional_output(static_cast<int>(i));
    }

  // What is made row by row and used in one tiled segment alone needs room for a tile only.
  for (std::size_t id = 0; id < count; ++id) {
    Storage& storage = storage_[id];
    if (storage.root != static_cast<int>(id) || storage.place == Place::external ||
        storage.first < 0 || left_out[id])
      continue;
    const Segment& segment = segments_[storage.first];
    const Shape& shape = program_.shape(static_cast<int>(id));
    const bool in_tile =
        segment.tiled && storage.first == storage.last && !storage.kept && shape.has_rows();
    storage.place = in_tile ? Place::tile : Place::whole;
    storage.bytes =
        (in_tile ? shape.row_elements() : shape.elements()) * element_bytes(static_cast<int>(id));
  }

  const std::size_t threads = static_cast<std::size_t>(program_.device().threads());
  Arena whole;
  std::vector<int> step_place(steps_.size(), 0);
  std::vector<bool> laid_out(count, false);

  // The whole arena's time: one tick a step that runs once, one tick a tiled segment.
  std::vector<int> segment_begin(segments_.size()), segment_end(segments_.size());
  int clock = 0;
  for (std::size_t s = 0; s < segments_.size(); ++s) {
    segment_begin[s] = clock;
    for (int at : segments_[s].steps) {
      step_place[at] = clock;
      if (!segments_[s].tiled) ++clock;
    }
    if (segments_[s].tiled) ++clock;
    segment_end[s] = clock - 1;
  }
  std::vector<int> begin(count, -1), end(count, -1);
  for (const Segment& segment : segments_)
    for (int at : segment.steps) {
      const Step& step = steps_[at];
      const int now = step_place[at];
      const auto touch = [&](int tensor) {
        const std::size_t root = static_cast<std::size_t>(storage_[tensor].root);
        begin[root] = begin[root] < 0 ? now : std::min(begin[root], now);
        end[root] = std::max(end[root], now);
      };
      for (int tensor : step.inputs) touch(tensor);
      for (int tensor : step.outputs) touch(tensor);
    }

  for (std::size_t s = 0; s < segments_.size(); ++s) {
    Segment& segment = segments_[s];
    if (!segment.tiled) {
      // Whole tensors, in the order of the steps that make them; over a dying operand where
      // allowed.
      for (int at : segment.steps) {
        Step& step = steps_[at];
        const int now = step_place[at];
        for (int output : step.outputs) {
          const std::size_t root = static_cast<std::size_t>(storage_[output].root);
          Storage& storage = storage_[root];
          if (storage.place != Place::whole || laid_out[root]) continue;
          laid_out[root] = true;
          const int last = storage.kept ? clock : end[root];
          bool shared = false;
          for (std::size_t i = 0; i < step.inputs.size() && !shared; ++i) {
            const std::size_t input = static_cast<std::size_t>(step.inputs[i]);
            const Storage& over = storage_[input];
            if (static_cast<std::size_t>(over.root) != input || over.place != Place::whole ||
                over.kept || end[input] != now || over.bytes != storage.bytes ||
                root != static_cast<std::size_t>(output) ||
                !step.operation->in_place(static_cast<int>(i)))
              continue;
            storage.offset = over.offset;
            whole.extend(over.offset, now, last);
            shared = true;
          }
          if (!shared)
            storage.offset = whole.allocate(static_cast<std::size_t>(storage.bytes), now, last);
        }
        std::vector<Shape> shapes;
        for (int input : step.inputs) shapes.push_back(program_.shape(input));
        step.workspace_bytes =
            step.operation->workspace_bytes(program_.device(), program_.real(), shapes.data());
        if (step.workspace_bytes > 0)
          step.workspace_offset = whole.allocate(step.workspace_bytes, now, now);
      }
      continue;
    }

    // A tiled segment: whole tensors it makes, partial sums, then the tile's own arena.
    const int from = segment_begin[s], until = segment_end[s];
    Arena tile;
    std::vector<int> last_use(count, -1);
    for (std::size_t i = 0; i < segment.steps.size(); ++i) {
      const Step& step = steps_[segment.steps[i]];
      for (int tensor : step.inputs) last_use[storage_[tensor].root] = static_cast<int>(i);
      for (int tensor : step.outputs) last_use[storage_[tensor].root] = static_cast<int>(i);
    }
    for (std::size_t i = 0; i < segment.steps.size(); ++i) {
      Step& step = steps_[segment.steps[i]];
      const int now = static_cast<int>(i);
      for (int output : step.outputs) {
        const std::size_t root = static_cast<std::size_t>(storage_[output].root);
        Storage& storage = storage_[root];
        if (storage.place == Place::whole) {
          if (!laid_out[root]) {
            storage.offset = whole.allocate(static_cast<std::size_t>(storage.bytes), from,
                                            storage.kept ? clock : end[root]);
            laid_out[root] = true;
          }
          if (step.use == RowUse::reduce && segment.chunks > 1)
            segment.partials.push_back(
                {output, program_.shape(output).elements(), 0, step.operation->combination()});
          continue;
        }
        if (storage.place != Place::tile) continue;
        bool shared = false;
        for (std::size_t k = 0; k < step.inputs.size() && !shared; ++k) {
          const std::size_t input = static_cast<std::size_t>(step.inputs[k]);
          const Storage& over = storage_[input];
          if (static_cast<std::size_t>(over.root) != input || over.place != Place::tile ||
              last_use[input] != now || over.bytes != storage.bytes ||
              root != static_cast<std::size_t>(output) ||
              !step.operation->in_place(static_cast<int>(k)))
            continue;
          storage.offset = over.offset;
          tile.extend(over.offset, now, last_use[root]);
          shared = true;
        }
        if (!shared)
          storage.offset = tile.allocate(
              static_cast<std::size_t>(storage.bytes * segment.tile_rows), now, last_use[root]);
      }
      std::vector<Shape> shapes;
      for (int input : step.inputs)
        shapes.push_back(program_.shape(input).with_rows(segment.tile_rows));
      step.workspace_bytes =
          step.operation->workspace_bytes(program_.device(), program_.real(), shapes.data());
      if (step.workspace_bytes > 0)
        step.workspace_offset = tile.allocate(step.workspace_bytes, now, now);
    }
    place_partials(segment, whole, from, until);
    tile_arena_bytes_ = std::max(tile_arena_bytes_, tile.bytes());
  }

  arena_bytes_ = whole.bytes();
  arena_ = program_.device().allocate(arena_bytes_);
  if (tile_arena_bytes_ > 0)
    for (std::size_t thread = 0; thread < threads; ++thread)
      tile_arenas_.push_back(program_.device().allocate(tile_arena_bytes_));
}

// Joins the sums whose tensors lie one after another, as the gradients of a model do, so that one
// chunk's lie together and all are combined at once; and gives them room.
void Plan::place_partials(Segment& segment, Arena& arena, int from, int until) {
  const auto before = [&](const Partial& a, const Partial& b) {
    const Storage &left = storage_[a.tensor], &right = storage_[b.tensor];
    return left.root != right.root ? left.root < right.root
                                   : left.offset_elements < right.offset_elements;
  };
  std::sort(segment.partials.begin(), segment.partials.end(), before);
  std::vector<Partial> joined;
  for (const Partial& partial : segment.partials) {
    if (!joined.empty()) {
      Partial& last = joined.back();
      const Storage &left = storage_[last.tensor], &right = storage_[partial.tensor];
      if (left.root == right.root && last.how == partial.how &&
          left.offset_elements + last.elements == right.offset_elements) {
        last.elements += partial.elements;
        continue;
      }
    }
    joined.push_back(partial);
  }
  for (Partial& partial : joined) {
    const Storage& own = storage_[partial.tensor];
    const std::int64_t size = element_bytes(partial.tensor);
    // Whole cache lines a chunk, so that no two threads write one, where there is room for what is
    // combined beyond the end: up to the next tensor in the arena.
    if (own.offset_elements == 0 && partial.elements * size == storage_[own.root].bytes) {
      const std::int64_t line = static_cast<std::int64_t>(Arena::alignment) / size;
      partial.elements = (partial.elements + line - 1) / line * line;
    }
    partial.offset = arena.allocate(
        static_cast<std::size_t>(segment.chunks * partial.elements * size), from, until);
  }
  segment.partials = std::move(joined);
}

// Works out, once, how each operand's address follows from chunk, tile and thread.
void Plan::bind_operands() {
  for (Segment& segment : segments_)
    for (int at : segment.steps) {
      Step& step = steps_[at];
      const auto bind = [&](int tensor, bool is_output) {
        const Storage& own = storage_[tensor];
        const Storage& root = storage_[own.root];
        const Shape& shape = program_.shape(tensor);
        Operand operand;
        operand.offset =
            root.offset + static_cast<std::size_t>(own.offset_elements * element_bytes(tensor));
        if (segment.tiled && shape.has_rows() && root.place != Place::tile)
          operand.row_bytes = shape.row_elements() * element_bytes(tensor);
        if (root.place == Place::none) {
          operand.offset = 0;
          operand.row_bytes = 0;
        } else if (root.place == Place::external) {
          operand.base = &program_.tensors_[own.root].data;
        } else if (root.place == Place::tile) {
          operand.in_tile = true;
        } else {
          operand.base = &arena_;
        }
        if (is_output && step.use == RowUse::reduce)
          for (const Partial& partial : segment.partials) {
            const Storage& first = storage_[partial.tensor];
            const std::int64_t within = own.offset_elements - first.offset_elements;
            if (first.root != own.root || within < 0 || within >= partial.elements) continue;
            operand.offset =
                partial.offset + static_cast<std::size_t>(within * element_bytes(tensor));
            operand.partial_bytes = partial.elements * element_bytes(tensor);
          }
        step.operands.push_back(operand);
        step.shapes.push_back(shape);
      };
      for (int tensor : step.inputs) bind(tensor, false);
      for (int tensor : step.outputs) bind(tensor, true);

      step.time_index = static_cast<int>(times_.size());
      OperationTime time;
      time.name = step.operation->name();
      time.work = step.operation->work(step.shapes.data(), step.shapes.data() + step.inputs.size());
      times_.push_back(time);
    }
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
