// Better ways to a fixed point V = T V than repeating T: what `solve` uses for large problems.
//
// Anderson mixing (Anderson 1965; Walker & Ni 2011, type II) takes the combination of the last few
// iterates whose residuals cancel best. For a linear T it is GMRES without the matrix.
//
// Aggregation multigrid solves Newton's equation (I - discount P_pi) e = T V - V approximately:
// states that lead to each other most are put together, four by four, again and again; each level
// is a Markov chain among the aggregates (P_c(I, J) = the mean over I of what leads into J), whose
// solution corrects the finer one by one number an aggregate (Bertsekas & Castanon 1989; the
// matching is Notay's 2010 pairwise one). The Bellman sweep itself is the finest smoother, so the
// finest chain is needed for its sums alone.
//
// Both run on the host. Results are the same bits for any number of threads.

#pragma once

#include <cstdint>
#include <vector>

#include "kernels/device/device.h"

namespace understudy {

template <class T>
class Anderson {
 public:
  // The last `memory` differences of iterates are kept, 1 to 16.
  Anderson(Device& device, std::int64_t n, int memory);

  // x, whose image is g = G(x), is replaced by the next point to look at. Entries that are not
  // finite follow g.
  void mix(T* x, const T* g);

  // The next point is g itself.
  void forget() { kept_ = oldest_ = 0, seen_ = false; }

 private:
  Device& device_;
  std::int64_t n_;
  int memory_, kept_ = 0, oldest_ = 0;
  bool seen_ = false;
  std::vector<std::vector<T>> residual_change_, value_change_;  // [memory][n]
  std::vector<T> residual_, value_;                             // of the last call
  std::vector<double> gram_;                                    // [memory, memory]
};

// Sums of a Markov chain's entries by aggregates, level by level.
template <class T>
class Aggregation {
 public:
  // The finest chain: entry i leads from row[i] to column[i]; -1 marks entries to be passed over.
  Aggregation(Device& device, std::int64_t states, double discount, std::vector<std::int32_t> row,
              std::vector<std::int32_t> column);

  // The entries' probabilities. The first call also chooses the aggregates.
  void set_chain(const T* chain);

  // after = T before is moved towards the fixed point: its residual's means over aggregates are
  // replaced by the coarse solution.
  void correct(const T* before, T* after);

  int levels() const { return static_cast<int>(level_.size()); }

 private:
  struct Level {
    std::int64_t states = 0;
    std::vector<std::int32_t> begin, column;  // rows of the chain
    std::vector<T> value;
    std::vector<std::int32_t> aggregate;  // [states] of the next level
    std::vector<std::int32_t> place;      // [entries]: where the next level's chain sums them
    std::vector<std::int32_t> member_begin, member;  // the next level's, back to this one
    std::vector<T> right, x, next;
  };

  void choose(const T* chain);
  static std::vector<std::int32_t> match(const Level& level, std::int32_t* count);
  static Level coarser(Level& fine, std::vector<std::int32_t> aggregate, std::int32_t count);
  void sum_values(Level& fine, Level& coarse);
  void factor();
  void solve(std::size_t level);
  void jacobi(Level& level);

  Device& device_;
  std::int64_t states_;
  double discount_;
  std::vector<std::int32_t> row_, column_, order_;  // order_: chain entries by row
  std::vector<Level> level_;                        // [0] is the finest
  std::vector<double> dense_;                       // the coarsest, factored; empty if too large
};

}  // namespace understudy
