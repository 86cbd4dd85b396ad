// What the tests of files share: a folder of their own, arrays of every type, the message of an
// Error, and a Python to hold our files against NumPy's and safetensors' own readers.

#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "autograd/files/array.h"
#include "kernels/device/error.h"

namespace understudy::files {

// A folder that is there as long as the test, and empty before.
class FilesTest : public testing::Test {
 protected:
  FilesTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "understudy-XXXXXX").string();
    UNDERSTUDY_CHECK(::mkdtemp(pattern.data()) != nullptr, "no temporary folder");
    folder_ = pattern;
  }
  ~FilesTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::size_t files_in_folder() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder_), {}));
  }

  std::filesystem::path folder_;
};

inline void put_file(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary)
      .write(text.data(), static_cast<std::streamsize>(text.size()));
}

inline std::string get_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What `action` complains of, "" if of nothing.
template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// (The name within is one that no caller's `part` can mean.)
#define EXPECT_ERROR(statement, part)                                                 \
  do {                                                                                \
    const std::string expect_error_found =                                            \
        ::understudy::files::error_of([&] { static_cast<void>(statement); });         \
    EXPECT_NE(expect_error_found.find(part), std::string::npos)                       \
        << "expected an error with: " << (part) << "\nfound: " << expect_error_found; \
  } while (false)

// Any bits are a value of any type, but for a bool.
inline Array random_array(ElementType type, const Shape& shape, unsigned seed) {
  Array array(type, shape);
  std::mt19937 generator(seed);
  for (std::byte& byte : array.bytes()) {
    byte = static_cast<std::byte>(generator() & (type == ElementType::boolean ? 1 : 0xff));
  }
  return array;
}

// Runs tests/oracles/SCRIPT with the Python that has the packages: 0 agreed, 77 one is absent.
inline int run_oracle(const std::string& script, const std::string& arguments) {
  const char* python = std::getenv("UNDERSTUDY_PYTHON");
  const std::string command = std::string(python != nullptr ? python : "/usr/bin/env python3") +
                              " tests/oracles/" + script + " " + arguments;
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define RUN_ORACLE(script, arguments)                                                          \
  do {                                                                                         \
    const int status = ::understudy::files::run_oracle(script, arguments);                     \
    if (status == 77 || status == 127)                                                         \
      GTEST_SKIP() << "no Python with the packages that " script " needs (UNDERSTUDY_PYTHON)"; \
    ASSERT_EQ(status, 0) << script " " << (arguments);                                         \
  } while (false)

}  // namespace understudy::files
