// Recurrent layers on CUDA: a block takes a few rows through the whole sequence in one launch.
//
// Rows are independent, so that blocks never wait for one another; within a block a step is two
// phases with a barrier after each. First a thread a column of W_h forms h[t-1] W_h, h in shared
// memory; then a thread a hidden unit applies the cell. W_h does not change: where a column fits a
// thread's registers (f32, up to 64 units, 256 columns: the field's usual LSTM) it stays there for
// all steps; else it is read from the caches, neighboring threads reading neighboring columns.
// The input's share of the next step is fetched while this one is computed.

#include "kernels/device/cuda_helpers.h"
#include "kernels/gemm/activation_cuda.h"
#include "kernels/recurrent/recurrent.h"

namespace understudy::cuda {
namespace {

using Index = std::int64_t;

constexpr int block_rows = 2;
constexpr int register_depth = 64;
constexpr int register_threads = 256;
constexpr int most_threads = 512;

template <Cell cell>
constexpr int gate_count = static_cast<int>(gates(cell));
// Numbers a unit gets from the first phase: its gates' sums and, for gru, u_n beside h W_n + b_n.
template <Cell cell>
constexpr int sum_count = cell == Cell::rnn ? 1 : 4;

template <class T>
__device__ inline T at(const T* p, Index i) {
  return p != nullptr ? p[i] : T(0);
}
// tanh(c) from h = o tanh(c); what it is multiplied by is 0 where o is.
template <class T>
__device__ inline T squashed_state(T h, T o) {
  return o != T(0) ? h / o : T(0);
}
template <class T>
__device__ inline bool is_masked(const T* mask, Index row) {
  return mask != nullptr && mask[row] == T(0);
}

// Rows of state in shared memory are as deep as the registers that they are multiplied by.
template <int depth>
__host__ __device__ constexpr Index depth_of(Index hidden) {
  return depth > 0 ? depth : hidden;
}

// to[block_rows, width] = the block's rows of from[batch, hidden]; 0 for what is not there.
template <class T>
__device__ void load_state(const T* from, Index first, Index batch, Index hidden, Index width,
                           T* to) {
  for (Index i = threadIdx.x; i < block_rows * width; i += blockDim.x) {
    const Index r = i / width, j = i - r * width;
    to[i] =
        from != nullptr && first + r < batch && j < hidden ? from[(first + r) * hidden + j] : T(0);
  }
}
template <class T>
__device__ void store_state(const T* from, Index first, Index batch, Index hidden, Index width,
                            T* to) {
  if (to == nullptr) return;
  for (Index i = threadIdx.x; i < block_rows * hidden; i += blockDim.x) {
    const Index r = i / hidden, j = i - r * hidden;
    if (first + r < batch) to[(first + r) * hidden + j] = from[r * width + j];
  }
}

// The first phase: sums[r][column] = offset(r, column) + h[r] W[:, column], for the columns that
// are this thread's. With registers, a thread has one column, its numbers in `kept`.
template <class T, int depth, class Finish>
__device__ inline void multiply(const T* h, Index width, const T* weight, const T* kept,
                                Index hidden, Index columns, const Finish& finish) {
  for (Index column = threadIdx.x; column < columns; column += blockDim.x) {
    T sum[block_rows] = {};
    if constexpr (depth > 0) {
      UNDERSTUDY_UNROLL
      for (int k = 0; k < depth; ++k)
        for (int r = 0; r < block_rows; ++r) sum[r] += h[r * width + k] * kept[k];
    } else {
      for (Index k = 0; k < hidden; ++k) {
        const T w = weight[k * columns + column];
        for (int r = 0; r < block_rows; ++r) sum[r] += h[r * width + k] * w;
      }
    }
    finish(column, sum);
  }
}

template <class T, Cell cell, int depth>
__global__ void __launch_bounds__(depth > 0 ? register_threads : most_threads)
    forward_kernel(RecurrentShape s, RecurrentForward<T> f) {
  UNDERSTUDY_DYNAMIC_SHARED(T, shared);
  const Index hidden = s.hidden, columns = gate_count<cell> * hidden;
  const Index width = depth_of<depth>(hidden), sum_width = sum_count<cell> * hidden;
  const Index first = Index(blockIdx.x) * block_rows;
  T* h = shared;
  T* c = h + block_rows * width;
  T* sums = c + block_rows * width;
  load_state(f.h0, first, s.batch, hidden, width, h);
  load_state(cell == Cell::lstm ? f.c0 : nullptr, first, s.batch, hidden, width, c);

  [[maybe_unused]] T kept[depth > 0 ? depth : 1];
  [[maybe_unused]] T next_u[block_rows];  // u of the step to come, in this thread's column
  const auto fetch = [&](Index column, Index t, int r) {
    return column < columns && t < s.steps && first + r < s.batch
               ? f.u[((first + r) * s.steps + t) * columns + column]
               : T(0);
  };
  if constexpr (depth > 0) {
    UNDERSTUDY_UNROLL
    for (int k = 0; k < depth; ++k)
      kept[k] = k < hidden && threadIdx.x < columns ? f.weight[k * columns + threadIdx.x] : T(0);
    for (int r = 0; r < block_rows; ++r) next_u[r] = fetch(threadIdx.x, 0, r);
  }

  for (Index t = 0; t < s.steps; ++t) {
    T input[block_rows] = {};
    if constexpr (depth > 0)
      for (int r = 0; r < block_rows; ++r) {
        input[r] = next_u[r];
        next_u[r] = fetch(threadIdx.x, t + 1, r);
      }
    __syncthreads();  // h of t - 1 is there
    multiply<T, depth>(h, width, f.weight, kept, hidden, columns, [&](Index column, const T* sum) {
      for (int r = 0; r < block_rows; ++r) {
        const T u = depth > 0 ? input[r] : fetch(column, t, r);
        T* to = sums + r * sum_width + column;
        if (cell == Cell::gru && column >= 2 * hidden) {
          to[0] = sum[r] + at(f.bias_n, column - 2 * hidden);
          to[hidden] = u;
        } else {
          to[0] = sum[r] + u;
        }
      }
    });
    __syncthreads();
    for (Index i = threadIdx.x; i < block_rows * hidden; i += blockDim.x) {
      const Index r = i / hidden, j = i - r * hidden, row = (first + r) * s.steps + t;
      if (first + r >= s.batch) break;
      const bool masked = is_masked(f.mask, row);
      const T* sum = sums + r * sum_width + j;
      T* state = h + r * width + j;
      T* tape = f.tape != nullptr ? f.tape + row * tape_width(cell) * hidden + j : nullptr;
      const auto keep = [&](int k, T value) {
        if (tape != nullptr) tape[k * hidden] = value;
      };
      if constexpr (cell == Cell::rnn) {
        if (!masked) *state = hyperbolic_tangent(sum[0]);
      } else if constexpr (cell == Cell::lstm) {
        T* memory = c + r * width + j;
        if (!masked) {
          const T in = logistic(sum[0]), forget = logistic(sum[hidden]);
          const T g = hyperbolic_tangent(sum[2 * hidden]), o = logistic(sum[3 * hidden]);
          *memory = forget * *memory + in * g;
          *state = o * hyperbolic_tangent(*memory);
          keep(0, in), keep(1, forget), keep(2, g), keep(3, o);
        }
        keep(4, *memory);
      } else if (!masked) {
        const T reset = logistic(sum[0]), z = logistic(sum[hidden]), a = sum[2 * hidden];
        const T n = hyperbolic_tangent(sum[3 * hidden] + reset * a);
        *state = n + z * (*state - n);
        keep(0, reset), keep(1, z), keep(2, n), keep(3, a);
      }
      f.h[row * hidden + j] = *state;
    }
  }
  __syncthreads();
  if (cell == Cell::lstm) store_state(c, first, s.batch, hidden, width, f.c_last);
}

// to[columns, rows] = from[rows, columns]
template <class T>
__global__ void transpose_kernel(Index rows, Index columns, const T* from, T* to) {
  const Index i = thread_index();
  if (i >= rows * columns) return;
  const Index column = i / rows, row = i - column * rows;
  to[i] = from[row * columns + column];
}

// Thread (g, k) sums gate g's share of dh[k]; the shares are added, g upwards, by the unit's thread
// at the next step. `transposed` is W_h^T.
template <class T, Cell cell, int depth>
__global__ void __launch_bounds__(depth > 0 ? register_threads : most_threads)
    backward_kernel(RecurrentShape s, RecurrentBackward<T> g, const T* transposed) {
  UNDERSTUDY_DYNAMIC_SHARED(T, shared);
  const Index hidden = s.hidden, columns = gate_count<cell> * hidden;
  const Index width = depth_of<depth>(hidden);
  const Index first = Index(blockIdx.x) * block_rows;
  T* dh = shared;
  T* dc = dh + block_rows * hidden;
  T* ds = dc + block_rows * hidden;                        // [block_rows, gates, width]
  T* shares = ds + block_rows * gate_count<cell> * width;  // [block_rows, gates, hidden]
  load_state<T>(nullptr, first, s.batch, hidden, hidden, dh);
  load_state<T>(cell == Cell::lstm ? g.dc_last : nullptr, first, s.batch, hidden, hidden, dc);
  load_state<T>(nullptr, first, s.batch, 0, gate_count<cell> * width, ds);
  load_state<T>(nullptr, first, s.batch, 0, columns, shares);

  [[maybe_unused]] T kept[depth > 0 ? depth : 1];
  if constexpr (depth > 0) {
    const Index gate = threadIdx.x / hidden, unit = threadIdx.x - gate * hidden;
    UNDERSTUDY_UNROLL
    for (int k = 0; k < depth; ++k)
      kept[k] = k < hidden && threadIdx.x < columns
                    ? transposed[(gate * hidden + k) * hidden + unit]
                    : T(0);
  }

  for (Index t = s.steps - 1; t >= 0; --t) {
    __syncthreads();  // the shares of t + 1 are there
    for (Index i = threadIdx.x; i < block_rows * hidden; i += blockDim.x) {
      const Index r = i / hidden, j = i - r * hidden, b = first + r, row = b * s.steps + t;
      if (b >= s.batch) break;
      T through = dh[i] + at(g.dh, row * hidden + j);
      for (int gate = 0; gate < gate_count<cell>; ++gate)
        through += shares[r * columns + gate * hidden + j];
      const Index tape_columns = tape_width(cell) * hidden;
      const T* tape = g.tape + row * tape_columns + j;
      T cotangent[gate_count<cell>] = {};
      [[maybe_unused]] T dn = T(0);
      if (!is_masked(g.mask, row)) {
        const T h = g.h[row * hidden + j];
        if constexpr (cell == Cell::rnn) {
          cotangent[0] = through * (T(1) - h * h);
          through = T(0);
        } else if constexpr (cell == Cell::lstm) {
          const T in = tape[0], forget = tape[hidden], cell_gate = tape[2 * hidden];
          const T o = tape[3 * hidden];
          const T c_previous = t > 0 ? tape[4 * hidden - tape_columns] : at(g.c0, b * hidden + j);
          const T memory = dc[i] + through * (o - squashed_state(h, o) * h);
          cotangent[0] = memory * cell_gate * in * (T(1) - in);
          cotangent[1] = memory * c_previous * forget * (T(1) - forget);
          cotangent[2] = memory * in * (T(1) - cell_gate * cell_gate);
          cotangent[3] = through * h * (T(1) - o);
          dc[i] = memory * forget;
          through = T(0);
        } else {
          const T reset = tape[0], z = tape[hidden], n = tape[2 * hidden], a = tape[3 * hidden];
          const T h_previous = t > 0 ? g.h[(row - 1) * hidden + j] : at(g.h0, b * hidden + j);
          dn = through * (T(1) - z) * (T(1) - n * n);
          cotangent[0] = dn * a * reset * (T(1) - reset);
          cotangent[1] = through * (h_previous - n) * z * (T(1) - z);
          cotangent[2] = dn * reset;
          through *= z;
        }
      }
      dh[i] = through;
      for (int gate = 0; gate < gate_count<cell>; ++gate) {
        ds[(r * gate_count<cell> + gate) * width + j] = cotangent[gate];
        const Index to = row * columns + gate * hidden + j;
        g.du[to] = cell == Cell::gru && gate == 2 ? dn : cotangent[gate];
        if (cell == Cell::gru && g.ds != nullptr) g.ds[to] = cotangent[gate];
      }
    }
    __syncthreads();
    for (Index column = threadIdx.x; column < columns; column += blockDim.x) {
      const Index gate = column / hidden, unit = column - gate * hidden;
      T sum[block_rows] = {};
      if constexpr (depth > 0) {
        UNDERSTUDY_UNROLL
        for (int k = 0; k < depth; ++k)
          for (int r = 0; r < block_rows; ++r)
            sum[r] += ds[(r * gate_count<cell> + gate) * width + k] * kept[k];
      } else {
        for (Index k = 0; k < hidden; ++k) {
          const T w = transposed[(gate * hidden + k) * hidden + unit];
          for (int r = 0; r < block_rows; ++r)
            sum[r] += ds[(r * gate_count<cell> + gate) * width + k] * w;
        }
      }
      for (int r = 0; r < block_rows; ++r) shares[r * columns + column] = sum[r];
    }
  }
  __syncthreads();
  for (Index i = threadIdx.x; i < block_rows * hidden; i += blockDim.x) {
    const Index r = i / hidden, j = i - r * hidden;
    if (first + r >= s.batch) break;
    T through = dh[i];
    for (int gate = 0; gate < gate_count<cell>; ++gate)
      through += shares[r * columns + gate * hidden + j];
    if (g.dh0 != nullptr) g.dh0[(first + r) * hidden + j] = through;
    if (cell == Cell::lstm && g.dc0 != nullptr) g.dc0[(first + r) * hidden + j] = dc[i];
  }
}

template <class T, Cell cell, int depth>
__global__ void __launch_bounds__(depth > 0 ? register_threads : most_threads)
    tangent_kernel(RecurrentShape s, RecurrentTangent<T> d) {
  UNDERSTUDY_DYNAMIC_SHARED(T, shared);
  const Index hidden = s.hidden, columns = gate_count<cell> * hidden;
  const Index width = depth_of<depth>(hidden), sum_width = sum_count<cell> * hidden;
  const Index first = Index(blockIdx.x) * block_rows;
  T* h_dot = shared;
  T* c_dot = h_dot + block_rows * width;
  T* h_before = c_dot + block_rows * width;  // h[t-1] itself
  T* sums = h_before + block_rows * width;
  load_state(d.h0_dot, first, s.batch, hidden, width, h_dot);
  load_state(cell == Cell::lstm ? d.c0_dot : nullptr, first, s.batch, hidden, width, c_dot);
  load_state(d.h0, first, s.batch, hidden, width, h_before);

  [[maybe_unused]] T kept[depth > 0 ? depth : 1];
  if constexpr (depth > 0) {
    UNDERSTUDY_UNROLL
    for (int k = 0; k < depth; ++k)
      kept[k] = k < hidden && threadIdx.x < columns ? d.weight[k * columns + threadIdx.x] : T(0);
  }

  for (Index t = 0; t < s.steps; ++t) {
    __syncthreads();
    multiply<T, depth>(
        h_dot, width, d.weight, kept, hidden, columns, [&](Index column, const T* product) {
          T sum[block_rows];
          for (int r = 0; r < block_rows; ++r) sum[r] = product[r];
          if (d.weight_dot != nullptr) {
            for (Index k = 0; k < hidden; ++k) {
              const T w = d.weight_dot[k * columns + column];
              for (int r = 0; r < block_rows; ++r) sum[r] += h_before[r * width + k] * w;
            }
          }
          for (int r = 0; r < block_rows; ++r) {
            const T u = first + r < s.batch
                            ? at(d.u_dot, ((first + r) * s.steps + t) * columns + column)
                            : T(0);
            T* to = sums + r * sum_width + column;
            if (cell == Cell::gru && column >= 2 * hidden) {
              to[0] = sum[r] + at(d.bias_n_dot, column - 2 * hidden);
              to[hidden] = u;
            } else {
              to[0] = sum[r] + u;
            }
          }
        });
    __syncthreads();
    for (Index i = threadIdx.x; i < block_rows * hidden; i += blockDim.x) {
      const Index r = i / hidden, j = i - r * hidden, b = first + r, row = b * s.steps + t;
      if (b >= s.batch) break;
      const Index tape_columns = tape_width(cell) * hidden;
      const T* tape = d.tape + row * tape_columns + j;
      const T* sum = sums + r * sum_width + j;
      T* state = h_dot + r * width + j;
      T* before = h_before + r * width + j;
      const T h = d.h[row * hidden + j];
      if (!is_masked(d.mask, row)) {
        if constexpr (cell == Cell::rnn) {
          *state = sum[0] * (T(1) - h * h);
        } else if constexpr (cell == Cell::lstm) {
          const T in = tape[0], forget = tape[hidden], g = tape[2 * hidden], o = tape[3 * hidden];
          const T c_previous = t > 0 ? tape[4 * hidden - tape_columns] : at(d.c0, b * hidden + j);
          T* memory = c_dot + r * width + j;
          *memory = forget * *memory + sum[0] * (in * (T(1) - in) * g) +
                    sum[hidden] * (forget * (T(1) - forget) * c_previous) +
                    sum[2 * hidden] * (in * (T(1) - g * g));
          *state = sum[3 * hidden] * (h * (T(1) - o)) + (o - squashed_state(h, o) * h) * *memory;
        } else {
          const T reset = tape[0], z = tape[hidden], n = tape[2 * hidden], a = tape[3 * hidden];
          const T reset_dot = sum[0] * (reset * (T(1) - reset));
          const T z_dot = sum[hidden] * (z * (T(1) - z));
          const T n_dot =
              (T(1) - n * n) * (sum[3 * hidden] + reset_dot * a + reset * sum[2 * hidden]);
          *state = (T(1) - z) * n_dot + z_dot * (*before - n) + z * *state;
        }
      }
      *before = h;
      d.h_dot[row * hidden + j] = *state;
    }
  }
  __syncthreads();
  if (cell == Cell::lstm) store_state(c_dot, first, s.batch, hidden, width, d.c_last_dot);
}

// ---- launchers ----

// How the cell of a shape is launched: W_h in registers or not, threads, and bytes of shared
// memory.
template <class T, Cell cell>
struct Plan {
  bool registers;
  unsigned blocks, threads;
  std::size_t state, gates_deep, gates_wide;  // bytes of a block's rows of h, of ds, of sums

  explicit Plan(const RecurrentShape& s) {
    const Index columns = gate_count<cell> * s.hidden;
    registers = sizeof(T) == 4 && s.hidden <= register_depth && columns <= register_threads;
    const Index width = registers ? register_depth : s.hidden;
    threads =
        static_cast<unsigned>(columns < most_threads ? ceil_div(columns, 32) * 32 : most_threads);
    blocks = blocks_for(s.batch, block_rows);
    const auto bytes = [](Index n) { return static_cast<std::size_t>(n * block_rows) * sizeof(T); };
    state = bytes(width);
    gates_deep = bytes(gate_count<cell> * width);
    gates_wide = bytes(sum_count<cell> * s.hidden);
    // what every GPU grants a block unasked
    UNDERSTUDY_CHECK(3 * state + gates_deep + gates_wide <= 48 << 10,
                     "recurrent: %lld hidden units", static_cast<long long>(s.hidden));
  }
};

bool nothing(const RecurrentShape& s) { return s.batch == 0 || s.hidden == 0; }

template <class T, Cell cell>
void forward_of(Stream& stream, const RecurrentShape& s, const RecurrentForward<T>& f) {
  const Plan<T, cell> plan(s);
  const std::size_t shared = 2 * plan.state + plan.gates_wide;
  if constexpr (sizeof(T) == 4)
    if (plan.registers)
      return launch(forward_kernel<T, cell, register_depth>, plan.blocks, plan.threads, shared,
                    stream, s, f);
  launch(forward_kernel<T, cell, 0>, plan.blocks, plan.threads, shared, stream, s, f);
}

template <class T, Cell cell>
void backward_of(Stream& stream, const RecurrentShape& s, const RecurrentBackward<T>& g,
                 T* workspace) {
  const Plan<T, cell> plan(s);
  const Index columns = gate_count<cell> * s.hidden;
  launch(transpose_kernel<T>, blocks_for(columns * s.hidden, 256), 256, 0, stream, s.hidden,
         columns, g.weight, workspace);
  const std::size_t shared = 2 * plan.state + plan.gates_deep + plan.gates_wide;
  const T* transposed = workspace;
  if constexpr (sizeof(T) == 4)
    if (plan.registers)
      return launch(backward_kernel<T, cell, register_depth>, plan.blocks, plan.threads, shared,
                    stream, s, g, transposed);
  launch(backward_kernel<T, cell, 0>, plan.blocks, plan.threads, shared, stream, s, g, transposed);
}

template <class T, Cell cell>
void tangent_of(Stream& stream, const RecurrentShape& s, const RecurrentTangent<T>& d) {
  const Plan<T, cell> plan(s);
  const std::size_t shared = 3 * plan.state + plan.gates_wide;
  if constexpr (sizeof(T) == 4)
    if (plan.registers)
      return launch(tangent_kernel<T, cell, register_depth>, plan.blocks, plan.threads, shared,
                    stream, s, d);
  launch(tangent_kernel<T, cell, 0>, plan.blocks, plan.threads, shared, stream, s, d);
}

// ---- checked entries ----

template <class T>
Index workspace_elements(const RecurrentShape& s) {
  return gates(s.cell) * s.hidden * s.hidden;  // W_h^T
}

template <class T>
void forward(Stream& stream, const RecurrentShape& s, const RecurrentForward<T>& f, T*) {
  if (nothing(s)) return;
  UNDERSTUDY_CHECK(f.weight != nullptr && (s.steps == 0 || (f.u != nullptr && f.h != nullptr)),
                   "recurrent forward: an argument is missing");
  switch (s.cell) {
    case Cell::rnn: return forward_of<T, Cell::rnn>(stream, s, f);
    case Cell::lstm: return forward_of<T, Cell::lstm>(stream, s, f);
    case Cell::gru: return forward_of<T, Cell::gru>(stream, s, f);
  }
}

template <class T>
void backward(Stream& stream, const RecurrentShape& s, const RecurrentBackward<T>& g,
              T* workspace) {
  if (nothing(s)) return;
  UNDERSTUDY_CHECK(g.weight != nullptr && workspace != nullptr &&
                       (s.steps == 0 || (g.h != nullptr && g.du != nullptr)),
                   "recurrent backward: an argument is missing");
  switch (s.cell) {
    case Cell::rnn: return backward_of<T, Cell::rnn>(stream, s, g, workspace);
    case Cell::lstm: return backward_of<T, Cell::lstm>(stream, s, g, workspace);
    case Cell::gru: return backward_of<T, Cell::gru>(stream, s, g, workspace);
  }
}

template <class T>
void tangent(Stream& stream, const RecurrentShape& s, const RecurrentTangent<T>& d, T*) {
  if (nothing(s)) return;
  UNDERSTUDY_CHECK(d.weight != nullptr && (s.steps == 0 || (d.h != nullptr && d.h_dot != nullptr)),
                   "recurrent tangent: an argument is missing");
  switch (s.cell) {
    case Cell::rnn: return tangent_of<T, Cell::rnn>(stream, s, d);
    case Cell::lstm: return tangent_of<T, Cell::lstm>(stream, s, d);
    case Cell::gru: return tangent_of<T, Cell::gru>(stream, s, d);
  }
}

template <class T>
constexpr RecurrentKernels<T> kernels = {.workspace_elements = workspace_elements<T>,
                                         .forward = forward<T>,
                                         .backward = backward<T>,
                                         .tangent = tangent<T>};

}  // namespace
}  // namespace understudy::cuda

namespace understudy {
template <>
Tables<RecurrentKernels> cuda_kernels<RecurrentKernels>() {
  return {cuda::kernels<float>, cuda::kernels<double>};
}
}  // namespace understudy
