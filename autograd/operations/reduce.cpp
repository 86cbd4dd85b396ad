// Reductions over neighboring axes. Over rows they are sums of tiles.

#include "autograd/operations/operations.h"
#include "autograd/operations/support.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// Reduces axes [first, last), which go.
class ReduceAxes final : public Operation {
 public:
  ReduceAxes(Reduction how, int first, int last) : how_(how), first_(first), last_(last) {}
  const char* name() const override { return how_ == Reduction::sum ? "sum" : "max"; }
  std::string detail() const override {
    return last_ == first_ + 1
               ? "axis " + std::to_string(first_)
               : "axes " + std::to_string(first_) + " to " + std::to_string(last_ - 1);
  }
  RowUse row_use(bool inputs, bool outputs) const override {
    if (outputs) return RowUse::local;
    return inputs ? RowUse::reduce : RowUse::once;
  }
  Reduction combination() const override { return how_; }
  void run(const Call& call) const override {
    const Shape in = call.in_shape(0);
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().reduce.reduce(call.stream, how_, in.product(0, first_),
                                      in.product(first_, last_), in.product(last_, in.rank()),
                                      call.in<T>(0), call.out<T>(), call.accumulate);
    });
  }
  void vjp(Pullback& p) const override {
    const Tensor x = p.input(0);
    const Tensor g = spread(p.cotangent(), x.shape());
    if (how_ == Reduction::sum) return p.set(0, expand(g, x.shape()));
    // Where several are the largest, each gets an equal share.
    const Tensor mask = equal(x, spread(p.output(), x.shape()));
    const Tensor share = spread(reduce(Reduction::sum, mask), x.shape());
    p.set(0, mask * (g / share));
  }
  void jvp(Pushforward& p) const override {
    const Tensor x = p.input(0), t = p.tangent(0);
    if (how_ == Reduction::sum) return p.set(0, reduce(Reduction::sum, t));
    const Tensor mask = equal(x, spread(p.output(), x.shape()));
    p.set(0, reduce(Reduction::sum, mask * t) / reduce(Reduction::sum, mask));
  }

  Tensor reduce(Reduction how, Tensor x) const {
    Shape out;
    for (int axis = 0; axis < x.shape().rank(); ++axis)
      if (axis < first_ || axis >= last_) out.append(x.shape().dimension(axis));
    return x.program().append(std::make_unique<ReduceAxes>(how, first_, last_), {x}, {{out}})[0];
  }

 private:
  // The reduced tensor with its axes of `shape` back, of size 1.
  Tensor spread(Tensor reduced, const Shape& shape) const {
    return reduced.program().view(reduced, keep_axes(shape, first_, last_));
  }

  Reduction how_;
  int first_, last_;
};

class ArgMax final : public Operation {
 public:
  explicit ArgMax(int axis) : axis_(axis) {}
  const char* name() const override { return "argmax"; }
  std::string detail() const override { return "axis " + std::to_string(axis_); }
  void run(const Call& call) const override {
    const Shape in = call.in_shape(0);
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().reduce.argmax(call.stream, in.product(0, axis_), in[axis_],
                                      in.product(axis_ + 1, in.rank()), call.in<T>(0),
                                      call.out<std::int32_t>());
    });
  }
  void vjp(Pullback&) const override {}
  void jvp(Pushforward&) const override {}

 private:
  int axis_;
};

Tensor reduce_axes(Reduction how, Tensor x, int first, int last) {
  require_real(how == Reduction::sum ? "sum" : "max", x);
  if (first == last) return x;
  return ReduceAxes(how, first, last).reduce(how, x);
}

}  // namespace

Tensor sum(Tensor x) { return reduce_axes(Reduction::sum, x, 0, x.shape().rank()); }

Tensor sum(Tensor x, int axis) {
  const int along = x.shape().normalize(axis);
  return reduce_axes(Reduction::sum, x, along, along + 1);
}

Tensor mean(Tensor x) {
  const std::int64_t n = x.shape().elements();
  if (n == 0) fail(ErrorKind::bad_shape, "mean: of nothing, shape %s", x.shape().text().c_str());
  return sum(x) * (1.0 / static_cast<double>(n));
}

Tensor mean(Tensor x, int axis) {
  const std::int64_t n = x.shape()[axis];
  if (n == 0) fail(ErrorKind::bad_shape, "mean: of nothing, shape %s", x.shape().text().c_str());
  return sum(x, axis) * (1.0 / static_cast<double>(n));
}

Tensor max(Tensor x, int axis) {
  const int along = x.shape().normalize(axis);
  if (x.shape()[along] == 0)
    fail(ErrorKind::bad_shape, "max: of nothing, shape %s", x.shape().text().c_str());
  return reduce_axes(Reduction::maximum, x, along, along + 1);
}

Tensor argmax(Tensor x, int axis) {
  require_real("argmax", x);
  const int along = x.shape().normalize(axis);
  if (x.shape()[along] == 0)
    fail(ErrorKind::bad_shape, "argmax: of nothing, shape %s", x.shape().text().c_str());
  return x.program().append(std::make_unique<ArgMax>(along), {x},
                            {{x.shape().without_axis(along), Element::index}})[0];
}

Tensor norm(Tensor x) { return sqrt(sum(square(x))); }

Tensor sum_to(Tensor x, const Shape& shape) {
  if (x.shape() == shape) return x;
  // Axes in front that `shape` lacks, then those where it has size 1.
  Tensor result = x;
  const int lead = x.shape().rank() - shape.rank();
  if (lead > 0) result = reduce_axes(Reduction::sum, result, 0, lead);
  for (int axis = 0; axis < shape.rank();) {
    const auto stretched = [&](int i) {
      return shape[i] == 1 &&
             (result.shape()[i] != 1 || (result.shape().has_rows() && i == 0 && !shape.has_rows()));
    };
    if (!stretched(axis)) {
      ++axis;
      continue;
    }
    int last = axis;
    while (last < shape.rank() && stretched(last)) ++last;
    const Shape kept = keep_axes(result.shape(), axis, last);
    result = reduce_axes(Reduction::sum, result, axis, last);
    result = result.program().view(result, kept);
    axis = last;
  }
  if (!(result.shape() == shape))
    fail(ErrorKind::bad_shape, "sum_to: %s does not come from %s", x.shape().text().c_str(),
         shape.text().c_str());
  return result;
}

}  // namespace understudy
