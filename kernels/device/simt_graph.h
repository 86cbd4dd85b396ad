// The emulator's streams and graphs. A stream runs what it is given at once, or, while it is
// captured, records it: launches with their arguments by value, copies and fills. A graph is such a
// list, and launching it runs the list.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/device/simt.h"

namespace understudy::simt {

// One node of a graph.
struct Command {
  enum class Kind : std::uint8_t { launch, copy, fill_zero };
  Kind kind = Kind::launch;

  Launch launch;
  std::unique_ptr<std::byte[]> arguments;  // a copy of what `launch.body` is called with

  void* to = nullptr;
  const void* from = nullptr;
  std::size_t bytes = 0;

  void run() const;
};

class EmulatedStream {
 public:
  bool capturing() const { return capturing_; }
  void begin_capture();
  std::vector<Command> end_capture();
  // Winds up with an error if the stream is being captured: `call` has no place in a graph.
  void refuse_while_capturing(const char* call) const;

  void launch(const Launch& launch, const void* arguments, std::size_t bytes);
  void copy(void* to, const void* from, std::size_t bytes);
  void fill_zero(void* memory, std::size_t bytes);

 private:
  void submit(Command command);

  bool capturing_ = false;
  std::vector<Command> recorded_;
};

// Whether a graph of `now` can take the place of one of `then` by an update: as many nodes, each of
// the same kind and a launch of the same kernel. (CUDA also lets the kernel change.)
bool same_topology(const std::vector<Command>& then, const std::vector<Command>& now);

}  // namespace understudy::simt
