// All functions by name, for a switch with a case each: UNDERSTUDY_UNARY_CASES(CASE) is
// CASE(identity) CASE(negate) and so on, in the order of the enumerations.
//
// A switch, and not a table of pointers: that compiles no faster, and changes what is inlined into
// the kernels.

#pragma once

// clang-format off
#define UNDERSTUDY_UNARY_CASES(CASE)                                                    \
  CASE(identity) CASE(negate) CASE(absolute) CASE(sign) CASE(square) CASE(square_root)  \
  CASE(reciprocal) CASE(exponential) CASE(logarithm) CASE(log1p) CASE(expm1) CASE(tanh) \
  CASE(sigmoid) CASE(softplus) CASE(relu) CASE(erf) CASE(sine) CASE(cosine) CASE(floor) \
  CASE(is_positive) CASE(is_finite)

#define UNDERSTUDY_BINARY_CASES(CASE)                                                          \
  CASE(add) CASE(subtract) CASE(multiply) CASE(divide) CASE(power) CASE(maximum) CASE(minimum) \
  CASE(less) CASE(less_equal) CASE(equal) CASE(tanh_gradient) CASE(sigmoid_gradient)           \
  CASE(relu_gradient) CASE(softplus_gradient)
// clang-format on
