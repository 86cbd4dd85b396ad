// The executor on CUDA: a thread an environment.
//
// A variable of all environments lies together, so that neighboring threads read neighboring words.
// Who resets does so on the spot: a warp waits for the reset of any of its environments, some 80
// operations, which hides behind the memory traffic of a step.

#include "envs/batch.h"
#include "envs/batch_one.h"
#include "envs/list.h"
#include "kernels/device/cuda_helpers.h"

namespace understudy::cuda {
namespace {

constexpr unsigned block_threads = 128;

template <class E, class T>
__global__ void reset_kernel(InstanceArrays<T> arrays, T* observation) {
  const std::int64_t i = thread_index();
  if (i < arrays.num_envs) reset_one<E>(arrays, i, observation);
}

template <class E, class T>
__global__ void step_kernel(InstanceArrays<T> arrays, StepArrays<T> given) {
  const std::int64_t i = thread_index();
  if (i < arrays.num_envs) step_one<E>(arrays, given, i);
}

template <class E, class T>
__global__ void observe_kernel(InstanceArrays<T> arrays, T* observation) {
  const std::int64_t i = thread_index();
  if (i < arrays.num_envs) write_observation<E>(read_state<E>(arrays, i), i, observation);
}

template <class E, class T>
void reset(Stream& stream, const InstanceArrays<T>& arrays, T* observation) {
  launch(reset_kernel<E, T>, blocks_for(arrays.num_envs, block_threads), dim3(block_threads), 0,
         stream, arrays, observation);
}

template <class E, class T>
void step(Stream& stream, const InstanceArrays<T>& arrays, const StepArrays<T>& given) {
  launch(step_kernel<E, T>, blocks_for(arrays.num_envs, block_threads), dim3(block_threads), 0,
         stream, arrays, given);
}

template <class E, class T>
void observe(Stream& stream, const InstanceArrays<T>& arrays, T* observation) {
  launch(observe_kernel<E, T>, blocks_for(arrays.num_envs, block_threads), dim3(block_threads), 0,
         stream, arrays, observation);
}

template <class T, template <class> class... E>
constexpr BatchTable<T> kernels_of(EnvironmentList<E...>) {
  return {{{reset<E<T>, T>, step<E<T>, T>, observe<E<T>, T>}...}};
}
template <class T>
constexpr BatchTable<T> kernels = kernels_of<T>(Environments());

}  // namespace
}  // namespace understudy::cuda

namespace understudy {
template <>
Tables<BatchTable> cuda_kernels<BatchTable>() {
  return {cuda::kernels<float>, cuda::kernels<double>};
}
}  // namespace understudy
