// Convolution as three operations, linear in each argument, that are one another's derivatives:
//
//   y = C(x, w),  dx = X(y, w),  dw = W(y, x)      with <y, C(x, w)> = <X(y, w), x> = <W(y, x), w>
//
// and pooling as two such pairs.

#include "autograd/operations/operations.h"
#include "autograd/operations/support.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// Adds up what is defined.
void add_to(Tensor& total, Tensor part) { total = total.defined() ? total + part : part; }

enum class Form { output, input, weight };

// [batch, channels, height, width] as [batch, channels, height * width].
Tensor planes(Tensor x) {
  const Shape& shape = x.shape();
  return x.program().view(x, Shape{shape.dimension(0), shape[1], shape[2] * shape[3]});
}

// Inputs: the two arguments of the form, and a bias that may be left out, of `output` alone.
class ConvolutionOperation final : public Operation {
 public:
  ConvolutionOperation(Form form, const Convolution& shape, Activation f)
      : form_(form), shape_(shape), activation_(f) {}

  const char* name() const override {
    return form_ == Form::output  ? "convolution"
           : form_ == Form::input ? "convolution_input"
                                  : "convolution_weight";
  }
  std::string detail() const override {
    return std::to_string(shape_.kernel_height) + "x" + std::to_string(shape_.kernel_width) +
           " stride " + std::to_string(shape_.stride_height) + " pad " +
           std::to_string(shape_.pad_height);
  }
  RowUse row_use(bool inputs, bool outputs) const override {
    if (outputs) return RowUse::local;
    return inputs ? RowUse::reduce : RowUse::once;
  }
  double work(const Shape* inputs, const Shape*) const override {
    return 2.0 * static_cast<double>(inputs[0][0] * shape_.out_channels * shape_.in_channels *
                                     shape_.kernel_height * shape_.kernel_width *
                                     shape_.out_height() * shape_.out_width());
  }
  std::size_t workspace_bytes(Device& device, Real real, const Shape* inputs) const override {
    const Convolution shape = with_batch(inputs[0][0]);
    return real == Real::f32
               ? 4 * static_cast<std::size_t>(
                         device.kernels<float>().convolution.workspace_elements(shape))
               : 8 * static_cast<std::size_t>(
                         device.kernels<double>().convolution.workspace_elements(shape));
  }
  void run(const Call& call) const override {
    const Convolution shape = with_batch(call.in_shape(0)[0]);
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      const ConvolutionKernels<T>& kernels = call.kernels<T>().convolution;
      T* workspace = static_cast<T*>(call.workspace);
      switch (form_) {
        case Form::output:
          return kernels.forward(call.stream, shape, call.in<T>(0), call.in<T>(1), call.in<T>(2),
                                 activation_, call.out<T>(), workspace);
        case Form::input:
          return kernels.input_gradient(call.stream, shape, call.in<T>(0), call.in<T>(1),
                                        call.out<T>(), workspace);
        case Form::weight:
          return kernels.weight_gradient(call.stream, shape, call.in<T>(0), call.in<T>(1),
                                         call.out<T>(), call.accumulate, workspace);
      }
    });
  }
  void vjp(Pullback& p) const override {
    const Tensor a = p.input(0), b = p.input(1);
    const Tensor g = activation_gradient(activation_, p.output(), p.cotangent());
    switch (form_) {
      case Form::output:  // a = x, b = w
        if (p.wanted(0)) p.set(0, record(Form::input, g, b, shape_));
        if (p.wanted(1)) p.set(1, record(Form::weight, g, a, shape_));
        if (p.wanted(2)) p.set(2, sum(sum(planes(g), -1), 0));
        break;
      case Form::input:  // a = y, b = w
        if (p.wanted(0)) p.set(0, record(Form::output, g, b, shape_));
        if (p.wanted(1)) p.set(1, record(Form::weight, a, g, shape_));
        break;
      case Form::weight:  // a = y, b = x
        if (p.wanted(0)) p.set(0, record(Form::output, b, g, shape_));
        if (p.wanted(1)) p.set(1, record(Form::input, a, g, shape_));
        break;
    }
  }
  void jvp(Pushforward& p) const override {
    Tensor t;
    if (p.tangent(0).defined()) add_to(t, record(form_, p.tangent(0), p.input(1), shape_));
    if (p.tangent(1).defined()) add_to(t, record(form_, p.input(0), p.tangent(1), shape_));
    if (p.tangent(2).defined()) {
      const Tensor bias = p.tangent(2);
      add_to(t, expand(bias.program().view(bias, {bias.shape()[0], 1, 1}), p.output().shape()));
    }
    if (t.defined()) p.set(0, activation_gradient(activation_, p.output(), t));
  }

  static Tensor record(Form form, Tensor a, Tensor b, const Convolution& shape, Tensor bias = {},
                       Activation f = Activation::none) {
    Shape out;
    const Dimension batch = a.shape().dimension(0);
    if (form == Form::output)
      out = Shape{batch, shape.out_channels, shape.out_height(), shape.out_width()};
    else if (form == Form::input)
      out = Shape{batch, shape.in_channels, shape.in_height, shape.in_width};
    else
      out = Shape{shape.out_channels, shape.in_channels, shape.kernel_height, shape.kernel_width};
    return a.program().append(std::make_unique<ConvolutionOperation>(form, shape, f), {a, b, bias},
                              {{out}})[0];
  }

 private:
  Convolution with_batch(std::int64_t batch) const {
    Convolution shape = shape_;
    shape.batch = batch;
    return shape;
  }

  Form form_;
  Convolution shape_;
  Activation activation_;
};

Convolution geometry(const char* name, const Shape& w, std::int64_t height, std::int64_t width,
                     std::int64_t channels_seen, int channel_axis,
                     const ConvolutionOptions& options) {
  if (w.rank() != 4 || w.has_rows() || w[channel_axis] != channels_seen)
    fail(ErrorKind::bad_shape, "%s: weights of shape %s for %lld channels", name, w.text().c_str(),
         static_cast<long long>(channels_seen));
  if (options.stride < 1 || options.pad < 0)
    fail(ErrorKind::bad_shape, "%s: stride %lld and pad %lld", name,
         static_cast<long long>(options.stride), static_cast<long long>(options.pad));
  Convolution shape;
  shape.out_channels = w[0];
  shape.in_channels = w[1];
  shape.kernel_height = w[2];
  shape.kernel_width = w[3];
  shape.in_height = height;
  shape.in_width = width;
  shape.stride_height = shape.stride_width = options.stride;
  shape.pad_height = shape.pad_width = options.pad;
  if (height + 2 * options.pad < w[2] || width + 2 * options.pad < w[3])
    fail(ErrorKind::bad_shape, "%s: a %lld x %lld image is smaller than the %lld x %lld kernel",
         name, static_cast<long long>(height), static_cast<long long>(width),
         static_cast<long long>(w[2]), static_cast<long long>(w[3]));
  return shape;
}

void require_images(const char* name, Tensor x) {
  require_real(name, x);
  if (x.shape().rank() != 4)
    fail(ErrorKind::bad_shape, "%s: expected [batch, channels, height, width], found %s", name,
         x.shape().text().c_str());
}

// ---- Pooling ----

// Averages and their adjoint.
class AveragePool final : public Operation {
 public:
  AveragePool(const Pooling& shape, bool adjoint) : shape_(shape), adjoint_(adjoint) {}
  const char* name() const override { return adjoint_ ? "average_pool_gradient" : "average_pool"; }
  void run(const Call& call) const override {
    Pooling shape = shape_;
    shape.batch = call.in_shape(0)[0];
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      const ConvolutionKernels<T>& kernels = call.kernels<T>().convolution;
      (adjoint_ ? kernels.average_pool_gradient : kernels.average_pool)(
          call.stream, shape, call.in<T>(0), call.out<T>());
    });
  }
  static Tensor record(Tensor x, const Pooling& shape, bool adjoint) {
    const Dimension batch = x.shape().dimension(0);
    const Shape out = adjoint ? Shape{batch, shape.channels, shape.in_height, shape.in_width}
                              : Shape{batch, shape.channels, shape.out_height(), shape.out_width()};
    return x.program().append(std::make_unique<AveragePool>(shape, adjoint), {x}, {{out}})[0];
  }
  void vjp(Pullback& p) const override { p.set(0, record(p.cotangent(), shape_, !adjoint_)); }
  void jvp(Pushforward& p) const override { p.set(0, record(p.tangent(0), shape_, adjoint_)); }

 private:
  Pooling shape_;
  bool adjoint_;
};

// Moves elements between an image and its pooled form by recorded positions: the two directions are
// adjoint to each other.
class PoolMove final : public Operation {
 public:
  PoolMove(const Pooling& shape, bool up) : shape_(shape), up_(up) {}
  const char* name() const override { return up_ ? "max_pool_gradient" : "max_pool_pick"; }
  void run(const Call& call) const override {
    Pooling shape = shape_;
    shape.batch = call.in_shape(0)[0];
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      const ConvolutionKernels<T>& kernels = call.kernels<T>().convolution;
      (up_ ? kernels.max_pool_gradient : kernels.max_pool_pick)(
          call.stream, shape, call.in<T>(0), call.in<std::int32_t>(1), call.out<T>());
    });
  }
  static Tensor record(Tensor x, Tensor index, const Pooling& shape, bool up) {
    const Dimension batch = x.shape().dimension(0);
    const Shape out = up ? Shape{batch, shape.channels, shape.in_height, shape.in_width}
                         : Shape{batch, shape.channels, shape.out_height(), shape.out_width()};
    return x.program().append(std::make_unique<PoolMove>(shape, up), {x, index}, {{out}})[0];
  }
  void vjp(Pullback& p) const override {
    if (p.wanted(0)) p.set(0, record(p.cotangent(), p.input(1), shape_, !up_));
  }
  void jvp(Pushforward& p) const override {
    if (p.tangent(0).defined()) p.set(0, record(p.tangent(0), p.input(1), shape_, up_));
  }

 private:
  Pooling shape_;
  bool up_;
};

class MaxPool final : public Operation {
 public:
  explicit MaxPool(const Pooling& shape) : shape_(shape) {}
  const char* name() const override { return "max_pool"; }
  void run(const Call& call) const override {
    Pooling shape = shape_;
    shape.batch = call.in_shape(0)[0];
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().convolution.max_pool(call.stream, shape, call.in<T>(0), call.out<T>(0),
                                             call.out<std::int32_t>(1));
    });
  }
  void vjp(Pullback& p) const override {
    p.set(0, PoolMove::record(p.cotangent(), p.output(1), shape_, true));
  }
  void jvp(Pushforward& p) const override {
    p.set(0, PoolMove::record(p.tangent(0), p.output(1), shape_, false));
  }

 private:
  Pooling shape_;
};

Pooling pooling(const char* name, Tensor x, std::int64_t kernel, std::int64_t stride) {
  require_images(name, x);
  Pooling shape;
  shape.channels = x.shape()[1];
  shape.in_height = x.shape()[2];
  shape.in_width = x.shape()[3];
  shape.kernel_height = shape.kernel_width = kernel;
  shape.stride_height = shape.stride_width = stride;
  if (kernel < 1 || stride < 1 || kernel > shape.in_height || kernel > shape.in_width)
    fail(ErrorKind::bad_shape, "%s: windows of %lld, stride %lld, over %s", name,
         static_cast<long long>(kernel), static_cast<long long>(stride), x.shape().text().c_str());
  return shape;
}

}  // namespace

Tensor convolution(Tensor x, Tensor w, Tensor bias, const ConvolutionOptions& options) {
  require_images("convolution", x);
  require_real("convolution", w);
  const Convolution shape =
      geometry("convolution", w.shape(), x.shape()[2], x.shape()[3], x.shape()[1], 1, options);
  if (bias.defined() && !(bias.shape() == Shape{shape.out_channels}))
    fail(ErrorKind::bad_shape, "convolution: a bias of shape %s for %lld channels",
         bias.shape().text().c_str(), static_cast<long long>(shape.out_channels));
  return ConvolutionOperation::record(Form::output, x, w, shape, bias, options.activation);
}

Tensor convolution_transpose(Tensor y, Tensor w, std::int64_t height, std::int64_t width,
                             const ConvolutionOptions& options) {
  require_images("convolution_transpose", y);
  require_real("convolution_transpose", w);
  const Convolution shape =
      geometry("convolution_transpose", w.shape(), height, width, y.shape()[1], 0, options);
  if (shape.out_height() != y.shape()[2] || shape.out_width() != y.shape()[3])
    fail(ErrorKind::bad_shape, "convolution_transpose: %s does not come from a %lld x %lld image",
         y.shape().text().c_str(), static_cast<long long>(height), static_cast<long long>(width));
  return activate(options.activation, ConvolutionOperation::record(Form::input, y, w, shape));
}

Tensor max_pool(Tensor x, std::int64_t kernel, std::int64_t stride) {
  const Pooling shape = pooling("max_pool", x, kernel, stride);
  const Shape out{x.shape().dimension(0), shape.channels, shape.out_height(), shape.out_width()};
  return x.program().append(std::make_unique<MaxPool>(shape), {x},
                            {{out}, {out, Element::index}})[0];
}

Tensor average_pool(Tensor x, std::int64_t kernel, std::int64_t stride) {
  return AveragePool::record(x, pooling("average_pool", x, kernel, stride), false);
}

}  // namespace understudy
