// Recurrent layers, plainly: for every sequence, for every step, for every unit, in double.
//
// Read `forward` beside the equations in recurrent.h; `backward` is its chain rule from the last
// step to the first, `tangent` its differential from the first to the last. A cell's own arithmetic
// stands in three small functions, each for one unit.

#include <cmath>

#include "kernels/recurrent/recurrent.h"

namespace understudy::reference {
namespace {

using Index = std::int64_t;

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

// Null pointers stand for zeros.
double at(const double* p, Index i) { return p != nullptr ? p[i] : 0; }

bool masked(const double* mask, Index i) { return mask != nullptr && mask[i] == 0; }

// h[t-1] and c[t-1] of sequence b, as one row of `hidden`, or null for zeros.
const double* previous_h(const RecurrentShape& s, const double* h, const double* h0, Index b,
                         Index t) {
  if (t > 0) return h + (b * s.steps + t - 1) * s.hidden;
  return h0 != nullptr ? h0 + b * s.hidden : nullptr;
}
const double* previous_c(const RecurrentShape& s, const double* tape, const double* c0, Index b,
                         Index t) {
  if (t > 0) return tape + ((b * s.steps + t - 1) * tape_width(Cell::lstm) + 4) * s.hidden;
  return c0 != nullptr ? c0 + b * s.hidden : nullptr;
}

// s[columns] += h[hidden] W[hidden, columns]
void add_product(const RecurrentShape& shape, const double* h, const double* weight, double* s) {
  const Index columns = gates(shape.cell) * shape.hidden;
  for (Index k = 0; k < shape.hidden; ++k)
    for (Index j = 0; j < columns; ++j) s[j] += at(h, k) * weight[k * columns + j];
}

// s[hidden] += ds[columns] W^T
void add_transposed_product(const RecurrentShape& shape, const double* ds, const double* weight,
                            double* s) {
  const Index columns = gates(shape.cell) * shape.hidden;
  for (Index k = 0; k < shape.hidden; ++k)
    for (Index j = 0; j < columns; ++j) s[k] += ds[j] * weight[k * columns + j];
}

Index workspace_elements(const RecurrentShape& s) { return (2 * gates(s.cell) + 2) * s.hidden; }

// One unit's step: s and u are its gates' recurrent shares and input's shares (`hidden` apart), h
// and c its state, changed in place; `tape` receives what the others need.
void step(Cell cell, Index hidden, const double* u, const double* s, double& h, double& c,
          double* tape) {
  if (cell == Cell::rnn) {
    h = std::tanh(u[0] + s[0]);
  } else if (cell == Cell::lstm) {
    const double i = logistic(u[0] + s[0]), f = logistic(u[hidden] + s[hidden]);
    const double g = std::tanh(u[2 * hidden] + s[2 * hidden]);
    const double o = logistic(u[3 * hidden] + s[3 * hidden]);
    c = f * c + i * g;
    h = o * std::tanh(c);
    const double kept[] = {i, f, g, o, c};
    for (Index k = 0; tape != nullptr && k < 5; ++k) tape[k * hidden] = kept[k];
  } else {
    const double r = logistic(u[0] + s[0]), z = logistic(u[hidden] + s[hidden]);
    const double a = s[2 * hidden];
    const double n = std::tanh(u[2 * hidden] + r * a);
    h = (1 - z) * n + z * h;
    const double kept[] = {r, z, n, a};
    for (Index k = 0; tape != nullptr && k < 4; ++k) tape[k * hidden] = kept[k];
  }
}

void forward(Stream&, const RecurrentShape& shape, const RecurrentForward<double>& f,
             double* workspace) {
  const Index hidden = shape.hidden, columns = gates(shape.cell) * hidden;
  const Index width = tape_width(shape.cell) * hidden;
  double* h = workspace;
  double* c = h + hidden;
  double* s = c + hidden;
  for (Index b = 0; b < shape.batch; ++b) {
    for (Index j = 0; j < hidden; ++j) {
      h[j] = at(f.h0, b * hidden + j);
      c[j] = shape.cell == Cell::lstm ? at(f.c0, b * hidden + j) : 0;
    }
    for (Index t = 0; t < shape.steps; ++t) {
      const Index row = b * shape.steps + t;
      double* tape = f.tape != nullptr && width > 0 ? f.tape + row * width : nullptr;
      for (Index j = 0; j < columns; ++j)
        s[j] = shape.cell == Cell::gru && j >= 2 * hidden ? at(f.bias_n, j - 2 * hidden) : 0;
      add_product(shape, h, f.weight, s);
      for (Index j = 0; j < hidden; ++j) {
        double next_h = h[j], next_c = c[j];
        step(shape.cell, hidden, f.u + row * columns + j, s + j, next_h, next_c,
             tape != nullptr ? tape + j : nullptr);
        if (!masked(f.mask, row)) h[j] = next_h, c[j] = next_c;
        if (tape != nullptr && shape.cell == Cell::lstm) tape[4 * hidden + j] = c[j];
        f.h[row * hidden + j] = h[j];
      }
    }
    if (shape.cell == Cell::lstm && f.c_last != nullptr)
      for (Index j = 0; j < hidden; ++j) f.c_last[b * hidden + j] = c[j];
  }
}

// One unit's step backwards. dh comes in as the whole cotangent of h[t] and goes out as the share
// of h[t-1] that does not pass through the gates; dc likewise. du and ds receive the gates'
// cotangents.
void step_back(Cell cell, Index hidden, const double* tape, double h, double h_previous,
               double c_previous, double& dh, double& dc, double* du, double* ds) {
  if (cell == Cell::rnn) {
    du[0] = ds[0] = dh * (1 - h * h);
    dh = 0;
  } else if (cell == Cell::lstm) {
    const double i = tape[0], f = tape[hidden], g = tape[2 * hidden], o = tape[3 * hidden];
    const double squashed = std::tanh(tape[4 * hidden]);
    dc += dh * o * (1 - squashed * squashed);
    const double gate[] = {dc * g * i * (1 - i), dc * c_previous * f * (1 - f),
                           dc * i * (1 - g * g), dh * squashed * o * (1 - o)};
    for (Index k = 0; k < 4; ++k) du[k * hidden] = ds[k * hidden] = gate[k];
    dc *= f;
    dh = 0;
  } else {
    const double r = tape[0], z = tape[hidden], n = tape[2 * hidden], a = tape[3 * hidden];
    const double dn = dh * (1 - z) * (1 - n * n);
    du[0] = ds[0] = dn * a * r * (1 - r);
    du[hidden] = ds[hidden] = dh * (h_previous - n) * z * (1 - z);
    du[2 * hidden] = dn;
    ds[2 * hidden] = dn * r;
    dh *= z;
  }
}

void backward(Stream&, const RecurrentShape& shape, const RecurrentBackward<double>& g,
              double* workspace) {
  const Index hidden = shape.hidden, columns = gates(shape.cell) * hidden;
  const Index width = tape_width(shape.cell) * hidden;
  const bool lstm = shape.cell == Cell::lstm;
  double* dh = workspace;
  double* dc = dh + hidden;
  double* du = dc + hidden;
  double* ds = du + columns;
  for (Index b = 0; b < shape.batch; ++b) {
    for (Index j = 0; j < hidden; ++j) {
      dh[j] = 0;
      dc[j] = lstm ? at(g.dc_last, b * hidden + j) : 0;
    }
    for (Index t = shape.steps - 1; t >= 0; --t) {
      const Index row = b * shape.steps + t;
      const bool skip = masked(g.mask, row);
      const double* h_previous = previous_h(shape, g.h, g.h0, b, t);
      const double* c_previous = lstm ? previous_c(shape, g.tape, g.c0, b, t) : nullptr;
      for (Index j = 0; j < columns; ++j) du[j] = ds[j] = 0;
      for (Index j = 0; j < hidden; ++j) {
        dh[j] += at(g.dh, row * hidden + j);
        if (skip) continue;
        step_back(shape.cell, hidden, width > 0 ? g.tape + row * width + j : nullptr,
                  g.h[row * hidden + j], at(h_previous, j), at(c_previous, j), dh[j], dc[j], du + j,
                  ds + j);
      }
      add_transposed_product(shape, ds, g.weight, dh);
      for (Index j = 0; j < columns; ++j) {
        g.du[row * columns + j] = du[j];
        if (shape.cell == Cell::gru && g.ds != nullptr) g.ds[row * columns + j] = ds[j];
      }
    }
    for (Index j = 0; j < hidden; ++j) {
      if (g.dh0 != nullptr) g.dh0[b * hidden + j] = dh[j];
      if (lstm && g.dc0 != nullptr) g.dc0[b * hidden + j] = dc[j];
    }
  }
}

// One unit's differential: s holds the tangents of the gates' recurrent shares (gru: of a in the
// third), u those of the input's shares or null; h_dot and c_dot, the state's, change in place.
void step_tangent(Cell cell, Index hidden, const double* tape, double h, double h_previous,
                  double c_previous, const double* u, const double* s, double& h_dot,
                  double& c_dot) {
  const auto total = [&](Index gate) { return s[gate * hidden] + at(u, gate * hidden); };
  if (cell == Cell::rnn) {
    h_dot = total(0) * (1 - h * h);
  } else if (cell == Cell::lstm) {
    const double i = tape[0], f = tape[hidden], g = tape[2 * hidden], o = tape[3 * hidden];
    const double squashed = std::tanh(tape[4 * hidden]);
    c_dot = f * c_dot + total(0) * i * (1 - i) * g + total(1) * f * (1 - f) * c_previous +
            total(2) * (1 - g * g) * i;
    h_dot = total(3) * o * (1 - o) * squashed + o * (1 - squashed * squashed) * c_dot;
  } else {
    const double r = tape[0], z = tape[hidden], n = tape[2 * hidden], a = tape[3 * hidden];
    const double r_dot = total(0) * r * (1 - r), z_dot = total(1) * z * (1 - z);
    const double n_dot = (1 - n * n) * (at(u, 2 * hidden) + r_dot * a + r * s[2 * hidden]);
    h_dot = (1 - z) * n_dot + z_dot * (h_previous - n) + z * h_dot;
  }
}

void tangent(Stream&, const RecurrentShape& shape, const RecurrentTangent<double>& d,
             double* workspace) {
  const Index hidden = shape.hidden, columns = gates(shape.cell) * hidden;
  const Index width = tape_width(shape.cell) * hidden;
  const bool lstm = shape.cell == Cell::lstm;
  double* h_dot = workspace;
  double* c_dot = h_dot + hidden;
  double* s = c_dot + hidden;
  for (Index b = 0; b < shape.batch; ++b) {
    for (Index j = 0; j < hidden; ++j) {
      h_dot[j] = at(d.h0_dot, b * hidden + j);
      c_dot[j] = lstm ? at(d.c0_dot, b * hidden + j) : 0;
    }
    for (Index t = 0; t < shape.steps; ++t) {
      const Index row = b * shape.steps + t;
      const double* h_previous = previous_h(shape, d.h, d.h0, b, t);
      const double* c_previous = lstm ? previous_c(shape, d.tape, d.c0, b, t) : nullptr;
      for (Index j = 0; j < columns; ++j)
        s[j] = shape.cell == Cell::gru && j >= 2 * hidden ? at(d.bias_n_dot, j - 2 * hidden) : 0;
      add_product(shape, h_dot, d.weight, s);
      if (d.weight_dot != nullptr) add_product(shape, h_previous, d.weight_dot, s);
      for (Index j = 0; j < hidden; ++j) {
        if (!masked(d.mask, row))
          step_tangent(shape.cell, hidden, width > 0 ? d.tape + row * width + j : nullptr,
                       d.h[row * hidden + j], at(h_previous, j), at(c_previous, j),
                       d.u_dot != nullptr ? d.u_dot + row * columns + j : nullptr, s + j, h_dot[j],
                       c_dot[j]);
        d.h_dot[row * hidden + j] = h_dot[j];
      }
    }
    if (lstm && d.c_last_dot != nullptr)
      for (Index j = 0; j < hidden; ++j) d.c_last_dot[b * hidden + j] = c_dot[j];
  }
}

constexpr RecurrentKernels<double> kernels = {.workspace_elements = workspace_elements,
                                              .forward = forward,
                                              .backward = backward,
                                              .tangent = tangent};

}  // namespace
}  // namespace understudy::reference

namespace understudy {
template <>
RecurrentKernels<double> reference_kernels<RecurrentKernels>() {
  return reference::kernels;
}
}  // namespace understudy
