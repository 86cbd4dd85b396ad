// Dynamic programming on Markov decision processes with finitely many states.
//
// A problem is sparse. State s may choose among the pairs (state, action) k in
// [pair_begin[s], pair_begin[s+1]), any number of them; pair k leads along the transitions j in
// [transition_begin[k], transition_begin[k+1]) to next_state[j] with probability[j] > 0. A state
// without pairs is a boundary: every backup leaves its value as it is, and its occupancy goes
// nowhere.
//
// Everything is batched over `batch` problems that share the dynamics and differ in their rewards,
// goals or seeds. Arrays over states are [states, batch] and over pairs [pairs, batch], the batch
// varying fastest, so that vector lanes run across it. A reward that all problems share is [pairs],
// with `shared_reward`.
//
//   backup            Q(k) = r(k) + discount sum_j p(j) V(next(j))             Expectation::causal
//                     Q(k) = r(k) + log sum_j p(j) exp V(next(j))              log_mean_exp
//                     V(s) = max_k Q(k)                                        Backup::max
//                     V(s) = log sum_k exp Q(k)                                log_sum_exp
//
//   policy            pi(k) = 1 at the first largest Q(k) of a state, else 0   Backup::max
//                     pi(k) = exp(Q(k) - V(s))                                 log_sum_exp
//
//   evaluate          V'(s) = sum_k pi(k) (r(k) + discount sum_j p(j) V(next(j)))
//
//   forward           flow(k) = pi(k) d(state(k))
//                     d'(s') = source(s') + discount sum over transitions j into s' of
//                              p(j) flow(pair(j))
//
//   multiply          y = b + A x                                              A sparse by rows
//
//   solve_triangular  x(i) <- (x(i) - sum_j A(i, j) x(j)) / diagonal(i)        in place, rows in
//                                                                              order or reversed
//
//   sampled_product   out(i, j) += A(i, j) sum_b x(i, b) y(j, b)               at A's entries: with
//                     x the adjoint and y the solution of a sparse system, the flow along each
//                     transition
//
//   maximum_change    max |a - b|; equal infinities differ by 0; NaN where a difference is NaN
//
// Backup::log_sum_exp with Expectation::causal is Ziebart's maximum causal entropy (2010, section
// 6.2); with Expectation::log_mean_exp it is Levine's inference in the graphical model (2018,
// equations 5 to 9 and section 2.4). Values may be -infinity (no way to a goal from here): exp
// gives 0, a pair with such a successor has Q = -infinity. With V = -infinity the policy is 0. With
// discount 0 values must be finite.
//
// `forward` pulls through the transposed dynamics, so its sums have one order whatever the number
// of threads.
//
// Gridworlds have a stencil in place of the arrays. Cells are s = y * width + x; actions move up,
// down, left, right, or stay where `stay`; a move off the grid stays. The action's own move happens
// with probability `chosen`, staying with `stay_slip`, and each of the four moves with `move_slip`:
//
//   grid_backup       Q(s, a) = r(s) + discount (chosen V(s_a) + stay_slip V(s)
//                                                + move_slip sum over moves m of V(s_m))
//                     V(s) as above
//
//   grid_forward      pi(a|s) = exp(discount chosen V(s_a)) / sum over actions b of the same
//                     d'(s') = source(s') + forward_discount (
//                              chosen sum over (s, a) with s_a = s' of pi(a|s) d(s)
//                              + stay_slip d(s') + move_slip sum over (s, m) with s_m = s' of d(s))
//                     total(s') += d'(s')
//
// Soft grid backups take one exponential a cell in place of five: neighbors share exp(discount
// chosen V), scaled by a tile's largest value, wherever the tile's range of values allows it, and
// `grid_forward` the same. Values of gridworlds are finite.
//
// Aliasing: none. Bytes of a backup: 8 to 12 a transition (index, probability; values from a
// cache), of a stencil backup 3 sizeof(T) a cell.

#pragma once

#include "kernels/device/family.h"

namespace understudy {

template <class T>
struct SparseDynamics {
  std::int64_t states = 0, pairs = 0, transitions = 0;
  const std::int32_t* pair_begin = nullptr;        // [states + 1]
  const std::int32_t* transition_begin = nullptr;  // [pairs + 1]
  const std::int32_t* next_state = nullptr;        // [transitions]
  const T* probability = nullptr;                  // [transitions]
};

// The same transitions in the order of the state they lead to.
template <class T>
struct IncomingDynamics {
  const std::int32_t* incoming_begin = nullptr;  // [states + 1]
  const std::int32_t* incoming_pair = nullptr;   // [transitions]
  const T* incoming_probability = nullptr;       // [transitions]
};

// A sparse matrix by rows. For `solve_triangular` without its diagonal.
template <class T>
struct SparseRows {
  std::int64_t rows = 0;
  const std::int32_t* begin = nullptr;   // [rows + 1]
  const std::int32_t* column = nullptr;  // [begin[rows]]
  const T* value = nullptr;              // [begin[rows]]
};

enum class Backup : std::int32_t { max, log_sum_exp };
enum class Expectation : std::int32_t { causal, log_mean_exp };

template <class T>
struct BackupRule {
  Backup backup = Backup::log_sum_exp;
  Expectation expectation = Expectation::causal;
  T discount = 1;  // ignored by the log_mean_exp expectation, which has none
};

template <class T>
struct GridDynamics {
  std::int64_t height = 0, width = 0;
  bool stay = true;  // a fifth action
  T chosen = 1, stay_slip = 0, move_slip = 0;
};

// Sixteen states of dynamics packed for vectors; what the offsets point into, and how it is made,
// is in packed.h.
struct PackedBlock {
  static constexpr int lanes = 16, most_slots = 64, most_pairs = 32;
  static constexpr std::uint16_t plain = 0xffff;  // in place of `slots`: left in the sparse form
  std::int64_t code, index, coefficient;          // where the block's own begin
  std::int64_t pair_row, chain;
  std::uint16_t pairs, slots;
  std::uint16_t acting;  // a bit a state: it has pairs
};

template <class T>
struct PackedDynamics {
  std::int64_t blocks = 0, pair_rows = 0, chain = 0;
  const PackedBlock* block = nullptr;   // [blocks], ceil(states / 16) of them
  const std::uint16_t* code = nullptr;  // the blocks' programs
  const std::int32_t* index = nullptr;  // states
  const T* coefficient = nullptr;       // probabilities
};

template <class T>
struct DynamicProgrammingKernels {
  // q[pairs, batch] may be null.
  void (*backup)(Stream&, const SparseDynamics<T>&, const BackupRule<T>&, std::int64_t batch,
                 const T* reward, bool shared_reward, const T* value, T* q, T* new_value);
  // The backup of one problem in packed form. `reward` [pairs] and `sparse` (whole) are read for
  // plain blocks, and where log_mean_exp finds a state's successors more than 60 apart (600 in
  // double precision); `packed_reward` [pair_rows, 16] for all others. Where `chain` is not null
  // (causal expectation) it receives the transition probabilities of the policy that the backup
  // chose: sum_k pi(k) p(j) of each state's successors, 0 in states without pairs, in the order of
  // the blocks: [slots, 16] of a packed one, the transitions of a plain one.
  void (*packed_backup)(Stream&, const SparseDynamics<T>& sparse, const PackedDynamics<T>&,
                        const BackupRule<T>&, const T* reward, const T* packed_reward,
                        const T* value, T* new_value, T* chain);
  // value[states, batch] is what `backup` gave with q. Backup::max does not read it.
  void (*policy)(Stream&, const SparseDynamics<T>&, Backup, std::int64_t batch, const T* q,
                 const T* value, T* policy);
  void (*evaluate)(Stream&, const SparseDynamics<T>&, T discount, std::int64_t batch,
                   const T* reward, bool shared_reward, const T* policy, const T* value,
                   T* new_value);
  // source[states, batch] may be null; `flow` [pairs, batch] is the pairs' own occupancy.
  void (*forward)(Stream&, const SparseDynamics<T>&, const IncomingDynamics<T>&, T discount,
                  std::int64_t batch, const T* source, const T* policy, const T* occupancy, T* flow,
                  T* new_occupancy);
  // b[rows, batch] may be null.
  void (*multiply)(Stream&, const SparseRows<T>&, std::int64_t batch, const T* x, const T* b, T* y);
  // A has no diagonal. `descending`: from the last row to the first (an upper triangle).
  // inverse_diagonal may be null (ones).
  void (*solve_triangular)(Stream&, const SparseRows<T>&, const T* inverse_diagonal,
                           bool descending, std::int64_t batch, T* x);
  // out[entries of a].
  void (*sampled_product)(Stream&, const SparseRows<T>&, std::int64_t batch, const T* x, const T* y,
                          T* out);
  // *result is one number.
  void (*maximum_change)(Stream&, std::int64_t n, const T* a, const T* b, T* result);
  void (*grid_backup)(Stream&, const GridDynamics<T>&, Backup, T discount, const T* reward,
                      const T* value, T* new_value);
  // `value` is what the policy looks ahead to; source and total may be null.
  void (*grid_forward)(Stream&, const GridDynamics<T>&, T discount, T forward_discount,
                       const T* source, const T* value, const T* occupancy, T* new_occupancy,
                       T* total);
};

}  // namespace understudy
