// CUDA as a device: its memory, one stream, and graphs. Compiled by nvcc it is the first GPU of the
// machine, compiled by a C++ compiler the emulator.

#include <cstdio>
#include <utility>
#include <vector>

#include "kernels/device/device.h"
#include "kernels/device/error.h"
#include "kernels/device/launch.h"
#if !defined(__CUDACC__)
#include "kernels/device/simt_graph.h"
#endif

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
    const cudaError_t status = cudaMalloc(&memory, bytes == 0 ? 1 : bytes);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      fail(ErrorKind::not_available, "device memory: %zu bytes were asked and not to be had",
           bytes);
    }
    UNDERSTUDY_CUDA(status);
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

  using Captured = cudaGraph_t;
  using Executable = cudaGraphExec_t;

  void begin_capture() {
    UNDERSTUDY_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  }
  Captured end_capture() {
    cudaGraph_t graph = nullptr;
    UNDERSTUDY_CUDA(cudaStreamEndCapture(stream, &graph));
    return graph;
  }
  // Also of a capture that an illegal call has invalidated: that call has reported it.
  void drop_capture() {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    cudaGraph_t graph = nullptr;
    if (cudaStreamIsCapturing(stream, &status) == cudaSuccess &&
        status != cudaStreamCaptureStatusNone &&
        cudaStreamEndCapture(stream, &graph) == cudaSuccess)
      cudaGraphDestroy(graph);
    cudaGetLastError();
  }
  Executable instantiate(Captured& graph) {
    cudaGraphExec_t executable = nullptr;
    UNDERSTUDY_CUDA(cudaGraphInstantiate(&executable, graph, 0));
    return executable;
  }
  // Launches that are queued keep the arguments that they were queued with.
  bool update(Executable& executable, Captured& graph) {
    cudaGraphExecUpdateResultInfo why;
    const cudaError_t status = cudaGraphExecUpdate(executable, graph, &why);
    if (status == cudaSuccess) return true;
    cudaGetLastError();
    if (status != cudaErrorGraphExecUpdateFailure) UNDERSTUDY_CUDA(status);
    return false;
  }
  void drop(Captured& graph) { UNDERSTUDY_CUDA(cudaGraphDestroy(graph)); }
  void launch(const Executable& executable) {
    UNDERSTUDY_CUDA(cudaGraphLaunch(executable, stream));
  }
  void destroy(Executable& executable) {
    if (executable == nullptr) return;
    synchronize();
    UNDERSTUDY_CUDA(cudaGraphExecDestroy(executable));
    executable = nullptr;
  }
};

#else

const char* find_missing_reason() { return nullptr; }

struct Runtime {
  simt::EmulatedStream own;
  simt::EmulatedStream* stream = &own;

  Runtime() = default;
  Runtime(const Runtime&) = delete;

  void describe(char* text, std::size_t size) const { std::snprintf(text, size, "cuda emulated"); }
  void* allocate(std::size_t bytes) {
    own.refuse_while_capturing("allocating device memory");
    return simt::allocate(bytes == 0 ? 1 : bytes);
  }
  void release(void* memory) {
    own.refuse_while_capturing("releasing device memory");
    simt::release(memory);
  }
  void from_host(void* to, const void* from, std::size_t bytes) {
    own.refuse_while_capturing("a copy from the host");
    check(to, bytes);
    UNDERSTUDY_CHECK(!simt::is_device_memory(from, bytes), "the source is not the host's");
    own.copy(to, from, bytes);
  }
  void to_host(void* to, const void* from, std::size_t bytes) {
    own.refuse_while_capturing("a copy to the host");
    check(from, bytes);
    UNDERSTUDY_CHECK(!simt::is_device_memory(to, bytes), "the destination is not the host's");
    own.copy(to, from, bytes);
  }
  void within(void* to, const void* from, std::size_t bytes) {
    check(to, bytes);
    check(from, bytes);
    own.copy(to, from, bytes);
  }
  void zero(void* memory, std::size_t bytes) {
    check(memory, bytes);
    own.fill_zero(memory, bytes);
  }
  void synchronize() { own.refuse_while_capturing("waiting for the stream"); }

  using Captured = std::vector<simt::Command>;
  using Executable = std::vector<simt::Command>;

  void begin_capture() { own.begin_capture(); }
  Captured end_capture() { return own.end_capture(); }
  void drop_capture() { own.end_capture(); }
  Executable instantiate(Captured& graph) { return std::move(graph); }
  bool update(Executable& executable, Captured& graph) {
    if (!simt::same_topology(executable, graph)) return false;
    executable = std::move(graph);
    return true;
  }
  void drop(Captured&) {}
  void launch(const Executable& executable) {
    own.refuse_while_capturing("launching a graph");
    for (const simt::Command& command : executable) command.run();
  }
  void destroy(Executable& executable) { executable.clear(); }

 private:
  static void check(const void* memory, std::size_t bytes) {
    UNDERSTUDY_CHECK(simt::is_device_memory(memory, bytes), "%p is not device memory", memory);
  }
};

#endif

class CudaGraph final : public Graph {
 public:
  explicit CudaGraph(Runtime& runtime) : runtime_(runtime) {}
  ~CudaGraph() override { runtime_.destroy(executable_); }

  void launch() override { runtime_.launch(executable_); }
  void take(Runtime::Captured captured) {
    if (instantiations_ > 0 && runtime_.update(executable_, captured)) {
      ++updates_;
    } else {
      runtime_.destroy(executable_);
      executable_ = runtime_.instantiate(captured);
      ++instantiations_;
    }
    runtime_.drop(captured);
  }

 private:
  Runtime& runtime_;
  Runtime::Executable executable_{};
};

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

  bool captures_graphs() const override { return true; }
  void begin_capture() override { runtime_.begin_capture(); }
  void end_capture(std::unique_ptr<Graph>& graph) override {
    Runtime::Captured captured = runtime_.end_capture();
    if (graph == nullptr) graph = std::make_unique<CudaGraph>(runtime_);
    static_cast<CudaGraph&>(*graph).take(std::move(captured));
  }
  void drop_capture() noexcept override { runtime_.drop_capture(); }

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
