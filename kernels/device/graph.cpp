#include "kernels/device/graph.h"

#include "kernels/device/device.h"

namespace understudy {

Capture::Capture(Device& device) : device_(device) { device_.begin_capture(); }

Capture::~Capture() {
  if (capturing_) device_.drop_capture();
}

void Capture::end(std::unique_ptr<Graph>& graph) {
  capturing_ = false;  // also where making the graph fails: the capture itself has ended
  device_.end_capture(graph);
}

}  // namespace understudy
