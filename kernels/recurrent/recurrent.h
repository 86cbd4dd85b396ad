// Recurrent layers over whole sequences, with masks: forward, backward and tangent.
//
// Layout: sequences x[batch, steps, in]; hidden states h[batch, steps, hidden]; mask[batch, steps] of
// 0 and 1, or null for all ones. A masked step copies the state through, so that a padded sequence
// ends in the state of its last true step. Initial states [batch, hidden], null for zeros.
//
// The input's share of the gates, x W_x + b, has been computed for all steps at once by one product
// and is the argument u[batch, steps, gates * hidden]; the recurrent share h[t-1] W_h, with
// W_h[hidden, gates * hidden], is the kernel's work.
//
//   rnn   h' = tanh(u + h W_h)                                                     gates = 1
//   lstm  (i, f, g, o) = u + h W_h;  c' = s(f) c + s(i) tanh(g);  h' = s(o) tanh(c')   gates = 4
//   gru   (r, z): s(u + h W_h);  n = tanh(u_n + r * (h W_n + b_n));
//         h' = (1 - z) n + z h                                                     gates = 3 (r, z, n)
//
// with s the logistic function (Hochreiter & Schmidhuber 1997 with a forget gate, PyTorch's order of
// gates; Cho et al. 2014 in PyTorch's form, b_n inside the product with r).
//
// forward keeps what the others need in `tape` [batch, steps, tape_width * hidden] (see
// `tape_width`): the gates after their functions, c and, for gru, h W_n + b_n.
//
// backward: from dh[batch, steps, hidden] (cotangents of every step's h) and optionally dh_last,
// dc_last [batch, hidden], gives du and dh_0, dc_0 (each may be null). The gradients of W_h and b_n are
// products over all steps that the caller forms: dW_h = sum h[t-1]^T ds[t] with ds = du, except gru's
// n part, where ds_n = r * du_n, written to `ds` [batch, steps, gates * hidden] (may be null but for gru).
//
// tangent: from du' (tangent of u), W_h' (may be null), h_0', c_0', b_n' gives h' of every step.
//
// Cost: 2 batch steps hidden^2 gates operations forward, the same for backward and tangent (twice with
// W_h'). All are sequential in steps; rows are independent.

#pragma once

#include "kernels/device/family.h"

namespace understudy {

enum class Cell : std::int32_t { rnn, lstm, gru };

constexpr std::int64_t gates(Cell cell) {
  return cell == Cell::rnn ? 1 : cell == Cell::lstm ? 4 : 3;
}
// rnn: none but h itself; lstm: i, f, g, o, c; gru: r, z, n, a (= h W_n + b_n).
constexpr std::int64_t tape_width(Cell cell) {
  return cell == Cell::rnn ? 0 : cell == Cell::lstm ? 5 : 4;
}

struct RecurrentShape {
  Cell cell = Cell::lstm;
  std::int64_t batch = 0, steps = 0, hidden = 0;
};

template <class T>
struct RecurrentForward {
  const T* u = nullptr;         // [batch, steps, gates * hidden]
  const T* weight = nullptr;    // W_h [hidden, gates * hidden]
  const T* bias_n = nullptr;    // gru: [hidden]
  const T* mask = nullptr;      // [batch, steps] or null
  const T* h0 = nullptr;        // [batch, hidden] or null
  const T* c0 = nullptr;        // lstm: [batch, hidden] or null
  T* h = nullptr;               // [batch, steps, hidden]
  T* c_last = nullptr;          // lstm: [batch, hidden] or null
  T* tape = nullptr;            // or null when no gradient or tangent will be taken
};

template <class T>
struct RecurrentBackward {
  const T* weight = nullptr;
  const T* mask = nullptr;
  const T* h0 = nullptr;
  const T* c0 = nullptr;
  const T* h = nullptr;
  const T* tape = nullptr;
  const T* dh = nullptr;        // [batch, steps, hidden]
  const T* dc_last = nullptr;   // lstm: or null
  T* du = nullptr;              // [batch, steps, gates * hidden]
  T* ds = nullptr;              // gru: [batch, steps, gates * hidden]; others: null (ds = du)
  T* dh0 = nullptr;             // or null
  T* dc0 = nullptr;             // or null
};

template <class T>
struct RecurrentTangent {
  const T* weight = nullptr;
  const T* mask = nullptr;
  const T* h0 = nullptr;
  const T* c0 = nullptr;
  const T* h = nullptr;
  const T* tape = nullptr;
  const T* u_dot = nullptr;      // [batch, steps, gates * hidden] or null
  const T* weight_dot = nullptr; // or null
  const T* bias_n_dot = nullptr; // or null
  const T* h0_dot = nullptr;     // or null
  const T* c0_dot = nullptr;     // or null
  T* h_dot = nullptr;            // [batch, steps, hidden]
  T* c_last_dot = nullptr;       // lstm: or null
};

template <class T>
struct RecurrentKernels {
  // Elements of workspace that each of the three may use (the largest).
  std::int64_t (*workspace_elements)(const RecurrentShape&);
  void (*forward)(Stream&, const RecurrentShape&, const RecurrentForward<T>&, T* workspace);
  void (*backward)(Stream&, const RecurrentShape&, const RecurrentBackward<T>&, T* workspace);
  void (*tangent)(Stream&, const RecurrentShape&, const RecurrentTangent<T>&, T* workspace);
};

UNDERSTUDY_FAMILY(RecurrentKernels)

}  // namespace understudy
