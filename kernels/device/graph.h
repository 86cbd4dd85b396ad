// CUDA graphs: the work that a stream was given while it was captured, launched again as one piece.
//
//   std::unique_ptr<Graph> graph;
//   {
//     Capture capture(device);         // the stream records what it is given, and runs nothing
//     work(device.stream());
//     capture.end(graph);              // makes the graph, or updates it
//   }
//   graph->launch();                   // the work runs, in its order; again as often as wanted
//
// The first run of some work must not be captured: it may load modules, make a cuBLAS handle or
// take memory for it, and none of that is legal while capturing. So run once, capture the second
// time, and launch from then on.
//
// While a stream captures, its device refuses what a graph cannot hold: allocating and releasing
// memory, waiting for the stream, and copies from or to the host. The emulator captures, launches
// and updates as CUDA does, and names the call that is refused.
//
// Thread safety: capture, update and launch are calls on the device's stream, one thread at a time.

#pragma once

#include <memory>

namespace understudy {

class Device;

class Graph {
 public:
  virtual ~Graph() = default;  // waits until launches that are queued have finished
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Queues everything that was captured.
  virtual void launch() = 0;

  // How often a capture was made into an executable, and how often it only replaced the arguments
  // of the one that was there (cudaGraphExecUpdate): the same kernels, copies and fills, in the
  // same order, with other addresses or sizes.
  int instantiations() const { return instantiations_; }
  int updates() const { return updates_; }

 protected:
  Graph() = default;
  int instantiations_ = 0, updates_ = 0;
};

// The stream of `device` captures from here to `end`; without it, as when an exception passes by,
// to the end of the scope, and what was captured is dropped. Either way the stream is usable again.
class Capture {
 public:
  explicit Capture(Device& device);
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  // Null becomes a new graph. A graph is updated, and made anew only where that is refused.
  void end(std::unique_ptr<Graph>& graph);

 private:
  Device& device_;
  bool capturing_ = true;
};

}  // namespace understudy
