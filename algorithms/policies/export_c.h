// A trained policy as one C99 source file, for programs that have neither this library nor a heap.
//
// The file has the weights as constants and, for a policy called NAME,
//
//   enum { NAME_observation_size = ..., NAME_action_size = ... };
//   int NAME_act(const float *observation);                  discrete: the index
//   int NAME_act(const float *observation, float *action);   numbers, or bits as 0 and 1: 0
//
// which take the mode of the action's distribution: the stack and <math.h> are all they need, and
// they may be called from any number of threads. A discrete observation is `int observation`. A
// policy with memory keeps it in a NAME_memory that the caller owns, empties by NAME_forget at the
// start of an episode, and passes as the first argument. A header has the declarations, for C and
// C++; the source begins with the same, so that it stands alone. Every name begins with NAME_, so
// that several policies go into one program, or one source.
//
// An observation that is not finite (of an index: that is none), the i-th number, is no ground to
// act on: NAME_act returns 1 + i, or -1 - i where it returns an index, fills the action with NaN
// and leaves the memory as it was. Compiled by -ffast-math, C does not tell what is finite.
//
// Actions are within the bounds that the policy knows, unless they are asked for `raw`: hardware
// has no environment that clips them.
//
// Weights are written so that they read back as the same floats; sums are in the order of the
// inputs, so that actions differ from the library's by rounding only.

#pragma once

#include <string>
#include <vector>

#include "algorithms/policies/policy.h"

namespace understudy {

struct CSource {
  std::string source, header;
};
struct CExportOptions {
  bool raw = false;  // the density's own mode, wherever it is
};
// `name` must be an identifier of C. An Error of the kind `not_available` for convolutions, for
// embedded indices, and for trunks and heads whose row has no writer (TrunkRow::write_c,
// HeadRow::write_c).
CSource policy_as_c(const Policy& policy, const std::string& name,
                    const CExportOptions& options = {});
// The name of a file without its ending as an identifier of C.
std::string c_name_of(const std::string& path);

// ---- For those who write a head's or a trunk's row ----

// The body of NAME_act as it grows, layer by layer: each makes a new array `x1`, `x2`, ... of the
// newest one. Parameters are named as the policy's store has them, without "policy/".
class CWriter {
 public:
  CWriter(const Policy& policy, const std::string& name);

  const ActionSpace& action() const;
  const std::string& newest() const { return newest_; }  // what the newest array is called
  std::int64_t width() const { return width_; }          // and how many numbers it has

  // x' = x W + b, with W and b the parameters "<parameters>/weight" and "<parameters>/bias".
  void linear(const std::string& parameters, std::int64_t outputs);
  void activate(Activation activation);  // in place
  // Lines of the body have written an array of this name, which is now the newest.
  void next(const std::string& array, std::int64_t width);

  // The last lines: the index of the largest number; which numbers are above 0; the numbers.
  void act_by_largest();
  void act_by_sign();
  void act_by_value();

  // Lines of one's own: of NAME_act, and of functions before it. In all of them $ stands for NAME_,
  // which every name outside a function must begin with.
  __attribute__((format(printf, 2, 3))) void line(const char* format, ...);
  void text(const std::string& lines);
  void function(const std::string& lines);
  // A parameter's numbers, and constants made of them, of any. Return the constant's name.
  std::vector<double> numbers(const std::string& parameter) const;
  std::string constant(const std::string& parameter);
  std::string constant(const std::string& name, const std::vector<double>& values);
  // Makes NAME_memory, arrays of `memory_size` numbers each, which NAME_act gets as `memory`.
  void memory(std::int64_t size, const std::vector<const char*>& arrays);

 private:
  friend CSource policy_as_c(const Policy& policy, const std::string& name,
                             const CExportOptions& options);
  bool acts_by_index() const { return description_.action.kind == ActionKind::discrete; }
  void refuse_what_is_not_finite();
  void prepare();
  void normalize();
  void restore_action();
  void clip_action();
  std::string prefixed(const std::string& lines) const;
  std::string signature() const;
  std::string declarations() const;
  CSource file() const;

  const Policy& policy_;
  const PolicyDescription& description_;
  std::string name_;
  std::string constants_, declarations_, functions_, body_;
  bool has_memory_ = false;
  int layers_ = 0;
  std::string newest_ = "x0";
  std::int64_t width_ = 0;
};

}  // namespace understudy
