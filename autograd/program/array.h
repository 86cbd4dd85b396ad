// Named persistent arrays: parameters, optimizer moments, running statistics, counters.
//
// An Array lives on a device and outlives any program that reads or writes it. A Store owns arrays
// and knows them by name; all state of a run is in stores, so a checkpoint is a store
// written out.
//
// Names are paths, "policy/0/weight". Arrays made by `create_group` lie one after another in one
// flat buffer, which optimizers update in one pass and solvers see as one vector.
//
// Thread safety: a store, its arrays and the programs that use them are on one device, and one
// thread at a time uses that device. Names and shapes do not change once made: any may read them.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "autograd/program/shape.h"
#include "kernels/device/device.h"

namespace understudy {

// The floating-point type that a program runs in.
enum class Real : std::int8_t { f32, f64 };

constexpr std::size_t size_of(Real real) { return real == Real::f32 ? 4 : 8; }
constexpr const char* name_of(Real real) { return real == Real::f32 ? "f32" : "f64"; }
// Of what is not a real.
constexpr std::size_t size_of(Element element) {
  return element == Element::index ? 4 : element == Element::byte ? 1 : 8;
}

class Store;

class Array {
 public:
  const std::string& name() const { return name_; }
  const Shape& shape() const { return shape_; }
  Element element() const { return element_; }
  Real real() const { return real_; }
  std::int64_t elements() const { return shape_.elements(); }
  std::size_t bytes() const;
  void* data() const { return data_; }
  Device& device() const { return *device_; }

  // The array whose memory this one is a part of (itself where it is not a part).
  const Array* root() const { return root_; }
  std::int64_t offset_in_root() const { return offset_; }

  // Expires when the array does.
  const std::weak_ptr<const void>& lifetime() const { return lifetime_; }

  // To and from the host, converted from or to double for reals; whole arrays.
  void write(const std::vector<double>& values);
  void write(const float* values, std::int64_t count);
  void write_bytes(const std::uint8_t* values, std::int64_t count);  // REQUIRES: Element::byte
  std::vector<double> read() const;
  void fill(double value);

 private:
  friend class Store;
  void require_count(std::size_t found) const;

  std::string name_;
  Shape shape_;
  Element element_ = Element::real;
  Real real_ = Real::f32;
  void* data_ = nullptr;
  Device* device_ = nullptr;
  const Array* root_ = nullptr;
  std::int64_t offset_ = 0;
  std::weak_ptr<const void> lifetime_;
};

class Store {
 public:
  explicit Store(Device& device, Real real = Real::f32) : device_(device), real_(real) {}
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  Device& device() const { return device_; }
  Real real() const { return real_; }

  // A new array of zeros. A name that is taken is an `Error`.
  Array& create(const std::string& name, const Shape& shape, Element element = Element::real);

  // New arrays that are parts of one flat array called `flat`, in order. References stay valid.
  struct Member {
    std::string name;
    Shape shape;
  };
  std::vector<Array*> create_group(const std::string& flat, const std::vector<Member>& members);

  // Null where there is none of that name.
  Array* find(const std::string& name) const;
  Array& at(const std::string& name) const;  // an `Error` where there is none
  // In order of creation; `flat` arrays of groups and their parts both appear.
  const std::vector<std::unique_ptr<Array>>& arrays() const { return arrays_; }

 private:
  Array& append(const std::string& name, const Shape& shape, Element element);

  Device& device_;
  Real real_;
  std::vector<std::unique_ptr<Array>> arrays_;
  std::shared_ptr<const char> alive_ = std::make_shared<const char>();  // expires with the store
};

}  // namespace understudy
