// Moving rows and elements by index. Two pairs of adjoints: gather and scatter, take_along_axis and
// scatter.

#include "autograd/operations/operations.h"
#include "autograd/operations/support.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

class GatherRows final : public Operation {
 public:
  const char* name() const override { return "gather_rows"; }
  void run(const Call& call) const override {
    const Shape table = call.in_shape(0), index = call.in_shape(1);
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().gather.gather_rows(call.stream, index.elements(),
                                           table.product(1, table.rank()), table[0], call.in<T>(0),
                                           call.in<std::int32_t>(1), call.out<T>());
    });
  }
  void vjp(Pullback& p) const override {
    const Shape& table = p.input(0).shape();
    p.set(0, p.output().program().view(scatter_rows(p.cotangent(), p.input(1), table[0]), table));
  }
  void jvp(Pushforward& p) const override {
    if (p.tangent(0).defined()) p.set(0, gather_rows(p.tangent(0), p.input(1)));
  }
};

// Bytes are data: nothing is derived by them.
class GatherBytes final : public Operation {
 public:
  const char* name() const override { return "gather_bytes"; }
  void run(const Call& call) const override {
    const Shape table = call.in_shape(0), index = call.in_shape(1);
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().gather.gather_bytes(
          call.stream, index.elements(), table.product(1, table.rank()), table[0],
          call.in<std::uint8_t>(0), call.in<std::int32_t>(1), call.out<T>());
    });
  }
  void vjp(Pullback&) const override {}
  void jvp(Pushforward&) const override {}
};

class ScatterRows final : public Operation {
 public:
  const char* name() const override { return "scatter_rows"; }
  RowUse row_use(bool inputs, bool) const override {
    return inputs ? RowUse::reduce : RowUse::once;
  }
  void run(const Call& call) const override {
    const Shape table = call.out_shape(), index = call.in_shape(1);
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      if (!call.accumulate)
        call.kernels<T>().elementwise.fill(call.stream, table.elements(), T(0), call.out<T>());
      call.kernels<T>().gather.scatter_rows(call.stream, index.elements(),
                                            table.product(1, table.rank()), table[0], call.in<T>(0),
                                            call.in<std::int32_t>(1), call.out<T>());
    });
  }
  void vjp(Pullback& p) const override {
    if (p.wanted(0)) p.set(0, gather_rows(p.cotangent(), p.input(1)));
  }
  void jvp(Pushforward& p) const override {
    if (p.tangent(0).defined())
      p.set(0, scatter_rows(p.tangent(0), p.input(1), p.output().shape()[0]));
  }
};

class TakeAlongAxis final : public Operation {
 public:
  const char* name() const override { return "take_along_axis"; }
  void run(const Call& call) const override {
    const Shape x = call.in_shape(0);
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().gather.take_along_axis(call.stream, x.product(0, x.rank() - 1), x[-1],
                                               call.in<T>(0), call.in<std::int32_t>(1),
                                               call.out<T>());
    });
  }
  void vjp(Pullback& p) const override {
    p.set(0, scatter(p.cotangent(), p.input(1), p.input(0).shape()[-1]));
  }
  void jvp(Pushforward& p) const override { p.set(0, take_along_axis(p.tangent(0), p.input(1))); }
};

class Scatter final : public Operation {
 public:
  const char* name() const override { return "scatter"; }
  void run(const Call& call) const override {
    const Shape y = call.out_shape();
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().gather.scatter(call.stream, y.product(0, y.rank() - 1), y[-1],
                                       call.in<T>(0), call.in<std::int32_t>(1), call.out<T>());
    });
  }
  void vjp(Pullback& p) const override { p.set(0, take_along_axis(p.cotangent(), p.input(1))); }
  void jvp(Pushforward& p) const override {
    p.set(0, scatter(p.tangent(0), p.input(1), p.output().shape()[-1]));
  }
};

class OneHot final : public Operation {
 public:
  const char* name() const override { return "one_hot"; }
  void run(const Call& call) const override {
    const Shape y = call.out_shape();
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().gather.one_hot(call.stream, y.product(0, y.rank() - 1), y[-1],
                                       call.in<std::int32_t>(0), call.out<T>());
    });
  }
  void vjp(Pullback&) const override {}
  void jvp(Pushforward&) const override {}
};

bool same_but_last(const Shape& longer, const Shape& shorter) {
  if (longer.rank() != shorter.rank() + 1 || longer.has_rows() != shorter.has_rows()) return false;
  for (int axis = 0; axis < shorter.rank(); ++axis)
    if (longer[axis] != shorter[axis]) return false;
  return true;
}

Shape with_last(Shape shape, std::int64_t n) {
  shape.append(n);
  return shape;
}

}  // namespace

Tensor gather_rows(Tensor table, Tensor index) {
  const bool bytes = table.element() == Element::byte;
  if (!bytes) require_real("gather_rows", table);
  require_index("gather_rows", index);
  const Shape& shape = table.shape();
  if (shape.rank() < 1 || shape.has_rows())
    fail(ErrorKind::bad_shape, "gather_rows: from a table of shape %s", shape.text().c_str());
  Shape out = index.shape();
  for (int axis = 1; axis < shape.rank(); ++axis) out.append(shape[axis]);
  std::unique_ptr<Operation> gather;
  if (bytes)
    gather = std::make_unique<GatherBytes>();
  else
    gather = std::make_unique<GatherRows>();
  return table.program().append(std::move(gather), {table, index}, {{out}})[0];
}

Tensor scatter_rows(Tensor x, Tensor index, std::int64_t table_rows) {
  require_real("scatter_rows", x);
  require_index("scatter_rows", index);
  const Shape &shape = x.shape(), &at = index.shape();
  bool fits = shape.rank() >= at.rank() && shape.has_rows() == at.has_rows();
  for (int axis = 0; fits && axis < at.rank(); ++axis) fits = shape[axis] == at[axis];
  if (!fits)
    fail(ErrorKind::bad_shape, "scatter_rows: rows of %s at indices %s", shape.text().c_str(),
         at.text().c_str());
  Shape out{table_rows};
  for (int axis = at.rank(); axis < shape.rank(); ++axis) out.append(shape[axis]);
  return x.program().append(std::make_unique<ScatterRows>(), {x, index}, {{out}})[0];
}

Tensor take_along_axis(Tensor x, Tensor index) {
  require_real("take_along_axis", x);
  require_index("take_along_axis", index);
  if (!same_but_last(x.shape(), index.shape()))
    fail(ErrorKind::bad_shape, "take_along_axis: from %s at indices %s", x.shape().text().c_str(),
         index.shape().text().c_str());
  return x.program().append(std::make_unique<TakeAlongAxis>(), {x, index}, {{index.shape()}})[0];
}

Tensor scatter(Tensor x, Tensor index, std::int64_t n) {
  require_real("scatter", x);
  require_index("scatter", index);
  if (!(x.shape() == index.shape()))
    fail(ErrorKind::bad_shape, "scatter: %s at indices %s", x.shape().text().c_str(),
         index.shape().text().c_str());
  return x.program().append(std::make_unique<Scatter>(), {x, index},
                            {{with_last(x.shape(), n)}})[0];
}

Tensor one_hot(Tensor index, std::int64_t n) {
  require_index("one_hot", index);
  return index.program().append(std::make_unique<OneHot>(), {index},
                                {{with_last(index.shape(), n)}})[0];
}

}  // namespace understudy
