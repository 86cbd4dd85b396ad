#include "algorithms/tabular/grid_solver.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/device/parts.h"

namespace understudy {

namespace {

constexpr std::int64_t block_rows = 16;  // of a part of the work
constexpr std::int64_t coarsest_cells = 64;

// exp x for x <= 0 to some 2e-7, 0 far below: plain arithmetic that a compiler turns into vectors.
inline float quick_exp(float x) {
  x = x < -87.0f ? -87.0f : x;
  const float shifted = x * 1.44269504f + 12582912.0f;  // 1.5 * 2^23 rounds to an integer
  const float n = shifted - 12582912.0f;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.39262134e-3f;
  p = p * r + 8.36320297e-3f;
  p = p * r + 4.16665544e-2f;
  p = p * r + 1.66665768e-1f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(p) +
                              (std::bit_cast<std::uint32_t>(shifted) << 23));
}

// The cell that a move leads to: 0 up, 1 down, 2 left, 3 right, 4 staying.
std::int64_t neighbor(std::int64_t height, std::int64_t width, std::int64_t s, int move) {
  const std::int64_t y = s / width, x = s % width;
  switch (move) {
    case 0: return y > 0 ? s - width : s;
    case 1: return y + 1 < height ? s + width : s;
    case 2: return x > 0 ? s - 1 : s;
    case 3: return x + 1 < width ? s + 1 : s;
    default: return s;
  }
}

// Where the five moves lead from a state; at an edge some lead to the same cell.
struct Neighbors {
  std::int64_t to[5];
  bool at_edge;

  Neighbors(const GridDynamics<double>& g, std::int64_t s) {
    for (int m = 0; m < 5; ++m) to[m] = neighbor(g.height, g.width, s, m);
    at_edge = to[0] == s || to[1] == s || to[2] == s || to[3] == s;
  }
};

// Whether pair k's transitions are those of `move` with the stencil's probabilities.
bool is_move(const Problem& p, const GridDynamics<double>& g, const Neighbors& from, std::int64_t k,
             int move) {
  const std::int64_t* const to = from.to;
  double expected[5];
  for (int m = 0; m < 5; ++m) expected[m] = m < 4 ? g.move_slip : g.stay_slip;
  expected[move] += g.chosen;
  for (std::int32_t j = p.transition_begin[k]; j < p.transition_begin[k + 1]; ++j) {
    int m = 0;
    while (m < 5 && to[m] != p.next_state[j]) ++m;
    if (m == 5) return false;
    expected[m] -= p.probability[j];
  }
  // Moves that coincide have their sum in one transition.
  for (int m = 0; from.at_edge && m < 5; ++m)
    for (int other = m + 1; other < 5; ++other)
      if (to[m] == to[other]) expected[m] += expected[other], expected[other] = 0.0;
  for (double left : expected)
    if (std::abs(left) > 1e-12) return false;
  return true;
}

}  // namespace

std::optional<GridForm> grid_form(Device& device, const Problem& p,
                                  const std::vector<double>& reward) {
  if (p.shape.size() != 2 || p.shape[0] < 3 || p.shape[1] < 3 || p.discount >= 1.0 ||
      p.shape[0] * p.shape[1] != p.n_states || p.n_goals() > 0)
    return {};
  const std::int64_t actions = p.pair_begin[1];
  if ((actions != 4 && actions != 5) || p.n_pairs() != p.n_states * actions) return {};
  GridForm form;
  GridDynamics<double>& g = form.dynamics;
  g.height = p.shape[0];
  g.width = p.shape[1];
  g.stay = actions == 5;
  // An inner cell tells the numbers: the probabilities of the five successors are move_slip or
  // stay_slip, and chosen besides for the action's own.
  const std::int64_t inner = g.width + 1;
  double by_move[5][5] = {};
  for (int a = 0; a < actions; ++a)
    for (int m = 0; m < 5; ++m)
      for (std::int32_t j = p.transition_begin[p.pair_begin[inner] + a];
           j < p.transition_begin[p.pair_begin[inner] + a + 1]; ++j)
        if (p.next_state[j] == neighbor(g.height, g.width, inner, m))
          by_move[a][m] = p.probability[j];
  const auto first = by_move[0];
  g.move_slip = std::min({first[0], first[1], first[2], first[3]});
  double chosen = 0.0;
  for (int a = 0; a < actions; ++a)
    for (int m = 0; m < 4; ++m) chosen = std::max(chosen, by_move[a][m] - g.move_slip);
  g.chosen = chosen;
  g.stay_slip = 1.0 - chosen - 4.0 * g.move_slip;
  std::vector<int> move_of(actions, -1);
  const Neighbors of_inner(g, inner);
  for (int a = 0; a < actions; ++a)
    for (int m = 0; m < actions && move_of[a] < 0; ++m)
      if (is_move(p, g, of_inner, p.pair_begin[inner] + a, m)) move_of[a] = m;
  std::vector<int> sorted = move_of;
  std::sort(sorted.begin(), sorted.end());
  for (int a = 0; a < actions; ++a)
    if (sorted[a] != a) return {};
  form.reward.resize(p.n_states);
  std::vector<std::uint8_t> same(chunk_count(p.n_states), 1);
  for_each_chunk(device, p.n_states, [&](int part, std::int64_t from, std::int64_t end) {
    for (std::int64_t s = from; s < end && same[part]; ++s) {
      const std::int64_t k = s * actions;
      if (p.pair_begin[s] != k) same[part] = 0;
      form.reward[s] = reward[k];
      const Neighbors from_s(g, s);
      for (int a = 0; a < actions && same[part]; ++a)
        same[part] = reward[k + a] == reward[k] && is_move(p, g, from_s, k + a, move_of[a]);
    }
  });
  for (std::uint8_t is : same)
    if (!is) return {};
  return form;
}

// ---- the hierarchy ------------------------------------------------------------------------------

GridHierarchy::GridHierarchy(Device& device, const GridDynamics<double>& grid, double discount)
    : device_(device), grid_(grid), discount_(static_cast<float>(discount)) {
  std::int64_t height = grid.height, width = grid.width;
  do {
    height = (height + 1) / 2;
    width = (width + 1) / 2;
    Level level{height, width, width + 2, {}, {}, {}, {}, {}, {}, {}, {}};
    for (auto* array : {&level.up, &level.down, &level.left, &level.right, &level.inverse, &level.b,
                        &level.x, &level.y})
      array->assign((height + 2) * level.pitch, 0.0f);
    level_.push_back(std::move(level));
  } while (height * width > coarsest_cells);
}

template <class Work>
void GridHierarchy::over_rows(std::int64_t rows, std::int64_t width, const Work& work) {
  // Small grids are not worth waking a team for.
  if (rows * width < 16384) return work(0, rows);
  for_each_part(device_, static_cast<int>((rows + block_rows - 1) / block_rows),
                [&](int part, int, Stream&) {
                  work(part * block_rows, std::min((part + 1) * block_rows, rows));
                });
}

// The policy's flows out of the blocks of coarse rows [first, end).
template <class T>
void GridHierarchy::flows_of_rows(const T* value, std::int64_t first, std::int64_t end) {
  const std::int64_t h = grid_.height, w = grid_.width, pitch = w + 2;
  const std::int64_t top = 2 * first, rows = std::min(2 * end, h) - top;
  const float scale = discount_ * static_cast<float>(grid_.chosen);
  const float chosen = static_cast<float>(grid_.chosen), slip = static_cast<float>(grid_.move_slip);
  // What neighbors share, with a border that repeats the edge: scaled values, or exp of them.
  std::vector<float> shared((rows + 2) * pitch), vertical(2 * w), to_left(2 * w), to_right(2 * w);
  T low = INFINITY, high = -INFINITY;
  for (std::int64_t r = -1; r <= rows; ++r) {
    const T* const v = value + std::clamp<std::int64_t>(top + r, 0, h - 1) * w;
    for (std::int64_t x = 0; x < w; ++x) {
      low = v[x] < low ? v[x] : low;
      high = v[x] > high ? v[x] : high;
    }
  }
  const bool narrow = scale * static_cast<float>(high - low) < 60.0f;
  for (std::int64_t r = -1; r <= rows; ++r) {
    const T* const v = value + std::clamp<std::int64_t>(top + r, 0, h - 1) * w;
    float* const e = &shared[(r + 1) * pitch + 1];
    if (narrow)
      for (std::int64_t x = 0; x < w; ++x)
        e[x] = quick_exp(scale * static_cast<float>(v[x] - high));
    else
      for (std::int64_t x = 0; x < w; ++x) e[x] = scale * static_cast<float>(v[x] - high);
    e[-1] = e[0];
    e[w] = e[w - 1];
  }
  for (std::int64_t row = first; row < end; ++row) {
    for (int half = 0; half < 2; ++half) {
      const std::int64_t y = 2 * row + half;
      float *const out = &vertical[half * w], *const l = &to_left[half * w],
                   *const rt = &to_right[half * w];
      if (y >= h) {
        for (auto* array : {out, l, rt}) std::fill(array, array + w, 0.0f);
        continue;
      }
      const float *const e = &shared[(y - top + 1) * pitch + 1], *const above = e - pitch,
                         *const below = e + pitch;
      const bool upward = half == 0;
      if (narrow) {
        const float stays = grid_.stay ? 1.0f : 0.0f;
        for (std::int64_t x = 0; x < w; ++x) {
          const float z = (above[x] + below[x]) + (e[x - 1] + e[x + 1]) + stays * e[x];
          const float share = chosen / z;
          out[x] = share * (upward ? above[x] : below[x]) + slip;
          l[x] = share * e[x - 1] + slip;
          rt[x] = share * e[x + 1] + slip;
        }
      } else {
        for (std::int64_t x = 0; x < w; ++x) {
          const float look[5] = {above[x], below[x], e[x - 1], e[x + 1], e[x]};
          float pi[5] = {};
          const int n = grid_.stay ? 5 : 4;
          const float most = *std::max_element(look, look + n);
          float z = 0.0f;
          for (int a = 0; a < n; ++a) z += pi[a] = quick_exp(look[a] - most);
          out[x] = chosen * pi[upward ? 0 : 1] / z + slip;
          l[x] = chosen * pi[2] / z + slip;
          rt[x] = chosen * pi[3] / z + slip;
        }
      }
      // A move off the grid stays.
      if (y == (upward ? 0 : h - 1)) std::fill(out, out + w, 0.0f);
      l[0] = rt[w - 1] = 0.0f;
    }
    Level& level = level_.front();
    const bool two = 2 * row + 1 < h;
    for (std::int64_t column = 0; column < level.width; ++column) {
      const std::int64_t i = level.at(row, column), x = 2 * column, right = std::min(x + 1, w - 1);
      const bool both = right > x;
      const float mean = 1.0f / static_cast<float>((two ? 2 : 1) * (both ? 2 : 1));
      // A lone last row is the block's top and its bottom; it leads down nowhere.
      level.up[i] = mean * (vertical[x] + (both ? vertical[right] : 0.0f));
      level.down[i] = two ? mean * (vertical[w + x] + (both ? vertical[w + right] : 0.0f)) : 0.0f;
      level.left[i] = mean * (to_left[x] + to_left[w + x]);
      level.right[i] = mean * (to_right[right] + to_right[w + right]);
    }
  }
}

// What two neighbors exchange both ways is halved: see the header.
void GridHierarchy::halve_exchange(Level& level) {
  for (std::int64_t row = 0; row < level.height; ++row)
    for (std::int64_t i = level.at(row, 0), end = level.at(row, level.width); i < end; ++i) {
      const float across = 0.5f * std::min(level.right[i], level.left[i + 1]);
      level.right[i] -= across;
      level.left[i + 1] -= across;
      const float along = 0.5f * std::min(level.down[i], level.up[i + level.pitch]);
      level.down[i] -= along;
      level.up[i + level.pitch] -= along;
    }
}

void GridHierarchy::coarsen(const Level& fine, Level& coarse) {
  over_rows(coarse.height, coarse.width, [&](std::int64_t first, std::int64_t end) {
    for (std::int64_t row = first; row < end; ++row)
      for (std::int64_t column = 0; column < coarse.width; ++column) {
        const std::int64_t y = 2 * row, x = 2 * column;
        const bool two = y + 1 < fine.height, both = x + 1 < fine.width;
        const std::int64_t a = fine.at(y, x), b = both ? a + 1 : a, c = two ? a + fine.pitch : a,
                           d = both ? c + 1 : c;
        const float mean = 1.0f / static_cast<float>((two ? 2 : 1) * (both ? 2 : 1));
        const std::int64_t i = coarse.at(row, column);
        coarse.up[i] = mean * (fine.up[a] + (both ? fine.up[b] : 0.0f));
        coarse.down[i] = mean * (fine.down[c] + (both ? fine.down[d] : 0.0f));
        coarse.left[i] = mean * (fine.left[a] + (two ? fine.left[c] : 0.0f));
        coarse.right[i] = mean * (fine.right[b] + (two ? fine.right[d] : 0.0f));
      }
  });
}

void GridHierarchy::set_diagonal(Level& level) {
  over_rows(level.height, level.width, [&](std::int64_t first, std::int64_t end) {
    for (std::int64_t row = first; row < end; ++row)
      for (std::int64_t i = level.at(row, 0), last = level.at(row, level.width); i < last; ++i)
        level.inverse[i] =
            1.0f / ((1.0f - discount_) +
                    discount_ * (level.up[i] + level.down[i] + level.left[i] + level.right[i]));
  });
}

template <class T>
void GridHierarchy::set_policy(const T* value) {
  over_rows(level_[0].height, 4 * level_[0].width,
            [&](std::int64_t first, std::int64_t end) { flows_of_rows(value, first, end); });
  for (std::size_t l = 0; l < level_.size(); ++l) {
    if (l > 0) coarsen(level_[l - 1], level_[l]);
    halve_exchange(level_[l]);
    set_diagonal(level_[l]);
  }
  factor();
}

// The coarsest matrix, factored in place.
void GridHierarchy::factor() {
  const Level& level = level_.back();
  const std::int64_t w = level.width, n = level.height * w;
  dense_.assign(n * n, 0.0);
  for (std::int64_t s = 0; s < n; ++s) {
    const std::int64_t i = level.at(s / w, s % w);
    dense_[s * n + s] = 1.0 / static_cast<double>(level.inverse[i]);
    const double g = static_cast<double>(discount_);
    if (s >= w) dense_[s * n + s - w] = -g * static_cast<double>(level.up[i]);
    if (s + w < n) dense_[s * n + s + w] = -g * static_cast<double>(level.down[i]);
    if (s % w > 0) dense_[s * n + s - 1] = -g * static_cast<double>(level.left[i]);
    if (s % w + 1 < w) dense_[s * n + s + 1] = -g * static_cast<double>(level.right[i]);
  }
  for (std::int64_t k = 0; k < n; ++k)
    for (std::int64_t i = k + 1; i < n; ++i) {
      const double f = dense_[i * n + k] /= dense_[k * n + k];
      if (f == 0.0) continue;
      for (std::int64_t j = k + 1; j < n; ++j) dense_[i * n + j] -= f * dense_[k * n + j];
    }
}

void GridHierarchy::solve_coarsest() {
  Level& level = level_.back();
  const std::int64_t w = level.width, n = level.height * w;
  std::vector<double> b(n);
  for (std::int64_t s = 0; s < n; ++s) b[s] = level.b[level.at(s / w, s % w)];
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < i; ++j) b[i] -= dense_[i * n + j] * b[j];
  for (std::int64_t i = n - 1; i >= 0; --i) {
    for (std::int64_t j = i + 1; j < n; ++j) b[i] -= dense_[i * n + j] * b[j];
    b[i] /= dense_[i * n + i];
  }
  for (std::int64_t s = 0; s < n; ++s) level.x[level.at(s / w, s % w)] = static_cast<float>(b[s]);
}

// One Jacobi sweep, damped by 0.8.
void GridHierarchy::smooth(Level& level) {
  const float keep = 1.0f - discount_, g = discount_;
  over_rows(level.height, level.width, [&](std::int64_t first, std::int64_t end) {
    for (std::int64_t row = first; row < end; ++row) {
      const std::int64_t at = level.at(row, 0), n = level.width;
      const float *const u = &level.up[at], *const d = &level.down[at], *const l = &level.left[at],
                         *const r = &level.right[at], *const b = &level.b[at],
                         *const inverse = &level.inverse[at], *const x = &level.x[at];
      const float *const above = x - level.pitch, *const below = x + level.pitch;
      float* __restrict const y = &level.y[at];
      for (std::int64_t i = 0; i < n; ++i) {
        const float here = x[i];
        const float flow = (u[i] * (here - above[i]) + d[i] * (here - below[i])) +
                           (l[i] * (here - x[i - 1]) + r[i] * (here - x[i + 1]));
        y[i] = here + 0.8f * inverse[i] * (b[i] - keep * here - g * flow);
      }
    }
  });
  level.x.swap(level.y);
}

void GridHierarchy::fill_border(const Level& level, std::vector<float>& values) {
  for (std::int64_t row = 0; row < level.height; ++row) {
    values[level.at(row, -1)] = values[level.at(row, 0)];
    values[level.at(row, level.width)] = values[level.at(row, level.width - 1)];
  }
  const std::int64_t n = level.pitch;
  std::copy_n(values.begin() + n, n, values.begin());
  std::copy_n(values.end() - 2 * n, n, values.end() - n);
}

namespace {

// Row `y` of the finer grid between the coarse rows around it: out(x) = from(x) + sign + the
// bilinear interpolation of `coarse`, whose border is filled. `blend` has room for a coarse row.
template <class T>
void interpolate_row(const float* coarse, std::int64_t coarse_pitch, std::int64_t coarse_width,
                     std::int64_t y, std::int64_t width, float* blend, const T* from, T* out) {
  const float* const near = coarse + (y / 2 + 1) * coarse_pitch;
  const float* const far = near + (y % 2 == 0 ? -coarse_pitch : coarse_pitch);
  for (std::int64_t i = 0; i < coarse_width + 2; ++i) blend[i] = 0.75f * near[i] + 0.25f * far[i];
  const std::int64_t pairs = width / 2;
  for (std::int64_t i = 0; i < pairs; ++i) {
    const float middle = 0.75f * blend[i + 1];
    out[2 * i] = from[2 * i] + static_cast<T>(middle + 0.25f * blend[i]);
    out[2 * i + 1] = from[2 * i + 1] + static_cast<T>(middle + 0.25f * blend[i + 2]);
  }
  if (width % 2 != 0)
    out[width - 1] =
        from[width - 1] + static_cast<T>(0.75f * blend[pairs + 1] + 0.25f * blend[pairs]);
}

}  // namespace

// x of level l from b by a V-cycle with two sweeps before and two after.
void GridHierarchy::cycle(std::size_t l) {
  if (l + 1 == level_.size()) return solve_coarsest();
  Level &level = level_[l], &coarse = level_[l + 1];
  const float keep = 1.0f - discount_, g = discount_;
  // The first sweep starts from 0.
  over_rows(level.height, level.width, [&](std::int64_t first, std::int64_t end) {
    for (std::int64_t i = level.at(first, 0), last = level.at(end - 1, level.width); i < last; ++i)
      level.x[i] = 0.8f * level.inverse[i] * level.b[i];
  });
  smooth(level);
  over_rows(coarse.height, coarse.width, [&](std::int64_t first, std::int64_t end) {
    std::vector<float> residual(2 * (level.width + 1));
    for (std::int64_t row = first; row < end; ++row) {
      const bool two = 2 * row + 1 < level.height;
      for (int half = 0; half < (two ? 2 : 1); ++half) {
        const std::int64_t at = level.at(2 * row + half, 0);
        const float *const x = &level.x[at], *const above = x - level.pitch,
                           *const below = x + level.pitch;
        float* __restrict const out = &residual[half * (level.width + 1)];
        for (std::int64_t i = 0; i < level.width; ++i)
          out[i] =
              level.b[at + i] - keep * x[i] -
              g * ((level.up[at + i] * (x[i] - above[i]) + level.down[at + i] * (x[i] - below[i])) +
                   (level.left[at + i] * (x[i] - x[i - 1]) +
                    level.right[at + i] * (x[i] - x[i + 1])));
      }
      for (std::int64_t column = 0; column < coarse.width; ++column) {
        const std::int64_t x = 2 * column;
        const bool both = x + 1 < level.width;
        float sum = residual[x] + (both ? residual[x + 1] : 0.0f);
        const float* const second = &residual[level.width + 1];
        if (two) sum += second[x] + (both ? second[x + 1] : 0.0f);
        coarse.b[coarse.at(row, column)] = sum / static_cast<float>((two ? 2 : 1) * (both ? 2 : 1));
      }
    }
  });
  cycle(l + 1);
  fill_border(coarse, coarse.x);
  over_rows(level.height, level.width, [&](std::int64_t first, std::int64_t end) {
    std::vector<float> blend(coarse.width + 2);
    for (std::int64_t row = first; row < end; ++row) {
      float* const x = &level.x[level.at(row, 0)];
      interpolate_row(coarse.x.data(), coarse.pitch, coarse.width, row, level.width, blend.data(),
                      x, x);
    }
  });
  smooth(level);
  smooth(level);
}

template <class T>
void GridHierarchy::correct(const T* before, const T* after, T* out) {
  Level& level = level_.front();
  const std::int64_t h = grid_.height, w = grid_.width;
  over_rows(level.height, 4 * level.width, [&](std::int64_t first, std::int64_t end) {
    std::vector<float> sums(w + 1);
    for (std::int64_t row = first; row < end; ++row) {
      const std::int64_t y = 2 * row;
      const T *const a = after + y * w, *const b = before + y * w;
      const bool two = y + 1 < h;
      if (two)
        for (std::int64_t x = 0; x < w; ++x)
          sums[x] = static_cast<float>((a[x] - b[x]) + (a[w + x] - b[w + x]));
      else
        for (std::int64_t x = 0; x < w; ++x) sums[x] = static_cast<float>(a[x] - b[x]);
      for (std::int64_t column = 0; column < level.width; ++column) {
        const bool both = 2 * column + 1 < w;
        level.b[level.at(row, column)] = (sums[2 * column] + (both ? sums[2 * column + 1] : 0.0f)) /
                                         static_cast<float>((two ? 2 : 1) * (both ? 2 : 1));
      }
    }
  });
  cycle(0);
  // V + (I - discount P)^-1 r = T V + ((I - discount P)^-1 - I) r.
  over_rows(level.height, level.width, [&](std::int64_t first, std::int64_t end) {
    for (std::int64_t i = level.at(first, 0), last = level.at(end - 1, level.width); i < last; ++i)
      level.y[i] = level.x[i] - level.b[i];
  });
  fill_border(level, level.y);
  over_rows(level.height, 4 * level.width, [&](std::int64_t first, std::int64_t end) {
    std::vector<float> blend(level.width + 2);
    for (std::int64_t y = 2 * first; y < std::min(2 * end, h); ++y)
      interpolate_row(level.y.data(), level.pitch, level.width, y, w, blend.data(), after + y * w,
                      out + y * w);
  });
}

template void GridHierarchy::set_policy(const float*);
template void GridHierarchy::set_policy(const double*);
template void GridHierarchy::correct(const float*, const float*, float*);
template void GridHierarchy::correct(const double*, const double*, double*);

}  // namespace understudy
