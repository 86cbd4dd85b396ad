// What the tabular worlds share: cells numbered row by row as one number, moves that walls stop,
// observations as indicators.
//
// The state is the cell's number in Gymnasium's order, held exactly in a Real. The observation is
// one-hot, which a network can separate; the number itself is in the state.

#pragma once

#include "envs/environment.h"
#include "envs/frame.h"

namespace understudy {

// Facts of an observation of `count` indicators.
template <int count>
struct IndicatorFacts {
  template <class T>
  struct Filled {
    T value[count];
  };
  static constexpr double low[count] = {};
  static constexpr Filled<double> ones = [] {
    Filled<double> filled{};
    for (double& one : filled.value) one = 1;
    return filled;
  }();
  static constexpr auto& high = ones.value;
  // "is_0", "is_1", ...
  struct Text {
    char letters[8];
  };
  static constexpr Filled<Text> texts = [] {
    Filled<Text> filled{};
    for (int i = 0; i < count; ++i) {
      char* to = filled.value[i].letters;
      *to++ = 'i', *to++ = 's', *to++ = '_';
      int place = 1;
      while (i / place >= 10) place *= 10;
      for (; place > 0; place /= 10) *to++ = char('0' + i / place % 10);
    }
    return filled;
  }();
  static constexpr Filled<const char*> pointers = [] {
    Filled<const char*> filled{};
    for (int i = 0; i < count; ++i) filled.value[i] = texts.value[i].letters;
    return filled;
  }();
  static constexpr auto& names = pointers.value;
};

// Facts of a world in which one walks from cell to cell, in one of four ways, and sees the cell.
template <int cells>
struct WalkFacts {
  static constexpr int cell_count = cells;
  static constexpr int state_size = 1, observation_size = cells;
  static constexpr int action_size = 1, action_count = 4;
  static constexpr const char* state_names[] = {"cell"};
  static constexpr double action_low = 0, action_high = 3;
  static constexpr auto& observation_names = IndicatorFacts<cells>::names;
  static constexpr auto& observation_low = IndicatorFacts<cells>::low;
  static constexpr auto& observation_high = IndicatorFacts<cells>::high;
};

}  // namespace understudy

namespace understudy::grid {

// The whole part of a number of 0 or more below 2^22 that is at least 1e-3 from the next whole.
template <class Real>
UNDERSTUDY_HOST_DEVICE Real whole_part(Real x) {
  Real unused;
  return round_to_integer<Real>(x - ScalarOf<Real>(0.5), unused);
}

// index = row * columns + column.
template <class Real>
UNDERSTUDY_HOST_DEVICE void split_index(Real index, int columns, Real& row, Real& column) {
  using Scalar = ScalarOf<Real>;
  row = whole_part<Real>((index + Scalar(0.5)) / Scalar(columns));
  column = index - row * Scalar(columns);
}

// One where `index` is `k`, else zero, for k = 0 .. count - 1, from place `first` on.
template <int count, class Real, int size>
UNDERSTUDY_HOST_DEVICE void indicate(Real index, Variables<Real, size>& seen, int first = 0) {
  using Scalar = ScalarOf<Real>;
  for (int k = 0; k < count; ++k)
    seen[first + k] =
        select<Real>(index == Scalar(k), constant<Real>(Scalar(1)), constant<Real>(Scalar(0)));
}

// A move of (down, right), each -1, 0 or 1, that the border stops.
template <class Real>
UNDERSTUDY_HOST_DEVICE Real moved(Real index, Real down, Real right, int rows, int columns) {
  using Scalar = ScalarOf<Real>;
  Real row, column;
  split_index<Real>(index, columns, row, column);
  row = clip<Real>(row + down, Scalar(0), Scalar(rows - 1));
  column = clip<Real>(column + right, Scalar(0), Scalar(columns - 1));
  return row * Scalar(columns) + column;
}

// a == b as 1 or 0.
template <class Real>
UNDERSTUDY_HOST_DEVICE Real is(Real a, int b) {
  return select<Real>(a == ScalarOf<Real>(b), constant<Real>(1), constant<Real>(0));
}

// `action`, the one before it or the one after it (modulo 4), a third each.
template <class Real, class Random>
UNDERSTUDY_HOST_DEVICE Real slipped(Real action, Random& random) {
  using Scalar = ScalarOf<Real>;
  const Real u = random.uniform(0, 3);
  Real turned = select<Real>(u < Scalar(1), action - Scalar(1), action);
  turned = select<Real>(u >= Scalar(2), action + Scalar(1), turned);
  turned = select<Real>(turned < Scalar(0), turned + Scalar(4), turned);
  return select<Real>(turned > Scalar(3), turned - Scalar(4), turned);
}

// The grid's lines, and a cell filled; cell (0, 0) is at the top left.
inline void draw_cells(Frame& frame, int rows, int columns) {
  begin_frame(frame, -0.2, columns + 0.2, -0.2, rows + 0.2);
  for (int i = 0; i <= rows; ++i) draw_line(frame, 0, i, columns, i, 0.03, Ink::faint);
  for (int i = 0; i <= columns; ++i) draw_line(frame, i, 0, i, rows, 0.03, Ink::faint);
}
inline void draw_cell(Frame& frame, int rows, int row, int column, Ink ink) {
  const double x = column, y = rows - 1 - row;
  draw_rectangle(frame, x + 0.08, y + 0.08, x + 0.92, y + 0.92, ink);
}
inline void draw_agent(Frame& frame, int rows, int row, int column) {
  draw_circle(frame, column + 0.5, rows - row - 0.5, 0.3, Ink::agent);
}

}  // namespace understudy::grid
