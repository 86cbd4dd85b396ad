#include "algorithms/cloning/linear_gaussian.h"

#include <cmath>
#include <numbers>

#include "algorithms/data/normalizer.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

using Matrix = std::vector<double>;  // row-major

// The lower Cholesky factor of a symmetric matrix of n rows, in place.
void factorize(Matrix& a, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j <= i; ++j) {
      const double whole = a[i * n + j];
      double left = whole;
      for (std::int64_t k = 0; k < j; ++k) left -= a[i * n + k] * a[j * n + k];
      if (j < i) {
        a[i * n + j] = left / a[j * n + j];
        continue;
      }
      // what is left of a pivot that others explain is rounding
      if (!(left > 1e-12 * whole))
        fail(ErrorKind::bad_input, "linear Gaussian: column %lld depends on those before it",
             static_cast<long long>(i));
      a[i * n + i] = std::sqrt(left);
    }
}

// L x = b and L' x = b, in place, for `columns` right-hand sides [n, columns].
void solve_lower(const Matrix& l, std::int64_t n, std::int64_t columns, Matrix& b) {
  for (std::int64_t c = 0; c < columns; ++c)
    for (std::int64_t i = 0; i < n; ++i) {
      double x = b[i * columns + c];
      for (std::int64_t k = 0; k < i; ++k) x -= l[i * n + k] * b[k * columns + c];
      b[i * columns + c] = x / l[i * n + i];
    }
}
void solve_upper(const Matrix& l, std::int64_t n, std::int64_t columns, Matrix& b) {
  for (std::int64_t c = 0; c < columns; ++c)
    for (std::int64_t i = n - 1; i >= 0; --i) {
      double x = b[i * columns + c];
      for (std::int64_t k = i + 1; k < n; ++k) x -= l[k * n + i] * b[k * columns + c];
      b[i * columns + c] = x / l[i * n + i];
    }
}

}  // namespace

LinearGaussian::LinearGaussian(const Transitions& transitions, std::int64_t inputs)
    : inputs_(inputs), action_width_(transitions.actions.width()) {
  const std::int64_t unknowns = inputs + 1, width = action_width_, count = transitions.rows();
  if (inputs < 0 || inputs > transitions.observations.width() || count <= unknowns)
    fail(ErrorKind::bad_input, "linear Gaussian: %lld inputs of %lld, %lld rows",
         static_cast<long long>(inputs), static_cast<long long>(transitions.observations.width()),
         static_cast<long long>(count));
  // (2)
  Matrix middle(inputs), middle_action(width), squares(inputs * inputs), x(inputs),
      slopes(inputs * width);
  for (std::int64_t row = 0; row < count; ++row) {
    for (std::int64_t i = 0; i < inputs; ++i)
      middle[i] += transitions.observation(row)[i] / static_cast<double>(count);
    for (std::int64_t d = 0; d < width; ++d)
      middle_action[d] += transitions.action(row)[d] / static_cast<double>(count);
  }
  for (std::int64_t row = 0; row < count; ++row) {
    for (std::int64_t i = 0; i < inputs; ++i) x[i] = transitions.observation(row)[i] - middle[i];
    for (std::int64_t i = 0; i < inputs; ++i) {
      for (std::int64_t j = 0; j <= i; ++j) squares[i * inputs + j] += x[i] * x[j];
      for (std::int64_t d = 0; d < width; ++d)
        slopes[i * width + d] += x[i] * (transitions.action(row)[d] - middle_action[d]);
    }
  }
  for (std::int64_t i = 0; i < inputs; ++i)
    if (!(std::sqrt(squares[i * inputs + i] / static_cast<double>(count)) >
          Normalizer::least_share * std::abs(middle[i])))
      fail(ErrorKind::bad_input, "linear Gaussian: column %lld never varies",
           static_cast<long long>(i));
  factorize(squares, inputs);
  solve_lower(squares, inputs, width, slopes);
  solve_upper(squares, inputs, width, slopes);
  coefficients_ = middle_action;
  for (std::int64_t i = 0; i < inputs; ++i)
    for (std::int64_t d = 0; d < width; ++d) coefficients_[d] -= slopes[i * width + d] * middle[i];
  coefficients_.insert(coefficients_.end(), slopes.begin(), slopes.end());

  // (3)
  factor_.assign(width * width, 0.0);
  for (std::int64_t row = 0; row < count; ++row) {
    const Matrix error = residual(transitions, row);
    for (std::int64_t i = 0; i < width; ++i)
      for (std::int64_t j = 0; j <= i; ++j)
        factor_[i * width + j] += error[i] * error[j] / static_cast<double>(count);
  }
  factorize(factor_, width);
}

std::vector<double> LinearGaussian::residual(const Transitions& transitions,
                                             std::int64_t row) const {
  Matrix error(action_width_);
  for (std::int64_t d = 0; d < action_width_; ++d) {
    double fitted = coefficients_[d];
    for (std::int64_t i = 0; i < inputs_; ++i)
      fitted += coefficients_[(i + 1) * action_width_ + d] * transitions.observation(row)[i];
    error[d] = transitions.action(row)[d] - fitted;
  }
  return error;
}

std::vector<double> LinearGaussian::log_probabilities(const Transitions& transitions) const {
  if (transitions.observations.width() < inputs_ || transitions.actions.width() != action_width_)
    fail(ErrorKind::bad_shape, "linear Gaussian: transitions of %lld and %lld numbers",
         static_cast<long long>(transitions.observations.width()),
         static_cast<long long>(transitions.actions.width()));
  double constant = -0.5 * static_cast<double>(action_width_) * std::log(2 * std::numbers::pi);
  for (std::int64_t i = 0; i < action_width_; ++i)
    constant -= std::log(factor_[i * action_width_ + i]);
  std::vector<double> result;
  for (std::int64_t row = 0; row < transitions.rows(); ++row) {
    Matrix whitened = residual(transitions, row);
    solve_lower(factor_, action_width_, 1, whitened);
    double squares = 0;
    for (double z : whitened) squares += z * z;
    result.push_back(constant - 0.5 * squares);
  }
  return result;
}

}  // namespace understudy
