// Layer normalization over the last axis, with z = (x - mean) s and s = 1 / standard deviation
// kept.

#include "autograd/operations/operations.h"
#include "autograd/operations/support.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

Tensor keep_last(Tensor reduced) {
  Shape shape = reduced.shape();
  shape.append(1);
  return reduced.program().view(reduced, shape);
}
Tensor mean_last(Tensor x) { return keep_last(mean(x, -1)); }

// N(z, s, h) = s (h - mean h - z mean(h z)): the Jacobian of z in x, which is symmetric, times h.
class NormalizeGradient final : public Operation {
 public:
  const char* name() const override { return "normalize_gradient"; }
  bool in_place(int input) const override { return input == 2; }
  void run(const Call& call) const override {
    const Shape shape = call.out_shape();
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().normalization.normalize_gradient(
          call.stream, shape.product(0, shape.rank() - 1), shape[-1], call.in<T>(0), call.in<T>(1),
          call.in<T>(2), call.out<T>());
    });
  }
  static Tensor record(Tensor z, Tensor s, Tensor h) {
    return z.program().append(std::make_unique<NormalizeGradient>(), {z, s, h}, {{z.shape()}})[0];
  }
  void vjp(Pullback& p) const override {
    const Tensor z = p.input(0), s = p.input(1), h = p.input(2), c = p.cotangent();
    if (p.wanted(0)) p.set(0, -(keep_last(s) * (c * mean_last(h * z) + h * mean_last(c * z))));
    if (p.wanted(1)) p.set(1, sum(c * p.output(), -1) / s);
    if (p.wanted(2)) p.set(2, record(z, s, c));
  }
  void jvp(Pushforward& p) const override {
    const Tensor z = p.input(0), s = p.input(1), h = p.input(2);
    Tensor total;
    const auto add = [&](Tensor part) { total = total.defined() ? total + part : part; };
    if (p.tangent(0).defined()) {
      const Tensor t = p.tangent(0);
      add(-(keep_last(s) * (t * mean_last(h * z) + z * mean_last(h * t))));
    }
    if (p.tangent(1).defined()) add(p.output() * keep_last(p.tangent(1) / s));
    if (p.tangent(2).defined()) add(record(z, s, p.tangent(2)));
    p.set(0, total);
  }
};

// Inputs x, gain, bias; outputs y, z, s.
class LayerNorm final : public Operation {
 public:
  explicit LayerNorm(double epsilon) : epsilon_(epsilon) {}
  const char* name() const override { return "layer_norm"; }
  bool optional_output(int i) const override { return i > 0; }
  void run(const Call& call) const override {
    const Shape shape = call.in_shape(0);
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().normalization.layer_norm(call.stream, shape.product(0, shape.rank() - 1),
                                                 shape[-1], static_cast<T>(epsilon_), call.in<T>(0),
                                                 call.in<T>(1), call.in<T>(2), call.out<T>(0),
                                                 call.out<T>(1), call.out<T>(2));
    });
  }
  void vjp(Pullback& p) const override {
    const Tensor z = p.output(1), s = p.output(2);
    const Tensor gy = p.cotangent(0), gz = p.cotangent(1), gs = p.cotangent(2);
    Tensor h, dx;
    if (gy.defined()) h = gy * p.input(1);
    if (gz.defined()) h = h.defined() ? h + gz : gz;
    if (p.wanted(0)) {
      if (h.defined()) dx = NormalizeGradient::record(z, s, h);
      if (gs.defined()) {
        // ds/dx = -s^2 z / n
        const double n = static_cast<double>(z.shape()[-1]);
        const Tensor part = keep_last(gs * square(s)) * z * (-1.0 / n);
        dx = dx.defined() ? dx + part : part;
      }
      p.set(0, dx);
    }
    if (gy.defined() && p.wanted(1)) p.set(1, sum_to(gy * z, p.input(1).shape()));
    if (gy.defined() && p.wanted(2)) p.set(2, sum_to(gy, p.input(2).shape()));
  }
  void jvp(Pushforward& p) const override {
    const Tensor z = p.output(1), s = p.output(2);
    Tensor y_dot;
    const auto add = [&](Tensor part) { y_dot = y_dot.defined() ? y_dot + part : part; };
    if (p.tangent(0).defined()) {
      const Tensor z_dot = NormalizeGradient::record(z, s, p.tangent(0));
      p.set(1, z_dot);
      p.set(2, -(square(s) * mean(z * p.tangent(0), -1)));
      add(z_dot * p.input(1));
    }
    if (p.tangent(1).defined()) add(z * p.tangent(1));
    if (p.tangent(2).defined()) add(expand(p.tangent(2), z.shape()));
    p.set(0, y_dot);
  }

 private:
  double epsilon_;
};

}  // namespace

Tensor layer_norm(Tensor x, Tensor gain, Tensor bias, double epsilon) {
  const Shape& shape = x.shape();
  for (Tensor operand : {x, gain, bias}) require_real("layer_norm", operand);
  if (shape.rank() < (shape.has_rows() ? 2 : 1) || shape[-1] == 0)
    fail(ErrorKind::bad_shape, "layer_norm: over the last axis of %s", shape.text().c_str());
  for (Tensor operand : {gain, bias})
    if (!(operand.shape() == Shape{shape[-1]}))
      fail(ErrorKind::bad_shape, "layer_norm: gain and bias of shape %s for %s",
           operand.shape().text().c_str(), shape.text().c_str());
  return x.program().append(std::make_unique<LayerNorm>(epsilon), {x, gain, bias},
                            {{shape}, {shape}, {shape.without_axis(-1)}})[0];
}

}  // namespace understudy
