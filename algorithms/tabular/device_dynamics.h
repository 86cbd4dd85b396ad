// A problem's transitions in one precision, where a device's kernels read them. On the CPU in
// double precision they are the problem's own arrays. The problem must outlive them.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <type_traits>
#include <vector>

#include "algorithms/tabular/problem.h"
#include "kernels/device/backend.h"
#include "kernels/device/device_buffer.h"

namespace understudy {

template <class T>
const DynamicProgrammingKernels<T>& kernels_of(Device& device) {
  return device.kernels<T>().dynamic_programming;
}

// Double precision outside, the kernels' inside.
template <class T>
void assign(DeviceBuffer<T>& buffer, const std::vector<double>& values) {
  T* const host = buffer.host();
  for (std::size_t i = 0; i < values.size(); ++i) host[i] = static_cast<T>(values[i]);
  buffer.to_device();
}
template <class T>
std::vector<double> widened(DeviceBuffer<T>& buffer) {
  buffer.to_host();
  return {buffer.host(), buffer.host() + buffer.size()};
}

// `values` themselves in double precision, else rounded into `room`.
template <class T>
const std::vector<T>& rounded(const std::vector<double>& values, std::vector<T>& room) {
  if constexpr (std::is_same_v<T, double>) {
    return values;
  } else {
    room.assign(values.begin(), values.end());
    return room;
  }
}

template <class T>
class DeviceDynamics {
 public:
  DeviceDynamics(Device& device, const Problem& p)
      : pair_begin_(view_of(device, p.pair_begin)),
        transition_begin_(view_of(device, p.transition_begin)),
        next_state_(view_of(device, p.next_state)),
        probability_(view_of(device, rounded<T>(p.probability, rounded_))),
        view_{p.n_states,
              p.n_pairs(),
              p.n_transitions(),
              pair_begin_.data(),
              transition_begin_.data(),
              next_state_.data(),
              probability_.data()} {}
  operator const SparseDynamics<T>&() const { return view_; }

 private:
  std::vector<T> rounded_;
  DeviceBuffer<const std::int32_t> pair_begin_, transition_begin_, next_state_;
  DeviceBuffer<const T> probability_;
  SparseDynamics<T> view_;
};

// Their transpose.
class DeviceIncoming {
 public:
  DeviceIncoming(Device& device, const Problem& p)
      : begin_(view_of(device, p.incoming_begin)),
        pair_(view_of(device, p.incoming_pair)),
        probability_(view_of(device, p.incoming_probability)),
        view_{begin_.data(), pair_.data(), probability_.data()} {}
  operator const IncomingDynamics<double>&() const { return view_; }

 private:
  DeviceBuffer<const std::int32_t> begin_, pair_;
  DeviceBuffer<const double> probability_;
  IncomingDynamics<double> view_;
};

}  // namespace understudy
