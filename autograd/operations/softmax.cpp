// Softmax and its relatives over the last axis.

#include "autograd/operations/operations.h"
#include "autograd/operations/support.h"

namespace understudy {

namespace {

std::int64_t rows_of(const Shape& shape) { return shape.product(0, shape.rank() - 1); }

// Sum over the last axis, which stays with size 1.
Tensor sum_last(Tensor x) {
  const Shape kept = keep_axes(x.shape(), x.shape().rank() - 1, x.shape().rank());
  return x.program().view(sum(x, -1), kept);
}

Tensor record_like(std::unique_ptr<Operation> operation, std::vector<Tensor> inputs) {
  Tensor first = inputs[0];
  return first.program().append(std::move(operation), inputs, {{first.shape()}})[0];
}

// dx = y (g - sum g y), of y = softmax(x)
class SoftmaxGradient final : public Operation {
 public:
  const char* name() const override { return "softmax_gradient"; }
  bool in_place(int) const override { return true; }
  void run(const Call& call) const override {
    const Shape shape = call.out_shape();
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().softmax.softmax_gradient(call.stream, rows_of(shape), shape[-1],
                                                 call.in<T>(0), call.in<T>(1), call.out<T>());
    });
  }
  void vjp(Pullback& p) const override {
    const Tensor y = p.input(0), g = p.input(1), c = p.cotangent();
    if (p.wanted(0)) p.set(0, in_y(y, g, c));
    // The Jacobian of softmax is symmetric.
    if (p.wanted(1)) p.set(1, record_like(std::make_unique<SoftmaxGradient>(), {y, c}));
  }
  void jvp(Pushforward& p) const override {
    const Tensor y = p.input(0), g = p.input(1);
    Tensor t;
    if (p.tangent(0).defined()) {
      const Tensor yt = p.tangent(0);
      t = yt * (g - sum_last(g * y)) - y * sum_last(g * yt);
    }
    if (p.tangent(1).defined()) {
      const Tensor part = record_like(std::make_unique<SoftmaxGradient>(), {y, p.tangent(1)});
      t = t.defined() ? t + part : part;
    }
    p.set(0, t);
  }

 private:
  static Tensor in_y(Tensor y, Tensor g, Tensor c) {
    return c * (g - sum_last(g * y)) - g * sum_last(c * y);
  }
};

// dx = g - exp(y) sum g, of y = log_softmax(x)
class LogSoftmaxGradient final : public Operation {
 public:
  const char* name() const override { return "log_softmax_gradient"; }
  bool in_place(int) const override { return true; }
  void run(const Call& call) const override {
    const Shape shape = call.out_shape();
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().softmax.log_softmax_gradient(call.stream, rows_of(shape), shape[-1],
                                                     call.in<T>(0), call.in<T>(1), call.out<T>());
    });
  }
  void vjp(Pullback& p) const override {
    const Tensor y = p.input(0), g = p.input(1), c = p.cotangent();
    const Tensor probability = exp(y);
    if (p.wanted(0)) p.set(0, -(c * probability * sum_last(g)));
    if (p.wanted(1)) p.set(1, c - sum_last(c * probability));
  }
  void jvp(Pushforward& p) const override {
    const Tensor y = p.input(0), g = p.input(1), probability = exp(y);
    Tensor t;
    if (p.tangent(0).defined()) t = -(p.tangent(0) * probability * sum_last(g));
    if (p.tangent(1).defined()) {
      const Tensor part = record_like(std::make_unique<LogSoftmaxGradient>(), {y, p.tangent(1)});
      t = t.defined() ? t + part : part;
    }
    p.set(0, t);
  }
};

class Softmax final : public Operation {
 public:
  const char* name() const override { return "softmax"; }
  bool in_place(int) const override { return true; }
  void run(const Call& call) const override {
    const Shape shape = call.out_shape();
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().softmax.softmax(call.stream, rows_of(shape), shape[-1], call.in<T>(0),
                                        call.out<T>());
    });
  }
  void vjp(Pullback& p) const override {
    p.set(0, record_like(std::make_unique<SoftmaxGradient>(), {p.output(), p.cotangent()}));
  }
  void jvp(Pushforward& p) const override {
    p.set(0, record_like(std::make_unique<SoftmaxGradient>(), {p.output(), p.tangent(0)}));
  }
};

class LogSoftmax final : public Operation {
 public:
  const char* name() const override { return "log_softmax"; }
  bool in_place(int) const override { return true; }
  void run(const Call& call) const override {
    const Shape shape = call.out_shape();
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().softmax.log_softmax(call.stream, rows_of(shape), shape[-1], call.in<T>(0),
                                            call.out<T>());
    });
  }
  void vjp(Pullback& p) const override {
    p.set(0, record_like(std::make_unique<LogSoftmaxGradient>(), {p.output(), p.cotangent()}));
  }
  void jvp(Pushforward& p) const override {
    const Tensor t = p.tangent(0);
    p.set(0, t - sum_last(t * exp(p.output())));
  }
};

class LogSumExp final : public Operation {
 public:
  const char* name() const override { return "log_sum_exp"; }
  void run(const Call& call) const override {
    const Shape shape = call.in_shape(0);
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().softmax.log_sum_exp(call.stream, rows_of(shape), shape[-1], call.in<T>(0),
                                            call.out<T>());
    });
  }
  void vjp(Pullback& p) const override {
    const Tensor x = p.input(0);
    const Shape kept = keep_axes(x.shape(), x.shape().rank() - 1, x.shape().rank());
    p.set(0, x.program().view(p.cotangent(), kept) * softmax(x));
  }
  void jvp(Pushforward& p) const override { p.set(0, sum(p.tangent(0) * softmax(p.input(0)), -1)); }
};

void require_last_axis(const char* operation, Tensor x) {
  require_real(operation, x);
  if (x.shape().rank() < (x.shape().has_rows() ? 2 : 1) || x.shape()[-1] == 0)
    fail(ErrorKind::bad_shape, "%s: over the last axis of %s", operation, x.shape().text().c_str());
}

}  // namespace

Tensor softmax(Tensor x) {
  require_last_axis("softmax", x);
  return record_like(std::make_unique<Softmax>(), {x});
}

Tensor log_softmax(Tensor x) {
  require_last_axis("log_softmax", x);
  return record_like(std::make_unique<LogSoftmax>(), {x});
}

Tensor log_sum_exp(Tensor x) {
  require_last_axis("log_sum_exp", x);
  return x.program().append(std::make_unique<LogSumExp>(), {x}, {{x.shape().without_axis(-1)}})[0];
}

}  // namespace understudy
