#include "autograd/operations/view.h"

#include "autograd/operations/operations.h"

namespace understudy {

void View::vjp(Pullback& pullback) const {
  const Tensor input = pullback.input(0), g = pullback.cotangent();
  Program& program = input.program();
  if (input.shape().elements() == g.shape().elements())
    return pullback.set(0, program.view(g, input.shape()));
  const Tensor flat = program.view(g, {g.shape().elements()});
  const std::int64_t total = input.shape().elements();
  const Tensor padded =
      program.append(std::make_unique<PadFlat>(offset_, total), {flat}, {{Shape{total}}})[0];
  pullback.set(0, program.view(padded, input.shape()));
}

void View::jvp(Pushforward& pushforward) const {
  const Tensor t = pushforward.tangent(0);
  pushforward.set(0, t.program().view(t, pushforward.output().shape(), offset_));
}

void Pack::vjp(Pullback& pullback) const {
  const Tensor g = pullback.cotangent();
  std::int64_t offset = 0;
  for (int i = 0; i < pullback.input_count(); ++i) {
    const Shape& shape = pullback.input(i).shape();
    if (pullback.wanted(i)) pullback.set(i, g.program().view(g, shape, offset));
    offset += shape.elements();
  }
}

void Pack::jvp(Pushforward& pushforward) const {
  Program& program = pushforward.output().program();
  std::vector<Tensor> parts;
  for (int i = 0; i < pushforward.input_count(); ++i) {
    const Tensor t = pushforward.tangent(i);
    parts.push_back(t.defined() ? t : program.full(pushforward.input(i).shape(), 0.0));
  }
  pushforward.set(0, program.pack(parts));
}

void Fill::run(const Call& call) const {
  call.with_real([&](auto zero) {
    using T = decltype(zero);
    call.kernels<T>().elementwise.fill(call.stream, call.out_shape().elements(),
                                       static_cast<T>(value_), call.out<T>());
  });
}

void PadFlat::run(const Call& call) const {
  call.with_real([&](auto zero) {
    using T = decltype(zero);
    const std::int64_t n = call.in_shape(0).elements();
    const auto& kernels = call.kernels<T>().elementwise;
    kernels.fill(call.stream, total_, T(0), call.out<T>());
    kernels.unary(call.stream, Unary::identity, n, call.in<T>(0), call.out<T>() + offset_);
  });
}

void PadFlat::vjp(Pullback& pullback) const {
  const Tensor g = pullback.cotangent();
  pullback.set(0, g.program().view(g, pullback.input(0).shape(), offset_));
}

void PadFlat::jvp(Pushforward& pushforward) const {
  const Tensor t = pushforward.tangent(0);
  pushforward.set(
      0, t.program().append(std::make_unique<PadFlat>(offset_, total_), {t}, {{Shape{total_}}})[0]);
}

void Assign::run(const Call& call) const {
  if (array_.bytes() != 0) call.device.copy(array_.data(), call.inputs[0], array_.bytes());
}

}  // namespace understudy
