#include "cli/command.h"

#include <cstdarg>
#include <cstdio>

namespace understudy::cli {

Session::Session(const Common& common) {
  const bool cuda =
      common.device == "cuda" || (common.device == "auto" && cuda_missing_reason() == nullptr);
  if (cuda) {
    device_ = cuda_device();  // an Error that says why, where there is none
    return;
  }
  team_ = std::make_unique<Threads>(common.threads == 0 ? processor_count() : common.threads);
  device_ = cpu_device(team_.get());
}

void print(const Json& object) {
  // A path may hold any bytes; those that are no UTF-8 are replaced, as JSON cannot have them.
  const std::string text = object.dump(2, ' ', false, Json::error_handler_t::replace);
  std::printf("%s\n", text.c_str());
}

std::string formatted(const char* format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return text;
}

}  // namespace understudy::cli
