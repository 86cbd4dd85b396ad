// Dynamic programming, as its equations stand in dynamic_programming.h.

#include <cmath>

#include "kernels/dynamic_programming/dynamic_programming.h"

namespace understudy::reference {

namespace {

using Dynamics = SparseDynamics<double>;

// log(exp a + exp b) without overflow; -infinity is the log of nothing.
double log_add(double a, double b) {
  const double high = a > b ? a : b, low = a > b ? b : a;
  return high == -INFINITY ? high : high + std::log1p(std::exp(low - high));
}

void backup(Stream&, const Dynamics& m, const BackupRule<double>& rule, std::int64_t batch,
            const double* reward, bool shared_reward, const double* value, double* q,
            double* new_value) {
  for (std::int64_t s = 0; s < m.states; ++s)
    for (std::int64_t b = 0; b < batch; ++b) {
      double v = -INFINITY;
      for (std::int64_t k = m.pair_begin[s]; k < m.pair_begin[s + 1]; ++k) {
        double ahead = rule.expectation == Expectation::causal ? 0.0 : -INFINITY;
        for (std::int64_t j = m.transition_begin[k]; j < m.transition_begin[k + 1]; ++j) {
          const double p = m.probability[j], next = value[m.next_state[j] * batch + b];
          ahead = rule.expectation == Expectation::causal ? ahead + p * next
                                                          : log_add(ahead, std::log(p) + next);
        }
        if (rule.expectation == Expectation::causal) ahead *= rule.discount;
        const double qk = (shared_reward ? reward[k] : reward[k * batch + b]) + ahead;
        if (q != nullptr) q[k * batch + b] = qk;
        v = rule.backup == Backup::log_sum_exp ? log_add(v, qk) : std::fmax(v, qk);
      }
      const bool boundary = m.pair_begin[s] == m.pair_begin[s + 1];
      new_value[s * batch + b] = boundary ? value[s * batch + b] : v;
    }
}

// The sparse form says the same; what is read of the packed one is where `chain` keeps what. A
// packed block's slots are its states' distinct successors, in the order their pairs name them.
void packed_backup(Stream& stream, const Dynamics& m, const PackedDynamics<double>& packed,
                   const BackupRule<double>& rule, const double* reward, const double*,
                   const double* value, double* new_value, double* chain) {
  backup(stream, m, rule, 1, reward, false, value, nullptr, new_value);
  if (chain == nullptr) return;
  for (std::int64_t i = 0; i < packed.blocks; ++i) {
    const PackedBlock& b = packed.block[i];
    const bool plain = b.slots == PackedBlock::plain;
    double* next = chain + b.chain;
    for (int e = 0; !plain && e < b.slots * PackedBlock::lanes; ++e) next[e] = 0.0;
    const std::int64_t first = i * PackedBlock::lanes;
    for (std::int64_t s = first; s < first + PackedBlock::lanes && s < m.states; ++s) {
      std::int32_t seen[PackedBlock::most_slots];
      int slots = 0;
      bool chosen = false;
      for (std::int64_t k = m.pair_begin[s]; k < m.pair_begin[s + 1]; ++k) {
        double q = 0.0;
        for (std::int64_t j = m.transition_begin[k]; j < m.transition_begin[k + 1]; ++j)
          q += m.probability[j] * value[m.next_state[j]];
        q = reward[k] + rule.discount * q;
        double pi = q == new_value[s] && !chosen ? 1.0 : 0.0;
        if (rule.backup == Backup::log_sum_exp) pi = std::exp(q - new_value[s]);
        if (new_value[s] == -INFINITY) pi = 0.0;
        chosen = chosen || pi == 1.0;
        for (std::int64_t j = m.transition_begin[k]; j < m.transition_begin[k + 1]; ++j) {
          if (plain) {
            *next++ = pi * m.probability[j];
            continue;
          }
          int d = 0;
          while (d < slots && seen[d] != m.next_state[j]) ++d;
          if (d == slots) seen[slots++] = m.next_state[j];
          next[d * PackedBlock::lanes + s - first] += pi * m.probability[j];
        }
      }
    }
  }
}

void policy(Stream&, const Dynamics& m, Backup backup, std::int64_t batch, const double* q,
            const double* value, double* policy) {
  for (std::int64_t s = 0; s < m.states; ++s)
    for (std::int64_t b = 0; b < batch; ++b) {
      const std::int64_t begin = m.pair_begin[s], end = m.pair_begin[s + 1];
      std::int64_t best = begin;
      for (std::int64_t k = begin; k < end; ++k)
        if (q[k * batch + b] > q[best * batch + b]) best = k;
      for (std::int64_t k = begin; k < end; ++k) {
        if (backup == Backup::max) {
          policy[k * batch + b] = k == best ? 1.0 : 0.0;
        } else {
          const double v = value[s * batch + b];
          policy[k * batch + b] = v == -INFINITY ? 0.0 : std::exp(q[k * batch + b] - v);
        }
      }
    }
}

void evaluate(Stream&, const Dynamics& m, double discount, std::int64_t batch, const double* reward,
              bool shared_reward, const double* policy, const double* value, double* new_value) {
  for (std::int64_t s = 0; s < m.states; ++s)
    for (std::int64_t b = 0; b < batch; ++b) {
      double v = 0.0;
      for (std::int64_t k = m.pair_begin[s]; k < m.pair_begin[s + 1]; ++k) {
        double ahead = 0.0;
        for (std::int64_t j = m.transition_begin[k]; j < m.transition_begin[k + 1]; ++j)
          ahead += m.probability[j] * value[m.next_state[j] * batch + b];
        v += policy[k * batch + b] *
             ((shared_reward ? reward[k] : reward[k * batch + b]) + discount * ahead);
      }
      const bool boundary = m.pair_begin[s] == m.pair_begin[s + 1];
      new_value[s * batch + b] = boundary ? value[s * batch + b] : v;
    }
}

void forward(Stream&, const Dynamics& m, const IncomingDynamics<double>& incoming, double discount,
             std::int64_t batch, const double* source, const double* policy,
             const double* occupancy, double* flow, double* new_occupancy) {
  for (std::int64_t s = 0; s < m.states; ++s)
    for (std::int64_t k = m.pair_begin[s]; k < m.pair_begin[s + 1]; ++k)
      for (std::int64_t b = 0; b < batch; ++b)
        flow[k * batch + b] = policy[k * batch + b] * occupancy[s * batch + b];
  for (std::int64_t s = 0; s < m.states; ++s)
    for (std::int64_t b = 0; b < batch; ++b) {
      double in = 0.0;
      for (std::int64_t i = incoming.incoming_begin[s]; i < incoming.incoming_begin[s + 1]; ++i)
        in += incoming.incoming_probability[i] * flow[incoming.incoming_pair[i] * batch + b];
      new_occupancy[s * batch + b] =
          (source != nullptr ? source[s * batch + b] : 0.0) + discount * in;
    }
}

void multiply(Stream&, const SparseRows<double>& a, std::int64_t batch, const double* x,
              const double* b, double* y) {
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t c = 0; c < batch; ++c) {
      double sum = b != nullptr ? b[i * batch + c] : 0.0;
      for (std::int64_t j = a.begin[i]; j < a.begin[i + 1]; ++j)
        sum += a.value[j] * x[a.column[j] * batch + c];
      y[i * batch + c] = sum;
    }
}

void solve_triangular(Stream&, const SparseRows<double>& a, const double* inverse_diagonal,
                      bool descending, std::int64_t batch, double* x) {
  for (std::int64_t step = 0; step < a.rows; ++step) {
    const std::int64_t i = descending ? a.rows - 1 - step : step;
    for (std::int64_t c = 0; c < batch; ++c) {
      double sum = x[i * batch + c];
      for (std::int64_t j = a.begin[i]; j < a.begin[i + 1]; ++j)
        sum -= a.value[j] * x[a.column[j] * batch + c];
      x[i * batch + c] = inverse_diagonal != nullptr ? sum * inverse_diagonal[i] : sum;
    }
  }
}

void sampled_product(Stream&, const SparseRows<double>& a, std::int64_t batch, const double* x,
                     const double* y, double* out) {
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = a.begin[i]; j < a.begin[i + 1]; ++j) {
      double sum = 0.0;
      for (std::int64_t c = 0; c < batch; ++c) sum += x[i * batch + c] * y[a.column[j] * batch + c];
      out[j] += a.value[j] * sum;
    }
}

void maximum_change(Stream&, std::int64_t n, const double* a, const double* b, double* result) {
  double most = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double change = a[i] == b[i] ? 0.0 : std::abs(a[i] - b[i]);
    if (change > most || std::isnan(change)) most = change;
    if (std::isnan(most)) break;
  }
  *result = most;
}

// The cells that the four moves and staying lead to.
struct Targets {
  std::int64_t cell[5];
  Targets(const GridDynamics<double>& grid, std::int64_t y, std::int64_t x) {
    const std::int64_t w = grid.width, s = y * w + x;
    cell[0] = y > 0 ? s - w : s;
    cell[1] = y + 1 < grid.height ? s + w : s;
    cell[2] = x > 0 ? s - 1 : s;
    cell[3] = x + 1 < w ? s + 1 : s;
    cell[4] = s;
  }
};

void grid_backup(Stream&, const GridDynamics<double>& grid, Backup backup, double discount,
                 const double* reward, const double* value, double* new_value) {
  for (std::int64_t y = 0; y < grid.height; ++y)
    for (std::int64_t x = 0; x < grid.width; ++x) {
      const std::int64_t s = y * grid.width + x;
      const Targets to(grid, y, x);
      double slip = grid.stay_slip * value[s], v = -INFINITY;
      for (int m = 0; m < 4; ++m) slip += grid.move_slip * value[to.cell[m]];
      for (int a = 0; a < (grid.stay ? 5 : 4); ++a) {
        const double q = reward[s] + discount * (grid.chosen * value[to.cell[a]] + slip);
        v = backup == Backup::log_sum_exp ? log_add(v, q) : std::fmax(v, q);
      }
      new_value[s] = v;
    }
}

void grid_forward(Stream&, const GridDynamics<double>& grid, double discount,
                  double forward_discount, const double* source, const double* value,
                  const double* occupancy, double* new_occupancy, double* total) {
  const std::int64_t states = grid.height * grid.width;
  for (std::int64_t s = 0; s < states; ++s) new_occupancy[s] = source != nullptr ? source[s] : 0.0;
  for (std::int64_t y = 0; y < grid.height; ++y)
    for (std::int64_t x = 0; x < grid.width; ++x) {
      const std::int64_t s = y * grid.width + x;
      const Targets to(grid, y, x);
      const int actions = grid.stay ? 5 : 4;
      double log_normalizer = -INFINITY;
      for (int a = 0; a < actions; ++a)
        log_normalizer = log_add(log_normalizer, discount * grid.chosen * value[to.cell[a]]);
      const double out = forward_discount * occupancy[s];
      for (int a = 0; a < actions; ++a)
        new_occupancy[to.cell[a]] +=
            out * grid.chosen *
            std::exp(discount * grid.chosen * value[to.cell[a]] - log_normalizer);
      for (int m = 0; m < 4; ++m) new_occupancy[to.cell[m]] += out * grid.move_slip;
      new_occupancy[s] += out * grid.stay_slip;
    }
  if (total != nullptr)
    for (std::int64_t s = 0; s < states; ++s) total[s] += new_occupancy[s];
}

constexpr DynamicProgrammingKernels<double> kernels = {.backup = backup,
                                                       .packed_backup = packed_backup,
                                                       .policy = policy,
                                                       .evaluate = evaluate,
                                                       .forward = forward,
                                                       .multiply = multiply,
                                                       .solve_triangular = solve_triangular,
                                                       .sampled_product = sampled_product,
                                                       .maximum_change = maximum_change,
                                                       .grid_backup = grid_backup,
                                                       .grid_forward = grid_forward};

}  // namespace
}  // namespace understudy::reference

namespace understudy {
template <>
DynamicProgrammingKernels<double> reference_kernels<DynamicProgrammingKernels>() {
  return reference::kernels;
}
}  // namespace understudy
