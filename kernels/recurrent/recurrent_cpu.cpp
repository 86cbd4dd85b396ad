// Recurrent layers on the CPU: a block of rows goes through the whole sequence, its state in the
// L1.
//
// A step is one product, h[t-1] W_h, for the block's rows, and then the cell's functions on what
// comes out. The product takes W_h a panel at a time: all gates of one vector of units, so that
// what follows it (recurrent_cells_cpu.h) finds them together. Blocks of rows are the same for
// every number of threads, and so are the results.

#include "kernels/device/simd.h"
#include "kernels/device/threads.h"
#include "kernels/recurrent/recurrent.h"
#include "kernels/recurrent/recurrent_cells_cpu.h"
#include "kernels/recurrent/recurrent_product_cpu.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

using Index = std::int64_t;

// Rows that go through the sequence together: enough to use a panel several times while it is near,
// few enough that a batch of 32 keeps two threads busy.
constexpr Index block_rows = 16;

// Below this many products a call, packing W_h costs more than reading it where it lies.
constexpr Index pack_from = 12;

template <Cell cell>
constexpr int gate_count = static_cast<int>(gates(cell));

// Vectors of units in a panel: with a single gate, two, so that enough sums are under way.
template <Cell cell>
constexpr int panel_units = cell == Cell::rnn ? 2 : 1;

template <class T, Cell cell>
using Panels = GatePanels<T, gate_count<cell>, panel_units<cell>>;

// What a block of rows needs, in elements, beside the packed matrices: h and c of t - 1 and t, in
// rows of whole panels, and the sums of a panel (forward, tangent) or the gates' cotangents
// (backward).
template <class T>
constexpr Index state_width(Index hidden) {
  return back_panels<T>(hidden) * back_vectors * lanes<T>;
}
template <class T, Cell cell>
constexpr Index block_elements(Index rows, Index hidden) {
  const Index sums = Panels<T, cell>::vectors * lanes<T>;
  const Index cotangents = padded<T>(gate_count<cell> * hidden);
  return rows * (3 * state_width<T>(hidden) + (sums > cotangents ? sums : cotangents));
}

template <class T, Cell cell>
Index workspace_of(const RecurrentShape& s) {
  const Index forward = 2 * Panels<T, cell>::elements(s.hidden);  // W_h and its tangent
  const Index back = state_width<T>(s.hidden) * gate_count<cell> * s.hidden;
  const Index rows = s.batch < block_rows ? s.batch : block_rows;
  const Index blocks = (s.batch + block_rows - 1) / block_rows;
  return (forward > back ? forward : back) + blocks * block_elements<T, cell>(rows, s.hidden);
}

// Calls work(begin, end, scratch) for every block of rows, `scratch` being that block's own.
template <class T, Cell cell, class Work>
UNDERSTUDY_INLINE void for_blocks(Stream& stream, const RecurrentShape& s, T* scratch,
                                  const Work& work) {
  const Index blocks = (s.batch + block_rows - 1) / block_rows;
  const Index each = block_elements<T, cell>(block_rows, s.hidden);
  const auto one = [&](Index block) {
    const Index begin = block * block_rows;
    const Index end = begin + block_rows < s.batch ? begin + block_rows : s.batch;
    work(begin, end, scratch + block * each);
  };
  const bool split = stream.threads != nullptr && stream.threads->count() > 1 && blocks > 1 &&
                     s.steps * s.hidden * s.hidden > 4096;
  if (split) {
    stream.threads->run(static_cast<int>(blocks), [&](int part, int) { one(part); });
  } else {
    for (Index block = 0; block < blocks; ++block) one(block);
  }
}

// to[rows, width] = from[rows, hidden], or 0 where there is none.
template <class T>
void load_state(const T* from, Index rows, Index hidden, Index width, T* to) {
  for (Index i = 0; i < rows * width; ++i) to[i] = T(0);
  if (from == nullptr) return;
  for (Index r = 0; r < rows; ++r)
    for (Index j = 0; j < hidden; ++j) to[r * width + j] = from[r * hidden + j];
}
template <class T>
void store_state(const T* from, Index rows, Index hidden, Index width, T* to) {
  if (to == nullptr) return;
  for (Index r = 0; r < rows; ++r)
    for (Index j = 0; j < hidden; ++j) to[r * hidden + j] = from[r * width + j];
}

template <class T>
UNDERSTUDY_INLINE bool is_masked(const T* mask, Index row) {
  return mask != nullptr && mask[row] == T(0);
}

// True if every row of the block is masked at step t: there is nothing to multiply.
template <class T>
bool all_masked(const T* mask, Index begin, Index end, Index steps, Index t) {
  if (mask == nullptr) return false;
  for (Index b = begin; b < end; ++b)
    if (mask[b * steps + t] != T(0)) return false;
  return true;
}

// Numbers of a vector from unit `unit` on that are there, 0 to lanes.
template <class T>
UNDERSTUDY_INLINE int valid_from(Index unit, Index hidden) {
  const Index left = hidden - unit;
  return left >= lanes<T> ? lanes<T> : left > 0 ? static_cast<int>(left) : 0;
}

template <class T, Cell cell>
void forward_block(const RecurrentShape& s, const RecurrentForward<T>& f,
                   const Panels<T, cell>& panels, Index begin, Index end, T* scratch) {
  constexpr Index w = lanes<T>, units = panel_units<cell>;
  constexpr Index sum_width = Panels<T, cell>::vectors * w;
  const Index hidden = s.hidden, rows = end - begin, columns = gate_count<cell> * hidden;
  const Index width = state_width<T>(hidden), tape_columns = tape_width(cell) * hidden;
  T* h = scratch;  // of t - 1
  T* h_next = h + rows * width;
  T* c = h_next + rows * width;
  T* sums = c + rows * width;
  load_state<T>(f.h0 != nullptr ? f.h0 + begin * hidden : nullptr, rows, hidden, width, h);
  if constexpr (cell == Cell::lstm)
    load_state<T>(f.c0 != nullptr ? f.c0 + begin * hidden : nullptr, rows, hidden, width, c);

  for (Index t = 0; t < s.steps; ++t) {
    const bool idle = all_masked<T>(f.mask, begin, end, s.steps, t);
    for (Index block = 0; block < panels.blocks(hidden); ++block) {
      if (!idle)
        multiply_panel<T, Panels<T, cell>::vectors>(rows, h, width, hidden, panels.panel(block),
                                                    sums, sum_width, false);
      for (Index r = 0; r < rows; ++r) {
        const Index row = (begin + r) * s.steps + t;
        const bool masked = is_masked<T>(f.mask, row);
        const T* u = f.u + row * columns;
        T* tape = f.tape != nullptr && tape_columns > 0 ? f.tape + row * tape_columns : nullptr;
        for (Index i = 0; i < units; ++i) {
          const Index unit = (block * units + i) * w;
          const int valid = valid_from<T>(unit, hidden);
          if (valid == 0) break;
          Vec<T> state = load<T>(h + r * width + unit);
          Vec<T> memory = {};
          if constexpr (cell == Cell::lstm) memory = load<T>(c + r * width + unit);
          if (!masked) {
            step_forward<T, cell>(u + unit, sums + r * sum_width + i * w, units * w, hidden,
                                  f.bias_n != nullptr ? f.bias_n + unit : nullptr, valid, state,
                                  memory, tape != nullptr ? tape + unit : nullptr);
            if constexpr (cell == Cell::lstm) store<T>(c + r * width + unit, memory);
          } else if (cell == Cell::lstm && tape != nullptr) {
            put<T>(tape + 4 * hidden + unit, memory, valid);
          }
          store<T>(h_next + r * width + unit, state);
          put<T>(f.h + row * hidden + unit, state, valid);
        }
      }
    }
    T* swap = h;
    h = h_next;
    h_next = swap;
  }
  if constexpr (cell == Cell::lstm)
    store_state<T>(c, rows, hidden, width,
                   f.c_last != nullptr ? f.c_last + begin * hidden : nullptr);
}

template <class T, Cell cell>
void forward_of(Stream& stream, const RecurrentShape& s, const RecurrentForward<T>& f,
                T* workspace) {
  // A short call reads whole panels of W_h where they lie and packs only the last, which may be
  // ragged.
  Panels<T, cell> panels;
  const Index whole = s.hidden / (panel_units<cell> * lanes<T>);
  panels.pack(f.weight, s.hidden, s.batch * s.steps < pack_from ? whole : 0, workspace);
  T* scratch = workspace + Panels<T, cell>::elements(s.hidden);
  for_blocks<T, cell>(stream, s, scratch, [&](Index begin, Index end, T* own) {
    forward_block<T, cell>(s, f, panels, begin, end, own);
  });
}

// Row of h[t-1] or, with the tape, c[t-1] of sequence b; null for zeros.
template <class T>
UNDERSTUDY_INLINE const T* previous(const T* sequence, Index stride, const T* initial, Index hidden,
                                    Index steps, Index b, Index t) {
  if (t > 0) return sequence + (b * steps + t - 1) * stride;
  return initial != nullptr ? initial + b * hidden : nullptr;
}

template <class T, Cell cell>
void backward_block(const RecurrentShape& s, const RecurrentBackward<T>& g, const T* packed,
                    Index begin, Index end, T* scratch) {
  constexpr Index w = lanes<T>, panel_width = back_vectors * w;
  const Index hidden = s.hidden, rows = end - begin, columns = gate_count<cell> * hidden;
  const Index tape_columns = tape_width(cell) * hidden, ds_width = padded<T>(columns);
  const Index width = state_width<T>(hidden);
  T* dh = scratch;
  T* dc = dh + rows * width;
  T* ds = dc + rows * width;
  load_state<T>(nullptr, rows, hidden, width, dh);
  if constexpr (cell == Cell::lstm)
    load_state<T>(g.dc_last != nullptr ? g.dc_last + begin * hidden : nullptr, rows, hidden, width,
                  dc);

  for (Index t = s.steps - 1; t >= 0; --t) {
    for (Index r = 0; r < rows; ++r) {
      const Index b = begin + r, row = b * s.steps + t;
      const bool masked = is_masked<T>(g.mask, row);
      const T* tape = tape_columns > 0 ? g.tape + row * tape_columns : nullptr;
      const T* h_previous = previous<T>(g.h, hidden, g.h0, hidden, s.steps, b, t);
      const T* c_previous = nullptr;
      if constexpr (cell == Cell::lstm)
        c_previous = previous<T>(g.tape + 4 * hidden, tape_columns, g.c0, hidden, s.steps, b, t);
      T* du = g.du + row * columns;
      // what gru gives the caller beside du; the others' ds is the product's alone
      T* kept = cell == Cell::gru && g.ds != nullptr ? g.ds + row * columns : nullptr;
      T* own = ds + r * ds_width;
      if (masked) {
        for (Index j = 0; j < columns; ++j) du[j] = own[j] = T(0);
        if (kept != nullptr)
          for (Index j = 0; j < columns; ++j) kept[j] = T(0);
      }
      for (Index unit = 0; unit < hidden; unit += w) {
        const int valid = valid_from<T>(unit, hidden);
        Vec<T> through = load<T>(dh + r * width + unit);
        if (g.dh != nullptr) through += take<T>(g.dh + row * hidden + unit, valid);
        if (!masked) {
          Vec<T> memory = {}, before = {};
          if constexpr (cell == Cell::lstm) {
            memory = load<T>(dc + r * width + unit);
            before = take_or_zero<T>(c_previous != nullptr ? c_previous + unit : nullptr, valid);
          }
          Vec<T> h_before = {};
          if constexpr (cell == Cell::gru)
            h_before = take_or_zero<T>(h_previous != nullptr ? h_previous + unit : nullptr, valid);
          step_backward<T, cell>(tape != nullptr ? tape + unit : nullptr, hidden, valid,
                                 take<T>(g.h + row * hidden + unit, valid), h_before, before,
                                 through, memory, du + unit, own + unit);
          if constexpr (cell == Cell::lstm) store<T>(dc + r * width + unit, memory);
        }
        store<T>(dh + r * width + unit, through);
      }
      if (!masked && kept != nullptr)
        for (Index j = 0; j < columns; ++j) kept[j] = own[j];
    }
    if (all_masked<T>(g.mask, begin, end, s.steps, t)) continue;
    for (Index p = 0; p < back_panels<T>(hidden); ++p)
      multiply_panel<T, back_vectors>(rows, ds, ds_width, columns,
                                      {packed + p * columns * panel_width, panel_width, w},
                                      dh + p * panel_width, width, true);
  }
  store_state<T>(dh, rows, hidden, width, g.dh0 != nullptr ? g.dh0 + begin * hidden : nullptr);
  if constexpr (cell == Cell::lstm)
    store_state<T>(dc, rows, hidden, width, g.dc0 != nullptr ? g.dc0 + begin * hidden : nullptr);
}

template <class T, Cell cell>
void backward_of(Stream& stream, const RecurrentShape& s, const RecurrentBackward<T>& g,
                 T* workspace) {
  const Index columns = gate_count<cell> * s.hidden;
  pack_transposed<T>(g.weight, s.hidden, columns, workspace);
  T* scratch = workspace + state_width<T>(s.hidden) * columns;
  for_blocks<T, cell>(stream, s, scratch, [&](Index begin, Index end, T* own) {
    backward_block<T, cell>(s, g, workspace, begin, end, own);
  });
}

template <class T, Cell cell>
void tangent_block(const RecurrentShape& s, const RecurrentTangent<T>& d,
                   const Panels<T, cell>& panels, const Panels<T, cell>& panels_dot, Index begin,
                   Index end, T* scratch) {
  constexpr Index w = lanes<T>, units = panel_units<cell>;
  constexpr int vectors = Panels<T, cell>::vectors;
  constexpr Index sum_width = vectors * w;
  const Index hidden = s.hidden, rows = end - begin, columns = gate_count<cell> * hidden;
  const Index width = state_width<T>(hidden), tape_columns = tape_width(cell) * hidden;
  T* h_dot = scratch;  // of t - 1
  T* h_dot_next = h_dot + rows * width;
  T* c_dot = h_dot_next + rows * width;
  T* sums = c_dot + rows * width;
  load_state<T>(d.h0_dot != nullptr ? d.h0_dot + begin * hidden : nullptr, rows, hidden, width,
                h_dot);
  if constexpr (cell == Cell::lstm)
    load_state<T>(d.c0_dot != nullptr ? d.c0_dot + begin * hidden : nullptr, rows, hidden, width,
                  c_dot);

  for (Index t = 0; t < s.steps; ++t) {
    const bool idle = all_masked<T>(d.mask, begin, end, s.steps, t);
    const T* h_before = previous<T>(d.h, hidden, d.h0, hidden, s.steps, begin, t);
    for (Index block = 0; block < panels.blocks(hidden); ++block) {
      if (!idle) {
        multiply_panel<T, vectors>(rows, h_dot, width, hidden, panels.panel(block), sums, sum_width,
                                   false);
        if (d.weight_dot != nullptr && h_before != nullptr)
          multiply_panel<T, vectors>(rows, h_before, t > 0 ? s.steps * hidden : hidden, hidden,
                                     panels_dot.panel(block), sums, sum_width, true);
      }
      for (Index r = 0; r < rows; ++r) {
        const Index b = begin + r, row = b * s.steps + t;
        const bool masked = is_masked<T>(d.mask, row);
        const T* tape = tape_columns > 0 ? d.tape + row * tape_columns : nullptr;
        const T* h_previous = previous<T>(d.h, hidden, d.h0, hidden, s.steps, b, t);
        const T* c_previous = nullptr;
        if constexpr (cell == Cell::lstm)
          c_previous = previous<T>(d.tape + 4 * hidden, tape_columns, d.c0, hidden, s.steps, b, t);
        for (Index i = 0; i < units; ++i) {
          const Index unit = (block * units + i) * w;
          const int valid = valid_from<T>(unit, hidden);
          if (valid == 0) break;
          Vec<T> state = load<T>(h_dot + r * width + unit);
          if (!masked) {
            Vec<T> memory = {}, before = {};
            if constexpr (cell == Cell::lstm) {
              memory = load<T>(c_dot + r * width + unit);
              before = take_or_zero<T>(c_previous != nullptr ? c_previous + unit : nullptr, valid);
            }
            step_tangent<T, cell>(
                tape != nullptr ? tape + unit : nullptr,
                d.u_dot != nullptr ? d.u_dot + row * columns + unit : nullptr,
                sums + r * sum_width + i * w, units * w, hidden,
                d.bias_n_dot != nullptr ? d.bias_n_dot + unit : nullptr, valid,
                take<T>(d.h + row * hidden + unit, valid),
                take_or_zero<T>(h_previous != nullptr ? h_previous + unit : nullptr, valid), before,
                state, memory);
            if constexpr (cell == Cell::lstm) store<T>(c_dot + r * width + unit, memory);
          }
          store<T>(h_dot_next + r * width + unit, state);
          put<T>(d.h_dot + row * hidden + unit, state, valid);
        }
      }
    }
    T* swap = h_dot;
    h_dot = h_dot_next;
    h_dot_next = swap;
  }
  if constexpr (cell == Cell::lstm)
    store_state<T>(c_dot, rows, hidden, width,
                   d.c_last_dot != nullptr ? d.c_last_dot + begin * hidden : nullptr);
}

template <class T, Cell cell>
void tangent_of(Stream& stream, const RecurrentShape& s, const RecurrentTangent<T>& d,
                T* workspace) {
  const Index elements = Panels<T, cell>::elements(s.hidden);
  Panels<T, cell> panels, panels_dot;
  panels.pack(d.weight, s.hidden, 0, workspace);
  if (d.weight_dot != nullptr) panels_dot.pack(d.weight_dot, s.hidden, 0, workspace + elements);
  for_blocks<T, cell>(stream, s, workspace + 2 * elements, [&](Index begin, Index end, T* own) {
    tangent_block<T, cell>(s, d, panels, panels_dot, begin, end, own);
  });
}

// Calls the function of the cell: one of three instantiations.
#define UNDERSTUDY_OF_CELL(function, ...)                         \
  switch (s.cell) {                                               \
    case Cell::rnn: return function<T, Cell::rnn>(__VA_ARGS__);   \
    case Cell::lstm: return function<T, Cell::lstm>(__VA_ARGS__); \
    case Cell::gru: return function<T, Cell::gru>(__VA_ARGS__);   \
  }

template <class T>
Index workspace_elements(const RecurrentShape& s) {
  UNDERSTUDY_OF_CELL(workspace_of, s)
  return 0;
}
template <class T>
void forward(Stream& stream, const RecurrentShape& s, const RecurrentForward<T>& f, T* workspace) {
  UNDERSTUDY_OF_CELL(forward_of, stream, s, f, workspace)
}
template <class T>
void backward(Stream& stream, const RecurrentShape& s, const RecurrentBackward<T>& g,
              T* workspace) {
  UNDERSTUDY_OF_CELL(backward_of, stream, s, g, workspace)
}
template <class T>
void tangent(Stream& stream, const RecurrentShape& s, const RecurrentTangent<T>& d, T* workspace) {
  UNDERSTUDY_OF_CELL(tangent_of, stream, s, d, workspace)
}

#undef UNDERSTUDY_OF_CELL

template <class T>
constexpr RecurrentKernels<T> kernels = {.workspace_elements = workspace_elements<T>,
                                         .forward = forward<T>,
                                         .backward = backward<T>,
                                         .tangent = tangent<T>};

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA

namespace understudy {
template <>
Tables<RecurrentKernels> cpu_kernels<RecurrentKernels, InstructionSet::UNDERSTUDY_ISA>() {
  return {UNDERSTUDY_ISA::kernels<float>, UNDERSTUDY_ISA::kernels<double>};
}
}  // namespace understudy
