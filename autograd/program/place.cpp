// Where every tensor lives: memory of the caller's, the arena of whole tensors, or a thread's arena
// for one tile.

#include <algorithm>

#include "autograd/program/arena.h"
#include "autograd/program/plan.h"
#include "kernels/device/error.h"

namespace understudy {

void Plan::place() {
  find_roots();
  find_uses();
  choose_places();

  const Lifetimes life = find_lifetimes();
  Arena whole;
  for (Segment& segment : segments_)
    if (segment.tiled)
      place_tiled(segment, life, whole);
    else
      place_whole(segment, life, whole);

  Device& device = program_.device();
  arena_bytes_ = whole.bytes();
  arena_ = device.allocate(arena_bytes_);
  if (tile_arena_bytes_ > 0)
    for (int thread = 0; thread < device.threads(); ++thread)
      tile_arenas_.push_back(device.allocate(tile_arena_bytes_));
}

// Whose memory each tensor's is a part of, and what has memory already.
void Plan::find_roots() {
  const auto& tensors = program_.tensors_;
  storage_.resize(tensors.size());
  for (std::size_t id = 0; id < tensors.size(); ++id) {
    Storage& storage = storage_[id];
    storage.root = root_of(static_cast<int>(id));
    for (int at = static_cast<int>(id); tensors[at].base >= 0; at = tensors[at].base)
      storage.offset_elements += tensors[at].offset;
    const Program::Kind kind = tensors[storage.root].kind;
    if (kind == Program::Kind::input || kind == Program::Kind::array ||
        kind == Program::Kind::view_of_memory || kind == Program::Kind::constant)
      storage.place = Place::external;
  }
}

// Which segments use each root, and what lives to the end.
void Plan::find_uses() {
  for (std::size_t s = 0; s < segments_.size(); ++s)
    for (int at : segments_[s].steps)
      for_operands(steps_[at], [&](int tensor) {
        Storage& root = storage_[storage_[tensor].root];
        const int now = static_cast<int>(s);
        root.first = root.first < 0 ? now : std::min(root.first, now);
        root.last = std::max(root.last, now);
      });
  for (const Program::Named& named : program_.outputs_)
    storage_[storage_[named.tensor].root].kept = true;
}

void Plan::choose_places() {
  // Results that nobody uses and that their operation can do without have no place at all.
  const std::size_t count = program_.tensors_.size();
  std::vector<bool> used(count, false), left_out(count, false);
  for (const Step& step : steps_)
    if (!step.dropped)
      for (int tensor : step.inputs)
        if (tensor >= 0) used[tensor] = true;
  for (const Program::Named& named : program_.outputs_) used[named.tensor] = true;
  for (const Step& step : steps_)
    for (std::size_t i = 0; i < step.outputs.size() && !step.dropped; ++i) {
      const int id = step.outputs[i];
      left_out[id] = !used[id] && step.operation->optional_output(static_cast<int>(i));
    }

  // What is made row by row and used in one tiled segment alone needs room for a tile only.
  for (std::size_t id = 0; id < count; ++id) {
    Storage& storage = storage_[id];
    const int tensor = static_cast<int>(id);
    if (storage.root != tensor || storage.place == Place::external || storage.first < 0 ||
        left_out[id])
      continue;
    const Shape& shape = program_.shape(tensor);
    const bool in_tile = segments_[storage.first].tiled && storage.first == storage.last &&
                         !storage.kept && shape.has_rows();
    storage.place = in_tile ? Place::tile : Place::whole;
    storage.bytes = (in_tile ? shape.row_elements() : shape.elements()) * element_bytes(tensor);
  }
}

Plan::Lifetimes Plan::find_lifetimes() const {
  Lifetimes life;
  life.tick.assign(steps_.size(), 0);
  life.last.assign(program_.tensors_.size(), -1);
  for (const Segment& segment : segments_) {
    for (int at : segment.steps) {
      const int now = life.tick[at] = life.end;
      for_operands(steps_[at], [&](int tensor) { life.last[storage_[tensor].root] = now; });
      if (!segment.tiled) ++life.end;
    }
    if (segment.tiled) ++life.end;
  }
  return life;
}

// Puts a result over an operand of its size that nothing uses after `now`, where the operation
// allows it; the result lives `until`. `last`: the last use of each root, on the arena's clock.
bool Plan::reuse_operand(const Step& step, int output, int now, int until,
                         const std::vector<int>& last, Arena& arena) {
  Storage& own = storage_[output];
  if (own.root != output) return false;
  for (std::size_t i = 0; i < step.inputs.size(); ++i) {
    const int input = step.inputs[i];
    if (input < 0) continue;
    const Storage& over = storage_[input];
    if (over.root != input || over.place != own.place || over.kept || last[input] != now ||
        over.bytes != own.bytes || !step.operation->in_place(static_cast<int>(i)))
      continue;
    own.offset = over.offset;
    arena.extend(over.offset, now, until);
    return true;
  }
  return false;
}

void Plan::place_workspace(Step& step, std::int64_t tile_rows, int now, Arena& arena) {
  std::vector<Shape> shapes;
  for (int input : step.inputs) {
    const Shape shape = shape_of(input);
    shapes.push_back(tile_rows > 0 ? shape.with_rows(tile_rows) : shape);
  }
  step.workspace_bytes =
      step.operation->workspace_bytes(program_.device(), program_.real(), shapes.data());
  if (step.workspace_bytes > 0)
    step.workspace_offset = arena.allocate(step.workspace_bytes, now, now);
}

// Whole tensors, in the order of the steps that make them.
void Plan::place_whole(const Segment& segment, const Lifetimes& life, Arena& arena) {
  for (int at : segment.steps) {
    Step& step = steps_[at];
    const int now = life.tick[at];
    for (int output : step.outputs) {
      Storage& root = storage_[storage_[output].root];
      if (root.place != Place::whole || root.laid_out) continue;
      root.laid_out = true;
      const int until = root.kept ? life.end : life.last[storage_[output].root];
      if (!reuse_operand(step, output, now, until, life.last, arena))
        root.offset = arena.allocate(static_cast<std::size_t>(root.bytes), now, until);
    }
    place_workspace(step, 0, now, arena);
  }
}

// The whole tensors and partial sums that a tiled segment makes, and the arena of its tiles, whose
// clock is the position in the segment.
void Plan::place_tiled(Segment& segment, const Lifetimes& life, Arena& arena) {
  if (segment.steps.empty()) return;
  const int tick = life.tick[segment.steps[0]];
  Arena tile;
  std::vector<int> last(program_.tensors_.size(), -1);
  for (std::size_t i = 0; i < segment.steps.size(); ++i)
    for_operands(steps_[segment.steps[i]],
                 [&](int tensor) { last[storage_[tensor].root] = static_cast<int>(i); });

  for (std::size_t i = 0; i < segment.steps.size(); ++i) {
    Step& step = steps_[segment.steps[i]];
    const int now = static_cast<int>(i);
    for (int output : step.outputs) {
      const int root_id = storage_[output].root;
      Storage& root = storage_[root_id];
      if (root.place == Place::whole) {
        if (!root.laid_out)
          root.offset = arena.allocate(static_cast<std::size_t>(root.bytes), tick,
                                       root.kept ? life.end : life.last[root_id]);
        root.laid_out = true;
        if (step.use == RowUse::reduce && segment.chunks > 1)
          segment.partials.push_back(
              {output, program_.shape(output).elements(), 0, step.operation->combination()});
      } else if (root.place == Place::tile &&
                 !reuse_operand(step, output, now, last[root_id], last, tile)) {
        root.offset = tile.allocate(static_cast<std::size_t>(root.bytes * segment.tile_rows), now,
                                    last[root_id]);
      }
    }
    place_workspace(step, segment.tile_rows, now, tile);
  }
  place_partials(segment, arena, tick);
  tile_arena_bytes_ = std::max(tile_arena_bytes_, tile.bytes());
}

// Joins the sums whose tensors lie one after another, as the gradients of a model do, so that one
// chunk's lie together and all are combined at once; and gives them room.
void Plan::place_partials(Segment& segment, Arena& arena, int now) {
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
        static_cast<std::size_t>(segment.chunks * partial.elements * size), now, now);
  }
  segment.partials = std::move(joined);
}

// How an operand's address follows from chunk, tile and thread.
Plan::Operand Plan::operand_of(const Segment& segment, const Step& step, int tensor,
                               bool is_output) const {
  Operand operand;
  if (tensor < 0) return operand;
  const Storage& own = storage_[tensor];
  const Storage& root = storage_[own.root];
  if (root.place == Place::none) return operand;
  const std::int64_t size = element_bytes(tensor);
  const Shape& shape = program_.shape(tensor);
  operand.offset = root.offset + static_cast<std::size_t>(own.offset_elements * size);
  if (root.place == Place::tile)
    operand.in_tile = true;
  else
    operand.base = root.place == Place::external ? &program_.tensors_[own.root].data : &arena_;
  if (segment.tiled && shape.has_rows() && !operand.in_tile)
    operand.row_bytes = shape.row_elements() * size;
  if (is_output && step.use == RowUse::reduce)
    for (const Partial& partial : segment.partials) {
      const Storage& first = storage_[partial.tensor];
      const std::int64_t within = own.offset_elements - first.offset_elements;
      if (first.root != own.root || within < 0 || within >= partial.elements) continue;
      operand.offset = partial.offset + static_cast<std::size_t>(within * size);
      operand.partial_bytes = partial.elements * size;
    }
  return operand;
}

void Plan::bind_operands() {
  for (const Segment& segment : segments_)
    for (int at : segment.steps) {
      Step& step = steps_[at];
      for (int tensor : step.inputs)
        step.operands.push_back(operand_of(segment, step, tensor, false));
      for (int tensor : step.outputs)
        step.operands.push_back(operand_of(segment, step, tensor, true));
      for (int tensor : step.inputs) step.shapes.push_back(shape_of(tensor));
      for (int tensor : step.outputs) step.shapes.push_back(shape_of(tensor));

      step.time_index = static_cast<int>(times_.size());
      OperationTime time;
      time.name = step.operation->name();
      time.work = step.operation->work(step.shapes.data(), step.shapes.data() + step.inputs.size());
      times_.push_back(time);
    }
}

}  // namespace understudy
