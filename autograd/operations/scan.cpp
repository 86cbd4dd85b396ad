// Linear recurrences along the last axis: two adjoint operations.

#include "autograd/operations/operations.h"
#include "autograd/operations/support.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// Element t of the result is element t + 1 of x; 0 at the end.
Tensor next_step(Tensor x) {
  const std::int64_t steps = x.shape()[-1];
  if (steps == 0) return x;
  return pad(slice(x, -1, 1, steps - 1), -1, 0, 1);
}

// backward: y[t] = x[t] + c[t] y[t + 1];  forward: y[t] = x[t] + c[t - 1] y[t - 1]
class Scan final : public Operation {
 public:
  explicit Scan(bool backward) : backward_(backward) {}
  const char* name() const override { return backward_ ? "backward_scan" : "forward_scan"; }
  bool in_place(int input) const override { return input == 0; }
  void run(const Call& call) const override {
    const Shape shape = call.out_shape();
    ScanShape scan;
    scan.rows = shape.product(0, shape.rank() - 1);
    scan.steps = shape[-1];
    scan.row_stride = scan.steps;
    scan.step_stride = 1;
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      const auto& kernels = call.kernels<T>().scan;
      (backward_ ? kernels.backward_scan : kernels.forward_scan)(call.stream, scan, call.in<T>(0),
                                                                 call.in<T>(1), call.out<T>());
    });
  }
  void vjp(Pullback& p) const override {
    const Tensor c = p.input(1), y = p.output();
    const Tensor lambda =
        backward_ ? forward_scan(p.cotangent(), c) : backward_scan(p.cotangent(), c);
    if (p.wanted(0)) p.set(0, lambda);
    if (p.wanted(1)) p.set(1, backward_ ? lambda * next_step(y) : next_step(lambda) * y);
  }
  void jvp(Pushforward& p) const override {
    const Tensor c = p.input(1), y = p.output();
    Tensor source = p.tangent(0);
    if (p.tangent(1).defined()) {
      const Tensor t = p.tangent(1);
      Tensor part;
      if (backward_) {
        part = t * next_step(y);
      } else {
        // c'[t - 1] y[t - 1]
        const std::int64_t steps = y.shape()[-1];
        part = steps == 0 ? t * y : pad(slice(t * y, -1, 0, steps - 1), -1, 1, 0);
      }
      source = source.defined() ? source + part : part;
    }
    p.set(0, backward_ ? backward_scan(source, c) : forward_scan(source, c));
  }

 private:
  bool backward_;
};

Tensor scan(bool backward, Tensor x, Tensor c) {
  const char* name = backward ? "backward_scan" : "forward_scan";
  require_real(name, x);
  require_real(name, c);
  if (!(x.shape() == c.shape()) || x.shape().rank() < (x.shape().has_rows() ? 2 : 1))
    fail(ErrorKind::bad_shape, "%s: shapes %s and %s", name, x.shape().text().c_str(),
         c.shape().text().c_str());
  return x.program().append(std::make_unique<Scan>(backward), {x, c}, {{x.shape()}})[0];
}

}  // namespace

Tensor backward_scan(Tensor x, Tensor c) { return scan(true, x, c); }
Tensor forward_scan(Tensor x, Tensor c) { return scan(false, x, c); }

Tensor advantages(Tensor reward, Tensor value, Tensor next_value, Tensor terminated, Tensor ended,
                  double discount, double lambda) {
  const Tensor delta = reward + (1.0 - terminated) * next_value * discount - value;
  return backward_scan(delta, (1.0 - ended) * (discount * lambda));
}

}  // namespace understudy
