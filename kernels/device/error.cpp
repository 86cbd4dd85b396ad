#include "kernels/device/error.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace understudy {

namespace {

ErrorHandler error_handler = nullptr;

}  // namespace

Error::Error(ErrorKind kind, const char* message) noexcept : kind_(kind) {
  std::snprintf(message_, capacity, "%s", message);
}

ErrorHandler set_error_handler(ErrorHandler handler) noexcept {
  ErrorHandler previous = error_handler;
  error_handler = handler;
  return previous;
}

void fail(ErrorKind kind, const char* format, ...) {
  char message[Error::capacity];
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
#if defined(__cpp_exceptions)
  throw Error(kind, message);
#else
  if (error_handler != nullptr) error_handler(Error(kind, message));
  std::fprintf(stderr, "understudy: %s\n", message);
  std::abort();
#endif
}

void broken(const char* file, int line, const char* format, ...) {
  std::fprintf(stderr, "understudy: broken invariant at %s:%d: ", file, line);
  std::va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fputc('\n', stderr);
  std::abort();
}

}  // namespace understudy
