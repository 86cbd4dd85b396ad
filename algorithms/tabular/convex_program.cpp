#include "algorithms/tabular/convex_program.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "algorithms/tabular/sparse_lu.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

using Vector = std::vector<double>;

double largest(const Vector& x) {
  double m = 0.0;
  for (double xi : x) m = std::max(m, std::abs(xi));
  return m;
}

double dot(const Vector& a, const Vector& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Solves with M = Q + D and with A M^-1 A' for a diagonal D that changes from iteration to
// iteration.
class NormalEquations {
 public:
  explicit NormalEquations(const ConvexProgram& p) : p_(p) {
    if (!p.quadratic.empty()) return;
    // The pattern of A A': rows that share a column.
    const std::int64_t m = p.constraints;
    std::vector<std::vector<std::int32_t>> rows_of(p.variables);
    for (std::int32_t i = 0; i < m; ++i)
      for (std::int32_t e = p.row_begin[i]; e < p.row_begin[i + 1]; ++e)
        rows_of[p.column[e]].push_back(i);
    std::vector<std::int32_t> begin{0};
    for (std::int32_t i = 0; i < m; ++i) {
      std::vector<std::int32_t> near{i};
      for (std::int32_t e = p.row_begin[i]; e < p.row_begin[i + 1]; ++e)
        near.insert(near.end(), rows_of[p.column[e]].begin(), rows_of[p.column[e]].end());
      std::sort(near.begin(), near.end());
      near.erase(std::unique(near.begin(), near.end()), near.end());
      column_.insert(column_.end(), near.begin(), near.end());
      begin.push_back(static_cast<std::int32_t>(column_.size()));
    }
    begin_ = begin;
    lu_ = std::make_unique<SparseLu>(*host_, m, begin_, column_);
  }

  void factor(const Vector& diagonal) {
    if (p_.quadratic.empty())
      factor_linear(diagonal);
    else
      factor_quadratic(diagonal);
  }

  // M^-1 x.
  Vector inverse(Vector x) const {
    if (p_.quadratic.empty()) {
      for (std::size_t i = 0; i < x.size(); ++i) x[i] *= inverse_diagonal_[i];
    } else {
      cholesky_solve(p_.variables, m_, x);
    }
    return x;
  }

  // (A M^-1 A')^-1 x.
  Vector schur(Vector x) {
    if (p_.constraints == 0) return x;
    if (!p_.quadratic.empty()) {
      cholesky_solve(p_.constraints, s_, x);
      return x;
    }
    Vector y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) y[lu_->position()[i]] = x[i];
    lu_->solve_on_host(1, y.data());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = y[lu_->position()[i]];
    return x;
  }

  Vector times(const Vector& x) const {  // A x
    Vector y(p_.constraints, 0.0);
    for (std::int64_t i = 0; i < p_.constraints; ++i)
      for (std::int32_t e = p_.row_begin[i]; e < p_.row_begin[i + 1]; ++e)
        y[i] += p_.value[e] * x[p_.column[e]];
    return y;
  }
  Vector transposed_times(const Vector& y) const {  // A' y
    Vector x(p_.variables, 0.0);
    for (std::int64_t i = 0; i < p_.constraints; ++i)
      for (std::int32_t e = p_.row_begin[i]; e < p_.row_begin[i + 1]; ++e)
        x[p_.column[e]] += p_.value[e] * y[i];
    return x;
  }
  Vector quadratic_times(const Vector& x) const {  // Q x
    Vector y(p_.variables, 0.0);
    if (!p_.quadratic.empty())
      for (std::int64_t i = 0; i < p_.variables; ++i)
        for (std::int64_t j = 0; j < p_.variables; ++j)
          y[i] += p_.quadratic[i * p_.variables + j] * x[j];
    return y;
  }

 private:
  void factor_linear(const Vector& diagonal) {
    inverse_diagonal_.resize(diagonal.size());
    for (std::size_t i = 0; i < diagonal.size(); ++i) inverse_diagonal_[i] = 1.0 / diagonal[i];
    Vector values(column_.size()), row(p_.variables, 0.0);
    double scale = 0.0;
    for (std::int64_t i = 0; i < p_.constraints; ++i) {
      for (std::int32_t e = p_.row_begin[i]; e < p_.row_begin[i + 1]; ++e)
        row[p_.column[e]] += p_.value[e] * inverse_diagonal_[p_.column[e]];
      for (std::int32_t e = begin_[i]; e < begin_[i + 1]; ++e) {
        const std::int32_t other = column_[e];
        for (std::int32_t o = p_.row_begin[other]; o < p_.row_begin[other + 1]; ++o)
          values[e] += p_.value[o] * row[p_.column[o]];
        if (other == i) scale = std::max(scale, values[e]);
      }
      for (std::int32_t e = p_.row_begin[i]; e < p_.row_begin[i + 1]; ++e) row[p_.column[e]] = 0.0;
    }
    // Rows that depend on others would give a pivot of 0: a ridge far below the certificate's
    // tolerance.
    for (std::int64_t i = 0; i < p_.constraints; ++i)
      for (std::int32_t e = begin_[i]; e < begin_[i + 1]; ++e)
        if (column_[e] == i) values[e] += 1e-14 * scale + 1e-300;
    lu_->factor(values);
  }

  void factor_quadratic(const Vector& diagonal) {
    const std::int64_t n = p_.variables, m = p_.constraints;
    m_ = p_.quadratic;
    for (std::int64_t i = 0; i < n; ++i) m_[i * n + i] += diagonal[i];
    cholesky(n, m_);
    // A M^-1 A', a column at a time.
    s_.assign(m * m, 0.0);
    for (std::int64_t i = 0; i < m; ++i) {
      Vector x(n, 0.0);
      for (std::int32_t e = p_.row_begin[i]; e < p_.row_begin[i + 1]; ++e)
        x[p_.column[e]] += p_.value[e];
      cholesky_solve(n, m_, x);
      const Vector y = times(x);
      for (std::int64_t j = 0; j < m; ++j) s_[j * m + i] = y[j];
    }
    for (std::int64_t i = 0; i < m; ++i) s_[i * m + i] *= 1.0 + 1e-14;
    cholesky(m, s_);
  }

  static void cholesky(std::int64_t n, Vector& a) {
    for (std::int64_t j = 0; j < n; ++j) {
      for (std::int64_t i = j; i < n; ++i) {
        double sum = a[i * n + j];
        for (std::int64_t k = 0; k < j; ++k) sum -= a[i * n + k] * a[j * n + k];
        a[i * n + j] = i == j ? std::sqrt(std::max(sum, 1e-300)) : sum / a[j * n + j];
      }
    }
  }
  static void cholesky_solve(std::int64_t n, const Vector& l, Vector& x) {
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t k = 0; k < i; ++k) x[i] -= l[i * n + k] * x[k];
      x[i] /= l[i * n + i];
    }
    for (std::int64_t i = n - 1; i >= 0; --i) {
      for (std::int64_t k = i + 1; k < n; ++k) x[i] -= l[k * n + i] * x[k];
      x[i] /= l[i * n + i];
    }
  }

  const ConvexProgram& p_;
  const std::unique_ptr<Device> host_ = cpu_device();
  std::vector<std::int32_t> begin_, column_;
  std::unique_ptr<SparseLu> lu_;
  Vector inverse_diagonal_, m_, s_;
};

// The longest step in [0, 1] that keeps x + step dx >= 0.
double longest_step(const Vector& x, const Vector& dx) {
  double step = 1.0;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (dx[i] < 0.0) step = std::min(step, -x[i] / dx[i]);
  return step;
}

}  // namespace

std::int32_t ConvexProgram::add_variable(double variable_cost) {
  cost.push_back(variable_cost);
  return static_cast<std::int32_t>(variables++);
}

void ConvexProgram::add_constraint(const std::vector<std::int32_t>& columns, const Vector& values,
                                   double right_side) {
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (values[i] != 0.0) {
      column.push_back(columns[i]);
      value.push_back(values[i]);
    }
  row_begin.push_back(static_cast<std::int32_t>(column.size()));
  right.push_back(right_side);
  ++constraints;
}

ConvexSolution solve_convex(const ConvexProgram& p, const ConvexOptions& options) {
  const std::int64_t n = p.variables, m = p.constraints;
  if (n < 1 || static_cast<std::int64_t>(p.cost.size()) != n ||
      static_cast<std::int64_t>(p.right.size()) != m ||
      static_cast<std::int64_t>(p.row_begin.size()) != m + 1 ||
      (!p.quadratic.empty() && static_cast<std::int64_t>(p.quadratic.size()) != n * n))
    fail(ErrorKind::bad_shape, "convex programme: the sizes of its arrays do not agree");
  NormalEquations equations(p);
  // A start well inside, of the data's own size.
  const double size = std::max({1.0, largest(p.right), largest(p.cost)});
  Vector x(n, size), s(n, size), y(m, 0.0);
  ConvexSolution best;
  for (int iteration = 0;; ++iteration) {
    const Vector ax = equations.times(x), qx = equations.quadratic_times(x);
    const Vector aty = equations.transposed_times(y);
    Vector primal(m), dual(n);
    for (std::int64_t i = 0; i < m; ++i) primal[i] = p.right[i] - ax[i];
    for (std::int64_t i = 0; i < n; ++i) dual[i] = qx[i] + p.cost[i] - aty[i] - s[i];
    const double curved = 0.5 * dot(x, qx);
    const double objective = curved + dot(p.cost, x);
    const double bound = dot(p.right, y) - curved;
    best = {x,
            y,
            objective,
            std::abs(objective - bound) / (1.0 + std::abs(objective)),
            largest(primal) / (1.0 + largest(p.right)),
            largest(dual) / (1.0 + largest(p.cost)),
            iteration};
    if (best.gap <= options.tolerance && best.primal_residual <= options.tolerance &&
        best.dual_residual <= options.tolerance)
      return best;
    const double mu = dot(x, s) / static_cast<double>(n);
    if (iteration >= options.iterations || !std::isfinite(mu))
      fail(ErrorKind::not_finite,
           "convex programme: no solution in %d iterations (gap %.2g, residuals %.2g and %.2g): "
           "infeasible or unbounded",
           iteration, best.gap, best.primal_residual, best.dual_residual);

    Vector diagonal(n);
    for (std::int64_t i = 0; i < n; ++i) diagonal[i] = s[i] / x[i];
    equations.factor(diagonal);
    // The Newton step towards x s = target - (product of the predictor's steps).
    Vector dx, dy, ds;
    auto newton = [&](const Vector& complementarity) {
      Vector t(n);
      for (std::int64_t i = 0; i < n; ++i) t[i] = dual[i] - complementarity[i] / x[i];
      const Vector mt = equations.inverse(t);
      Vector right = equations.times(mt);
      for (std::int64_t i = 0; i < m; ++i) right[i] += primal[i];
      dy = equations.schur(right);
      Vector free = equations.transposed_times(dy);
      for (std::int64_t i = 0; i < n; ++i) free[i] -= t[i];
      dx = equations.inverse(free);
      ds.resize(n);
      for (std::int64_t i = 0; i < n; ++i) ds[i] = (complementarity[i] - s[i] * dx[i]) / x[i];
    };
    Vector target(n);
    for (std::int64_t i = 0; i < n; ++i) target[i] = -x[i] * s[i];
    newton(target);
    const double step_x = longest_step(x, dx), step_s = longest_step(s, ds);
    double after = 0.0;
    for (std::int64_t i = 0; i < n; ++i) after += (x[i] + step_x * dx[i]) * (s[i] + step_s * ds[i]);
    const double sigma = std::pow(after / static_cast<double>(n) / mu, 3.0);
    for (std::int64_t i = 0; i < n; ++i) target[i] = sigma * mu - x[i] * s[i] - dx[i] * ds[i];
    newton(target);
    double forward_x = 0.995 * longest_step(x, dx), forward_s = 0.995 * longest_step(s, ds);
    // With Q, primal and dual residuals shrink together only under one common step.
    if (!p.quadratic.empty()) forward_x = forward_s = std::min(forward_x, forward_s);
    for (std::int64_t i = 0; i < n; ++i) {
      x[i] += forward_x * dx[i];
      s[i] += forward_s * ds[i];
    }
    for (std::int64_t i = 0; i < m; ++i) y[i] += forward_s * dy[i];
  }
}

}  // namespace understudy
