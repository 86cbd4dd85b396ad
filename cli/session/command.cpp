#include "cli/session/command.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "kernels/device/error.h"

namespace understudy::cli {

Session::Session(const Common& common) {
  const bool cuda =
      common.device == "cuda" || (common.device == "auto" && cuda_missing_reason() == nullptr);
  if (cuda) {
    device_ = cuda_device();  // an Error that says why, where there is none
    return;
  }
  team_ = std::make_unique<Threads>(common.threads == 0 ? available_cores() : common.threads);
  device_ = cpu_device(team_.get());
}

std::string data_folder(const std::string& data, const std::string& name) {
  const char* from_environment = std::getenv("UNDERSTUDY_DATA");
  if (data.empty() && from_environment == nullptr)
    fail(ErrorKind::bad_input, "the data %s are needed: --data DIR or UNDERSTUDY_DATA",
         name.c_str());
  std::string folder = (data.empty() ? from_environment : data) + ("/" + name);
  if (!std::filesystem::is_directory(folder))
    fail(ErrorKind::bad_input, "%s: no such folder of data", folder.c_str());
  return folder;
}

void print_remarks(const Common& common, const std::vector<std::string>& remarks) {
  if (common.quiet) return;
  for (const std::string& remark : remarks) std::fprintf(stderr, "remark: %s\n", remark.c_str());
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
