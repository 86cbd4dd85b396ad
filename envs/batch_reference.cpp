// The executor in plain loops: one environment after another, in double.

#include "envs/batch.h"
#include "envs/batch_one.h"
#include "envs/list.h"

namespace understudy::reference {
namespace {

template <class E>
void reset(Stream&, const InstanceArrays<double>& arrays, double* observation) {
  for (std::int64_t i = 0; i < arrays.num_envs; ++i) reset_one<E>(arrays, i, observation);
}

template <class E>
void step(Stream&, const InstanceArrays<double>& arrays, const StepArrays<double>& given) {
  for (std::int64_t i = 0; i < arrays.num_envs; ++i) step_one<E>(arrays, given, i);
}

template <class E>
void observe(Stream&, const InstanceArrays<double>& arrays, double* observation) {
  for (std::int64_t i = 0; i < arrays.num_envs; ++i)
    write_observation<E>(read_state<E>(arrays, i), i, observation);
}

template <template <class> class... E>
constexpr BatchTable<double> kernels_of(EnvironmentList<E...>) {
  return {{{reset<E<double>>, step<E<double>>, observe<E<double>>}...}};
}
constexpr BatchTable<double> kernels = kernels_of(Environments());

}  // namespace
}  // namespace understudy::reference

namespace understudy {
template <>
BatchTable<double> reference_kernels<BatchTable>() {
  return reference::kernels;
}
}  // namespace understudy
