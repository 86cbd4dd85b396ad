// The CPU as a device: memory is the host's, kernels run on the calling thread or on its team.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "kernels/device/backend.h"
#include "kernels/device/device.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

constexpr std::size_t alignment = 64;

void* allocate_aligned(std::size_t bytes) {
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr)
    fail(ErrorKind::not_available, "memory: %zu bytes were asked and not to be had", bytes);
  return memory;
}

class CpuDevice final : public Device {
 public:
  CpuDevice(Threads* team, InstructionSet set)
      : team_(team),
        threads_(team != nullptr ? team->count() : 1),
        f32_(cpu_backend<float>(set)),
        f64_(cpu_backend<double>(set)),
        streams_(static_cast<std::size_t>(threads_)) {
    const std::size_t each = Stream::minimum_scratch;
    scratch_ = static_cast<std::byte*>(allocate_aligned(each * streams_.size()));
    for (std::size_t thread = 0; thread < streams_.size(); ++thread) {
      streams_[thread].scratch = scratch_ + thread * each;
      streams_[thread].scratch_bytes = each;
    }
    whole_.threads = team;
    whole_.scratch = scratch_;
    whole_.scratch_bytes = each * streams_.size();
    std::snprintf(description_, sizeof description_, "cpu %s, %d thread%s", name(set), threads_,
                  threads_ == 1 ? "" : "s");
  }
  ~CpuDevice() override { std::free(scratch_); }

  DeviceKind kind() const override { return DeviceKind::cpu; }
  const char* description() const override { return description_; }

  void* allocate(std::size_t bytes) override { return allocate_aligned(bytes); }
  void release(void* memory) override { std::free(memory); }
  void copy_from_host(void* to, const void* from, std::size_t bytes) override {
    copy(to, from, bytes);
  }
  void copy_to_host(void* to, const void* from, std::size_t bytes) override {
    copy(to, from, bytes);
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    if (bytes != 0) std::memcpy(to, from, bytes);
  }
  void fill_zero(void* memory, std::size_t bytes) override {
    if (bytes != 0) std::memset(memory, 0, bytes);
  }
  void synchronize() override {}

  Stream& stream() override { return whole_; }
  Stream& stream_of_thread(int thread) override {
    return streams_[static_cast<std::size_t>(thread)];
  }
  int threads() const override { return threads_; }
  Threads* team() override { return team_; }

  const Backend<float>& kernels_f32() const override { return f32_; }
  const Backend<double>& kernels_f64() const override { return f64_; }

 private:
  Threads* team_;
  int threads_;
  const Backend<float>& f32_;
  const Backend<double>& f64_;
  std::vector<Stream> streams_;
  Stream whole_;
  std::byte* scratch_ = nullptr;
  char description_[64];
};

}  // namespace

std::unique_ptr<Device> cpu_device(Threads* team, InstructionSet set) {
  if (!available(set))
    fail(ErrorKind::not_available, "instruction set: this CPU does not have %s", name(set));
  return std::make_unique<CpuDevice>(team, set);
}

}  // namespace understudy
