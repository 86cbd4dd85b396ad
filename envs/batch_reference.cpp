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
void fill_all(BatchTable<double>& table, EnvironmentList<E...>) {
  BatchKernels<double>* next = table.dynamics;
  ((*next++ = {reset<E<double>>, step<E<double>>, observe<E<double>>}), ...);
}

}  // namespace

void fill(BatchTable<double>& table) { fill_all(table, Environments()); }

}  // namespace understudy::reference
