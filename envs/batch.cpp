// A batch: the environments' memory, and the executor of its device.

#include "envs/batch.h"

#include <vector>

#include "kernels/device/backend.h"
#include "kernels/device/error.h"
#include "kernels/device/instruction_set.h"

namespace understudy {
namespace {

template <class T>
BatchKernels<T> kernels_for(const Device& device, const EnvironmentDescription& environment) {
  if (environment.user != nullptr) {
    if (device.kind() == DeviceKind::cuda)
      fail(ErrorKind::not_available, "%s: an environment of C functions runs on the CPU alone",
           environment.name);
    BatchKernels<T> kernels;
    fill_user(kernels);
    return kernels;
  }
  const Tables<BatchTable> tables =
      device.kind() == DeviceKind::cuda
          ? cuda_kernels<BatchTable>()
          : cpu_kernels<BatchTable>(instruction_set_named(device.kernels<T>().name));
  return tables.of<T>().dynamics[environment.dynamics];
}

}  // namespace

template <class T>
Batch<T>::Batch(Device& device, const EnvironmentDescription& environment, std::int64_t num_envs,
                std::uint64_t seed, std::uint64_t first_env)
    : device_(device), environment_(environment) {
  if (num_envs < 1 || num_envs > (std::int64_t{1} << 30))
    fail(ErrorKind::bad_input, "%s: expected 1 to 2^30 environments, found %lld", environment.name,
         static_cast<long long>(num_envs));
  kernels_ = kernels_for<T>(device, environment);
  const std::int64_t stride = (num_envs + env_multiple - 1) / env_multiple * env_multiple;
  const std::size_t row = static_cast<std::size_t>(stride);
  const std::size_t counters = environment.user != nullptr ? 2 : 1;  // episode, perhaps ended
  bytes_ = row * ((environment.state_size + 1) * sizeof(T) + counters * sizeof(std::uint32_t));
  memory_ = static_cast<std::byte*>(device.allocate(bytes_));
  device.fill_zero(memory_, bytes_);

  arrays_.num_envs = num_envs;
  arrays_.stride = stride;
  arrays_.seed = seed;
  arrays_.first_env = first_env;
  arrays_.horizon = static_cast<T>(environment.horizon);
  arrays_.user = environment.user;
  arrays_.state = reinterpret_cast<T*>(memory_);
  arrays_.elapsed = arrays_.state + environment.state_size * stride;
  arrays_.episode = reinterpret_cast<std::uint32_t*>(arrays_.elapsed + stride);
  if (environment.user != nullptr) arrays_.ended = arrays_.episode + stride;
}

template <class T>
Batch<T>::~Batch() {
  device_.release(memory_);
}

template <class T>
void Batch<T>::reset(T* observation) {
  kernels_.reset(device_.stream(), arrays_, observation);
}

template <class T>
void Batch<T>::step(const StepArrays<T>& arrays) {
  UNDERSTUDY_CHECK(
      (environment_.action_count > 0 ? arrays.discrete != nullptr : arrays.continuous != nullptr) &&
          arrays.observation != nullptr && arrays.reward != nullptr &&
          arrays.terminated != nullptr && arrays.truncated != nullptr,
      "%s: step: an array is missing", environment_.name);
  kernels_.step(device_.stream(), arrays_, arrays);
}

template <class T>
void Batch<T>::observe(T* observation) {
  kernels_.observe(device_.stream(), arrays_, observation);
}

template <class T>
void Batch<T>::get_state(T* rows) {
  const std::int64_t size = environment_.state_size, stride = arrays_.stride;
  std::vector<T> columns(static_cast<std::size_t>(size * stride));
  device_.copy_to_host(columns.data(), arrays_.state, columns.size() * sizeof(T));
  for (std::int64_t i = 0; i < arrays_.num_envs; ++i)
    for (std::int64_t k = 0; k < size; ++k) rows[i * size + k] = columns[k * stride + i];
}

template <class T>
void Batch<T>::set_state(const T* rows) {
  const std::int64_t size = environment_.state_size, stride = arrays_.stride;
  std::vector<T> columns(static_cast<std::size_t>(size * stride), T(0));
  for (std::int64_t i = 0; i < arrays_.num_envs; ++i)
    for (std::int64_t k = 0; k < size; ++k) columns[k * stride + i] = rows[i * size + k];
  device_.copy_from_host(arrays_.state, columns.data(), columns.size() * sizeof(T));
  device_.fill_zero(arrays_.elapsed, static_cast<std::size_t>(stride) * sizeof(T));
  if (arrays_.ended != nullptr)
    device_.fill_zero(arrays_.ended, static_cast<std::size_t>(stride) * sizeof(std::uint32_t));
}

template <class T>
void Batch<T>::save(void* to) {
  device_.copy_to_host(to, memory_, bytes_);
}

template <class T>
void Batch<T>::load(const void* from) {
  device_.copy_from_host(memory_, from, bytes_);
}

template class Batch<float>;
template class Batch<double>;

}  // namespace understudy
