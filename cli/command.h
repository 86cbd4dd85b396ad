// What the verbs of the command share: options that are the same everywhere, the device and its
// threads, interruption, and how results leave.
//
// A verb is one file with one `add_` function, which declares its options and says what runs. Exit
// codes: 0 done; 1 the work failed; 2 bad input or options, one line on standard error says what;
// 130 interrupted.

#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "kernels/device/device.h"
#include "kernels/device/threads.h"

namespace understudy::cli {

// Members in the order in which they were set.
using Json = nlohmann::ordered_json;

struct Common {
  std::string device = "auto";  // cpu, cuda, auto: CUDA where there is a device
  int threads = 0;              // 0: as many as processors
  std::uint64_t seed = 0;
  bool json = false, quiet = false;
  bool resume = false, overwrite = false;  // what becomes of a run that --out has already
};

// Filled while options are parsed, run when all are known.
struct Command {
  Common common;
  std::function<int()> run;  // of the chosen verb; returns the exit code
};

void add_info(CLI::App& app, Command& command);
void add_inspect(CLI::App& app, Command& command);
void add_demo(CLI::App& app, Command& command);
void add_reproduce(CLI::App& app, Command& command);
void add_envs(CLI::App& app, Command& command);
void add_env(CLI::App& app, Command& command);
void add_algorithms(CLI::App& app, Command& command);
void add_policies(CLI::App& app, Command& command);
void add_irl(CLI::App& app, Command& command);
void add_report(CLI::App& app, Command& command);
void add_solve(CLI::App& app, Command& command);
void add_world(CLI::App& app, Command& command);
void add_expert(CLI::App& app, Command& command);
void add_train(CLI::App& app, Command& command);
void add_record(CLI::App& app, Command& command);
void add_eval(CLI::App& app, Command& command);
void add_predict(CLI::App& app, Command& command);

// The device that the options ask for, with its team.
class Session {
 public:
  explicit Session(const Common& common);
  Device& device() { return *device_; }

 private:
  std::unique_ptr<Threads> team_;
  std::unique_ptr<Device> device_;
};

// Whether an interrupt (Ctrl-C) came; after one, an Error of the kind `interrupted`.
bool interrupted();
void throw_if_interrupted();

// DATA/NAME, DATA being --data or, where that is empty, UNDERSTUDY_DATA; an Error without either.
std::string data_folder(const std::string& data, const std::string& name);

// On standard output, nothing else being there.
void print(const Json& object);

// Text in the style of printf.
std::string formatted(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace understudy::cli
