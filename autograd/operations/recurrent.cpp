// Recurrent layers over whole sequences: one operation forward, one for gradients, one for
// tangents.

#include "autograd/operations/operations.h"
#include "autograd/operations/support.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

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

// The inputs of the three operations from the mask on, and bias_n, may be left out, as their
// kernels may get null (kernels/recurrent/recurrent.h has the shapes). A result that the
// cell does not have is never used, and has no place.

class RecurrentBackwardOperation final : public Operation {
 public:
  struct Input {
    enum { weight, h, tape, dh, mask, h0, c0, dc_last };
  };
  struct Output {
    enum { du, ds, dh0, dc0 };  // ds of gru alone, dc0 of lstm
  };

  explicit RecurrentBackwardOperation(Cell cell) : cell_(cell) {}
  const char* name() const override { return "recurrent_backward"; }
  std::string detail() const override { return name_of(cell_); }
  bool optional_output(int i) const override {
    return i != Output::du && !(cell_ == Cell::gru && i == Output::ds);
  }
  double work(const Shape* inputs, const Shape*) const override {
    return 2.0 * static_cast<double>(inputs[Input::h].elements() * inputs[Input::weight][1]);
  }
  std::size_t workspace_bytes(Device& device, Real real, const Shape* inputs) const override {
    return workspace_for(device, real, shape_of(cell_, inputs[Input::h]));
  }
  void run(const Call& call) const override {
    const RecurrentShape shape = shape_of(cell_, call.in_shape(Input::h));
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      RecurrentBackward<T> a;
      a.weight = call.in<T>(Input::weight);
      a.h = call.in<T>(Input::h);
      a.tape = call.in<T>(Input::tape);
      a.dh = call.in<T>(Input::dh);
      a.mask = call.in<T>(Input::mask);
      a.h0 = call.in<T>(Input::h0);
      a.c0 = call.in<T>(Input::c0);
      a.dc_last = call.in<T>(Input::dc_last);
      a.du = call.out<T>(Output::du);
      a.ds = call.out<T>(Output::ds);
      a.dh0 = call.out<T>(Output::dh0);
      a.dc0 = call.out<T>(Output::dc0);
      call.kernels<T>().recurrent.backward(call.stream, shape, a, static_cast<T*>(call.workspace));
    });
  }

 private:
  Cell cell_;
};

// A tangent that is zero is left out.
class RecurrentTangentOperation final : public Operation {
 public:
  struct Input {
    enum { weight, h, tape, mask, h0, c0, u_dot, weight_dot, bias_n_dot, h0_dot, c0_dot };
  };
  struct Output {
    enum { h_dot, c_last_dot };  // c_last_dot of lstm alone
  };

  explicit RecurrentTangentOperation(Cell cell) : cell_(cell) {}
  const char* name() const override { return "recurrent_tangent"; }
  std::string detail() const override { return name_of(cell_); }
  bool optional_output(int i) const override { return i != Output::h_dot; }
  double work(const Shape* inputs, const Shape*) const override {
    const double products = inputs[Input::weight_dot].rank() == 0 ? 2 : 4;
    return products * static_cast<double>(inputs[Input::h].elements() * inputs[Input::weight][1]);
  }
  std::size_t workspace_bytes(Device& device, Real real, const Shape* inputs) const override {
    return workspace_for(device, real, shape_of(cell_, inputs[Input::h]));
  }
  void run(const Call& call) const override {
    const RecurrentShape shape = shape_of(cell_, call.in_shape(Input::h));
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      RecurrentTangent<T> a;
      a.weight = call.in<T>(Input::weight);
      a.h = call.in<T>(Input::h);
      a.tape = call.in<T>(Input::tape);
      a.mask = call.in<T>(Input::mask);
      a.h0 = call.in<T>(Input::h0);
      a.c0 = call.in<T>(Input::c0);
      a.u_dot = call.in<T>(Input::u_dot);
      a.weight_dot = call.in<T>(Input::weight_dot);
      a.bias_n_dot = call.in<T>(Input::bias_n_dot);
      a.h0_dot = call.in<T>(Input::h0_dot);
      a.c0_dot = call.in<T>(Input::c0_dot);
      a.h_dot = call.out<T>(Output::h_dot);
      a.c_last_dot = call.out<T>(Output::c_last_dot);
      call.kernels<T>().recurrent.tangent(call.stream, shape, a, static_cast<T*>(call.workspace));
    });
  }

 private:
  Cell cell_;
};

class RecurrentForwardOperation final : public Operation {
 public:
  struct Input {
    enum { u, weight, bias_n, mask, h0, c0 };  // bias_n of gru alone, c0 of lstm
  };
  struct Output {
    enum { h, tape, c_last };  // c_last of lstm alone
  };

  explicit RecurrentForwardOperation(Cell cell) : cell_(cell) {}
  const char* name() const override { return name_of(cell_); }
  bool optional_output(int i) const override { return i != Output::h; }
  double work(const Shape* inputs, const Shape* outputs) const override {
    return 2.0 * static_cast<double>(outputs[Output::h].elements() * inputs[Input::weight][1]);
  }
  std::size_t workspace_bytes(Device& device, Real real, const Shape* inputs) const override {
    RecurrentShape shape;
    shape.cell = cell_;
    shape.batch = inputs[Input::u][0];
    shape.steps = inputs[Input::u][1];
    shape.hidden = inputs[Input::weight][0];
    return workspace_for(device, real, shape);
  }
  void run(const Call& call) const override {
    const RecurrentShape shape = shape_of(cell_, call.out_shape(Output::h));
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      RecurrentForward<T> a;
      a.u = call.in<T>(Input::u);
      a.weight = call.in<T>(Input::weight);
      a.bias_n = call.in<T>(Input::bias_n);
      a.mask = call.in<T>(Input::mask);
      a.h0 = call.in<T>(Input::h0);
      a.c0 = call.in<T>(Input::c0);
      a.h = call.out<T>(Output::h);
      a.tape = call.out<T>(Output::tape);
      a.c_last = call.out<T>(Output::c_last);
      call.kernels<T>().recurrent.forward(call.stream, shape, a, static_cast<T*>(call.workspace));
    });
  }

  void vjp(Pullback& p) const override {
    using Back = RecurrentBackwardOperation::Output;
    const Tensor u = p.input(Input::u), weight = p.input(Input::weight);
    const Tensor mask = p.input(Input::mask), h0 = p.input(Input::h0), c0 = p.input(Input::c0);
    const Tensor h = p.output(Output::h), tape = p.output(Output::tape);
    Program& program = u.program();
    if (p.cotangent(Output::tape).defined())
      fail(ErrorKind::not_available,
           "%s has no second derivatives: record it with recurrent_unrolled", name());
    const Tensor given = p.cotangent(Output::h);
    const Tensor dh = given.defined() ? given : program.full(h.shape(), 0.0);
    const Shape state{h.shape().dimension(0), h.shape()[2]};
    const std::vector<Tensor> results =
        program.append(std::make_unique<RecurrentBackwardOperation>(cell_),
                       {weight, h, tape, dh, mask, h0, c0, p.cotangent(Output::c_last)},
                       {{u.shape()}, {u.shape()}, {state}, {state}});

    const Tensor du = results[Back::du], ds = cell_ == Cell::gru ? results[Back::ds] : du;
    if (p.wanted(Input::u)) p.set(Input::u, du);
    if (p.wanted(Input::weight))
      p.set(Input::weight, matmul(previous_states(h, h0), ds, true, false));
    if (p.wanted(Input::bias_n)) {
      const std::int64_t hidden = h.shape()[2];
      p.set(Input::bias_n, sum(sum(slice(ds, 2, 2 * hidden, hidden), 1), 0));
    }
    // What is padding is not learned: the mask has no cotangent.
    if (p.wanted(Input::h0)) p.set(Input::h0, sum_to(results[Back::dh0], h0.shape()));
    if (p.wanted(Input::c0)) p.set(Input::c0, sum_to(results[Back::dc0], c0.shape()));
  }

  void jvp(Pushforward& p) const override {
    const Tensor h = p.output(Output::h);
    const std::vector<Tensor> results = h.program().append(
        std::make_unique<RecurrentTangentOperation>(cell_),
        {p.input(Input::weight), h, p.output(Output::tape), p.input(Input::mask),
         p.input(Input::h0), p.input(Input::c0), p.tangent(Input::u), p.tangent(Input::weight),
         p.tangent(Input::bias_n), p.tangent(Input::h0), p.tangent(Input::c0)},
        {{h.shape()}, {Shape{h.shape().dimension(0), h.shape()[2]}}});
    p.set(Output::h, results[RecurrentTangentOperation::Output::h_dot]);
    if (cell_ == Cell::lstm)
      p.set(Output::c_last, results[RecurrentTangentOperation::Output::c_last_dot]);
  }

 private:
  // h[t - 1] for every step t.
  static Tensor previous_states(Tensor h, Tensor h0) {
    const std::int64_t steps = h.shape()[1];
    const Tensor earlier = slice(h, 1, 0, steps - 1);
    if (!h0.defined()) return pad(earlier, 1, 1, 0);
    const Shape first{h.shape().dimension(0), 1, h.shape()[2]};
    return concatenate({h.program().view(h0, first), earlier}, 1);
  }

  Cell cell_;
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
  using Output = RecurrentForwardOperation::Output;
  const Shape h = check("recurrent", a);
  const Shape tape{h.dimension(0), h[1], tape_width(a.cell) * h[2]}, state{h.dimension(0), h[2]};
  const Tensor bias_n = a.cell == Cell::gru ? a.bias_n : Tensor();
  const std::vector<Tensor> results =
      a.u.program().append(std::make_unique<RecurrentForwardOperation>(a.cell),
                           {a.u, a.weight, bias_n, a.mask, a.h0, a.c0}, {{h}, {tape}, {state}});
  RecurrentResult result;
  result.h = results[Output::h];
  result.h_last = at_step(result.h, h[1] - 1);
  if (a.cell == Cell::lstm) result.c_last = results[Output::c_last];
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
