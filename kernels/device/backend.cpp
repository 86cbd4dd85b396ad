#include "kernels/device/backend.h"

#include "kernels/device/error.h"

namespace understudy {

namespace {

struct Reference {
  template <template <class> class Kernels>
  operator Kernels<double>() const {
    return reference_kernels<Kernels>();
  }
};

template <InstructionSet set>
struct Cpu {
  template <template <class> class Kernels, class T>
  operator Kernels<T>() const {
    return cpu_kernels<Kernels, set>().template of<T>();
  }
};

// Of the sets from the `row`-th on.
template <class T, int row = 0>
const Backend<T>& find(InstructionSet set) {
  constexpr InstructionSetRow here = instruction_sets[row];
  if constexpr (row + 1 < instruction_set_count)
    if (set != here.set) return find<T, row + 1>(set);
  static const Backend<T> backend = make_backend<T>(here.name, Cpu<here.set>());
  return backend;
}

template <class T>
const Backend<T>& find_available(InstructionSet set) {
  UNDERSTUDY_CHECK(available(set), "instruction set %s is not available", name(set));
  return find<T>(set);
}

}  // namespace

template <>
const Backend<float>& cpu_backend<float>(InstructionSet set) {
  return find_available<float>(set);
}
template <>
const Backend<double>& cpu_backend<double>(InstructionSet set) {
  return find_available<double>(set);
}

const Backend<double>& reference_backend() {
  static const Backend<double> backend = make_backend<double>("reference", Reference());
  return backend;
}

}  // namespace understudy
