#include "kernels/device/simt_graph.h"

#include <cstdio>
#include <cstring>
#include <utility>

namespace understudy::simt {

void Command::run() const {
  switch (kind) {
    case Kind::launch: return simt::run(launch, arguments.get());
    case Kind::copy: {
      OpenMemory open;
      std::memmove(to, from, bytes);
      return;
    }
    case Kind::fill_zero: {
      OpenMemory open;
      std::memset(to, 0, bytes);
      return;
    }
  }
}

void EmulatedStream::begin_capture() {
  refuse_while_capturing("beginning a capture");
  capturing_ = true;
}

std::vector<Command> EmulatedStream::end_capture() {
  capturing_ = false;
  return std::exchange(recorded_, {});
}

void EmulatedStream::refuse_while_capturing(const char* call) const {
  if (!capturing_) return;
  char message[128];
  std::snprintf(message, sizeof message, "%s while the stream is being captured", call);
  refuse(message);
}

void EmulatedStream::launch(const Launch& launch, const void* arguments, std::size_t bytes) {
  if (!capturing_) return simt::run(launch, arguments);
  Command command;
  command.launch = launch;
  command.arguments = std::make_unique<std::byte[]>(bytes);
  std::memcpy(command.arguments.get(), arguments, bytes);
  recorded_.push_back(std::move(command));
}

void EmulatedStream::copy(void* to, const void* from, std::size_t bytes) {
  Command command;
  command.kind = Command::Kind::copy;
  command.to = to;
  command.from = from;
  command.bytes = bytes;
  submit(std::move(command));
}

void EmulatedStream::fill_zero(void* memory, std::size_t bytes) {
  Command command;
  command.kind = Command::Kind::fill_zero;
  command.to = memory;
  command.bytes = bytes;
  submit(std::move(command));
}

void EmulatedStream::submit(Command command) {
  if (!capturing_) return command.run();
  recorded_.push_back(std::move(command));
}

bool same_topology(const std::vector<Command>& then, const std::vector<Command>& now) {
  if (then.size() != now.size()) return false;
  for (std::size_t i = 0; i < now.size(); ++i)
    if (then[i].kind != now[i].kind || then[i].launch.kernel != now[i].launch.kernel) return false;
  return true;
}

void submit(Stream& stream, const Launch& launch, const void* arguments, std::size_t bytes) {
  if (stream.native == nullptr) return run(launch, arguments);
  static_cast<EmulatedStream*>(stream.native)->launch(launch, arguments, bytes);
}

}  // namespace understudy::simt
