// Recurrent layers over whole sequences: one operation forward, one for gradients, one for
// tangents.

#include "autograd/operations/operations.h"
#include "autograd/operations/support.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// Which of the optional operands an operation was recorded with, and where they stand.
struct Layout {
  Cell cell = Cell::lstm;
  bool bias_n = false, mask = false, h0 = false, c0 = false;
};

const char* name_of(Cell cell) {
  return cell == Cell::rnn ? "rnn" : cell == Cell::lstm ? "lstm" : "gru";
}

RecurrentShape shape_of(Cell cell, const Shape& h) {
  RecurrentShape shape;
  shape.cell = cell;
  shape.batch = h[0];
  shape.steps = h[1];
  shape.hidden = h[2];
  return shape;
}

std::size_t workspace_for(Device& device, Real real, const RecurrentShape& shape) {
  return real == Real::f32 ? 4 * static_cast<std::size_t>(
                                     device.kernels<float>().recurrent.workspace_elements(shape))
                           : 8 * static_cast<std::size_t>(
                                     device.kernels<double>().recurrent.workspace_elements(shape));
}

// Inputs: weight, h, tape, dh, [mask], [h0], [c0], [dc_last].
// Outputs: du, ds (gru alone), dh0, dc0 (lstm alone).
class RecurrentBackwardOperation final : public Operation {
 public:
  RecurrentBackwardOperation(const Layout& layout, bool dc_last)
      : layout_(layout), dc_last_(dc_last) {}
  const char* name() const override { return "recurrent_backward"; }
  std::string detail() const override { return name_of(layout_.cell); }
  bool optional_output(int i) const override {
    return i > 0 && !(layout_.cell == Cell::gru && i == 1);
  }
  double work(const Shape* inputs, const Shape*) const override {
    return 2.0 * static_cast<double>(inputs[1].elements() * inputs[0][1]);
  }
  std::size_t workspace_bytes(Device& device, Real real, const Shape* inputs) const override {
    return workspace_for(device, real, shape_of(layout_.cell, inputs[1]));
  }
  void run(const Call& call) const override {
    const RecurrentShape shape = shape_of(layout_.cell, call.in_shape(1));
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      RecurrentBackward<T> a;
      int next = 4, out = 0;
      a.weight = call.in<T>(0);
      a.h = call.in<T>(1);
      a.tape = call.in<T>(2);
      a.dh = call.in<T>(3);
      if (layout_.mask) a.mask = call.in<T>(next++);
      if (layout_.h0) a.h0 = call.in<T>(next++);
      if (layout_.c0) a.c0 = call.in<T>(next++);
      if (dc_last_) a.dc_last = call.in<T>(next++);
      a.du = call.out<T>(out++);
      if (layout_.cell == Cell::gru) a.ds = call.out<T>(out++);
      a.dh0 = call.out<T>(out++);
      if (layout_.cell == Cell::lstm) a.dc0 = call.out<T>(out++);
      call.kernels<T>().recurrent.backward(call.stream, shape, a, static_cast<T*>(call.workspace));
    });
  }

 private:
  Layout layout_;
  bool dc_last_;
};

// Inputs: weight, h, tape, [mask], [h0], [c0], then the tangents that are not zero, in the order
// u, weight, bias_n, h0, c0. Outputs: h', c_last' (lstm alone).
class RecurrentTangentOperation final : public Operation {
 public:
  RecurrentTangentOperation(const Layout& layout, const bool* moved) : layout_(layout) {
    for (int i = 0; i < 5; ++i) moved_[i] = moved[i];
  }
  const char* name() const override { return "recurrent_tangent"; }
  std::string detail() const override { return name_of(layout_.cell); }
  bool optional_output(int i) const override { return i > 0; }
  double work(const Shape* inputs, const Shape*) const override {
    return (moved_[1] ? 4.0 : 2.0) * static_cast<double>(inputs[1].elements() * inputs[0][1]);
  }
  std::size_t workspace_bytes(Device& device, Real real, const Shape* inputs) const override {
    return workspace_for(device, real, shape_of(layout_.cell, inputs[1]));
  }
  void run(const Call& call) const override {
    const RecurrentShape shape = shape_of(layout_.cell, call.in_shape(1));
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      RecurrentTangent<T> a;
      int next = 3;
      a.weight = call.in<T>(0);
      a.h = call.in<T>(1);
      a.tape = call.in<T>(2);
      if (layout_.mask) a.mask = call.in<T>(next++);
      if (layout_.h0) a.h0 = call.in<T>(next++);
      if (layout_.c0) a.c0 = call.in<T>(next++);
      const T** tangents[] = {&a.u_dot, &a.weight_dot, &a.bias_n_dot, &a.h0_dot, &a.c0_dot};
      for (int i = 0; i < 5; ++i)
        if (moved_[i]) *tangents[i] = call.in<T>(next++);
      a.h_dot = call.out<T>(0);
      if (layout_.cell == Cell::lstm) a.c_last_dot = call.out<T>(1);
      call.kernels<T>().recurrent.tangent(call.stream, shape, a, static_cast<T*>(call.workspace));
    });
  }

 private:
  Layout layout_;
  bool moved_[5];
};

// Inputs: u, weight, [bias_n], [mask], [h0], [c0]. Outputs: h, tape, c_last (lstm alone).
class RecurrentForwardOperation final : public Operation {
 public:
  explicit RecurrentForwardOperation(const Layout& layout) : layout_(layout) {}
  const char* name() const override { return name_of(layout_.cell); }
  bool optional_output(int i) const override { return i > 0; }
  double work(const Shape* inputs, const Shape* outputs) const override {
    return 2.0 * static_cast<double>(outputs[0].elements() * inputs[1][1]);
  }
  std::size_t workspace_bytes(Device& device, Real real, const Shape* inputs) const override {
    RecurrentShape shape;
    shape.cell = layout_.cell;
    shape.batch = inputs[0][0];
    shape.steps = inputs[0][1];
    shape.hidden = inputs[1][0];
    return workspace_for(device, real, shape);
  }
  void run(const Call& call) const override {
    const RecurrentShape shape = shape_of(layout_.cell, call.out_shape(0));
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      RecurrentForward<T> a;
      int next = 2;
      a.u = call.in<T>(0);
      a.weight = call.in<T>(1);
      if (layout_.bias_n) a.bias_n = call.in<T>(next++);
      if (layout_.mask) a.mask = call.in<T>(next++);
      if (layout_.h0) a.h0 = call.in<T>(next++);
      if (layout_.c0) a.c0 = call.in<T>(next++);
      a.h = call.out<T>(0);
      a.tape = call.out<T>(1);
      if (layout_.cell == Cell::lstm) a.c_last = call.out<T>(2);
      call.kernels<T>().recurrent.forward(call.stream, shape, a, static_cast<T*>(call.workspace));
    });
  }

  void vjp(Pullback& p) const override {
    const Operands in = operands(p);
    const Tensor u = p.input(0), weight = p.input(1), h = p.output(0), tape = p.output(1);
    Program& program = u.program();
    if (p.cotangent(1).defined())
      fail(ErrorKind::not_available,
           "%s has no second derivatives: record it with recurrent_unrolled", name());
    const Tensor dh = p.cotangent(0).defined() ? p.cotangent(0) : program.full(h.shape(), 0.0);
    const bool dc_last = layout_.cell == Cell::lstm && p.cotangent(2).defined();

    std::vector<Tensor> inputs{weight, h, tape, dh};
    for (Tensor operand : {in.mask, in.h0, in.c0})
      if (operand.defined()) inputs.push_back(operand);
    if (dc_last) inputs.push_back(p.cotangent(2));
    const Shape state{h.shape().dimension(0), h.shape()[2]};
    std::vector<Value> outputs{{u.shape()}};
    if (layout_.cell == Cell::gru) outputs.push_back({u.shape()});
    outputs.push_back({state});
    if (layout_.cell == Cell::lstm) outputs.push_back({state});
    const std::vector<Tensor> results = program.append(
        std::make_unique<RecurrentBackwardOperation>(layout_, dc_last), inputs, outputs);

    const Tensor du = results[0], ds = layout_.cell == Cell::gru ? results[1] : du;
    const Tensor dh0 = results[layout_.cell == Cell::gru ? 2 : 1];
    if (p.wanted(0)) p.set(0, du);
    if (p.wanted(1)) p.set(1, matmul(previous_states(h, in.h0), ds, true, false));
    int next = 2;
    if (layout_.bias_n) {
      const std::int64_t hidden = h.shape()[2];
      if (p.wanted(next)) p.set(next, sum(sum(slice(ds, 2, 2 * hidden, hidden), 1), 0));
      ++next;
    }
    if (layout_.mask) ++next;  // what is padding is not learned
    if (layout_.h0) {
      if (p.wanted(next)) p.set(next, sum_to(dh0, in.h0.shape()));
      ++next;
    }
    if (layout_.c0 && p.wanted(next)) p.set(next, sum_to(results[2], in.c0.shape()));
  }

  void jvp(Pushforward& p) const override {
    const Operands in = operands(p);
    const Tensor h = p.output(0);
    Program& program = h.program();
    Tensor tangents[5];
    tangents[0] = p.tangent(0);
    tangents[1] = p.tangent(1);
    int next = 2;
    if (layout_.bias_n) tangents[2] = p.tangent(next++);
    if (layout_.mask) ++next;
    if (layout_.h0) tangents[3] = p.tangent(next++);
    if (layout_.c0) tangents[4] = p.tangent(next++);

    std::vector<Tensor> inputs{p.input(1), h, p.output(1)};
    for (Tensor operand : {in.mask, in.h0, in.c0})
      if (operand.defined()) inputs.push_back(operand);
    bool moved[5];
    for (int i = 0; i < 5; ++i) {
      moved[i] = tangents[i].defined();
      if (moved[i]) inputs.push_back(tangents[i]);
    }
    std::vector<Value> outputs{{h.shape()}};
    if (layout_.cell == Cell::lstm)
      outputs.push_back({Shape{h.shape().dimension(0), h.shape()[2]}});
    const std::vector<Tensor> results = program.append(
        std::make_unique<RecurrentTangentOperation>(layout_, moved), inputs, outputs);
    p.set(0, results[0]);
    if (layout_.cell == Cell::lstm) p.set(2, results[1]);
  }

 private:
  struct Operands {
    Tensor bias_n, mask, h0, c0;
  };
  template <class Rule>
  Operands operands(const Rule& p) const {
    Operands in;
    int next = 2;
    if (layout_.bias_n) in.bias_n = p.input(next++);
    if (layout_.mask) in.mask = p.input(next++);
    if (layout_.h0) in.h0 = p.input(next++);
    if (layout_.c0) in.c0 = p.input(next++);
    return in;
  }
  // h[t - 1] for every step t.
  static Tensor previous_states(Tensor h, Tensor h0) {
    const std::int64_t steps = h.shape()[1];
    const Tensor earlier = slice(h, 1, 0, steps - 1);
    if (!h0.defined()) return pad(earlier, 1, 1, 0);
    const Shape first{h.shape().dimension(0), 1, h.shape()[2]};
    return concatenate({h.program().view(h0, first), earlier}, 1);
  }

  Layout layout_;
};

// Checks the operands and completes what is missing; returns [batch, steps, hidden].
Shape check(const char* name, const RecurrentArguments& a) {
  const auto refuse = [&](const char* what, Tensor found) {
    fail(ErrorKind::bad_shape, "%s: %s has shape %s", name, what, found.shape().text().c_str());
  };
  for (Tensor operand : {a.u, a.weight}) require_real(name, operand);
  const Shape &u = a.u.shape(), &w = a.weight.shape();
  if (u.rank() != 3) refuse("u", a.u);
  if (u[1] < 1) refuse("u, which needs at least one step,", a.u);
  if (w.rank() != 2 || w.has_rows() || w[1] != gates(a.cell) * w[0] || u[2] != w[1])
    refuse("the recurrent weight", a.weight);
  const Shape h{u.dimension(0), u[1], w[0]}, state{u.dimension(0), w[0]};
  if (a.cell == Cell::gru) {
    if (!a.bias_n.defined()) fail(ErrorKind::bad_shape, "%s: gru needs bias_n", name);
    if (!(a.bias_n.shape() == Shape{w[0]})) refuse("bias_n", a.bias_n);
  }
  if (a.mask.defined() && !(a.mask.shape() == Shape{u.dimension(0), u[1]})) refuse("mask", a.mask);
  if (a.h0.defined() && !(a.h0.shape() == state)) refuse("h0", a.h0);
  if (a.c0.defined() && (a.cell != Cell::lstm || !(a.c0.shape() == state))) refuse("c0", a.c0);
  return h;
}

Tensor at_step(Tensor x, std::int64_t step) {
  const Tensor one = slice(x, 1, step, 1);
  Shape shape{x.shape().dimension(0)};
  for (int axis = 2; axis < x.shape().rank(); ++axis) shape.append(x.shape()[axis]);
  return x.program().view(one, shape);
}

}  // namespace

RecurrentResult recurrent(const RecurrentArguments& a) {
  const Shape h = check("recurrent", a);
  Program& program = a.u.program();
  Layout layout;
  layout.cell = a.cell;
  layout.bias_n = a.cell == Cell::gru;
  layout.mask = a.mask.defined();
  layout.h0 = a.h0.defined();
  layout.c0 = a.c0.defined();
  std::vector<Tensor> inputs{a.u, a.weight};
  if (layout.bias_n) inputs.push_back(a.bias_n);
  for (Tensor operand : {a.mask, a.h0, a.c0})
    if (operand.defined()) inputs.push_back(operand);
  std::vector<Value> outputs{{h}, {Shape{h.dimension(0), h[1], tape_width(a.cell) * h[2]}}};
  if (a.cell == Cell::lstm) outputs.push_back({Shape{h.dimension(0), h[2]}});
  const std::vector<Tensor> results =
      program.append(std::make_unique<RecurrentForwardOperation>(layout), inputs, outputs);

  RecurrentResult result;
  result.h = results[0];
  result.h_last = at_step(results[0], h[1] - 1);
  if (a.cell == Cell::lstm) result.c_last = results[2];
  return result;
}

RecurrentResult recurrent_unrolled(const RecurrentArguments& a) {
  const Shape whole = check("recurrent_unrolled", a);
  Program& program = a.u.program();
  const std::int64_t steps = whole[1], hidden = whole[2];
  const Shape state{whole.dimension(0), hidden};
  Tensor h = a.h0.defined() ? a.h0 : program.full(state, 0.0);
  Tensor c = a.c0.defined() ? a.c0 : program.full(state, 0.0);
  std::vector<Tensor> all;

  for (std::int64_t t = 0; t < steps; ++t) {
    const Tensor u = at_step(a.u, t), r = matmul(h, a.weight);
    const auto gate = [&](Tensor x, std::int64_t i) { return slice(x, 1, i * hidden, hidden); };
    Tensor h_new, c_new = c;
    if (a.cell == Cell::rnn) {
      h_new = tanh(u + r);
    } else if (a.cell == Cell::lstm) {
      const Tensor s = u + r;
      c_new = sigmoid(gate(s, 1)) * c + sigmoid(gate(s, 0)) * tanh(gate(s, 2));
      h_new = sigmoid(gate(s, 3)) * tanh(c_new);
    } else {
      const Tensor reset = sigmoid(gate(u, 0) + gate(r, 0)), z = sigmoid(gate(u, 1) + gate(r, 1));
      const Tensor n = tanh(gate(u, 2) + reset * (gate(r, 2) + a.bias_n));
      h_new = (1.0 - z) * n + z * h;
    }
    if (a.mask.defined()) {
      const Tensor m = slice(a.mask, 1, t, 1);
      h_new = m * h_new + (1.0 - m) * h;
      if (a.cell == Cell::lstm) c_new = m * c_new + (1.0 - m) * c;
    }
    h = h_new;
    c = c_new;
    all.push_back(program.view(h, {whole.dimension(0), 1, hidden}));
  }
  RecurrentResult result;
  result.h = concatenate(all, 1);
  result.h_last = h;
  if (a.cell == Cell::lstm) result.c_last = c;
  return result;
}

}  // namespace understudy
