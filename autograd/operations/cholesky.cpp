// Cholesky factors and triangular solves of small matrices, with Murray's rules (2016,
// "Differentiation of the Cholesky decomposition", section 3).

#include "autograd/operations/operations.h"
#include "autograd/operations/support.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// [n, n]: `below` under the diagonal, `on` on it, 0 above.
Tensor triangle(Program& program, std::int64_t n, double below, double on) {
  std::vector<double> values(static_cast<std::size_t>(n * n), 0.0);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j <= i; ++j) values[i * n + j] = i == j ? on : below;
  return program.constant({n, n}, values);
}

class Cholesky final : public Operation {
 public:
  const char* name() const override { return "cholesky"; }
  bool in_place(int) const override { return true; }
  void run(const Call& call) const override {
    const Shape shape = call.out_shape();
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().cholesky.factor(call.stream, shape.product(0, shape.rank() - 2), shape[-1],
                                        call.in<T>(0), call.out<T>());
    });
  }
  // With P = Phi(L^T L'), Phi the lower triangle with half its diagonal, and S = L^-T P L^-1: the
  // gradient in the lower triangle, which alone is read, is S + S^T below the diagonal and S on it.
  void vjp(Pullback& p) const override {
    const Tensor l = p.output();
    Program& program = l.program();
    const std::int64_t n = l.shape()[-1];
    const Tensor phi =
        batched_matmul(l, p.cotangent(), true, false) * triangle(program, n, 1.0, 0.5);
    const Tensor half = triangular_solve(l, phi, true);
    const Tensor s_transposed = triangular_solve(l, transpose(half), true);
    p.set(0, (transpose(s_transposed) + s_transposed) * triangle(program, n, 1.0, 0.5));
  }
  // L' = L Phi(L^-1 A' L^-T)
  void jvp(Pushforward& p) const override {
    const Tensor l = p.output();
    Program& program = l.program();
    const std::int64_t n = l.shape()[-1];
    const Tensor lower = p.tangent(0) * triangle(program, n, 1.0, 1.0);
    const Tensor strict = p.tangent(0) * triangle(program, n, 1.0, 0.0);
    const Tensor half = triangular_solve(l, lower + transpose(strict));
    const Tensor middle = triangular_solve(l, transpose(half));
    p.set(0, batched_matmul(l, middle * triangle(program, n, 1.0, 0.5)));
  }
};

class TriangularSolve final : public Operation {
 public:
  explicit TriangularSolve(bool transposed) : transpose_(transposed) {}
  const char* name() const override { return "triangular_solve"; }
  std::string detail() const override { return transpose_ ? "transposed" : ""; }
  bool in_place(int input) const override { return input == 1; }
  void run(const Call& call) const override {
    const Shape shape = call.out_shape();
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().cholesky.solve(call.stream, shape.product(0, shape.rank() - 2), shape[-2],
                                       shape[-1], transpose_, call.in<T>(0), call.in<T>(1),
                                       call.out<T>());
    });
  }
  void vjp(Pullback& p) const override {
    const Tensor l = p.input(0), x = p.output();
    const Tensor b = triangular_solve(l, p.cotangent(), !transpose_);
    if (p.wanted(0)) {
      const Tensor outer =
          transpose_ ? batched_matmul(x, b, false, true) : batched_matmul(b, x, false, true);
      p.set(0, -(outer * triangle(l.program(), l.shape()[-1], 1.0, 1.0)));
    }
    if (p.wanted(1)) p.set(1, b);
  }
  void jvp(Pushforward& p) const override {
    const Tensor l = p.input(0);
    Tensor source = p.tangent(1);
    if (p.tangent(0).defined()) {
      const Tensor lower = p.tangent(0) * triangle(l.program(), l.shape()[-1], 1.0, 1.0);
      const Tensor part = -batched_matmul(lower, p.output(), transpose_, false);
      source = source.defined() ? source + part : part;
    }
    p.set(0, triangular_solve(l, source, transpose_));
  }

 private:
  bool transpose_;
};

void require_square(const char* operation, Tensor a) {
  require_real(operation, a);
  const Shape& shape = a.shape();
  if (shape.rank() < (shape.has_rows() ? 3 : 2) || shape[-1] != shape[-2])
    fail(ErrorKind::bad_shape, "%s: expected square matrices, found %s", operation,
         shape.text().c_str());
}

}  // namespace

Tensor cholesky(Tensor a) {
  require_square("cholesky", a);
  return a.program().append(std::make_unique<Cholesky>(), {a}, {{a.shape()}})[0];
}

Tensor triangular_solve(Tensor l, Tensor b, bool transposed) {
  require_square("triangular_solve", l);
  require_real("triangular_solve", b);
  const Shape &sl = l.shape(), &sb = b.shape();
  bool fits = sl.rank() == sb.rank() && sl.has_rows() == sb.has_rows();
  for (int axis = 0; fits && axis + 1 < sl.rank(); ++axis) fits = sl[axis] == sb[axis];
  if (!fits)
    fail(ErrorKind::bad_shape, "triangular_solve: shapes %s and %s", sl.text().c_str(),
         sb.text().c_str());
  return l.program().append(std::make_unique<TriangularSolve>(transposed), {l, b}, {{sb}})[0];
}

}  // namespace understudy
