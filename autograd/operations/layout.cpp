// Operations that move elements without computing: expand, permute, slice, pad, concatenate.

#include "autograd/operations/operations.h"
#include "autograd/operations/support.h"
#include "autograd/operations/view.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

void copy_strided(const Call& call, const Strided& shape, const void* from, void* to) {
  call.with_real([&](auto zero) {
    using T = decltype(zero);
    call.kernels<T>().elementwise.copy(call.stream, shape, static_cast<const T*>(from),
                                       static_cast<T*>(to));
  });
}

// Row-major strides of a shape.
void natural_strides(const Shape& shape, std::int64_t* stride) {
  std::int64_t step = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    stride[axis] = step;
    step *= shape[axis];
  }
}

class Expand final : public Operation {
 public:
  const char* name() const override { return "expand"; }
  void run(const Call& call) const override {
    const Shape out = call.out_shape(), in = call.in_shape(0);
    const Strided shape = broadcast_strides(out, {&in, &out});
    copy_strided(call, shape, call.inputs[0], call.outputs[0]);
  }
  void vjp(Pullback& p) const override { p.set(0, sum_to(p.cotangent(), p.input(0).shape())); }
  void jvp(Pushforward& p) const override { p.set(0, expand(p.tangent(0), p.output().shape())); }
};

class Permute final : public Operation {
 public:
  explicit Permute(const std::vector<int>& order) : order_(order) {}
  const char* name() const override { return "permute"; }
  std::string detail() const override {
    std::string text;
    for (int axis : order_) {
      if (!text.empty()) text += ' ';
      text += std::to_string(axis);
    }
    return text;
  }
  void run(const Call& call) const override {
    const Shape out = call.out_shape(), in = call.in_shape(0);
    std::int64_t stride[Shape::maximum_rank];
    natural_strides(in, stride);
    Strided shape;
    shape.rank = out.rank();
    natural_strides(out, shape.stride[1]);
    for (int axis = 0; axis < out.rank(); ++axis) {
      shape.extent[axis] = out[axis];
      shape.stride[0][axis] = stride[order_[axis]];
    }
    copy_strided(call, shape, call.inputs[0], call.outputs[0]);
  }
  void vjp(Pullback& p) const override {
    std::vector<int> back(order_.size());
    for (std::size_t i = 0; i < order_.size(); ++i) back[order_[i]] = static_cast<int>(i);
    p.set(0, permute(p.cotangent(), back));
  }
  void jvp(Pushforward& p) const override { p.set(0, permute(p.tangent(0), order_)); }

 private:
  std::vector<int> order_;
};

class Slice final : public Operation {
 public:
  Slice(int axis, std::int64_t begin) : axis_(axis), begin_(begin) {}
  const char* name() const override { return "slice"; }
  std::string detail() const override {
    return "axis " + std::to_string(axis_) + " from " + std::to_string(begin_);
  }
  void run(const Call& call) const override {
    const Shape out = call.out_shape(), in = call.in_shape(0);
    Strided shape;
    shape.rank = out.rank();
    for (int axis = 0; axis < out.rank(); ++axis) shape.extent[axis] = out[axis];
    natural_strides(in, shape.stride[0]);
    natural_strides(out, shape.stride[1]);
    const std::int64_t skip = begin_ * shape.stride[0][axis_];
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      copy_strided(call, shape, call.in<T>(0) + skip, call.outputs[0]);
    });
  }
  void vjp(Pullback& p) const override {
    const std::int64_t size = p.output().shape()[axis_], total = p.input(0).shape()[axis_];
    p.set(0, pad(p.cotangent(), axis_, begin_, total - begin_ - size));
  }
  void jvp(Pushforward& p) const override {
    p.set(0, slice(p.tangent(0), axis_, begin_, p.output().shape()[axis_]));
  }

 private:
  int axis_;
  std::int64_t begin_;
};

class Pad final : public Operation {
 public:
  Pad(int axis, std::int64_t before) : axis_(axis), before_(before) {}
  const char* name() const override { return "pad"; }
  std::string detail() const override {
    return "axis " + std::to_string(axis_) + " at " + std::to_string(before_);
  }
  void run(const Call& call) const override {
    const Shape out = call.out_shape(), in = call.in_shape(0);
    Strided shape;
    shape.rank = in.rank();
    for (int axis = 0; axis < in.rank(); ++axis) shape.extent[axis] = in[axis];
    natural_strides(in, shape.stride[0]);
    natural_strides(out, shape.stride[1]);
    const std::int64_t skip = before_ * shape.stride[1][axis_];
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().elementwise.fill(call.stream, out.elements(), T(0), call.out<T>());
      copy_strided(call, shape, call.inputs[0], call.out<T>() + skip);
    });
  }
  void vjp(Pullback& p) const override {
    p.set(0, slice(p.cotangent(), axis_, before_, p.input(0).shape()[axis_]));
  }
  void jvp(Pushforward& p) const override {
    const std::int64_t total = p.output().shape()[axis_], size = p.input(0).shape()[axis_];
    p.set(0, pad(p.tangent(0), axis_, before_, total - before_ - size));
  }

 private:
  int axis_;
  std::int64_t before_;
};

class Concatenate final : public Operation {
 public:
  explicit Concatenate(int axis) : axis_(axis) {}
  const char* name() const override { return "concatenate"; }
  std::string detail() const override { return "axis " + std::to_string(axis_); }
  void run(const Call& call) const override {
    const Shape out = call.out_shape();
    std::int64_t at = 0;
    for (int i = 0; at < out[axis_]; ++i) {
      const Shape in = call.in_shape(i);
      Strided shape;
      shape.rank = in.rank();
      for (int axis = 0; axis < in.rank(); ++axis) shape.extent[axis] = in[axis];
      natural_strides(in, shape.stride[0]);
      natural_strides(out, shape.stride[1]);
      const std::int64_t skip = at * shape.stride[1][axis_];
      call.with_real([&](auto zero) {
        using T = decltype(zero);
        copy_strided(call, shape, call.inputs[i], call.out<T>() + skip);
      });
      at += in[axis_];
    }
  }
  void vjp(Pullback& p) const override {
    std::int64_t at = 0;
    for (int i = 0; i < p.input_count(); ++i) {
      const std::int64_t size = p.input(i).shape()[axis_];
      if (p.wanted(i)) p.set(i, slice(p.cotangent(), axis_, at, size));
      at += size;
    }
  }
  void jvp(Pushforward& p) const override {
    std::vector<Tensor> parts;
    for (int i = 0; i < p.input_count(); ++i)
      parts.push_back(p.tangent(i).defined() ? p.tangent(i)
                                             : p.output().program().full(p.input(i).shape(), 0.0));
    p.set(0, concatenate(parts, axis_));
  }

 private:
  int axis_;
};

// Rows may not be cut or joined: which tile an element is in would change.
void refuse_rows(const char* operation, Tensor x, int axis) {
  if (x.shape().has_rows() && axis == 0)
    fail(ErrorKind::bad_shape, "%s: along rows of %s", operation, x.shape().text().c_str());
}

}  // namespace

Tensor expand(Tensor x, const Shape& shape) {
  require_real("expand", x);
  if (x.shape() == shape) return x;
  if (!(broadcast_shapes("expand", x.shape(), shape) == shape))
    fail(ErrorKind::bad_shape, "expand: %s does not stretch to %s", x.shape().text().c_str(),
         shape.text().c_str());
  return x.program().append(std::make_unique<Expand>(), {x}, {{shape}})[0];
}

Tensor permute(Tensor x, const std::vector<int>& order) {
  require_real("permute", x);
  const Shape& in = x.shape();
  Shape out;
  bool seen[Shape::maximum_rank] = {};
  for (int axis : order) {
    if (axis < 0 || axis >= in.rank() || seen[axis] || static_cast<int>(order.size()) != in.rank())
      fail(ErrorKind::bad_shape, "permute: the order is no permutation of the axes of %s",
           in.text().c_str());
    seen[axis] = true;
    out.append(in.dimension(axis));
  }
  return x.program().append(std::make_unique<Permute>(order), {x}, {{out}})[0];
}

std::unique_ptr<Operation> transposing_operation() {
  return std::make_unique<Permute>(std::vector<int>{1, 0});
}

Tensor transpose(Tensor x) {
  const int rank = x.shape().rank();
  if (rank < 2)
    fail(ErrorKind::bad_shape, "transpose: %s has fewer than two axes", x.shape().text().c_str());
  std::vector<int> order(static_cast<std::size_t>(rank));
  for (int axis = 0; axis < rank; ++axis) order[axis] = axis;
  std::swap(order[rank - 1], order[rank - 2]);
  return permute(x, order);
}

Tensor slice(Tensor x, int axis, std::int64_t begin, std::int64_t size) {
  require_real("slice", x);
  const Shape& in = x.shape();
  const int along = in.normalize(axis);
  refuse_rows("slice", x, along);
  if (begin < 0 || size < 0 || begin + size > in[along])
    fail(ErrorKind::bad_shape, "slice: %lld elements from %lld of axis %d of %s",
         static_cast<long long>(size), static_cast<long long>(begin), along, in.text().c_str());
  Shape out;
  for (int i = 0; i < in.rank(); ++i) out.append(i == along ? Dimension(size) : in.dimension(i));
  if (out == in) return x;
  if (!in.has_rows() && in.product(0, along) == 1)
    return x.program().view(x, out, begin * in.product(along + 1, in.rank()));
  return x.program().append(std::make_unique<Slice>(along, begin), {x}, {{out}})[0];
}

Tensor pad(Tensor x, int axis, std::int64_t before, std::int64_t after) {
  require_real("pad", x);
  const Shape& in = x.shape();
  const int along = in.normalize(axis);
  refuse_rows("pad", x, along);
  if (before < 0 || after < 0)
    fail(ErrorKind::bad_shape, "pad: %lld before and %lld after", static_cast<long long>(before),
         static_cast<long long>(after));
  if (before == 0 && after == 0) return x;
  Shape out;
  for (int i = 0; i < in.rank(); ++i)
    out.append(i == along ? Dimension(in[along] + before + after) : in.dimension(i));
  return x.program().append(std::make_unique<Pad>(along, before), {x}, {{out}})[0];
}

Tensor concatenate(const std::vector<Tensor>& parts, int axis) {
  if (parts.empty()) fail(ErrorKind::bad_shape, "concatenate: nothing to join");
  const Shape& first = parts[0].shape();
  const int along = first.normalize(axis);
  std::int64_t total = 0;
  for (Tensor part : parts) {
    require_real("concatenate", part);
    refuse_rows("concatenate", part, along);
    const Shape& shape = part.shape();
    bool fits = shape.rank() == first.rank() && shape.has_rows() == first.has_rows();
    for (int i = 0; fits && i < first.rank(); ++i) fits = i == along || shape[i] == first[i];
    if (!fits)
      fail(ErrorKind::bad_shape, "concatenate: shapes %s and %s along axis %d",
           first.text().c_str(), shape.text().c_str(), along);
    total += shape[along];
  }
  if (parts.size() == 1) return parts[0];
  // A call takes a bounded number of operands: many parts are joined in two steps.
  static constexpr std::size_t most = 16;
  if (parts.size() > most) {
    const auto middle = parts.begin() + static_cast<std::ptrdiff_t>(parts.size() / 2);
    return concatenate(
        {concatenate({parts.begin(), middle}, along), concatenate({middle, parts.end()}, along)},
        along);
  }
  Shape out;
  for (int i = 0; i < first.rank(); ++i)
    out.append(i == along ? Dimension(total) : first.dimension(i));
  return parts[0].program().append(std::make_unique<Concatenate>(along), parts, {{out}})[0];
}

}  // namespace understudy
