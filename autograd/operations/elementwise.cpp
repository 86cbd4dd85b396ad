// Elementwise operations. Their derivative is diagonal, so that one rule serves both directions.

#include <cmath>

#include "autograd/operations/operations.h"
#include "autograd/operations/support.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

const char* name_of(Unary f) {
  static constexpr const char* names[] = {
      "identity", "negate", "abs",   "sign",  "square", "sqrt",        "reciprocal",
      "exp",      "log",    "log1p", "expm1", "tanh",   "sigmoid",     "softplus",
      "relu",     "erf",    "sin",   "cos",   "floor",  "is_positive", "is_finite"};
  static_assert(std::size(names) == static_cast<std::size_t>(Unary::count));
  return names[static_cast<int>(f)];
}

const char* name_of(Binary f) {
  static constexpr const char* names[] = {
      "add",           "subtract",         "multiply",      "divide",           "power",
      "maximum",       "minimum",          "less",          "less_equal",       "equal",
      "tanh_gradient", "sigmoid_gradient", "relu_gradient", "softplus_gradient"};
  static_assert(std::size(names) == static_cast<std::size_t>(Binary::count));
  return names[static_cast<int>(f)];
}

Tensor unary(Unary f, Tensor x);
Tensor binary(Binary f, Tensor a, Tensor b);

// ---- y = f(x) ----

class UnaryOperation final : public Operation {
 public:
  explicit UnaryOperation(Unary f) : f_(f) {}
  const char* name() const override { return name_of(f_); }
  bool in_place(int) const override { return true; }
  void run(const Call& call) const override {
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().elementwise.unary(call.stream, f_, call.out_shape().elements(),
                                          call.in<T>(0), call.out<T>());
    });
  }
  void vjp(Pullback& p) const override { p.set(0, slope(p.input(0), p.output(), p.cotangent())); }
  void jvp(Pushforward& p) const override { p.set(0, slope(p.input(0), p.output(), p.tangent(0))); }

 private:
  // g f'(x), from x or y, whichever is cheaper; undefined where f' is 0 everywhere.
  Tensor slope(Tensor x, Tensor y, Tensor g) const {
    switch (f_) {
      case Unary::identity: return g;
      case Unary::negate: return -g;
      case Unary::absolute: return g * sign(x);
      case Unary::square: return g * x * 2.0;
      case Unary::square_root: return g / y * 0.5;
      case Unary::reciprocal: return -(g * square(y));
      case Unary::exponential: return g * y;
      case Unary::logarithm: return g / x;
      case Unary::log1p: return g / (x + 1.0);
      case Unary::expm1: return g * (y + 1.0);
      case Unary::tanh: return binary(Binary::tanh_gradient, y, g);
      case Unary::sigmoid: return binary(Binary::sigmoid_gradient, y, g);
      case Unary::softplus: return binary(Binary::softplus_gradient, y, g);
      case Unary::relu: return binary(Binary::relu_gradient, y, g);
      case Unary::erf: return g * exp(-square(x)) * (2.0 / std::sqrt(3.14159265358979323846));
      case Unary::sine: return g * cos(x);
      case Unary::cosine: return -(g * sin(x));
      case Unary::sign:
      case Unary::floor:
      case Unary::is_positive:
      case Unary::is_finite:
      case Unary::count: return {};
    }
    return {};
  }

  Unary f_;
};

// ---- y = f(a, b), with broadcasting ----

class BinaryOperation final : public Operation {
 public:
  explicit BinaryOperation(Binary f) : f_(f) {}
  const char* name() const override { return name_of(f_); }
  std::optional<Binary> elementwise() const override { return f_; }
  bool in_place(int) const override { return true; }
  void run(const Call& call) const override {
    const Shape out = call.out_shape(), a = call.in_shape(0), b = call.in_shape(1);
    const Strided shape = broadcast_strides(out, {&a, &b});
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().elementwise.binary(call.stream, f_, shape, call.in<T>(0), call.in<T>(1),
                                           call.out<T>());
    });
  }
  void vjp(Pullback& p) const override {
    const Tensor g = p.cotangent();
    for (int i = 0; i < 2; ++i) {
      if (!p.wanted(i)) continue;
      const Tensor full = slope(i, p.input(0), p.input(1), p.output(), g);
      if (full.defined()) p.set(i, sum_to(full, p.input(i).shape()));
    }
  }
  void jvp(Pushforward& p) const override {
    Tensor total;
    for (int i = 0; i < 2; ++i) {
      if (!p.tangent(i).defined()) continue;
      const Tensor part = slope(i, p.input(0), p.input(1), p.output(), p.tangent(i));
      if (part.defined()) total = total.defined() ? total + part : part;
    }
    if (total.defined()) p.set(0, expand(total, p.output().shape()));
  }

 private:
  // g times the derivative in operand i.
  Tensor slope(int i, Tensor a, Tensor b, Tensor y, Tensor g) const {
    switch (f_) {
      case Binary::add: return g;
      case Binary::subtract: return i == 0 ? g : -g;
      case Binary::multiply: return g * (i == 0 ? b : a);
      case Binary::divide: return i == 0 ? g / b : -(g * y / b);
      case Binary::power: return i == 0 ? g * b * pow(a, b - 1.0) : g * y * log(a);
      // Where both are the same, half to each.
      case Binary::maximum: return g * share(i == 0 ? b : a, i == 0 ? a : b);
      case Binary::minimum: return g * share(i == 0 ? a : b, i == 0 ? b : a);
      case Binary::tanh_gradient: return i == 1 ? binary(f_, a, g) : g * a * b * -2.0;
      case Binary::sigmoid_gradient: return i == 1 ? binary(f_, a, g) : g * b * (1.0 - 2.0 * a);
      case Binary::relu_gradient: return i == 1 ? binary(f_, a, g) : Tensor{};
      case Binary::softplus_gradient: return i == 1 ? binary(f_, a, g) : g * b * exp(-a);
      case Binary::less:
      case Binary::less_equal:
      case Binary::equal:
      case Binary::count: return {};
    }
    return {};
  }
  // 1 where small < large, 1/2 where they are equal, else 0.
  static Tensor share(Tensor small, Tensor large) {
    return (less(small, large) + less_equal(small, large)) * 0.5;
  }

  Binary f_;
};

class ScaleShift final : public Operation {
 public:
  ScaleShift(double alpha, double beta) : alpha_(alpha), beta_(beta) {}
  const char* name() const override { return "scale_shift"; }
  std::string detail() const override {
    return std::to_string(alpha_) + " x + " + std::to_string(beta_);
  }
  bool in_place(int) const override { return true; }
  void run(const Call& call) const override {
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().elementwise.scale_shift(call.stream, call.out_shape().elements(),
                                                static_cast<T>(alpha_), static_cast<T>(beta_),
                                                call.in<T>(0), call.out<T>());
    });
  }
  void vjp(Pullback& p) const override { p.set(0, scale_shift(p.cotangent(), alpha_, 0)); }
  void jvp(Pushforward& p) const override { p.set(0, scale_shift(p.tangent(0), alpha_, 0)); }

 private:
  double alpha_, beta_;
};

class SelectOperation final : public Operation {
 public:
  const char* name() const override { return "select"; }
  bool in_place(int) const override { return true; }
  void run(const Call& call) const override {
    const Shape out = call.out_shape(), c = call.in_shape(0), a = call.in_shape(1),
                b = call.in_shape(2);
    const Strided shape = broadcast_strides(out, {&c, &a, &b});
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().elementwise.select(call.stream, shape, call.in<T>(0), call.in<T>(1),
                                           call.in<T>(2), call.out<T>());
    });
  }
  void vjp(Pullback& p) const override {
    const Tensor zero = p.output().program().constant(0.0), g = p.cotangent(), c = p.input(0);
    if (p.wanted(1)) p.set(1, sum_to(select(c, g, zero), p.input(1).shape()));
    if (p.wanted(2)) p.set(2, sum_to(select(c, zero, g), p.input(2).shape()));
  }
  void jvp(Pushforward& p) const override {
    const Tensor zero = p.output().program().constant(0.0);
    if (!p.tangent(1).defined() && !p.tangent(2).defined()) return;
    const Tensor a = p.tangent(1).defined() ? p.tangent(1) : zero;
    const Tensor b = p.tangent(2).defined() ? p.tangent(2) : zero;
    p.set(0, expand(select(p.input(0), a, b), p.output().shape()));
  }
};

class StopGradient final : public Operation {
 public:
  const char* name() const override { return "stop_gradient"; }
  bool in_place(int) const override { return true; }
  void run(const Call& call) const override {
    if (call.in<char>(0) == call.out<char>()) return;
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().elementwise.unary(call.stream, Unary::identity, call.out_shape().elements(),
                                          call.in<T>(0), call.out<T>());
    });
  }
  void vjp(Pullback&) const override {}
  void jvp(Pushforward&) const override {}
};

Tensor unary(Unary f, Tensor x) {
  require_real(name_of(f), x);
  return x.program().append(std::make_unique<UnaryOperation>(f), {x}, {{x.shape()}})[0];
}

Tensor binary(Binary f, Tensor a, Tensor b) {
  require_real(name_of(f), a);
  require_real(name_of(f), b);
  const Shape shape = broadcast_shapes(name_of(f), a.shape(), b.shape());
  return a.program().append(std::make_unique<BinaryOperation>(f), {a, b}, {{shape}})[0];
}

}  // namespace

Tensor identity(Tensor x) { return unary(Unary::identity, x); }
Tensor operator-(Tensor x) { return unary(Unary::negate, x); }
Tensor abs(Tensor x) { return unary(Unary::absolute, x); }
Tensor sign(Tensor x) { return unary(Unary::sign, x); }
Tensor square(Tensor x) { return unary(Unary::square, x); }
Tensor sqrt(Tensor x) { return unary(Unary::square_root, x); }
Tensor reciprocal(Tensor x) { return unary(Unary::reciprocal, x); }
Tensor exp(Tensor x) { return unary(Unary::exponential, x); }
Tensor log(Tensor x) { return unary(Unary::logarithm, x); }
Tensor log1p(Tensor x) { return unary(Unary::log1p, x); }
Tensor expm1(Tensor x) { return unary(Unary::expm1, x); }
Tensor tanh(Tensor x) { return unary(Unary::tanh, x); }
Tensor sigmoid(Tensor x) { return unary(Unary::sigmoid, x); }
Tensor softplus(Tensor x) { return unary(Unary::softplus, x); }
Tensor relu(Tensor x) { return unary(Unary::relu, x); }
Tensor erf(Tensor x) { return unary(Unary::erf, x); }
Tensor sin(Tensor x) { return unary(Unary::sine, x); }
Tensor cos(Tensor x) { return unary(Unary::cosine, x); }
Tensor floor(Tensor x) { return unary(Unary::floor, x); }
Tensor is_positive(Tensor x) { return unary(Unary::is_positive, x); }
Tensor is_finite(Tensor x) { return unary(Unary::is_finite, x); }

Tensor leaky_relu(Tensor x, double slope) { return maximum(x, x * slope); }
Tensor elu(Tensor x) {
  return relu(x) + minimum(expm1(minimum(x, x.program().constant(0.0))), x.program().constant(0.0));
}
Tensor gelu(Tensor x) { return x * (erf(x * std::sqrt(0.5)) + 1.0) * 0.5; }
Tensor silu(Tensor x) { return x * sigmoid(x); }

Tensor operator+(Tensor a, Tensor b) { return binary(Binary::add, a, b); }
Tensor operator-(Tensor a, Tensor b) { return binary(Binary::subtract, a, b); }
Tensor operator*(Tensor a, Tensor b) { return binary(Binary::multiply, a, b); }
Tensor operator/(Tensor a, Tensor b) { return binary(Binary::divide, a, b); }
Tensor pow(Tensor a, Tensor b) { return binary(Binary::power, a, b); }
Tensor maximum(Tensor a, Tensor b) { return binary(Binary::maximum, a, b); }
Tensor minimum(Tensor a, Tensor b) { return binary(Binary::minimum, a, b); }
Tensor less(Tensor a, Tensor b) { return binary(Binary::less, a, b); }
Tensor less_equal(Tensor a, Tensor b) { return binary(Binary::less_equal, a, b); }
Tensor equal(Tensor a, Tensor b) { return binary(Binary::equal, a, b); }

Tensor scale_shift(Tensor x, double alpha, double beta) {
  require_real("scale_shift", x);
  return x.program().append(std::make_unique<ScaleShift>(alpha, beta), {x}, {{x.shape()}})[0];
}

Tensor clamp(Tensor x, double low, double high) {
  return minimum(maximum(x, x.program().constant(low)), x.program().constant(high));
}

Tensor select(Tensor c, Tensor a, Tensor b) {
  for (Tensor operand : {c, a, b}) require_real("select", operand);
  const Shape shape =
      broadcast_shapes("select", broadcast_shapes("select", c.shape(), a.shape()), b.shape());
  return c.program().append(std::make_unique<SelectOperation>(), {c, a, b}, {{shape}})[0];
}

Tensor stop_gradient(Tensor x) {
  require_real("stop_gradient", x);
  return x.program().append(std::make_unique<StopGradient>(), {x}, {{x.shape()}})[0];
}

Tensor activation_gradient(Activation f, Tensor y, Tensor g) {
  const std::optional<Binary> function = gradient_function(f);
  return function.has_value() ? binary(*function, y, g) : g;
}

Tensor activate(Activation f, Tensor x) {
  switch (f) {
    case Activation::none: return x;
    case Activation::tanh: return tanh(x);
    case Activation::sigmoid: return sigmoid(x);
    case Activation::relu: return relu(x);
  }
  return x;
}

}  // namespace understudy
