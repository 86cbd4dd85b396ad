// CUDA as a device: its memory, one stream, and graphs. Compiled by nvcc it is the first GPU of the
// machine, compiled by a C++ compiler the emulator.

#include <cstdio>
#include <cstring>

#include "kernels/device/device.h"
#include "kernels/device/error.h"
#include "kernels/device/launch.h"

namespace understudy {

namespace {

#if defined(__CUDACC__)

__global__ void probe() {}

// Looks for the driver at run time (the runtime is linked statically), so that a program starts on
// machines without one.
const char* find_missing_reason() {
  static char reason[400];
  int driver = 0, runtime = 0, devices = 0;
  cudaRuntimeGetVersion(&runtime);
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) return "no NVIDIA driver";
  const cudaError_t status = cudaGetDeviceCount(&devices);
  if (status == cudaErrorInsufficientDriver) {
    std::snprintf(reason, sizeof reason, "the driver is for CUDA %d.%d, this build for %d.%d",
                  driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
    return reason;
  }
  if (status == cudaErrorNoDevice || (status == cudaSuccess && devices == 0))
    return "no CUDA device";
  if (status != cudaSuccess) {
    std::snprintf(reason, sizeof reason, "%s", cudaGetErrorString(status));
    return reason;
  }
  cudaFuncAttributes attributes;
  if (cudaFuncGetAttributes(&attributes, probe) != cudaSuccess) {
    cudaGetLastError();
    cudaDeviceProp properties;
    UNDERSTUDY_CUDA(cudaGetDeviceProperties(&properties, 0));
    std::snprintf(reason, sizeof reason,
                  "this build has no kernels for the %s (compute capability %d.%d; see CUDA_ARCH)",
                  properties.name, properties.major, properties.minor);
    return reason;
  }
  return nullptr;
}

// The calls that differ between the GPU and the emulator.
struct Runtime {
  cudaStream_t stream = nullptr;

  Runtime() {
    UNDERSTUDY_CUDA(cudaSetDevice(0));
    UNDERSTUDY_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  }
  ~Runtime() { cudaStreamDestroy(stream); }
  Runtime(const Runtime&) = delete;

  void describe(char* text, std::size_t size) const {
    cudaDeviceProp properties;
    UNDERSTUDY_CUDA(cudaGetDeviceProperties(&properties, 0));
    std::snprintf(text, size, "cuda %s", properties.name);
  }
  void* allocate(std::size_t bytes) {
    void* memory = nullptr;
    if (cudaMalloc(&memory, bytes == 0 ? 1 : bytes) != cudaSuccess) {
      cudaGetLastError();
      fail(ErrorKind::not_available, "device memory: %zu bytes were asked and not to be had",
           bytes);
    }
    return memory;
  }
  void release(void* memory) {
    synchronize();
    UNDERSTUDY_CUDA(cudaFree(memory));
  }
  void from_host(void* to, const void* from, std::size_t bytes) {
    UNDERSTUDY_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream));
    synchronize();
  }
  void to_host(void* to, const void* from, std::size_t bytes) {
    UNDERSTUDY_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream));
    synchronize();
  }
  void within(void* to, const void* from, std::size_t bytes) {
    UNDERSTUDY_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream));
  }
  void zero(void* memory, std::size_t bytes) {
    UNDERSTUDY_CUDA(cudaMemsetAsync(memory, 0, bytes, stream));
  }
  void synchronize() { UNDERSTUDY_CUDA(cudaStreamSynchronize(stream)); }

  bool graph_begin() {
    UNDERSTUDY_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    return true;
  }
  void* graph_end() {
    cudaGraph_t graph;
    cudaGraphExec_t executable;
    UNDERSTUDY_CUDA(cudaStreamEndCapture(stream, &graph));
    UNDERSTUDY_CUDA(cudaGraphInstantiate(&executable, graph, 0));
    UNDERSTUDY_CUDA(cudaGraphDestroy(graph));
    return executable;
  }
  void graph_launch(void* graph) {
    UNDERSTUDY_CUDA(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), stream));
  }
  void graph_release(void* graph) {
    synchronize();
    UNDERSTUDY_CUDA(cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)));
  }
};

#else

const char* find_missing_reason() { return nullptr; }

struct Runtime {
  void* stream = nullptr;

  void describe(char* text, std::size_t size) const { std::snprintf(text, size, "cuda emulated"); }
  void* allocate(std::size_t bytes) { return simt::allocate(bytes == 0 ? 1 : bytes); }
  void release(void* memory) { simt::release(memory); }
  void from_host(void* to, const void* from, std::size_t bytes) {
    check(to, bytes);
    UNDERSTUDY_CHECK(!simt::is_device_memory(from, bytes), "the source is not the host's");
    move(to, from, bytes);
  }
  void to_host(void* to, const void* from, std::size_t bytes) {
    check(from, bytes);
    UNDERSTUDY_CHECK(!simt::is_device_memory(to, bytes), "the destination is not the host's");
    move(to, from, bytes);
  }
  void within(void* to, const void* from, std::size_t bytes) {
    check(to, bytes);
    check(from, bytes);
    move(to, from, bytes);
  }
  void zero(void* memory, std::size_t bytes) {
    check(memory, bytes);
    simt::OpenMemory open;
    std::memset(memory, 0, bytes);
  }
  void synchronize() {}
  bool graph_begin() { return false; }
  void* graph_end() { return nullptr; }
  void graph_launch(void*) {}
  void graph_release(void*) {}

 private:
  static void check(const void* memory, std::size_t bytes) {
    UNDERSTUDY_CHECK(simt::is_device_memory(memory, bytes), "%p is not device memory", memory);
  }
  static void move(void* to, const void* from, std::size_t bytes) {
    simt::OpenMemory open;
    std::memcpy(to, from, bytes);
  }
};

#endif

class CudaDevice final : public Device {
 public:
  CudaDevice(const Backend<float>* f32, const Backend<double>* f64) : f32_(f32), f64_(f64) {
    stream_.native = runtime_.stream;
    stream_.scratch = static_cast<std::byte*>(runtime_.allocate(Stream::minimum_scratch));
    stream_.scratch_bytes = Stream::minimum_scratch;
    runtime_.describe(description_, sizeof description_);
  }
  ~CudaDevice() override { runtime_.release(stream_.scratch); }

  DeviceKind kind() const override { return DeviceKind::cuda; }
  const char* description() const override { return description_; }

  void* allocate(std::size_t bytes) override { return runtime_.allocate(bytes); }
  void release(void* memory) override {
    if (memory != nullptr) runtime_.release(memory);
  }
  void copy_from_host(void* to, const void* from, std::size_t bytes) override {
    if (bytes != 0) runtime_.from_host(to, from, bytes);
  }
  void copy_to_host(void* to, const void* from, std::size_t bytes) override {
    if (bytes != 0) runtime_.to_host(to, from, bytes);
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    if (bytes != 0) runtime_.within(to, from, bytes);
  }
  void fill_zero(void* memory, std::size_t bytes) override {
    if (bytes != 0) runtime_.zero(memory, bytes);
  }
  void synchronize() override { runtime_.synchronize(); }

  Stream& stream() override { return stream_; }
  Stream& stream_of_thread(int) override { return stream_; }
  int threads() const override { return 1; }
  Threads* team() override { return nullptr; }

  const Backend<float>& kernels_f32() const override { return *f32_; }
  const Backend<double>& kernels_f64() const override { return *f64_; }

  bool graph_begin() override { return runtime_.graph_begin(); }
  void* graph_end() override { return runtime_.graph_end(); }
  void graph_launch(void* graph) override { runtime_.graph_launch(graph); }
  void graph_release(void* graph) override { runtime_.graph_release(graph); }

 private:
  Runtime runtime_;
  const Backend<float>* f32_;
  const Backend<double>* f64_;
  Stream stream_;
  char description_[288];
};

}  // namespace

const char* cuda_missing_reason() {
  static const char* reason = find_missing_reason();
  return reason;
}

std::unique_ptr<Device> cuda_device(const Backend<float>* f32, const Backend<double>* f64) {
  if (cuda_missing_reason() != nullptr)
    fail(ErrorKind::not_available, "device cuda: %s", cuda_missing_reason());
  return std::make_unique<CudaDevice>(f32, f64);
}

}  // namespace understudy
