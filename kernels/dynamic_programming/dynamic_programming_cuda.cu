// Dynamic programming on CUDA.
//
// A thread takes one state of one problem; neighboring threads take neighboring problems of a
// batch (or neighboring states of one problem), so reads of values, rewards and policies coalesce.
// Log-sum-exps run online, with a running maximum, so that nothing needs to be stored. The stencil
// reads its neighbors through L1, which holds three rows of a block's cells.

#include "kernels/device/launch.h"

#include "kernels/dynamic_programming/dynamic_programming.h"

namespace understudy::cuda {

namespace {

constexpr int block_threads = 256;

__device__ inline float exponential(float x) { return expf(x); }
__device__ inline double exponential(double x) { return exp(x); }
__device__ inline float logarithm(float x) { return logf(x); }
__device__ inline double logarithm(double x) { return log(x); }

template <class T>
__device__ inline T lowest() {
  return static_cast<T>(-INFINITY);
}

// A sum of exponentials relative to the largest so far.
template <class T>
struct LogSum {
  T high = lowest<T>(), sum = 0;
  __device__ void add(T x, T weight) {
    if (x > high) {
      sum = sum * exponential(high - x) + weight;
      high = x;
    } else if (x != lowest<T>()) {
      sum += weight * exponential(x - high);  // NaN lands here, and stays
    }
  }
  __device__ T value() const { return sum == T(0) ? lowest<T>() : high + logarithm(sum); }
};

// sum_j p(j) V(next(j)) of one problem, and log sum_j p(j) exp V(next(j)).
template <class T>
__device__ inline T mean_ahead(const SparseDynamics<T>& m, std::int64_t k, const T* value) {
  T sum = 0;
  for (std::int64_t j = m.transition_begin[k]; j < m.transition_begin[k + 1]; ++j)
    sum += m.probability[j] * value[m.next_state[j]];
  return sum;
}
template <class T>
__device__ inline T log_mean_ahead(const SparseDynamics<T>& m, std::int64_t k, const T* value) {
  LogSum<T> next;
  for (std::int64_t j = m.transition_begin[k]; j < m.transition_begin[k + 1]; ++j)
    next.add(value[m.next_state[j]], m.probability[j]);
  return next.value();
}

template <class T>
__global__ void backup_kernel(SparseDynamics<T> m, BackupRule<T> rule, std::int64_t batch,
                              const T* reward, bool shared_reward, const T* value, T* q,
                              T* new_value) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= m.states * batch) return;
  const std::int64_t s = i / batch, b = i % batch;
  const std::int64_t begin = m.pair_begin[s], end = m.pair_begin[s + 1];
  LogSum<T> soft;
  T hard = lowest<T>();
  for (std::int64_t k = begin; k < end; ++k) {
    T ahead = 0;
    if (rule.expectation == Expectation::causal) {
      for (std::int64_t j = m.transition_begin[k]; j < m.transition_begin[k + 1]; ++j)
        ahead += m.probability[j] * value[m.next_state[j] * batch + b];
      ahead *= rule.discount;
    } else {
      LogSum<T> next;
      for (std::int64_t j = m.transition_begin[k]; j < m.transition_begin[k + 1]; ++j)
        next.add(value[m.next_state[j] * batch + b], m.probability[j]);
      ahead = next.value();
    }
    const T qk = (shared_reward ? reward[k] : reward[k * batch + b]) + ahead;
    if (q != nullptr) q[k * batch + b] = qk;
    if (rule.backup == Backup::log_sum_exp)
      soft.add(qk, T(1));
    else
      hard = hard > qk ? hard : qk;
  }
  new_value[i] = begin == end ? value[i] : rule.backup == Backup::log_sum_exp ? soft.value() : hard;
}

// A thread a state, so that a block's sixteen lanes are half a warp: its program is read once for
// all of them, and slots, rewards and probabilities coalesce.
template <class T>
__global__ void packed_kernel(SparseDynamics<T> m, PackedDynamics<T> packed, BackupRule<T> rule,
                              const T* reward, const T* packed_reward, const T* value, T* new_value,
                              T* chain) {
  constexpr int width = PackedBlock::lanes;
  const std::int64_t s = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (s >= packed.blocks * width) return;
  const PackedBlock b = packed.block[s / width];
  const int lane = static_cast<int>(s % width);
  const bool plain = b.slots == PackedBlock::plain, real = s < m.states;
  const bool soft_choice = rule.backup == Backup::log_sum_exp,
             causal = rule.expectation == Expectation::causal;
  if (!real && (plain || chain == nullptr)) return;
  const bool acting = real && (b.acting >> lane & 1) != 0;
  const std::int64_t begin = real ? m.pair_begin[s] : 0, end = real ? m.pair_begin[s + 1] : 0;
  LogSum<T> soft;
  T hard = lowest<T>();
  T slot[PackedBlock::most_slots], q[PackedBlock::most_pairs];
  const std::uint16_t* code = packed.code + b.code;
  const T* coefficient = packed.coefficient + b.coefficient;
  if (plain) {
    for (std::int64_t k = begin; k < end; ++k) {
      const T qk = reward[k] + (causal ? rule.discount * mean_ahead<T>(m, k, value)
                                       : log_mean_ahead<T>(m, k, value));
      soft.add(qk, T(1));
      hard = hard > qk ? hard : qk;
    }
  } else {
    const std::int32_t* index = packed.index + b.index;
    for (int d = 0; d < b.slots; ++d) {
      const bool run = *code++ != 0;
      slot[d] = acting ? value[run ? *index + lane : index[lane]] : T(0);
      index += run ? 1 : width;
    }
    for (int a = 0; a < b.pairs; ++a) {
      T mean = 0;
      LogSum<T> next;
      for (int left = *code++; left > 0; --left, ++code) {
        const bool shared = (*code & 1) == 0;
        const T p = coefficient[shared ? 0 : lane];
        coefficient += shared ? 1 : width;
        if (p == T(0)) continue;
        if (causal)
          mean += p * slot[*code >> 1];
        else
          next.add(slot[*code >> 1], p);
      }
      q[a] = packed_reward[(b.pair_row + a) * width + lane] +
             (causal ? rule.discount * mean : next.value());
      soft.add(q[a], T(1));
      hard = hard > q[a] ? hard : q[a];
    }
  }
  const T best = soft_choice ? soft.value() : hard;
  if (real) new_value[s] = acting ? best : value[s];
  if (chain == nullptr) return;

  bool chosen = false;
  auto probability_of = [&](T qk) {
    T pi = T(0);
    if (acting && best != lowest<T>()) {
      if (soft_choice)
        pi = exponential(qk - best);
      else
        pi = !chosen && qk == best ? T(1) : T(0);
    }
    chosen = chosen || pi == T(1);
    return pi;
  };
  if (plain) {
    T* const to = chain + b.chain - m.transition_begin[m.pair_begin[s / width * width]];
    for (std::int64_t k = begin; k < end; ++k) {
      const T pi = probability_of(reward[k] + rule.discount * mean_ahead<T>(m, k, value));
      for (std::int64_t j = m.transition_begin[k]; j < m.transition_begin[k + 1]; ++j)
        to[j] = pi * m.probability[j];
    }
    return;
  }
  for (int d = 0; d < b.slots; ++d) slot[d] = 0;
  code = packed.code + b.code + b.slots;
  coefficient = packed.coefficient + b.coefficient;
  for (int a = 0; a < b.pairs; ++a) {
    const T pi = probability_of(q[a]);
    for (int left = *code++; left > 0; --left, ++code) {
      const bool shared = (*code & 1) == 0;
      slot[*code >> 1] += pi * coefficient[shared ? 0 : lane];
      coefficient += shared ? 1 : width;
    }
  }
  for (int d = 0; d < b.slots; ++d) chain[b.chain + d * width + lane] = slot[d];
}

template <class T>
__global__ void policy_kernel(SparseDynamics<T> m, Backup backup, std::int64_t batch, const T* q,
                              const T* value, T* policy) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= m.states * batch) return;
  const std::int64_t s = i / batch, b = i % batch;
  const std::int64_t begin = m.pair_begin[s], end = m.pair_begin[s + 1];
  std::int64_t best = begin;
  if (backup == Backup::max)
    for (std::int64_t k = begin; k < end; ++k)
      if (q[k * batch + b] > q[best * batch + b]) best = k;
  for (std::int64_t k = begin; k < end; ++k) {
    if (backup == Backup::max)
      policy[k * batch + b] = k == best ? T(1) : T(0);
    else
      policy[k * batch + b] =
          value[i] == lowest<T>() ? T(0) : exponential(q[k * batch + b] - value[i]);
  }
}

template <class T>
__global__ void evaluate_kernel(SparseDynamics<T> m, T discount, std::int64_t batch,
                                const T* reward, bool shared_reward, const T* policy,
                                const T* value, T* new_value) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= m.states * batch) return;
  const std::int64_t s = i / batch, b = i % batch;
  const std::int64_t begin = m.pair_begin[s], end = m.pair_begin[s + 1];
  T sum = 0;
  for (std::int64_t k = begin; k < end; ++k) {
    T ahead = 0;
    for (std::int64_t j = m.transition_begin[k]; j < m.transition_begin[k + 1]; ++j)
      ahead += m.probability[j] * value[m.next_state[j] * batch + b];
    sum += policy[k * batch + b] *
           ((shared_reward ? reward[k] : reward[k * batch + b]) + discount * ahead);
  }
  new_value[i] = begin == end ? value[i] : sum;
}

template <class T>
__global__ void flow_kernel(SparseDynamics<T> m, std::int64_t batch, const T* policy,
                            const T* occupancy, T* flow) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= m.states * batch) return;
  const std::int64_t s = i / batch, b = i % batch;
  for (std::int64_t k = m.pair_begin[s]; k < m.pair_begin[s + 1]; ++k)
    flow[k * batch + b] = policy[k * batch + b] * occupancy[i];
}

// y = b + scale A x; `forward` and `multiply` both end in it.
template <class T>
__global__ void rows_kernel(std::int64_t rows, const std::int32_t* begin,
                            const std::int32_t* column, const T* weight, T scale,
                            std::int64_t batch, const T* x, const T* b, T* y) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= rows * batch) return;
  const std::int64_t r = i / batch, c = i % batch;
  T sum = 0;
  for (std::int64_t j = begin[r]; j < begin[r + 1]; ++j)
    sum += weight[j] * x[static_cast<std::int64_t>(column[j]) * batch + c];
  y[i] = (b != nullptr ? b[i] : T(0)) + scale * sum;
}

// Rows depend on one another: a thread walks all of them for its own problem. Batches are what
// fills the device here.
template <class T>
__global__ void triangular_kernel(SparseRows<T> a, const T* inverse_diagonal, bool descending,
                                  std::int64_t batch, T* x) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (c >= batch) return;
  for (std::int64_t step = 0; step < a.rows; ++step) {
    const std::int64_t i = descending ? a.rows - 1 - step : step;
    T sum = x[i * batch + c];
    for (std::int64_t j = a.begin[i]; j < a.begin[i + 1]; ++j)
      sum -= a.value[j] * x[static_cast<std::int64_t>(a.column[j]) * batch + c];
    x[i * batch + c] = inverse_diagonal != nullptr ? sum * inverse_diagonal[i] : sum;
  }
}

template <class T>
__global__ void sampled_kernel(SparseRows<T> a, std::int64_t batch, const T* x, const T* y,
                               T* out) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= a.rows) return;
  for (std::int64_t j = a.begin[i]; j < a.begin[i + 1]; ++j) {
    T sum = 0;
    for (std::int64_t c = 0; c < batch; ++c)
      sum += x[i * batch + c] * y[static_cast<std::int64_t>(a.column[j]) * batch + c];
    out[j] += a.value[j] * sum;
  }
}

template <class T>
__device__ inline T larger_or_nan(T a, T b) {
  return a != a ? a : (b != b ? b : (a > b ? a : b));
}

// Maxima do not depend on their order, so blocks may take any share. Two launches: per block, then
// one block over the blocks.
template <class T>
__global__ void change_kernel(std::int64_t n, const T* a, const T* b, T* result) {
  __shared__ T part[block_threads];
  T high = 0;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n;
       i += static_cast<std::int64_t>(gridDim.x) * blockDim.x) {
    const T other = b != nullptr ? b[i] : T(0);
    const T d = a[i] == other ? T(0) : a[i] - other;
    high = larger_or_nan<T>(high, d < T(0) ? -d : d);
  }
  part[threadIdx.x] = high;
  __syncthreads();
  for (unsigned half = block_threads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half)
      part[threadIdx.x] = larger_or_nan<T>(part[threadIdx.x], part[threadIdx.x + half]);
    __syncthreads();
  }
  if (threadIdx.x == 0) result[blockIdx.x] = part[0];
}

// The values that the five actions lead to: up, down, left, right, stay.
template <class T>
__device__ inline void neighbors(const GridDynamics<T>& grid, std::int64_t y, std::int64_t x,
                                 const T* value, T* v) {
  const std::int64_t w = grid.width, s = y * w + x;
  v[0] = value[y > 0 ? s - w : s];
  v[1] = value[y + 1 < grid.height ? s + w : s];
  v[2] = value[x > 0 ? s - 1 : s];
  v[3] = value[x + 1 < w ? s + 1 : s];
  v[4] = value[s];
}

template <class T>
__device__ inline T largest(const T* v, bool stay) {
  T m = v[0] > v[1] ? v[0] : v[1];
  m = m > v[2] ? m : v[2];
  m = m > v[3] ? m : v[3];
  return stay && v[4] > m ? v[4] : m;
}

template <class T>
__device__ inline T sum_of_exponentials(const T* v, bool stay, T scale, T m) {
  T sum = 0;
  for (int a = 0; a < 4; ++a) sum += exponential(scale * (v[a] - m));
  return stay ? sum + exponential(scale * (v[4] - m)) : sum;
}

template <class T>
__global__ void grid_backup_kernel(GridDynamics<T> grid, Backup backup, T discount, const T* reward,
                                   const T* value, T* new_value) {
  const std::int64_t x = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const std::int64_t y = static_cast<std::int64_t>(blockIdx.y) * blockDim.y + threadIdx.y;
  if (x >= grid.width || y >= grid.height) return;
  T v[5];
  neighbors<T>(grid, y, x, value, v);
  const T scale = discount * grid.chosen, m = largest<T>(v, grid.stay);
  T ahead = scale * m;
  if (backup == Backup::log_sum_exp)
    ahead += logarithm(sum_of_exponentials<T>(v, grid.stay, scale, m));
  ahead += discount * (grid.stay_slip * v[4] + grid.move_slip * ((v[0] + v[1]) + (v[2] + v[3])));
  new_value[y * grid.width + x] = reward[y * grid.width + x] + ahead;
}

// Pulls from the cells that an action may come from; each works out its own normalizer again, which
// is arithmetic on cached values in place of another array through memory.
template <class T>
__global__ void grid_forward_kernel(GridDynamics<T> grid, T discount, T forward_discount,
                                    const T* source, const T* value, const T* occupancy,
                                    T* new_occupancy, T* total) {
  const std::int64_t x = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const std::int64_t y = static_cast<std::int64_t>(blockIdx.y) * blockDim.y + threadIdx.y;
  if (x >= grid.width || y >= grid.height) return;
  const std::int64_t s = y * grid.width + x;
  const std::int64_t dy[5] = {-1, 1, 0, 0, 0}, dx[5] = {0, 0, -1, 1, 0};
  const T scale = discount * grid.chosen, here = value[s];
  T chosen = 0, moves = 0;
  for (int a = 0; a < 5; ++a) {
    // A neighbor outside the grid is the cell itself, bouncing back.
    std::int64_t fy = y + dy[a], fx = x + dx[a];
    if (fy < 0 || fy >= grid.height) fy = y;
    if (fx < 0 || fx >= grid.width) fx = x;
    const T d = occupancy[fy * grid.width + fx];
    if (a < 4) moves += d;
    if (a == 4 && !grid.stay) break;
    T v[5];
    neighbors<T>(grid, fy, fx, value, v);
    const T m = largest<T>(v, grid.stay);
    chosen += d * exponential(scale * (here - m)) / sum_of_exponentials<T>(v, grid.stay, scale, m);
  }
  const T in = forward_discount *
                   (grid.chosen * chosen + grid.stay_slip * occupancy[s] + grid.move_slip * moves) +
               (source != nullptr ? source[s] : T(0));
  new_occupancy[s] = in;
  if (total != nullptr) total[s] += in;
}

unsigned blocks_for(std::int64_t n) {
  return static_cast<unsigned>((n + block_threads - 1) / block_threads);
}

template <class T>
void backup(Stream& stream, const SparseDynamics<T>& m, const BackupRule<T>& rule,
            std::int64_t batch, const T* reward, bool shared_reward, const T* value, T* q,
            T* new_value) {
  launch(backup_kernel<T>, dim3(blocks_for(m.states * batch)), dim3(block_threads), 0, stream, m,
         rule, batch, reward, shared_reward, value, q, new_value);
}

template <class T>
void packed_backup(Stream& stream, const SparseDynamics<T>& m, const PackedDynamics<T>& packed,
                   const BackupRule<T>& rule, const T* reward, const T* packed_reward,
                   const T* value, T* new_value, T* chain) {
  launch(packed_kernel<T>, dim3(blocks_for(packed.blocks * PackedBlock::lanes)),
         dim3(block_threads), 0, stream, m, packed, rule, reward, packed_reward, value, new_value,
         chain);
}

template <class T>
void policy(Stream& stream, const SparseDynamics<T>& m, Backup backup, std::int64_t batch,
            const T* q, const T* value, T* policy) {
  launch(policy_kernel<T>, dim3(blocks_for(m.states * batch)), dim3(block_threads), 0, stream, m,
         backup, batch, q, value, policy);
}

template <class T>
void evaluate(Stream& stream, const SparseDynamics<T>& m, T discount, std::int64_t batch,
              const T* reward, bool shared_reward, const T* policy, const T* value, T* new_value) {
  launch(evaluate_kernel<T>, dim3(blocks_for(m.states * batch)), dim3(block_threads), 0, stream, m,
         discount, batch, reward, shared_reward, policy, value, new_value);
}

template <class T>
void forward(Stream& stream, const SparseDynamics<T>& m, const IncomingDynamics<T>& incoming,
             T discount, std::int64_t batch, const T* source, const T* policy, const T* occupancy,
             T* flow, T* new_occupancy) {
  const dim3 grid(blocks_for(m.states * batch)), block(block_threads);
  launch(flow_kernel<T>, grid, block, 0, stream, m, batch, policy, occupancy, flow);
  launch(rows_kernel<T>, grid, block, 0, stream, m.states, incoming.incoming_begin,
         incoming.incoming_pair, incoming.incoming_probability, discount, batch,
         static_cast<const T*>(flow), source, new_occupancy);
}

template <class T>
void multiply(Stream& stream, const SparseRows<T>& a, std::int64_t batch, const T* x, const T* b,
              T* y) {
  launch(rows_kernel<T>, dim3(blocks_for(a.rows * batch)), dim3(block_threads), 0, stream, a.rows,
         a.begin, a.column, a.value, T(1), batch, x, b, y);
}

template <class T>
void solve_triangular(Stream& stream, const SparseRows<T>& a, const T* inverse_diagonal,
                      bool descending, std::int64_t batch, T* x) {
  launch(triangular_kernel<T>, dim3(static_cast<unsigned>((batch + 31) / 32)), dim3(32), 0, stream,
         a, inverse_diagonal, descending, batch, x);
}

template <class T>
void sampled_product(Stream& stream, const SparseRows<T>& a, std::int64_t batch, const T* x,
                     const T* y, T* out) {
  launch(sampled_kernel<T>, dim3(blocks_for(a.rows)), dim3(block_threads), 0, stream, a, batch, x,
         y, out);
}

template <class T>
void maximum_change(Stream& stream, std::int64_t n, const T* a, const T* b, T* result) {
  T* const partial = reinterpret_cast<T*>(stream.scratch);
  const unsigned blocks = n > 256 * block_threads ? 256 : (n > 0 ? blocks_for(n) : 1);
  launch(change_kernel<T>, dim3(blocks), dim3(block_threads), 0, stream, n, a, b, partial);
  launch(change_kernel<T>, dim3(1), dim3(block_threads), 0, stream,
         static_cast<std::int64_t>(blocks), static_cast<const T*>(partial),
         static_cast<const T*>(nullptr), result);
}

template <class T>
dim3 grid_blocks(const GridDynamics<T>& grid) {
  return dim3(static_cast<unsigned>((grid.width + 31) / 32),
              static_cast<unsigned>((grid.height + 7) / 8));
}

template <class T>
void grid_backup(Stream& stream, const GridDynamics<T>& grid, Backup backup, T discount,
                 const T* reward, const T* value, T* new_value) {
  launch(grid_backup_kernel<T>, grid_blocks(grid), dim3(32, 8), 0, stream, grid, backup, discount,
         reward, value, new_value);
}

template <class T>
void grid_forward(Stream& stream, const GridDynamics<T>& grid, T discount, T forward_discount,
                  const T* source, const T* value, const T* occupancy, T* new_occupancy, T* total) {
  launch(grid_forward_kernel<T>, grid_blocks(grid), dim3(32, 8), 0, stream, grid, discount,
         forward_discount, source, value, occupancy, new_occupancy, total);
}

template <class T>
constexpr DynamicProgrammingKernels<T> kernels = {.backup = backup<T>,
                                                  .packed_backup = packed_backup<T>,
                                                  .policy = policy<T>,
                                                  .evaluate = evaluate<T>,
                                                  .forward = forward<T>,
                                                  .multiply = multiply<T>,
                                                  .solve_triangular = solve_triangular<T>,
                                                  .sampled_product = sampled_product<T>,
                                                  .maximum_change = maximum_change<T>,
                                                  .grid_backup = grid_backup<T>,
                                                  .grid_forward = grid_forward<T>};

}  // namespace
}  // namespace understudy::cuda

namespace understudy {
template <>
Tables<DynamicProgrammingKernels> cuda_kernels<DynamicProgrammingKernels>() {
  return {cuda::kernels<float>, cuda::kernels<double>};
}
}  // namespace understudy
