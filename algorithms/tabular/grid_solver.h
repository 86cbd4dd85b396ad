// Gridworlds by their stencil: which problems are one, and multigrid on the grid itself.
//
// `grid_form` recognizes a stencil behind a problem's transitions (see dynamic_programming.h for
// its equation), so that `solve` sweeps 12 bytes a cell instead of 42 or 220.
//
// `GridHierarchy` solves Newton's equation of the soft Bellman equation approximately,
//
//   (I - discount P_pi) e = T V - V
//
// by one V-cycle on grids of half the cells across, a quarter, ... Each is cell-centered: residuals
// are averaged over blocks of 2 x 2, corrections interpolated bilinearly (Wesseling 1992, section
// 5; Mohr & Wienands 2004). A coarse cell exchanges with its four neighbors the flow f(I, J) that
// crosses their common side, a mean over the block. That alone is twice too stiff for diffusion,
// whose flow goes with the square of a cell's width, and right for drift; so the part that goes
// both ways, min(f(I, J), f(J, I)), is halved from grid to grid, and what is left of the larger is
// kept. Every matrix is one of positive diagonal and dominant by 1 - discount.
//
// On the host. Coarse grids are in single precision whatever the values are: they only correct.
// Results are the same bits for any number of threads.

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "algorithms/tabular/problem.h"
#include "kernels/device/device.h"

namespace understudy {

struct GridForm {
  GridDynamics<double> dynamics;
  std::vector<double> reward;  // [S], by cell
};

// The stencil of a discounted problem of shape [height, width], both at least 3, in which every
// cell acts and whose reward by pair is one by cell; nothing for any other. Probabilities may
// differ from the stencil's by 1e-12. Actions may be in any order, the same in every cell.
std::optional<GridForm> grid_form(Device& device, const Problem& problem,
                                  const std::vector<double>& reward);

class GridHierarchy {
 public:
  // discount 0 to below 1.
  GridHierarchy(Device& device, const GridDynamics<double>& grid, double discount);

  // P_pi becomes that of the soft policy which looks ahead to `value` [S].
  template <class T>
  void set_policy(const T* value);

  // out = after + an approximation of (I - discount P_pi)^-1 r - r with r = after - before, where
  // after = T before. `out` may be neither of them.
  template <class T>
  void correct(const T* before, const T* after, T* out);

  int levels() const { return static_cast<int>(level_.size()); }

 private:
  // Arrays have a border of one cell all round, which flows of 0 lead to.
  struct Level {
    std::int64_t height, width, pitch;
    std::vector<float> up, down, left, right, inverse;  // flows; 1 / the matrix's diagonal
    std::vector<float> b, x, y;
    std::int64_t at(std::int64_t row, std::int64_t column) const {
      return (row + 1) * pitch + column + 1;
    }
  };

  template <class T>
  void flows_of_rows(const T* value, std::int64_t first, std::int64_t end);
  void halve_exchange(Level& level);
  void coarsen(const Level& fine, Level& coarse);
  void set_diagonal(Level& level);
  void factor();
  void cycle(std::size_t l);
  void smooth(Level& level);
  void solve_coarsest();
  // Repeats the edge cells of `values` on the border, for interpolation.
  static void fill_border(const Level& level, std::vector<float>& values);
  template <class Work>
  void over_rows(std::int64_t rows, std::int64_t width, const Work& work);

  Device& device_;
  GridDynamics<double> grid_;
  float discount_;
  std::vector<Level> level_;  // [0] has half the grid's cells across
  std::vector<double> dense_;
};

}  // namespace understudy
