// Products of matrices, with what surrounds them: bias, activation, a summand, the derivative of an
// activation. The last two are put there by the planner (see `absorb`).

#include <utility>

#include "autograd/operations/operations.h"
#include "autograd/operations/support.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

const char* name_of(Activation f) {
  switch (f) {
    case Activation::none: return "none";
    case Activation::tanh: return "tanh";
    case Activation::sigmoid: return "sigmoid";
    case Activation::relu: return "relu";
  }
  return "unknown";
}

// op(a) op(b) + bias + summand, then one of
//   y = f(.)          with f = activation
//   y = f'(.)         a cotangent through the activation f = gradient whose output is gradient_of
// The last three inputs may be left out.
struct Input {
  enum { a, b, bias, summand, gradient_of };
};

struct MatMulOptions {
  bool transpose_a = false, transpose_b = false;
  bool accumulate = false;  // there is a summand
  Activation activation = Activation::none;
  Activation gradient = Activation::none;
};

class MatMul final : public Operation {
 public:
  explicit MatMul(const MatMulOptions& options) : o_(options) {}
  const char* name() const override { return "matmul"; }
  std::string detail() const override {
    std::string text =
        o_.transpose_a ? (o_.transpose_b ? "tt" : "tn") : (o_.transpose_b ? "nt" : "nn");
    if (o_.activation != Activation::none) text += std::string(" ") + name_of(o_.activation);
    if (o_.gradient != Activation::none) text += std::string(" d") + name_of(o_.gradient);
    return text;
  }
  RowUse row_use(bool inputs, bool outputs) const override {
    if (outputs) return RowUse::local;
    return inputs ? RowUse::reduce : RowUse::once;
  }
  // The summand's memory may become the result's; without one, that of the activation's output.
  bool in_place(int input) const override {
    return input == (o_.accumulate ? Input::summand : Input::gradient_of);
  }
  Activation activation() const override { return o_.activation; }
  std::unique_ptr<Operation> without_activation() const override {
    if (o_.activation == Activation::none) return nullptr;
    MatMulOptions plain = o_;
    plain.activation = Activation::none;
    return std::make_unique<MatMul>(plain);
  }
  double work(const Shape* inputs, const Shape* outputs) const override {
    const std::int64_t k =
        o_.transpose_a ? inputs[0].product(0, inputs[0].rank() - 1) : inputs[0][-1];
    return 2.0 * static_cast<double>(outputs[0].elements()) * static_cast<double>(k);
  }

  void run(const Call& call) const override {
    const Shape a = call.in_shape(Input::a), b = call.in_shape(Input::b), c = call.out_shape();
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      Gemm<T> gemm;
      gemm.transpose_a = o_.transpose_a;
      gemm.transpose_b = o_.transpose_b;
      gemm.k = o_.transpose_a ? a.product(0, a.rank() - 1) : a[-1];
      gemm.n = c[-1];
      gemm.m = c.product(0, c.rank() - 1);
      gemm.a = call.in<T>(Input::a);
      gemm.lda = a[-1];
      gemm.b = call.in<T>(Input::b);
      gemm.ldb = b[-1];
      gemm.c = call.out<T>();
      gemm.ldc = gemm.n;
      gemm.accumulate = call.accumulate || o_.accumulate;
      gemm.bias = call.in<T>(Input::bias);
      gemm.activation = o_.activation;
      gemm.gradient_of = call.in<T>(Input::gradient_of);
      gemm.ldg = gemm.n;
      gemm.gradient_activation = o_.gradient;
      if (o_.accumulate && call.in<T>(Input::summand) != gemm.c)
        call.kernels<T>().elementwise.unary(call.stream, Unary::identity, c.elements(),
                                            call.in<T>(Input::summand), gemm.c);
      call.kernels<T>().gemm.gemm(call.stream, gemm);
    });
  }

  Fusion absorb(Binary consumer, int position) const override {
    if (o_.activation != Activation::none || o_.gradient != Activation::none) return {};
    MatMulOptions both = o_;
    if (consumer == Binary::add) {
      if (o_.accumulate) return {};
      both.accumulate = true;
      return {std::make_unique<MatMul>(both), Input::summand};
    }
    for (Activation f : {Activation::tanh, Activation::sigmoid, Activation::relu})
      if (consumer == gradient_function(f)) both.gradient = f;
    if (both.gradient == Activation::none || position != 1) return {};
    return {std::make_unique<MatMul>(both), Input::gradient_of};
  }
  Fusion reading_transposed() const override {
    if (o_.transpose_a || !o_.transpose_b) return {};
    MatMulOptions plain = o_;
    plain.transpose_b = false;
    return {std::make_unique<MatMul>(plain), Input::b};
  }

  void vjp(Pullback& p) const override {
    const Tensor a = p.input(0), b = p.input(1);
    const Tensor g = activation_gradient(o_.activation, p.output(), p.cotangent());
    if (p.wanted(0)) {
      if (!o_.transpose_a)
        p.set(0, matmul(g, b, false, !o_.transpose_b));
      else if (!o_.transpose_b)
        p.set(0, matmul(b, g, false, true));
      else
        p.set(0, matmul(b, g, true, true));
    }
    if (p.wanted(1)) {
      if (!o_.transpose_b)
        p.set(1, o_.transpose_a ? matmul(a, g) : matmul(a, g, true, false));
      else if (!o_.transpose_a)
        p.set(1, matmul(g, a, true, false));
      else
        p.set(1, matmul(g, a, true, true));
    }
    if (p.wanted(Input::bias)) p.set(Input::bias, sum_to(g, p.input(Input::bias).shape()));
  }

  void jvp(Pushforward& p) const override {
    Tensor t = p.tangent(Input::bias);
    const auto add = [&](Tensor a, Tensor b) {
      MatMulOptions options;
      options.transpose_a = o_.transpose_a;
      options.transpose_b = o_.transpose_b;
      // The first product takes the bias's tangent along.
      Tensor bias;
      if (t.defined() && t.shape().rank() == 1) std::swap(bias, t);
      const Tensor product = record(options, a, b, bias, p.output().shape());
      t = t.defined() ? t + product : product;
    };
    if (p.tangent(1).defined()) add(p.input(0), p.tangent(1));
    if (p.tangent(0).defined()) add(p.tangent(0), p.input(1));
    if (t.defined())
      p.set(0, activation_gradient(o_.activation, p.output(), expand(t, p.output().shape())));
  }

  static Tensor record(const MatMulOptions& options, Tensor a, Tensor b, Tensor bias,
                       const Shape& out) {
    return a.program().append(std::make_unique<MatMul>(options), {a, b, bias, {}, {}}, {{out}})[0];
  }

 private:
  MatMulOptions o_;
};

Tensor product(Tensor a, Tensor b, Tensor bias, const MatMulOptions& options) {
  require_real("matmul", a);
  require_real("matmul", b);
  const Shape &sa = a.shape(), &sb = b.shape();
  const auto refuse = [&](const char* why) {
    fail(ErrorKind::bad_shape, "matmul%s%s: shapes %s and %s: %s",
         options.transpose_a ? " (a^T)" : "", options.transpose_b ? " (b^T)" : "",
         sa.text().c_str(), sb.text().c_str(), why);
  };
  if (sa.rank() < 2 || sb.rank() < 2) refuse("both need two axes");

  Shape out;
  if (!options.transpose_a) {
    if (sb.has_rows() || sb.rank() != 2) refuse("b must be a matrix without rows");
    if (sa[-1] != sb[options.transpose_b ? 1 : 0]) refuse("the inner sizes differ");
    for (int axis = 0; axis + 1 < sa.rank(); ++axis) out.append(sa.dimension(axis));
    out.append(sb[options.transpose_b ? 0 : 1]);
  } else {
    if (options.transpose_b && (sa.rank() != 2 || sb.rank() != 2 || sa.has_rows() || sb.has_rows()))
      refuse("both transposed, both must be matrices without rows");
    if (sa.has_rows() != sb.has_rows()) refuse("rows meet what has none");
    const std::int64_t inner = sa.product(0, sa.rank() - 1);
    const std::int64_t other = options.transpose_b ? sb[1] : sb.product(0, sb.rank() - 1);
    if (inner != other) refuse("the inner sizes differ");
    out = Shape{sa[-1], options.transpose_b ? sb[0] : sb[-1]};
  }
  if (bias.defined() &&
      (bias.shape().rank() != 1 || bias.shape()[0] != out[-1] || bias.shape().has_rows()))
    fail(ErrorKind::bad_shape, "linear: a bias of shape %s for %lld outputs",
         bias.shape().text().c_str(), static_cast<long long>(out[-1]));
  return MatMul::record(options, a, b, bias, out);
}

// One product for each element of the leading axes.
class BatchedMatMul final : public Operation {
 public:
  BatchedMatMul(bool transpose_a, bool transpose_b) : ta_(transpose_a), tb_(transpose_b) {}
  const char* name() const override { return "batched_matmul"; }
  std::string detail() const override { return ta_ ? (tb_ ? "tt" : "tn") : (tb_ ? "nt" : "nn"); }
  double work(const Shape* inputs, const Shape* outputs) const override {
    return 2.0 * static_cast<double>(outputs[0].elements()) *
           static_cast<double>(inputs[0][ta_ ? -2 : -1]);
  }
  void run(const Call& call) const override {
    const Shape a = call.in_shape(0), b = call.in_shape(1), c = call.out_shape();
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      Gemm<T> gemm;
      gemm.transpose_a = ta_;
      gemm.transpose_b = tb_;
      gemm.m = c[-2];
      gemm.n = c[-1];
      gemm.k = a[ta_ ? -2 : -1];
      gemm.a = call.in<T>(0);
      gemm.b = call.in<T>(1);
      gemm.c = call.out<T>();
      gemm.lda = a[-1];
      gemm.ldb = b[-1];
      gemm.ldc = c[-1];
      gemm.batch = c.product(0, c.rank() - 2);
      gemm.stride_a = a[-1] * a[-2];
      gemm.stride_b = b[-1] * b[-2];
      gemm.stride_c = c[-1] * c[-2];
      call.kernels<T>().gemm.gemm(call.stream, gemm);
    });
  }
  void vjp(Pullback& p) const override {
    const Tensor a = p.input(0), b = p.input(1), g = p.cotangent();
    if (p.wanted(0))
      p.set(0, ta_ ? batched_matmul(b, g, tb_, true) : batched_matmul(g, b, false, !tb_));
    if (p.wanted(1))
      p.set(1, tb_ ? batched_matmul(g, a, true, ta_) : batched_matmul(a, g, !ta_, false));
  }
  void jvp(Pushforward& p) const override {
    Tensor t;
    if (p.tangent(0).defined()) t = batched_matmul(p.tangent(0), p.input(1), ta_, tb_);
    if (p.tangent(1).defined()) {
      const Tensor part = batched_matmul(p.input(0), p.tangent(1), ta_, tb_);
      t = t.defined() ? t + part : part;
    }
    if (t.defined()) p.set(0, t);
  }

 private:
  bool ta_, tb_;
};

}  // namespace

Tensor matmul(Tensor a, Tensor b, bool transpose_a, bool transpose_b) {
  MatMulOptions options;
  options.transpose_a = transpose_a;
  options.transpose_b = transpose_b;
  return product(a, b, {}, options);
}

Tensor linear(Tensor x, Tensor w, Tensor bias, Activation f) {
  MatMulOptions options;
  options.activation = f;
  return product(x, w, bias, options);
}

Tensor batched_matmul(Tensor a, Tensor b, bool transpose_a, bool transpose_b) {
  require_real("batched_matmul", a);
  require_real("batched_matmul", b);
  const Shape &sa = a.shape(), &sb = b.shape();
  bool fits = sa.rank() >= 2 && sa.rank() == sb.rank() && sa.has_rows() == sb.has_rows() &&
              (!sa.has_rows() || sa.rank() >= 3);
  for (int axis = 0; fits && axis + 2 < sa.rank(); ++axis) fits = sa[axis] == sb[axis];
  fits = fits && sa[transpose_a ? -2 : -1] == sb[transpose_b ? -1 : -2];
  if (!fits)
    fail(ErrorKind::bad_shape, "batched_matmul: shapes %s and %s do not fit", sa.text().c_str(),
         sb.text().c_str());
  Shape out;
  for (int axis = 0; axis + 2 < sa.rank(); ++axis) out.append(sa.dimension(axis));
  out.append(sa[transpose_a ? -1 : -2]);
  out.append(sb[transpose_b ? -2 : -1]);
  return a.program().append(std::make_unique<BatchedMatMul>(transpose_a, transpose_b), {a, b},
                            {{out}})[0];
}

}  // namespace understudy
