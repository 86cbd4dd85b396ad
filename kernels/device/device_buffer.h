// An array that the host and a device both work on, copied between them where they are apart.
//
//   DeviceBuffer<double> value(device, n);     // zeros on both sides
//   value.host()[0] = 1;                       // the host's side ...
//   value.to_device();                         // ... is copied to the device's
//   kernels.backup(..., value.data(), ...);    // the device's side ...
//   value.to_host();                           // ... is copied to the host's
//
// The CPU's memory is the host's: there host() == data(), and both copies do nothing.
// Elsewhere the host's side is made at its first use, of zeros.
//
// `view_of(device, vector)` is a buffer that does not own the host's side: on the CPU it is
// the vector's memory itself; elsewhere the device's side is a copy, made with the view. A view of
// a const vector is a DeviceBuffer<const T>, which is read alone. Device and vector must outlive
// it.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/device/device.h"

namespace understudy {

template <class T>
class DeviceBuffer {
  using Value = std::remove_const_t<T>;
  static_assert(std::is_trivially_copyable_v<Value>);

 public:
  DeviceBuffer() = default;
  DeviceBuffer(Device& device, std::int64_t n)
      : device_(&device), n_(n), data_(static_cast<Value*>(device.allocate(bytes()))) {
    device.fill_zero(data_, bytes());
    if (on_host()) host_ = data_;
  }
  // A view: see above.
  DeviceBuffer(Device& device, T* host, std::int64_t n)
      : device_(&device), n_(n), host_(const_cast<Value*>(host)), view_(true) {
    data_ = on_host() ? host_ : static_cast<Value*>(device.allocate(bytes()));
    to_device();
  }
  DeviceBuffer(DeviceBuffer&& other) noexcept { swap(other); }
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~DeviceBuffer() {
    if (device_ != nullptr && !(view_ && on_host())) device_->release(data_);
  }

  std::int64_t size() const { return n_; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T* host() {
    if (host_ == nullptr && n_ > 0) {
      own_host_.reset(new Value[static_cast<std::size_t>(n_)]());
      host_ = own_host_.get();
    }
    return host_;
  }
  const T* host() const { return host_; }

  void to_device() {
    if (device_ != nullptr && !on_host()) device_->copy_from_host(data_, host(), bytes());
  }
  void to_host() {
    if (device_ != nullptr && !on_host())
      device_->copy_to_host(const_cast<Value*>(host()), data_, bytes());
  }

  void swap(DeviceBuffer& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(n_, other.n_);
    std::swap(data_, other.data_);
    std::swap(host_, other.host_);
    std::swap(view_, other.view_);
    own_host_.swap(other.own_host_);
  }

 private:
  std::size_t bytes() const { return static_cast<std::size_t>(n_) * sizeof(T); }
  bool on_host() const { return device_->kind() == DeviceKind::cpu; }

  Device* device_ = nullptr;
  std::int64_t n_ = 0;
  Value *data_ = nullptr, *host_ = nullptr;
  bool view_ = false;
  std::unique_ptr<Value[]> own_host_;
};

template <class T>
DeviceBuffer<T> view_of(Device& device, std::vector<T>& host) {
  return {device, host.data(), static_cast<std::int64_t>(host.size())};
}
template <class T>
DeviceBuffer<const T> view_of(Device& device, const std::vector<T>& host) {
  return {device, host.data(), static_cast<std::int64_t>(host.size())};
}
template <class T>
void view_of(Device& device, const std::vector<T>&& host) = delete;

}  // namespace understudy
