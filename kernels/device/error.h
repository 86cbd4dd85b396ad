// Errors: what went wrong, what was expected, what was found, and where.
//
// Two kinds of trouble:
//
//   * Bad input (a file, a shape, an option) calls `fail`, which throws an `Error`. Whoever catches
//     it can print `what()` as one line and go on; nothing has been changed or written.
//   * A programming mistake (a broken invariant of our own) calls `broken`, which says where and
//     stops the process at once: there is no sensible way on.
//
// Built without exceptions (EMBEDDED=1), `fail` calls the handler set by `set_error_handler`, which
// must not return; without a handler the process stops.

#pragma once

#include <cstddef>

#if defined(__cpp_exceptions)
#include <exception>
#endif

namespace understudy {

// What kind of bad input it was. The command turns every kind into exit code 2, except
// `not_finite` and `interrupted`, which are the work's own end (1 and 130).
enum class ErrorKind { bad_input, bad_shape, bad_file, not_available, not_finite, interrupted };

// One line of at most `capacity - 1` bytes; never allocates, so that it works when memory is short.
class Error
#if defined(__cpp_exceptions)
    : public std::exception
#endif
{
 public:
  static constexpr std::size_t capacity = 512;

  Error(ErrorKind kind, const char* message) noexcept;

  ErrorKind kind() const noexcept { return kind_; }

#if defined(__cpp_exceptions)
  const char* what() const noexcept override { return message_; }
#else
  const char* what() const noexcept { return message_; }
#endif

 private:
  ErrorKind kind_;
  char message_[capacity];
};

using ErrorHandler = void (*)(const Error&);

// Sets what `fail` calls when exceptions are off. Returns the previous handler.
ErrorHandler set_error_handler(ErrorHandler handler) noexcept;

// Throws an `Error` with a message in the style of printf.
[[noreturn]] void fail(ErrorKind kind, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

// Reports a broken invariant of our own on standard error, with its place, and aborts.
[[noreturn]] void broken(const char* file, int line, const char* format, ...)
    __attribute__((format(printf, 3, 4)));

}  // namespace understudy

// Checked in every build: an invariant costs little beside what it guards.
#define UNDERSTUDY_CHECK(condition, ...)                        \
  do {                                                          \
    if (!(condition)) [[unlikely]]                              \
      ::understudy::broken(__FILE__, __LINE__, "" __VA_ARGS__); \
  } while (false)
