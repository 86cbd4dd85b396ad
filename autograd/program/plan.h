// A plan: in which order a program's operations run, on which tiles, and where everything lies.
//
// Planning does, in order:
//   1. rewrite (rewrite.cpp): drop operations that neither an output nor a persistent array needs;
//      transpose a matrix once that would be read transposed for every tile; fuse a product with
//      the elementwise operation that alone uses it (Operation::absorb);
//   2. schedule (schedule.cpp): cut the list into segments. A segment either runs operations once,
//      on whole tensors, or goes over tiles of rows and runs all its operations on one tile before
//      the next. What needs a sum over rows is in a later segment than the sum;
//   3. place (place.cpp): lay out memory. What lives only within a tiled segment has room for one
//      tile a thread; the rest shares one arena by lifetime.
//
// Tiles: rows are cut into chunks and chunks into tiles, by sizes alone. A chunk's tiles run in
// order on one thread and add to the chunk's own partial sums; the partial sums are combined in the
// chunks' order. So threads change who computes, and never what.
//
// On CUDA every segment runs once, and the second run is captured as one graph, which runs from
// then on. Where an input is bound to other memory, the next run updates the graph.
//
// There is no pass for common subexpressions or constants: they would find next to nothing. Counted
// in the programs of TRPO, PPO, GAIL and the cloning of every head, duplicates were 0 to 2 of the
// 28 to 113 operations of a training step, and 0 or 1 scalar operation had constant operands alone.
// (In the conjugate gradient of TRPO's 454 operations 10 had, and 10 products were one another's:
// recorded once now. GAIL's diagnostics, run once an iteration, repeat 16 of 62.)

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "autograd/program/program.h"

namespace understudy {

class Arena;

class Plan {
 public:
  explicit Plan(Program& program);
  ~Plan();
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  void run();
  void run_timed();
  std::string first_not_finite();
  // An input is somewhere else from now on.
  void addresses_changed() { graph_current_ = false; }
  const Graph* graph() const { return graph_.get(); }

  // Where a tensor that is kept lies.
  const void* address(int tensor) const;

  std::string listing() const;
  std::string memory() const;
  std::size_t memory_bytes() const;
  std::string chrome_trace() const;
  const std::vector<OperationTime>& times() const { return times_; }

  static constexpr int maximum_operands = 24;
  // So many chunks, even in number, that their square times these bytes of intermediate results is
  // there: every chunk has partial sums of its own, whose cost must not grow with the rows' as fast
  // as the threads that could take part.
  static constexpr std::int64_t chunk_bytes = 96 * 1024;
  static constexpr std::int64_t maximum_chunks = 16;
  // A tile's intermediate results should fit into half of an L2 cache beside the weights.
  static constexpr std::int64_t tile_bytes = 320 * 1024;
  // A matrix of more than these bytes is not read or written once a tile where it is larger than
  // all the rows that meet it: such a step runs once, on whole tensors, its kernel on all threads.
  static constexpr std::int64_t large_bytes = 256 * 1024;
  // A matrix of so many elements that meets so many rows is transposed once, and not by the product
  // for every tile.
  static constexpr std::int64_t transposed_elements = 1024, transposed_rows = 512;

 private:
  enum class Place : std::int8_t { none, external, whole, tile };

  // Where a tensor's memory comes from. Views and members of packs point at their root.
  struct Storage {
    Place place = Place::none;
    int root = -1;
    std::int64_t offset_elements = 0;  // into the root
    std::int64_t bytes = 0;            // whole: all; tile: of one row
    std::size_t offset = 0;            // whole: in the arena; tile: in a thread's arena
    int first = -1, last = -1;         // segments that use it
    bool kept = false;                 // lives to the end
    bool laid_out = false;             // `offset` is set
  };

  struct Operand {
    const void* const* base = nullptr;  // external: the tensor's pointer; whole: the arena's
    std::size_t offset = 0;
    std::int64_t row_bytes = 0;      // advances with the first row; 0: no rows
    bool in_tile = false;            // base is the thread's arena
    std::int64_t partial_bytes = 0;  // advances with the chunk: a partial sum
  };

  struct Step {
    const Operation* operation = nullptr;
    std::vector<int> inputs, outputs;  // an input that is left out is -1
    const Effects* effects = nullptr;
    RowUse use = RowUse::once;
    std::int64_t rows = 1;
    std::vector<int> after;  // steps that must have finished, beside the producers of inputs
    bool dropped = false;

    std::vector<Operand> operands;  // inputs, then outputs
    std::vector<Shape> shapes;
    std::size_t workspace_bytes = 0, workspace_offset = 0;
    int time_index = -1;
  };

  // Each chunk's sums, to be combined into tensors that lie one after another from `tensor` on.
  struct Partial {
    int tensor;
    std::int64_t elements;
    std::size_t offset = 0;  // in the arena: [chunks, elements]
    Reduction how = Reduction::sum;
  };

  struct Segment {
    bool tiled = false;
    std::int64_t rows = 1, chunk_rows = 1, tile_rows = 1, chunks = 1;
    std::vector<int> steps;
    std::vector<Partial> partials;
  };

  // The arena's time: a tick for each step that runs once, one for a whole tiled segment.
  struct Lifetimes {
    std::vector<int> tick;  // by step
    std::vector<int> last;  // by tensor that is a root: of its last use
    int end = 0;            // after everything
  };

  struct Event {
    int time_index;
    double start, duration;
    std::int64_t rows;
  };

  void collect();
  // rewrite.cpp
  void drop_unused();
  void transpose_once();
  void fuse();
  int add_transposed(int tensor, std::vector<Step>& steps);
  void find_producers();
  // schedule.cpp
  void order_effects();
  void keep_large_whole();
  void schedule();
  void cut_rows();
  bool complete(int step, int segment) const;
  // place.cpp
  void place();
  void find_roots();
  void find_uses();
  void choose_places();
  Lifetimes find_lifetimes() const;
  void place_whole(const Segment& segment, const Lifetimes& life, Arena& arena);
  void place_tiled(Segment& segment, const Lifetimes& life, Arena& arena);
  bool reuse_operand(const Step& step, int output, int now, int until, const std::vector<int>& last,
                     Arena& arena);
  void place_workspace(Step& step, std::int64_t tile_rows, int now, Arena& arena);
  void place_partials(Segment& segment, Arena& arena, int now);
  void bind_operands();
  Operand operand_of(const Segment& segment, const Step& step, int tensor, bool is_output) const;

  // Whether steps may run a tile of rows at a time: where rows are spread over cores.
  bool tiles_rows() const { return program_.device().kind() == DeviceKind::cpu; }
  // Each tensor that a step reads or writes.
  template <class Each>
  static void for_operands(const Step& step, const Each& each) {
    for (int tensor : step.inputs)
      if (tensor >= 0) each(tensor);
    for (int tensor : step.outputs) each(tensor);
  }
  Shape shape_of(int tensor) const { return tensor < 0 ? Shape() : program_.shape(tensor); }
  int root_of(int tensor) const;
  std::int64_t element_bytes(int tensor) const;

  void call(const Step& step, Stream& stream, std::byte* tile_arena, std::int64_t rows,
            std::int64_t first_row, std::int64_t chunk, bool accumulate, bool tiled);
  void run_chunk(const Segment& segment, std::int64_t chunk, int thread);
  void combine(const Segment& segment);
  template <class Each>
  void run_in_order(const Each& each);
  void run_segments();

  Program& program_;
  std::vector<Step> steps_;
  std::vector<Segment> segments_;
  std::vector<Storage> storage_;  // by tensor
  std::vector<int> producer_;     // step that makes a tensor, -1
  std::vector<int> segment_of_step_;

  void* arena_ = nullptr;
  std::size_t arena_bytes_ = 0;
  std::vector<void*> tile_arenas_;  // by thread
  std::size_t tile_arena_bytes_ = 0;

  std::unique_ptr<Graph> graph_;
  bool ran_ = false;            // the first run is not captured
  bool graph_current_ = false;  // the graph's addresses are those of now
  Precision graph_precision_ = Precision::full;

  std::vector<std::unique_ptr<Operation>> made_;  // operations that planning made
  std::vector<OperationTime> times_;
  std::vector<Event> events_;
};

}  // namespace understudy
