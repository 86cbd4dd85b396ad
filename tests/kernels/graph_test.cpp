// Graphs of a CUDA device, under the emulator and on a GPU alike: what is captured runs when it is
// launched and not before, is updated where addresses change, and an interrupted capture leaves the
// stream usable.

#include "kernels/device/graph.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "kernels/device/backend.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using Vector = std::vector<float>;

// Device memory with the contents of a vector.
class Buffer {
 public:
  Buffer(Device& device, const Vector& values) : device_(device), count_(values.size()) {
    data_ = static_cast<float*>(device.allocate(count_ * sizeof(float)));
    device.copy_from_host(data_, values.data(), count_ * sizeof(float));
  }
  ~Buffer() { device_.release(data_); }
  Buffer(const Buffer&) = delete;
  float* data() const { return data_; }
  Vector values() const {
    Vector values(count_);
    device_.copy_to_host(values.data(), data_, count_ * sizeof(float));
    return values;
  }

 private:
  Device& device_;
  std::size_t count_;
  float* data_;
};

class Graphs : public testing::Test {
 protected:
  void SetUp() override {
    if (cuda_missing_reason() != nullptr) GTEST_SKIP() << cuda_missing_reason();
    device = cuda_device();
  }
  // y = a x + b
  void scale(float a, const Buffer& x, float b, const Buffer& y) {
    device->kernels<float>().elementwise.scale_shift(device->stream(), 3, a, b, x.data(), y.data());
  }

  std::unique_ptr<Device> device;
};

TEST_F(Graphs, run_when_launched_and_not_while_captured) {
  const Buffer x(*device, {1, 2, 3}), y(*device, {0, 0, 0}), z(*device, {7, 7, 7});
  std::unique_ptr<Graph> graph;
  {
    Capture capture(*device);
    scale(2, x, 1, x);
    device->copy(y.data(), x.data(), 3 * sizeof(float));
    device->fill_zero(z.data(), sizeof(float));
    capture.end(graph);
  }
  EXPECT_EQ(x.values(), (Vector{1, 2, 3}));
  EXPECT_EQ(y.values(), (Vector{0, 0, 0}));
  EXPECT_EQ(z.values(), (Vector{7, 7, 7}));
  graph->launch();
  EXPECT_EQ(x.values(), (Vector{3, 5, 7}));
  EXPECT_EQ(y.values(), (Vector{3, 5, 7}));
  EXPECT_EQ(z.values(), (Vector{0, 7, 7}));
  graph->launch();
  graph->launch();
  EXPECT_EQ(y.values(), (Vector{15, 23, 31}));
  EXPECT_EQ(graph->instantiations(), 1);
  EXPECT_EQ(graph->updates(), 0);
}

TEST_F(Graphs, are_updated_where_only_arguments_differ) {
  const Buffer a(*device, {1, 2, 3}), b(*device, {10, 20, 30}), y(*device, {0, 0, 0});
  std::unique_ptr<Graph> graph;
  const auto capture_from = [&](const Buffer& x, float shift) {
    Capture capture(*device);
    scale(1, x, shift, y);
    capture.end(graph);
  };
  capture_from(a, 0.5f);
  const Graph* first = graph.get();
  graph->launch();
  EXPECT_EQ(y.values(), (Vector{1.5f, 2.5f, 3.5f}));
  capture_from(b, 0.25f);
  EXPECT_EQ(graph.get(), first);
  EXPECT_EQ(graph->instantiations(), 1);
  EXPECT_EQ(graph->updates(), 1);
  EXPECT_EQ(y.values(), (Vector{1.5f, 2.5f, 3.5f}));
  graph->launch();
  EXPECT_EQ(y.values(), (Vector{10.25f, 20.25f, 30.25f}));
}

TEST_F(Graphs, are_made_anew_where_the_work_is_other_work) {
  const Buffer x(*device, {1, 2, 3}), y(*device, {0, 0, 0});
  std::unique_ptr<Graph> graph;
  {
    Capture capture(*device);
    scale(1, x, 1, y);
    capture.end(graph);
  }
  {
    Capture capture(*device);
    scale(1, x, 1, y);
    scale(2, y, 0, y);
    capture.end(graph);
  }
  EXPECT_EQ(graph->instantiations(), 2);
  EXPECT_EQ(graph->updates(), 0);
  graph->launch();
  EXPECT_EQ(y.values(), (Vector{4, 6, 8}));
}

TEST_F(Graphs, of_an_interrupted_capture_leave_the_stream_usable) {
  const Buffer x(*device, {1, 2, 3});
  std::unique_ptr<Graph> graph;
  EXPECT_THROW(
      {
        Capture capture(*device);
        scale(1, x, 100, x);
        throw std::runtime_error("interrupted");
      },
      std::runtime_error);
  device->synchronize();
  EXPECT_EQ(x.values(), (Vector{1, 2, 3}));  // what was captured is dropped
  scale(1, x, 1, x);
  EXPECT_EQ(x.values(), (Vector{2, 3, 4}));
  {
    Capture capture(*device);
    scale(1, x, 1, x);
    capture.end(graph);
  }
  graph->launch();
  EXPECT_EQ(x.values(), (Vector{3, 4, 5}));
}

#if !defined(UNDERSTUDY_NATIVE_CUDA)  // on a GPU the process stops, with CUDA's own words

struct Failed {
  std::string message;
};

TEST_F(Graphs, refuse_what_a_stream_must_not_do_while_it_captures) {
  simt::set_failure_handler([](const char* message) { throw Failed{message}; });
  const Buffer x(*device, {1, 2, 3});
  float host[3] = {};
  std::unique_ptr<Graph> other;
  {
    Capture capture(*device);
    scale(1, x, 1, x);
    capture.end(other);
  }
  const auto found = [&](const auto& call) -> std::string {
    try {
      Capture capture(*device);
      call();
    } catch (const Failed& failed) {
      return failed.message;
    }
    return "nothing was refused";
  };
  const std::string captured = " while the stream is being captured";
  EXPECT_EQ(found([&] { device->allocate(4); }), "allocating device memory" + captured);
  EXPECT_EQ(found([&] { device->release(x.data()); }), "releasing device memory" + captured);
  EXPECT_EQ(found([&] { device->synchronize(); }), "waiting for the stream" + captured);
  EXPECT_EQ(found([&] { device->copy_to_host(host, x.data(), 12); }),
            "a copy to the host" + captured);
  EXPECT_EQ(found([&] { device->copy_from_host(x.data(), host, 12); }),
            "a copy from the host" + captured);
  EXPECT_EQ(found([&] { other->launch(); }), "launching a graph" + captured);
  EXPECT_EQ(found([&] { Capture twice(*device); }), "beginning a capture" + captured);
  simt::set_failure_handler(nullptr);
  EXPECT_EQ(x.values(), (Vector{1, 2, 3}));
  other->launch();
  EXPECT_EQ(x.values(), (Vector{2, 3, 4}));
}

#endif

}  // namespace
}  // namespace understudy
