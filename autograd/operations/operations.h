// Every operation that a program can record, as functions on tensors.
//
// Each appends to its operands' program and returns a handle to the result. Shapes are checked when
// recording: what does not fit is an `Error` that names the operation and the shapes. All have
// gradients and tangents, of any order where the operations in their rules have them, except where
// said. Thread safety: as of the program they record into.

#pragma once

#include <vector>

#include "autograd/program/program.h"
#include "kernels/convolution/convolution.h"
#include "kernels/recurrent/recurrent.h"

namespace understudy {

// ---- Elementwise (elementwise.cpp). Shapes broadcast as in NumPy. ----

Tensor identity(Tensor x);  // a copy
Tensor operator-(Tensor x);
Tensor abs(Tensor x);
Tensor sign(Tensor x);  // gradient 0
Tensor square(Tensor x);
Tensor sqrt(Tensor x);
Tensor reciprocal(Tensor x);
Tensor exp(Tensor x);
Tensor log(Tensor x);
Tensor log1p(Tensor x);
Tensor expm1(Tensor x);
Tensor tanh(Tensor x);
Tensor sigmoid(Tensor x);
Tensor softplus(Tensor x);
Tensor relu(Tensor x);
Tensor erf(Tensor x);
Tensor sin(Tensor x);
Tensor cos(Tensor x);
Tensor floor(Tensor x);        // gradient 0
Tensor is_positive(Tensor x);  // gradient 0
Tensor is_finite(Tensor x);    // gradient 0
Tensor leaky_relu(Tensor x, double slope = 0.01);
Tensor elu(Tensor x);
Tensor gelu(Tensor x);  // x/2 (1 + erf(x / sqrt 2))
Tensor silu(Tensor x);

Tensor operator+(Tensor a, Tensor b);
Tensor operator-(Tensor a, Tensor b);
Tensor operator*(Tensor a, Tensor b);
Tensor operator/(Tensor a, Tensor b);
Tensor pow(Tensor a, Tensor b);  // the gradient in b needs a > 0
Tensor maximum(Tensor a, Tensor b);
Tensor minimum(Tensor a, Tensor b);
Tensor less(Tensor a, Tensor b);  // 1 or 0; gradient 0
Tensor less_equal(Tensor a, Tensor b);
Tensor equal(Tensor a, Tensor b);

// alpha x + beta
Tensor scale_shift(Tensor x, double alpha, double beta);
inline Tensor operator*(Tensor x, double a) { return scale_shift(x, a, 0); }
inline Tensor operator*(double a, Tensor x) { return scale_shift(x, a, 0); }
inline Tensor operator/(Tensor x, double a) { return scale_shift(x, 1 / a, 0); }
inline Tensor operator+(Tensor x, double b) { return scale_shift(x, 1, b); }
inline Tensor operator+(double b, Tensor x) { return scale_shift(x, 1, b); }
inline Tensor operator-(Tensor x, double b) { return scale_shift(x, 1, -b); }
inline Tensor operator-(double b, Tensor x) { return scale_shift(x, -1, b); }
Tensor clamp(Tensor x, double low, double high);

// c != 0 ? a : b; no gradient in c.
Tensor select(Tensor c, Tensor a, Tensor b);
// x forward; a constant for differentiation.
Tensor stop_gradient(Tensor x);
// g f'(x) for y = f(x), written in y: the cotangent of x from that of y.
Tensor activation_gradient(Activation f, Tensor y, Tensor g);
Tensor activate(Activation f, Tensor x);

// ---- Layout (layout.cpp) ----

// Repeats x over the axes where it has size 1, or none.
Tensor expand(Tensor x, const Shape& shape);
// Sums x over the axes over which `shape` would be repeated: the adjoint of expand.
Tensor sum_to(Tensor x, const Shape& shape);
// Axis i of the result is axis order[i] of x. Rows stay first.
Tensor permute(Tensor x, const std::vector<int>& order);
Tensor transpose(Tensor x);  // of the last two axes
Tensor slice(Tensor x, int axis, std::int64_t begin, std::int64_t size);
// Zeros before and after along an axis: the adjoint of slice.
Tensor pad(Tensor x, int axis, std::int64_t before, std::int64_t after);
Tensor concatenate(const std::vector<Tensor>& parts, int axis);
// The same elements under another shape.
inline Tensor reshape(Tensor x, const Shape& shape) { return x.program().view(x, shape); }

// ---- Reductions (reduce.cpp) ----

Tensor sum(Tensor x);            // of everything
Tensor sum(Tensor x, int axis);  // the axis goes
Tensor mean(Tensor x);
Tensor mean(Tensor x, int axis);
Tensor max(Tensor x, int axis);     // gradient shared among equals
Tensor argmax(Tensor x, int axis);  // an index tensor; no gradient
Tensor norm(Tensor x);              // Euclidean, of everything

// ---- Products (matmul.cpp) ----

// op(a) op(b):
//
//   transpose_a  transpose_b   a          b          result
//   no           no            [..., k]   [k, n]     [..., n]   `...`: any axes, rows among them
//   no           yes           [..., k]   [n, k]     [..., n]
//   yes          no            [..., m]   [..., n]   [m, n]     summed over `...`, maybe rows
//   yes          yes           [k, m]     [n, k]     [m, n]
Tensor matmul(Tensor a, Tensor b, bool transpose_a = false, bool transpose_b = false);
// f(x w + b) in one pass; w [in, out], bias [out] may be undefined.
Tensor linear(Tensor x, Tensor w, Tensor bias = {}, Activation f = Activation::none);
// op(a) op(b) of a [..., m, k] and b [..., k, n] with the same leading axes: [..., m, n].
Tensor batched_matmul(Tensor a, Tensor b, bool transpose_a = false, bool transpose_b = false);

// ---- Softmax over the last axis (softmax.cpp) ----

Tensor softmax(Tensor x);
Tensor log_softmax(Tensor x);
Tensor log_sum_exp(Tensor x);  // the axis goes

// ---- By index (gather.cpp) ----

// table [n, ...width] at index [rows...]: [rows..., ...width]; of bytes the numbers 0 to 255
Tensor gather_rows(Tensor table, Tensor index);
// Sum of x [..., width] into a table of n rows at index [...]: the adjoint of gather_rows.
Tensor scatter_rows(Tensor x, Tensor index, std::int64_t table_rows);
// x [..., n] at index [...]: one element of each last axis.
Tensor take_along_axis(Tensor x, Tensor index);
// Zeros but for x [...] at index: the adjoint of take_along_axis.
Tensor scatter(Tensor x, Tensor index, std::int64_t n);
Tensor one_hot(Tensor index, std::int64_t n);

// ---- Normalization over the last axis (normalization.cpp) ----

Tensor layer_norm(Tensor x, Tensor gain, Tensor bias, double epsilon = 1e-5);

// ---- Images, NCHW (convolution.cpp) ----

struct ConvolutionOptions {
  std::int64_t stride = 1, pad = 0;
  Activation activation = Activation::none;
};
// x [b, c, h, w], w [out, c, kh, kw], bias [out] or undefined.
Tensor convolution(Tensor x, Tensor w, Tensor bias = {}, const ConvolutionOptions& options = {});
// The adjoint in x ("transposed convolution"): y [b, out, p, q] to [b, c, height, width].
Tensor convolution_transpose(Tensor y, Tensor w, std::int64_t height, std::int64_t width,
                             const ConvolutionOptions& options = {});
Tensor max_pool(Tensor x, std::int64_t kernel, std::int64_t stride);
Tensor average_pool(Tensor x, std::int64_t kernel, std::int64_t stride);

// ---- Sequences [batch, steps, ...] (recurrent.cpp, scan.cpp) ----

struct RecurrentResult {
  Tensor h;       // [batch, steps, hidden]
  Tensor h_last;  // [batch, hidden]
  Tensor c_last;  // lstm
};
struct RecurrentArguments {
  Cell cell = Cell::lstm;
  Tensor u;       // [batch, steps, gates * hidden]: the input's share, x W_x + b
  Tensor weight;  // [hidden, gates * hidden]
  Tensor bias_n;  // gru: [hidden]
  Tensor mask;    // [batch, steps] of 0 and 1, or undefined
  Tensor h0, c0;  // [batch, hidden], or undefined for zeros
};
// One kernel over the whole sequence. First derivatives and tangents; for higher derivatives use
// `recurrent_unrolled`.
RecurrentResult recurrent(const RecurrentArguments& arguments);
// The same from elementary operations, step by step: differentiable as often as you like.
RecurrentResult recurrent_unrolled(const RecurrentArguments& arguments);

// y[t] = x[t] + c[t] y[t + 1] along the last axis (discounted returns), and its adjoint.
Tensor backward_scan(Tensor x, Tensor c);
Tensor forward_scan(Tensor x, Tensor c);
// Generalized advantage estimation over the last axis, from the formula's own operations.
Tensor advantages(Tensor reward, Tensor value, Tensor next_value, Tensor terminated, Tensor ended,
                  double discount, double lambda);

// ---- Random numbers (random.cpp). `counter`: a persistent counter array of one element. ----

struct RandomSource {
  Array* counter = nullptr;
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
};
// Fresh numbers each run: the counter moves on.
Tensor random_uniform(Program& program, const RandomSource& source, const Shape& shape);
Tensor random_normal(Program& program, const RandomSource& source, const Shape& shape);
Tensor random_gumbel(Program& program, const RandomSource& source, const Shape& shape);
// Draws from softmax(x) over the last axis: an index tensor.
Tensor random_categorical(const RandomSource& source, Tensor x);
Tensor random_permutation(Program& program, const RandomSource& source, std::int64_t n);

// ---- Small dense algebra (cholesky.cpp) ----

Tensor cholesky(Tensor a);  // [..., n, n], lower; reads the lower triangle
// op(l) x = b for x; l [..., n, n] lower, b [..., n, columns].
Tensor triangular_solve(Tensor l, Tensor b, bool transpose = false);

}  // namespace understudy
