// The arithmetic of one step of a recurrent cell, a vector of hidden units of one row at a time.
//
// Everything is independent of the neighboring rows. Pointers are at the vector's first unit; a
// gate's numbers lie `hidden` apart in u, du and the tape, and `distance` apart in the sums.

#pragma once

#include "kernels/elementwise/math_cpu.h"
#include "kernels/recurrent/recurrent.h"
#include "kernels/recurrent/recurrent_product_cpu.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

template <class T>
UNDERSTUDY_INLINE Vec<T> take_or_zero(const T* p, int valid) {
  return p != nullptr ? take<T>(p, valid) : Vec<T>{};
}

// tanh(c) again, from h = o tanh(c): a division instead of another hyperbolic tangent. Where o is
// so small that it rounded to 0, what tanh(c) is multiplied by is 0 too.
template <class T>
UNDERSTUDY_INLINE Vec<T> squashed_state(Vec<T> h, Vec<T> o) {
  return o != T(0) ? h / o : Vec<T>{};
}

// h and c of t - 1 come in, those of t go out. `sum` is h[t-1] W_h; bias is b_n (gru) or null.
template <class T, Cell cell>
UNDERSTUDY_INLINE void step_forward(const T* u, const T* sum, std::int64_t distance,
                                    std::int64_t hidden, const T* bias, int valid, Vec<T>& h,
                                    Vec<T>& c, T* tape) {
  const auto share = [&](int gate) { return load<T>(sum + gate * distance); };
  const auto input = [&](int gate) { return take<T>(u + gate * hidden, valid); };
  if constexpr (cell == Cell::rnn) {
    h = hyperbolic_tangent<T>(input(0) + share(0));
  } else if constexpr (cell == Cell::lstm) {
    const Vec<T> i = sigmoid<T>(input(0) + share(0));
    const Vec<T> f = sigmoid<T>(input(1) + share(1));
    const Vec<T> g = hyperbolic_tangent<T>(input(2) + share(2));
    const Vec<T> o = sigmoid<T>(input(3) + share(3));
    c = f * c + i * g;
    h = o * hyperbolic_tangent<T>(c);
    if (tape != nullptr) {
      put<T>(tape, i, valid);
      put<T>(tape + hidden, f, valid);
      put<T>(tape + 2 * hidden, g, valid);
      put<T>(tape + 3 * hidden, o, valid);
      put<T>(tape + 4 * hidden, c, valid);
    }
  } else {
    const Vec<T> r = sigmoid<T>(input(0) + share(0));
    const Vec<T> z = sigmoid<T>(input(1) + share(1));
    const Vec<T> a = share(2) + take_or_zero<T>(bias, valid);
    const Vec<T> n = hyperbolic_tangent<T>(input(2) + r * a);
    h = n + z * (h - n);
    if (tape != nullptr) {
      put<T>(tape, r, valid);
      put<T>(tape + hidden, z, valid);
      put<T>(tape + 2 * hidden, n, valid);
      put<T>(tape + 3 * hidden, a, valid);
    }
  }
}

// dh and dc of t come in; the shares of t - 1 that do not pass through the gates go out. `ds`
// receives the cotangents of the gates' sums, `hidden` apart; du differs from it in gru's third
// gate alone.
template <class T, Cell cell>
UNDERSTUDY_INLINE void step_backward(const T* tape, std::int64_t hidden, int valid, Vec<T> h,
                                     Vec<T> h_previous, Vec<T> c_previous, Vec<T>& dh, Vec<T>& dc,
                                     T* du, T* ds) {
  const auto kept = [&](int k) { return take<T>(tape + k * hidden, valid); };
  const auto give = [&](int gate, Vec<T> v) {
    put<T>(ds + gate * hidden, v, valid);
    put<T>(du + gate * hidden, v, valid);
  };
  if constexpr (cell == Cell::rnn) {
    give(0, dh * (T(1) - h * h));
    dh = Vec<T>{};
  } else if constexpr (cell == Cell::lstm) {
    const Vec<T> i = kept(0), f = kept(1), g = kept(2), o = kept(3);
    const Vec<T> squashed = squashed_state<T>(h, o);
    dc += dh * (o - squashed * h);
    give(0, dc * g * i * (T(1) - i));
    give(1, dc * c_previous * f * (T(1) - f));
    give(2, dc * i * (T(1) - g * g));
    give(3, dh * h * (T(1) - o));
    dc *= f;
    dh = Vec<T>{};
  } else {
    const Vec<T> r = kept(0), z = kept(1), n = kept(2), a = kept(3);
    const Vec<T> dn = dh * (T(1) - z) * (T(1) - n * n);
    give(0, dn * a * r * (T(1) - r));
    give(1, dh * (h_previous - n) * z * (T(1) - z));
    put<T>(du + 2 * hidden, dn, valid);
    put<T>(ds + 2 * hidden, dn * r, valid);
    dh *= z;
  }
}

// The tangents of h and c of t - 1 come in, those of t go out. `sum` is the tangent of h[t-1] W_h.
template <class T, Cell cell>
UNDERSTUDY_INLINE void step_tangent(const T* tape, const T* u, const T* sum, std::int64_t distance,
                                    std::int64_t hidden, const T* bias, int valid, Vec<T> h,
                                    Vec<T> h_previous, Vec<T> c_previous, Vec<T>& h_dot,
                                    Vec<T>& c_dot) {
  const auto kept = [&](int k) { return take<T>(tape + k * hidden, valid); };
  const auto share = [&](int gate) { return load<T>(sum + gate * distance); };
  const auto input = [&](int gate) {
    return take_or_zero<T>(u != nullptr ? u + gate * hidden : nullptr, valid);
  };
  if constexpr (cell == Cell::rnn) {
    h_dot = (input(0) + share(0)) * (T(1) - h * h);
  } else if constexpr (cell == Cell::lstm) {
    const Vec<T> i = kept(0), f = kept(1), g = kept(2), o = kept(3);
    const Vec<T> squashed = squashed_state<T>(h, o);
    c_dot = f * c_dot + (input(0) + share(0)) * (i * (T(1) - i) * g) +
            (input(1) + share(1)) * (f * (T(1) - f) * c_previous) +
            (input(2) + share(2)) * (i * (T(1) - g * g));
    h_dot = (input(3) + share(3)) * (h * (T(1) - o)) + (o - squashed * h) * c_dot;
  } else {
    const Vec<T> r = kept(0), z = kept(1), n = kept(2), a = kept(3);
    const Vec<T> r_dot = (input(0) + share(0)) * (r * (T(1) - r));
    const Vec<T> z_dot = (input(1) + share(1)) * (z * (T(1) - z));
    const Vec<T> a_dot = share(2) + take_or_zero<T>(bias, valid);
    const Vec<T> n_dot = (T(1) - n * n) * (input(2) + r_dot * a + r * a_dot);
    h_dot = (T(1) - z) * n_dot + z_dot * (h_previous - n) + z * h_dot;
  }
}

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA
