// A device: memory, a stream, and the kernels that work on that memory.
//
// The same program runs on any device. Pointers that a device allocated may be read and written by
// its kernels and its copies alone; only the CPU's are also the host's.
//
// Thread safety: one thread at a time calls a device, its streams and what runs on them; `allocate`
// and `release` of a CPU's alone may be called from any. Devices are independent of one another.

#pragma once

#include <cstddef>
#include <memory>

#include "kernels/device/graph.h"
#include "kernels/device/instruction_set.h"
#include "kernels/device/stream.h"
#include "kernels/device/threads.h"

namespace understudy {

template <class T>
struct Backend;

enum class DeviceKind { cpu, cuda };

class Device {
 public:
  virtual ~Device() = default;

  virtual DeviceKind kind() const = 0;
  // "cpu avx512, 2 threads", "cuda NVIDIA H200", "cuda emulated".
  virtual const char* description() const = 0;

  // `bytes` of memory, 64-byte aligned, contents undefined. An `Error` when there is not enough.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void release(void* memory) = 0;

  // Copies and fills are ordered with the stream; those that touch the host have finished when they
  // return.
  virtual void copy_from_host(void* to, const void* from, std::size_t bytes) = 0;
  virtual void copy_to_host(void* to, const void* from, std::size_t bytes) = 0;
  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;
  virtual void fill_zero(void* memory, std::size_t bytes) = 0;

  // Waits until everything queued has finished.
  virtual void synchronize() = 0;

  // The stream of the calling thread's work; on the CPU, with the whole team.
  virtual Stream& stream() = 0;
  // CPU: the stream of one member of the team (its own scratch, no team). Elsewhere: `stream()`.
  virtual Stream& stream_of_thread(int thread) = 0;
  virtual int threads() const = 0;
  // Runs numbered parts on the team (see Threads::run); null where the device has none.
  virtual Threads* team() = 0;

  virtual const Backend<float>& kernels_f32() const = 0;
  virtual const Backend<double>& kernels_f64() const = 0;
  template <class T>
  const Backend<T>& kernels() const;

  // What `Capture` (graph.h) is made of. Only where `captures_graphs`: CUDA, native or emulated.
  virtual bool captures_graphs() const { return false; }
  virtual void begin_capture() {}
  virtual void end_capture(std::unique_ptr<Graph>& graph) { (void)graph; }
  virtual void drop_capture() noexcept {}
};

template <>
inline const Backend<float>& Device::kernels<float>() const {
  return kernels_f32();
}
template <>
inline const Backend<double>& Device::kernels<double>() const {
  return kernels_f64();
}

// The CPU, with the given team (null: the calling thread alone). The team must outlive it.
std::unique_ptr<Device> cpu_device(Threads* team = nullptr,
                                   InstructionSet set = best_instruction_set());

// The first CUDA device. An `Error` that says why when there is none: built without CUDA, no
// driver, no device.
std::unique_ptr<Device> cuda_device();

// The same with kernels of one's own choice, which may be null: for tests of single kernels.
std::unique_ptr<Device> cuda_device(const Backend<float>* f32, const Backend<double>* f64);

// Why `cuda_device` would fail, in a few words, or null if it would not.
const char* cuda_missing_reason();

}  // namespace understudy
