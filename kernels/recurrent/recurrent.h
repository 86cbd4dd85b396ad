// Recurrent layers over whole sequences, with masks: forward, backward and tangent.
//
// Layout: hidden states h[batch, steps, hidden]; mask[batch, steps] of 0 and 1, or null for all
// ones. A masked step (0) copies the state through, h[t] = h[t-1] and c[t] = c[t-1], so that a
// padded sequence ends in the state of its last true step. Initial states h[-1], c[-1] are h0, c0
// [batch, hidden], null for zeros.
//
// The input's part of the gates, u = x W_x + b, is an argument, [batch, steps, gates, hidden]: one
// product has computed it for all steps. The recurrent part h[t-1] W_h, W_h [hidden, gates hidden],
// is the kernel's work.
//
//   rnn    h' = tanh(u + h W_h)                     1 gate
//
//   lstm   (i, f, g, o) = u + h W_h                 4 gates
//          c' = s(f) c + s(i) tanh(g)
//          h' = s(o) tanh(c')
//
//   gru    (r, z) = s((u_r, u_z) + h (W_r, W_z))    3 gates: r, z, n
//          n  = tanh(u_n + r (h W_n + b_n))
//          h' = (1 - z) n + z h
//
// with s the logistic function and products of vectors by element. PyTorch's order of gates
// (Hochreiter & Schmidhuber 1997 with a forget gate; Cho et al. 2014 in PyTorch's form, b_n inside
// the product with r).
//
// forward keeps what the others need beside h in `tape` [batch, steps, tape_width, hidden]: the
// gates after their functions, then c for lstm and a = h W_n + b_n for gru; rnn has no tape. Only c
// is defined at a masked step. A tape is read by the implementation that wrote it.
//
// backward: from dh, the cotangents of every step's h (that of the last state is dh[:, steps - 1]),
// and dc_last gives du, dh0 and dc0; du is 0 at masked steps, whatever u holds there. The gradients
// of W_h and b_n are sums over all rows and steps, which the caller forms by one product:
//
//   dW_h = sum over b, t of h[t-1]^T ds[t]          h[-1] = h0
//   db_n = sum over b, t of ds_n[t]                 gru
//   ds   = du, but for gru's ds_n = r du_n          gru writes all of ds
//
//
// tangent: from the tangents of u, W_h, b_n, h0, c0 (each may be null for 0) gives that of every h
// and of the last c.
//
// Aliasing: none, but that forward's c_last may be c0, and h may be h0 where steps is 1: acting
// keeps its state in place. Extents may be 0; with steps = 0, c_last = c0, dh0 = 0, dc0 = dc_last.
//
// Accuracy: the gates' functions to a few ulp, sums in T; each step adds its own rounding.
// Cost: 2 batch steps hidden^2 gates operations forward, the same for backward and tangent (twice
// with W_h's tangent); floor at the FMA peak. Sequential in steps; rows are independent, and no
// row's result depends on the others or on the number of threads.

#pragma once

#include "kernels/device/family.h"

namespace understudy {

enum class Cell : std::int32_t { rnn, lstm, gru };

constexpr std::int64_t gates(Cell cell) {
  return cell == Cell::rnn ? 1 : cell == Cell::lstm ? 4 : 3;
}
// rnn: none but h itself; lstm: i, f, g, o, c; gru: r, z, n, a.
constexpr std::int64_t tape_width(Cell cell) {
  return cell == Cell::rnn ? 0 : cell == Cell::lstm ? 5 : 4;
}

struct RecurrentShape {
  Cell cell = Cell::lstm;
  std::int64_t batch = 0, steps = 0, hidden = 0;
};

template <class T>
struct RecurrentForward {
  const T* u = nullptr;       // [batch, steps, gates, hidden]
  const T* weight = nullptr;  // W_h [hidden, gates * hidden]
  const T* bias_n = nullptr;  // gru: b_n [hidden], or null for 0
  const T* mask = nullptr;    // [batch, steps], or null for 1
  const T* h0 = nullptr;      // [batch, hidden], or null for 0
  const T* c0 = nullptr;      // lstm: [batch, hidden], or null for 0
  T* h = nullptr;             // [batch, steps, hidden]
  T* c_last = nullptr;        // lstm: [batch, hidden], or null
  T* tape = nullptr;          // or null when no gradient or tangent will be taken
};

template <class T>
struct RecurrentBackward {
  const T* weight = nullptr;
  const T* mask = nullptr;
  const T* h0 = nullptr;  // what forward was given and gave
  const T* c0 = nullptr;
  const T* h = nullptr;
  const T* tape = nullptr;
  const T* dh = nullptr;       // [batch, steps, hidden], or null for 0
  const T* dc_last = nullptr;  // lstm: [batch, hidden], or null for 0
  T* du = nullptr;             // [batch, steps, gates, hidden]
  T* ds = nullptr;             // gru: [batch, steps, gates, hidden], or null; others: not written
  T* dh0 = nullptr;            // [batch, hidden], or null
  T* dc0 = nullptr;            // lstm: [batch, hidden], or null
};

template <class T>
struct RecurrentTangent {
  const T* weight = nullptr;
  const T* mask = nullptr;
  const T* h0 = nullptr;  // what forward was given and gave
  const T* c0 = nullptr;
  const T* h = nullptr;
  const T* tape = nullptr;
  const T* u_dot = nullptr;       // [batch, steps, gates, hidden], or null for 0
  const T* weight_dot = nullptr;  // as weight, or null for 0
  const T* bias_n_dot = nullptr;  // gru: [hidden], or null for 0
  const T* h0_dot = nullptr;      // [batch, hidden], or null for 0
  const T* c0_dot = nullptr;      // lstm: [batch, hidden], or null for 0
  T* h_dot = nullptr;             // [batch, steps, hidden]
  T* c_last_dot = nullptr;        // lstm: [batch, hidden], or null
};

template <class T>
struct RecurrentKernels {
  // Elements of workspace that each of the three may use (the largest); contents undefined before
  // and after.
  std::int64_t (*workspace_elements)(const RecurrentShape&);
  void (*forward)(Stream&, const RecurrentShape&, const RecurrentForward<T>&, T* workspace);
  void (*backward)(Stream&, const RecurrentShape&, const RecurrentBackward<T>&, T* workspace);
  void (*tangent)(Stream&, const RecurrentShape&, const RecurrentTangent<T>&, T* workspace);
};

}  // namespace understudy
