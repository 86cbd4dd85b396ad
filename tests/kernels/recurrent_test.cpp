// Recurrent layers: the reference against central differences and its own adjoint, then every
// implementation against the reference.

#include "kernels/recurrent/recurrent.h"

#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using kernel_test::Array;
using kernel_test::Random;
using Values = std::vector<double>;

constexpr Cell cells[] = {Cell::rnn, Cell::lstm, Cell::gru};

std::int64_t whole(const RecurrentShape& s) { return s.batch * s.steps * s.hidden; }
std::int64_t state(const RecurrentShape& s) { return s.batch * s.hidden; }
std::int64_t matrix(const RecurrentShape& s) { return gates(s.cell) * s.hidden * s.hidden; }

// What a layer is given, and a direction for each of its inputs.
struct Inputs {
  Values u, weight, bias, h0, c0, mask;
  Inputs(const RecurrentShape& s, Random& random, bool with_mask, double scale = 1)
      : u(random.normals(whole(s) * gates(s.cell))),
        weight(random.normals(matrix(s))),
        bias(random.normals(s.hidden)),
        h0(random.uniforms(state(s), -1, 1)),
        c0(random.normals(state(s))) {
    // sums of the size of u, so that the gates are neither shut nor open
    for (double& w : weight) w *= scale / std::sqrt(static_cast<double>(s.hidden));
    if (with_mask)
      for (std::int64_t i = 0; i < s.batch * s.steps; ++i) mask.push_back(random.uniform() < 0.7);
  }
};

template <class T>
T* pointer(std::vector<T>& v) {
  return v.empty() ? nullptr : v.data();
}

struct Outputs {
  Values h, c_last, tape;
};
struct Gradients {
  Values du, ds, dh0, dc0;
};

// The reference, on vectors of the host.
struct Reference {
  RecurrentKernels<double> kernels = reference_kernels<RecurrentKernels>();
  Stream stream;
  RecurrentShape shape;
  Values workspace;

  explicit Reference(const RecurrentShape& s) : shape(s) {
    workspace.assign(static_cast<std::size_t>(kernels.workspace_elements(s)), NAN);
  }
  static std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

  Outputs forward(Inputs in) {
    Outputs out{Values(size(whole(shape)), NAN), Values(size(state(shape)), NAN),
                Values(size(whole(shape) * tape_width(shape.cell)), NAN)};
    RecurrentForward<double> f;
    f.u = in.u.data(), f.weight = in.weight.data(), f.bias_n = in.bias.data();
    f.mask = pointer(in.mask), f.h0 = pointer(in.h0), f.c0 = pointer(in.c0);
    f.h = out.h.data(), f.c_last = out.c_last.data(), f.tape = pointer(out.tape);
    kernels.forward(stream, shape, f, workspace.data());
    return out;
  }

  Gradients backward(Inputs in, Outputs out, Values dh, Values dc_last) {
    const std::size_t wide = size(whole(shape) * gates(shape.cell));
    Gradients result{Values(wide, NAN), Values(wide, NAN), Values(size(state(shape)), NAN),
                     Values(size(state(shape)), NAN)};
    RecurrentBackward<double> g;
    g.weight = in.weight.data(), g.mask = pointer(in.mask);
    g.h0 = pointer(in.h0), g.c0 = pointer(in.c0), g.h = out.h.data(), g.tape = pointer(out.tape);
    g.dh = pointer(dh), g.dc_last = pointer(dc_last);
    g.du = result.du.data(), g.ds = result.ds.data();
    g.dh0 = result.dh0.data(), g.dc0 = result.dc0.data();
    kernels.backward(stream, shape, g, workspace.data());
    if (shape.cell != Cell::gru) result.ds = result.du;
    return result;
  }

  // The tangents of h and c_last in the direction `dot`.
  Outputs tangent(Inputs in, Outputs out, Inputs dot) {
    Outputs result{Values(size(whole(shape)), NAN), Values(size(state(shape)), NAN), {}};
    RecurrentTangent<double> d;
    d.weight = in.weight.data(), d.mask = pointer(in.mask);
    d.h0 = pointer(in.h0), d.c0 = pointer(in.c0), d.h = out.h.data(), d.tape = pointer(out.tape);
    d.u_dot = pointer(dot.u), d.weight_dot = pointer(dot.weight), d.bias_n_dot = pointer(dot.bias);
    d.h0_dot = pointer(dot.h0), d.c0_dot = pointer(dot.c0);
    d.h_dot = result.h.data(), d.c_last_dot = result.c_last.data();
    kernels.tangent(stream, shape, d, workspace.data());
    return result;
  }
};

double inner(const Values& a, const Values& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

Values along(Values x, const Values& direction, double distance) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += distance * direction[i];
  return x;
}

TEST(RecurrentReference, tangent_is_the_limit_of_central_differences) {
  for (Cell cell : cells) {
    Random random(1);
    const RecurrentShape s{cell, 3, 6, 5};
    Reference layer(s);
    const Inputs in(s, random, true), dot(s, random, false);
    const auto moved = [&](double distance) {
      Inputs there = in;
      there.u = along(in.u, dot.u, distance), there.weight = along(in.weight, dot.weight, distance);
      there.bias = along(in.bias, dot.bias, distance);
      there.h0 = along(in.h0, dot.h0, distance), there.c0 = along(in.c0, dot.c0, distance);
      return layer.forward(there);
    };
    const double step = 1e-5;
    const Outputs ahead = moved(step), behind = moved(-step);
    const Outputs tangent = layer.tangent(in, layer.forward(in), dot);
    double largest = 0;
    for (std::size_t i = 0; i < tangent.h.size(); ++i) {
      // the difference's own error: third derivatives times step^2, roundings over step
      EXPECT_NEAR(tangent.h[i], (ahead.h[i] - behind.h[i]) / (2 * step), 1e-7);
      largest = std::max(largest, std::abs(tangent.h[i]));
    }
    for (std::size_t i = 0; cell == Cell::lstm && i < tangent.c_last.size(); ++i)
      EXPECT_NEAR(tangent.c_last[i], (ahead.c_last[i] - behind.c_last[i]) / (2 * step), 1e-7);
    EXPECT_GT(largest, 0.1);
  }
}

// <g, J v> = <J^T g, v>, with dW_h and db_n formed as recurrent.h tells the caller to.
TEST(RecurrentReference, backward_is_the_adjoint_of_tangent) {
  for (Cell cell : cells) {
    Random random(2);
    const RecurrentShape s{cell, 4, 7, 6};
    Reference layer(s);
    const Inputs in(s, random, true), v(s, random, false);
    const Values dh = random.normals(whole(s));
    const Values dc = cell == Cell::lstm ? random.normals(state(s)) : Values{};
    const Outputs out = layer.forward(in);
    const Outputs jv = layer.tangent(in, out, v);
    const Gradients g = layer.backward(in, out, dh, dc);
    const std::int64_t columns = gates(cell) * s.hidden;
    Values dw(in.weight.size(), 0), db(in.bias.size(), 0);
    for (std::int64_t b = 0; b < s.batch; ++b)
      for (std::int64_t t = 0; t < s.steps; ++t) {
        const std::int64_t row = b * s.steps + t;
        const double* before = t > 0 ? &out.h[(row - 1) * s.hidden] : &in.h0[b * s.hidden];
        for (std::int64_t k = 0; k < s.hidden; ++k)
          for (std::int64_t j = 0; j < columns; ++j)
            dw[k * columns + j] += before[k] * g.ds[row * columns + j];
        if (cell == Cell::gru)
          for (std::int64_t j = 0; j < s.hidden; ++j)
            db[j] += g.ds[row * columns + 2 * s.hidden + j];
      }
    const double left = inner(dh, jv.h) + inner(dc, jv.c_last);
    double right = inner(g.du, v.u) + inner(dw, v.weight) + inner(db, v.bias) + inner(g.dh0, v.h0);
    if (cell == Cell::lstm) right += inner(g.dc0, v.c0);
    EXPECT_NEAR(left, right, 1e-12 * (1 + std::abs(left)));  // some hundred roundings of 1e-16
    EXPECT_GT(std::abs(left), 1e-3);
  }
}

TEST(RecurrentReference, masked_steps_copy_the_state_and_get_no_gradient) {
  for (Cell cell : cells) {
    Random random(3);
    const RecurrentShape s{cell, 2, 5, 3};
    Reference layer(s);
    Inputs in(s, random, true);
    in.mask = {0, 1, 1, 0, 0, 1, 0, 1, 1, 1};
    const std::int64_t columns = gates(cell) * s.hidden;
    // what stands at masked steps is never looked at
    for (std::size_t i = 0; i < in.u.size(); ++i)
      if (in.mask[i / static_cast<std::size_t>(columns)] == 0) in.u[i] = NAN;
    const Outputs out = layer.forward(in);
    const Gradients g = layer.backward(in, out, random.normals(whole(s)), random.normals(state(s)));
    for (std::int64_t row = 0; row < s.batch * s.steps; ++row) {
      const std::int64_t b = row / s.steps;
      const double* before =
          row % s.steps > 0 ? &out.h[(row - 1) * s.hidden] : &in.h0[b * s.hidden];
      for (std::int64_t j = 0; j < s.hidden; ++j) {
        if (in.mask[row] == 0)
          EXPECT_EQ(out.h[row * s.hidden + j], before[j]);
        else
          EXPECT_NE(out.h[row * s.hidden + j], before[j]);
      }
      for (std::int64_t j = 0; j < columns; ++j) {
        if (in.mask[row] == 0)
          EXPECT_EQ(g.du[row * columns + j], 0);
        else
          EXPECT_NE(g.du[row * columns + j], 0);
      }
    }
  }
}

// What a test asks of forward, backward and tangent, with null for what is left out.
struct Options {
  bool mask = true, initial = true, team = false;
};

template <class T>
struct Results {
  std::vector<T> h, c_last, du, ds, dh0, dc0, h_dot, c_dot;
};

// What a cell does not have stays as it was in both.
template <class T>
void expect_same_bits(const Results<T>& found, const Results<T>& expected) {
  for (auto result : {&Results<T>::h, &Results<T>::c_last, &Results<T>::du, &Results<T>::ds,
                      &Results<T>::dh0, &Results<T>::dc0, &Results<T>::h_dot, &Results<T>::c_dot})
    EXPECT_TRUE(kernel_test::same_bits(found.*result, expected.*result));
}

// Runs all three on a device, backward and tangent on its own h and tape.
template <class T>
Results<T> run(kernel_test::Place<T>& on, const RecurrentKernels<T>& kernels,
               const RecurrentShape& s, const Inputs& in, const Inputs& dot,
               const Values& dh_values, const Values& dc_values, const Options& options) {
  Stream& stream = options.team ? on.team_stream() : on.stream();
  const bool lstm = s.cell == Cell::lstm, gru = s.cell == Cell::gru;
  const auto pick = [](const Array<T>& array, bool wanted) {
    return wanted ? array.data() : nullptr;
  };
  Array<T> u = on.array(in.u), weight = on.array(in.weight), bias = on.array(in.bias);
  Array<T> h0 = on.array(in.h0), c0 = on.array(in.c0), mask = on.array(in.mask);
  Array<T> workspace = on.poisoned(kernels.workspace_elements(s));
  Array<T> h = on.poisoned(whole(s)), c_last = on.poisoned(state(s));
  Array<T> tape = on.poisoned(whole(s) * tape_width(s.cell));

  RecurrentForward<T> f;
  f.u = u, f.weight = weight, f.bias_n = pick(bias, gru);
  f.mask = pick(mask, options.mask), f.h0 = pick(h0, options.initial);
  f.c0 = pick(c0, options.initial && lstm);
  f.h = h, f.c_last = pick(c_last, lstm), f.tape = pick(tape, tape_width(s.cell) > 0);
  kernels.forward(stream, s, f, workspace);

  Array<T> dh = on.array(dh_values), dc = on.array(dc_values);
  const std::int64_t wide = whole(s) * gates(s.cell);
  Array<T> du = on.poisoned(wide), ds = on.poisoned(wide);
  Array<T> dh0 = on.poisoned(state(s)), dc0 = on.poisoned(state(s));
  RecurrentBackward<T> g;
  g.weight = weight, g.mask = f.mask, g.h0 = f.h0, g.c0 = f.c0, g.h = h, g.tape = f.tape;
  g.dh = dh, g.dc_last = pick(dc, lstm);
  g.du = du, g.ds = pick(ds, gru), g.dh0 = dh0, g.dc0 = pick(dc0, lstm);
  kernels.backward(stream, s, g, workspace);

  Array<T> u_dot = on.array(dot.u), weight_dot = on.array(dot.weight),
           bias_dot = on.array(dot.bias);
  Array<T> h0_dot = on.array(dot.h0), c0_dot = on.array(dot.c0);
  Array<T> h_dot = on.poisoned(whole(s)), c_dot = on.poisoned(state(s));
  RecurrentTangent<T> d;
  d.weight = weight, d.mask = f.mask, d.h0 = f.h0, d.c0 = f.c0, d.h = h, d.tape = f.tape;
  d.u_dot = u_dot, d.weight_dot = pick(weight_dot, options.initial);
  d.bias_n_dot = pick(bias_dot, gru), d.h0_dot = pick(h0_dot, options.initial);
  d.c0_dot = pick(c0_dot, options.initial && lstm);
  d.h_dot = h_dot, d.c_last_dot = pick(c_dot, lstm);
  kernels.tangent(stream, s, d, workspace);

  return {h.host(),   c_last.host(), du.host(),    ds.host(),
          dh0.host(), dc0.host(),    h_dot.host(), c_dot.host()};
}

template <class T>
void compare(kernel_test::Place<T>& on, const RecurrentKernels<T>& kernels, const RecurrentShape& s,
             Options options, std::uint64_t seed) {
  SCOPED_TRACE("cell " + std::to_string(static_cast<int>(s.cell)) + " batch " +
               std::to_string(s.batch) + " steps " + std::to_string(s.steps) + " hidden " +
               std::to_string(s.hidden));
  Random random(seed);
  const auto round = [&](Inputs in) {
    for (Values* v : {&in.u, &in.weight, &in.bias, &in.h0, &in.c0}) *v = on.rounded(*v);
    return in;
  };
  const Inputs in = round(Inputs(s, random, options.mask, 0.7));
  const Inputs dot = round(Inputs(s, random, false));
  const Values dh = on.rounded(random.normals(whole(s)));
  const Values dc = on.rounded(random.normals(state(s)));
  const Results<T> found = run(on, kernels, s, in, dot, dh, dc, options);

  Reference layer(s);
  Inputs plain = in, plain_dot = dot;
  if (!options.initial) plain.h0.clear(), plain.c0.clear();
  if (!options.initial) plain_dot.h0.clear(), plain_dot.c0.clear(), plain_dot.weight.clear();
  const Outputs out = layer.forward(plain);
  const Gradients g = layer.backward(plain, out, dh, dc);
  const Outputs tangent = layer.tangent(plain, out, plain_dot);

  // Sums of `hidden` terms of size 1 and functions of a few ulp, a few roundings a step; what a
  // step hands on is multiplied by at most about 1. A wrong term is of size 0.1.
  const double unit = static_cast<double>(std::numeric_limits<T>::epsilon());
  const double tolerance =
      unit * 8 * static_cast<double>(s.steps + 4) * std::sqrt(static_cast<double>(s.hidden + 1));
  EXPECT_TRUE(kernel_test::close(found.h, out.h, 0, tolerance));
  EXPECT_TRUE(kernel_test::close(found.du, g.du, 0, 4 * tolerance));
  EXPECT_TRUE(kernel_test::close(found.dh0, g.dh0, 0, 4 * tolerance));
  EXPECT_TRUE(kernel_test::close(found.h_dot, tangent.h, 0, 8 * tolerance));
  if (s.cell == Cell::lstm) {
    EXPECT_TRUE(kernel_test::close(found.c_last, out.c_last, 0, 2 * tolerance));
    EXPECT_TRUE(kernel_test::close(found.dc0, g.dc0, 0, 4 * tolerance));
    EXPECT_TRUE(kernel_test::close(found.c_dot, tangent.c_last, 0, 8 * tolerance));
  }
  if (s.cell == Cell::gru) {
    EXPECT_TRUE(kernel_test::close(found.ds, g.ds, 0, 4 * tolerance));
  }
}

KERNEL_TEST(RecurrentKernels, agrees_with_the_reference) {
  // around a vector of every instruction set, a warp, and what the registers of a GPU's thread hold
  const std::int64_t hidden[] = {1, 3, 4, 7, 8, 16, 17, 33, 64, 65};
  std::uint64_t seed = 10;
  for (Cell cell : cells) {
    for (std::int64_t size : hidden) {
      Options options;
      options.mask = ++seed % 3 != 0, options.initial = seed % 2 != 0;
      on.misalignment = static_cast<int>(seed % 4);
      compare<T>(on, kernels, {cell, 3, size > 32 ? 3 : 6, size}, options, seed);
    }
    // rows around the groups that share registers and the blocks that go together
    for (std::int64_t batch : {1, 2, 5, 6, 7, 16, 17, 23}) {
      if (on.is_cuda && batch > 7) break;
      Options options;
      options.mask = batch % 2 == 0;
      compare<T>(on, kernels, {cell, batch, 4, 9}, options, ++seed);
    }
  }
}

KERNEL_TEST(RecurrentKernels, nothing_to_do_is_done) {
  for (Cell cell : cells) {
    for (const RecurrentShape& s : {RecurrentShape{cell, 0, 3, 4}, RecurrentShape{cell, 3, 0, 4},
                                    RecurrentShape{cell, 2, 3, 0}}) {
      compare<T>(on, kernels, s, {}, 5);
    }
  }
}

KERNEL_TEST(RecurrentKernels, what_stands_at_masked_steps_does_not_matter) {
  for (Cell cell : cells) {
    const RecurrentShape s{cell, 3, 6, 10};
    Random random(6);
    Inputs in(s, random, true), dot(s, random, false);
    for (std::int64_t b = 0; b < s.batch; ++b) in.mask[b * s.steps + 2] = 0;  // a step of no row
    const Values dh = random.normals(whole(s)), dc = random.normals(state(s));
    const Results<T> plain = run(on, kernels, s, in, dot, dh, dc, {});
    const std::size_t columns = static_cast<std::size_t>(gates(cell) * s.hidden);
    for (std::size_t i = 0; i < in.u.size(); ++i)
      if (in.mask[i / columns] == 0) in.u[i] = NAN, dot.u[i] = NAN;
    const Results<T> padded = run(on, kernels, s, in, dot, dh, dc, {});
    expect_same_bits(padded, plain);
    for (std::size_t i = 0; i < padded.du.size(); ++i) {
      if (in.mask[i / columns] == 0) {
        EXPECT_EQ(padded.du[i], T(0));
      }
    }
  }
}

KERNEL_TEST(RecurrentKernels, bits_do_not_depend_on_threads) {
  if (on.is_cuda) return;
  for (Cell cell : cells) {
    const RecurrentShape s{cell, 37, 9, 24};
    Random random(7);
    const Inputs in(s, random, true), dot(s, random, false);
    const Values dh = random.normals(whole(s)), dc = random.normals(state(s));
    Options options;
    const Results<T> alone = run(on, kernels, s, in, dot, dh, dc, options);
    options.team = true;
    const Results<T> team = run(on, kernels, s, in, dot, dh, dc, options);
    expect_same_bits(team, alone);
  }
}

// Acting: one step at a time, the state replaced where it lies.
KERNEL_TEST(RecurrentKernels, steps_in_place_follow_the_sequence) {
  for (Cell cell : cells) {
    for (std::int64_t hidden : {20, 64}) {
      const RecurrentShape s{cell, 1, 5, hidden}, one{cell, 1, 1, hidden};
      Random random(8);
      const Inputs in(s, random, false);
      const Results<T> all = run(on, kernels, s, in, in, in.u, in.c0, {.mask = false});
      Array<T> weight = on.array(in.weight), bias = on.array(in.bias);
      Array<T> h = on.array(in.h0), c = on.array(in.c0);
      Array<T> workspace = on.poisoned(kernels.workspace_elements(one));
      const auto columns = static_cast<std::ptrdiff_t>(gates(cell) * hidden);
      for (std::ptrdiff_t t = 0; t < s.steps; ++t) {
        Array<T> u = on.array(Values(in.u.begin() + t * columns, in.u.begin() + (t + 1) * columns));
        RecurrentForward<T> f;
        f.u = u, f.weight = weight, f.h0 = h, f.h = h;
        if (cell == Cell::gru) f.bias_n = bias;
        if (cell == Cell::lstm) f.c0 = c, f.c_last = c;
        kernels.forward(on.stream(), one, f, workspace);
        const auto begin = all.h.begin() + t * hidden;
        EXPECT_TRUE(kernel_test::same_bits(h.host(), std::vector<T>(begin, begin + hidden)));
      }
      if (cell == Cell::lstm) {
        EXPECT_TRUE(kernel_test::same_bits(c.host(), all.c_last));
      }
    }
  }
}

}  // namespace
}  // namespace understudy
