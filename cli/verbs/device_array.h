// An array in a device's memory that its owner releases, filled from the host and read back there.

#pragma once

#include <cstddef>
#include <vector>

#include "kernels/device/device.h"

namespace understudy::cli {

template <class T>
class DeviceArray {
 public:
  DeviceArray(Device& device, std::size_t count)
      : device_(device),
        count_(count),
        data_(static_cast<T*>(device.allocate(count == 0 ? sizeof(T) : count * sizeof(T)))) {}
  ~DeviceArray() { device_.release(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() { return data_; }
  std::size_t size() const { return count_; }

  // REQUIRES: as many elements as the array has.
  void upload(const T* from) { device_.copy_from_host(data_, from, count_ * sizeof(T)); }
  void download(T* to) const { device_.copy_to_host(to, data_, count_ * sizeof(T)); }
  std::vector<T> host() const {
    std::vector<T> copy(count_);
    download(copy.data());
    return copy;
  }

 private:
  Device& device_;
  std::size_t count_;
  T* data_;
};

}  // namespace understudy::cli
