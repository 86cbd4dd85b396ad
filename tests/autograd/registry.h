// Every operation once, with inputs on which it is smooth: what drives the checks of values,
// gradients, tangents and second derivatives on every device, and the benchmark of operations.

#pragma once

#include <cmath>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "autograd/operations/operations.h"
#include "autograd/program/program.h"

namespace understudy::registry {

struct Input {
  std::vector<std::int64_t> dimensions;  // with rows in front: without them
  bool rows = false;
  double low = -1, high = 1;
  std::int64_t classes = 0;  // above 0: indices below it
  bool differentiable = true;
};

struct Case {
  std::string name;
  std::vector<Input> inputs;
  std::function<std::vector<Tensor>(const std::vector<Tensor>&)> build;
  bool twice = true;  // has second derivatives
};

// For the test runner's messages.
inline void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

inline Input real(std::vector<std::int64_t> dimensions, double low = -1, double high = 1) {
  return {std::move(dimensions), false, low, high, 0, true};
}
inline Input rowed(std::vector<std::int64_t> dimensions, double low = -1, double high = 1) {
  return {std::move(dimensions), true, low, high, 0, true};
}
inline Input fixed(Input input) {
  input.differentiable = false;
  return input;
}
inline Input index(std::vector<std::int64_t> dimensions, std::int64_t classes, bool rows) {
  return {std::move(dimensions), rows, 0, 0, classes, false};
}

inline Shape shape_of(const Input& input, std::int64_t row_count) {
  Shape shape;
  if (input.rows) shape.append(rows(row_count));
  for (std::int64_t size : input.dimensions) shape.append(size);
  return shape;
}

// A symmetric positive definite matrix from any, so that Cholesky factors exist around every input.
inline Tensor positive_definite(Tensor a) {
  const std::int64_t n = a.shape()[-1];
  std::vector<double> identity(static_cast<std::size_t>(n * n), 0.0);
  for (std::int64_t i = 0; i < n; ++i) identity[i * n + i] = 1.0;
  return batched_matmul(a, a, false, true) + a.program().constant({n, n}, identity);
}

inline std::vector<Case> cases() {
  using Tensors = std::vector<Tensor>;
  std::vector<Case> all;
  const auto one = [&](const std::string& name, Input x, Tensor (*f)(Tensor)) {
    all.push_back({name, {std::move(x)}, [f](const Tensors& in) { return Tensors{f(in[0])}; }});
  };
  const auto two = [&](const std::string& name, Input a, Input b, Tensor (*f)(Tensor, Tensor)) {
    all.push_back({name, {std::move(a), std::move(b)}, [f](const Tensors& in) {
                     return Tensors{f(in[0], in[1])};
                   }});
  };
  const auto any = [&](const std::string& name, std::vector<Input> inputs,
                       std::function<Tensors(const Tensors&)> build, bool twice = true) {
    all.push_back({name, std::move(inputs), std::move(build), twice});
  };

  // Elementwise, one operand. Ranges keep away from corners.
  one("identity", rowed({5}), identity);
  one("negate", rowed({5}), [](Tensor x) { return -x; });
  one("abs", rowed({5}, 0.2, 2), abs);
  one("abs of negative", rowed({5}, -2, -0.2), abs);
  one("sign", rowed({5}, 0.2, 2), sign);
  one("square", rowed({5}), square);
  one("sqrt", rowed({5}, 0.3, 2), sqrt);
  one("reciprocal", rowed({5}, 0.5, 2), reciprocal);
  one("exp", rowed({5}), exp);
  one("log", rowed({5}, 0.3, 2), log);
  one("log1p", rowed({5}, -0.5, 2), log1p);
  one("expm1", rowed({5}), expm1);
  one("tanh", rowed({5}, -2, 2), tanh);
  one("sigmoid", rowed({5}, -3, 3), sigmoid);
  one("softplus", rowed({5}, -3, 3), softplus);
  one("relu above", rowed({5}, 0.1, 1), relu);
  one("relu below", rowed({5}, -1, -0.1), relu);
  one("erf", rowed({5}), erf);
  one("sin", rowed({5}), sin);
  one("cos", rowed({5}), cos);
  one("floor", rowed({5}, 0.2, 0.8), floor);
  one("is_positive", rowed({5}, 0.2, 0.8), is_positive);
  one("is_finite", rowed({5}, 0.2, 0.8), is_finite);
  one("leaky_relu", rowed({5}, -1, -0.1), [](Tensor x) { return leaky_relu(x, 0.1); });
  one("elu", rowed({5}, -2, -0.1), elu);
  one("gelu", rowed({5}), gelu);
  one("silu", rowed({5}), silu);
  one("scale_shift", rowed({5}), [](Tensor x) { return scale_shift(x, 3, -2); });
  one("clamp", rowed({5}, -0.4, 0.4), [](Tensor x) { return clamp(x, -0.5, 0.5); });

  // Elementwise, two operands, same shapes and stretched ones.
  two("add", rowed({4}), rowed({4}), [](Tensor a, Tensor b) { return a + b; });
  two("add a row", rowed({4}), real({4}), [](Tensor a, Tensor b) { return a + b; });
  two("subtract a number", rowed({4}), real({}), [](Tensor a, Tensor b) { return a - b; });
  two("multiply", rowed({4}), rowed({4}), [](Tensor a, Tensor b) { return a * b; });
  two("multiply a column", rowed({4}), rowed({1}), [](Tensor a, Tensor b) { return a * b; });
  two("multiply a row", real({4}), rowed({3, 4}), [](Tensor a, Tensor b) { return a * b; });
  two("multiply in the middle", rowed({3, 1, 2}), real({4, 1}),
      [](Tensor a, Tensor b) { return a * b; });
  two("divide", rowed({4}), rowed({4}, 0.5, 2), [](Tensor a, Tensor b) { return a / b; });
  two("pow", rowed({4}, 0.5, 2), rowed({4}, -2, 2), [](Tensor a, Tensor b) { return pow(a, b); });
  two("maximum", rowed({4}, 0, 1), rowed({4}, 2, 3), maximum);
  two("minimum", rowed({4}, 0, 1), rowed({4}, 2, 3), minimum);
  two("less", rowed({4}, 0, 1), rowed({4}, 2, 3), less);
  two("less_equal", rowed({4}, 0, 1), rowed({4}, 2, 3), less_equal);
  two("equal", rowed({4}, 0, 1), rowed({4}, 2, 3), equal);
  any("tanh gradient", {rowed({4}, -0.9, 0.9), rowed({4})}, [](const Tensors& in) {
    return Tensors{activation_gradient(Activation::tanh, in[0], in[1])};
  });
  any("sigmoid gradient", {rowed({4}, 0.1, 0.9), rowed({4})}, [](const Tensors& in) {
    return Tensors{activation_gradient(Activation::sigmoid, in[0], in[1])};
  });
  any("relu gradient", {rowed({4}, 0.1, 0.9), rowed({4})}, [](const Tensors& in) {
    return Tensors{activation_gradient(Activation::relu, in[0], in[1])};
  });
  any("select", {fixed(rowed({4}, 0.2, 1)), rowed({4}), real({4})}, [](const Tensors& in) {
    const Tensor c = is_positive(in[0] - 0.6);
    return Tensors{select(c, in[1], in[2])};
  });
  any("stop_gradient", {rowed({4})},
      [](const Tensors& in) { return Tensors{stop_gradient(floor(in[0] + 10.5)) * in[0]}; });

  // Layout.
  any("expand", {rowed({1, 3}), real({3})}, [](const Tensors& in) {
    Shape shape = in[0].shape();
    Shape wide{shape.dimension(0), 2, 3};
    return Tensors{expand(in[0], wide) * expand(in[1], wide)};
  });
  any("permute", {rowed({2, 3, 4})}, [](const Tensors& in) {
    return Tensors{permute(in[0], {0, 3, 1, 2})};
  });
  any("transpose", {real({3, 5})}, [](const Tensors& in) { return Tensors{transpose(in[0])}; });
  any("slice", {rowed({3, 5})}, [](const Tensors& in) { return Tensors{slice(in[0], 2, 1, 3)}; });
  any("slice of a vector", {real({7})},
      [](const Tensors& in) { return Tensors{square(slice(in[0], 0, 2, 4))}; });
  any("pad", {rowed({3, 2})}, [](const Tensors& in) { return Tensors{pad(in[0], 1, 1, 2)}; });
  any("concatenate", {rowed({3, 2}), rowed({3, 4})}, [](const Tensors& in) {
    return Tensors{concatenate({in[0], in[1]}, 2)};
  });
  any("reshape", {rowed({3, 4})}, [](const Tensors& in) {
    return Tensors{square(reshape(in[0], {in[0].shape().dimension(0), 2, 6}))};
  });
  any("pack", {real({2, 3}), real({4})}, [](const Tensors& in) {
    return Tensors{square(in[0].program().pack({square(in[0]), in[1], in[1] * 2.0}))};
  });
  any("views of a vector", {real({10})}, [](const Tensors& in) {
    Program& program = in[0].program();
    return Tensors{program.view(in[0], {2, 3}, 1) * program.view(in[0], {2, 3}, 4)};
  });

  // Reductions.
  one("sum of everything", rowed({3, 4}), [](Tensor x) { return sum(x); });
  one("sum of rows", rowed({3, 4}), [](Tensor x) { return sum(x, 0); });
  one("sum of an inner axis", rowed({3, 4}), [](Tensor x) { return sum(x, 1); });
  one("mean", rowed({3, 4}), [](Tensor x) { return mean(x); });
  one("mean of the last axis", rowed({3, 4}), [](Tensor x) { return mean(x, -1); });
  one("max of the last axis", rowed({6}, -2, 2), [](Tensor x) { return max(x, -1); });
  one("max of rows", rowed({2}, -2, 2), [](Tensor x) { return max(x, 0); });
  one("norm", rowed({3}), norm);
  any("argmax", {rowed({5}), rowed({5})},
      [](const Tensors& in) { return Tensors{take_along_axis(in[1], argmax(in[0], 1))}; });

  // Products.
  any("matmul", {rowed({4}), real({4, 3})},
      [](const Tensors& in) { return Tensors{matmul(in[0], in[1])}; });
  any("matmul with more axes", {rowed({2, 4}), real({4, 3})},
      [](const Tensors& in) { return Tensors{matmul(in[0], in[1])}; });
  any("matmul, b transposed", {rowed({4}), real({3, 4})},
      [](const Tensors& in) { return Tensors{matmul(in[0], in[1], false, true)}; });
  any("matmul over rows", {rowed({2, 4}), rowed({2, 3})},
      [](const Tensors& in) { return Tensors{matmul(in[0], in[1], true, false)}; });
  any("matmul, both transposed", {real({4, 5}), real({3, 4})},
      [](const Tensors& in) { return Tensors{matmul(in[0], in[1], true, true)}; });
  for (Activation f : {Activation::none, Activation::tanh, Activation::sigmoid, Activation::relu})
    any("linear, activation " + std::to_string(static_cast<int>(f)),
        {rowed({4}, 0.1, 1), real({4, 3}, 0.1, 1), real({3}, 0.1, 1)},
        [f](const Tensors& in) { return Tensors{linear(in[0], in[1], in[2], f)}; });
  any("two layers", {rowed({4}), real({4, 5}), real({5}), real({5, 2})}, [](const Tensors& in) {
    return Tensors{linear(linear(in[0], in[1], in[2], Activation::tanh), in[3])};
  });
  for (int mode = 0; mode < 4; ++mode)
    any("batched_matmul, mode " + std::to_string(mode),
        {rowed(mode & 1 ? std::vector<std::int64_t>{4, 2} : std::vector<std::int64_t>{2, 4}),
         rowed(mode & 2 ? std::vector<std::int64_t>{3, 4} : std::vector<std::int64_t>{4, 3})},
        [mode](const Tensors& in) {
          return Tensors{batched_matmul(in[0], in[1], mode & 1, (mode & 2) != 0)};
        });

  // Softmax.
  one("softmax", rowed({2, 5}, -2, 2), softmax);
  one("log_softmax", rowed({2, 5}, -2, 2), log_softmax);
  one("log_sum_exp", rowed({2, 5}, -2, 2), log_sum_exp);

  // By index.
  any("gather_rows", {real({6, 3}), index({2}, 6, true)},
      [](const Tensors& in) { return Tensors{gather_rows(in[0], in[1])}; });
  any("scatter_rows", {rowed({2, 3}), index({2}, 6, true)},
      [](const Tensors& in) { return Tensors{scatter_rows(in[0], in[1], 6)}; });
  any("take_along_axis", {rowed({5}), index({}, 5, true)},
      [](const Tensors& in) { return Tensors{take_along_axis(in[0], in[1])}; });
  any("scatter", {rowed({}), index({}, 5, true)},
      [](const Tensors& in) { return Tensors{scatter(in[0], in[1], 5)}; });
  any("one_hot", {rowed({5}), index({}, 5, true)},
      [](const Tensors& in) { return Tensors{in[0] * one_hot(in[1], 5)}; });

  // Normalization.
  any("layer_norm", {rowed({2, 6}), real({6}, 0.5, 1.5), real({6})},
      [](const Tensors& in) { return Tensors{layer_norm(in[0], in[1], in[2])}; });

  // Images.
  any("convolution", {rowed({2, 5, 6}), real({3, 2, 3, 2}), real({3})}, [](const Tensors& in) {
    return Tensors{convolution(in[0], in[1], in[2], {2, 1, Activation::tanh})};
  });
  any("convolution_transpose", {rowed({3, 2, 3}), real({3, 2, 2, 2})}, [](const Tensors& in) {
    return Tensors{convolution_transpose(in[0], in[1], 4, 6, {2, 0})};
  });
  one("max_pool", rowed({2, 4, 4}), [](Tensor x) { return max_pool(x, 2, 2); });
  one("average_pool", rowed({2, 4, 5}), [](Tensor x) { return average_pool(x, 2, 1); });

  // Sequences: fused, once differentiable; unrolled, as often as you like.
  for (Cell cell : {Cell::rnn, Cell::lstm, Cell::gru})
    for (bool unrolled : {false, true}) {
      const std::int64_t hidden = 3, width = gates(cell) * hidden;
      std::vector<Input> inputs{rowed({4, width}), real({hidden, width}), rowed({hidden}),
                                fixed(rowed({4}, 0.2, 1))};
      if (cell == Cell::lstm) inputs.push_back(rowed({hidden}));
      if (cell == Cell::gru) inputs.push_back(real({hidden}));
      const char* names[] = {"rnn", "lstm", "gru"};
      any(
          std::string(names[static_cast<int>(cell)]) + (unrolled ? " unrolled" : ""), inputs,
          [cell, unrolled](const Tensors& in) {
            RecurrentArguments a;
            a.cell = cell;
            a.u = in[0];
            a.weight = in[1];
            a.h0 = in[2];
            a.mask = is_positive(in[3] - 0.4);
            if (cell == Cell::lstm) a.c0 = in[4];
            if (cell == Cell::gru) a.bias_n = in[4];
            const RecurrentResult r = unrolled ? recurrent_unrolled(a) : recurrent(a);
            Tensors out{r.h, r.h_last};
            if (cell == Cell::lstm) out.push_back(r.c_last);
            return out;
          },
          unrolled);
    }
  two("backward_scan", rowed({6}), rowed({6}), backward_scan);
  two("forward_scan", rowed({6}), rowed({6}), forward_scan);
  any("advantages",
      {rowed({5}), rowed({5}), rowed({5}), fixed(rowed({5}, 0, 1)), fixed(rowed({5}, 0, 1))},
      [](const Tensors& in) {
        return Tensors{advantages(in[0], in[1], in[2], in[3], in[4], 0.995, 0.97)};
      });

  // Small dense algebra.
  any("cholesky", {rowed({3, 3})},
      [](const Tensors& in) { return Tensors{cholesky(positive_definite(in[0]))}; });
  for (bool transposed : {false, true})
    any(transposed ? "triangular_solve, transposed" : "triangular_solve",
        {rowed({3, 3}), rowed({3, 2})}, [transposed](const Tensors& in) {
          return Tensors{triangular_solve(cholesky(positive_definite(in[0])), in[1], transposed)};
        });
  return all;
}

}  // namespace understudy::registry
