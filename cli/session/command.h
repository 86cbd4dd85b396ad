// What the verbs of the command share: options that are the same everywhere, the device and its
// threads, interruption, and how results leave.
//
// A verb is one file with one `add_` function, which declares its options and says what runs. Exit
// codes: 0 done; 1 the work failed; 2 bad input or options, one line on standard error says what;
// 130 interrupted.

#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/session/arguments.h"
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

void add_info(Verb& root, Command& command);
void add_inspect(Verb& root, Command& command);
void add_demo(Verb& root, Command& command);
void add_reproduce(Verb& root, Command& command);
void add_envs(Verb& root, Command& command);
void add_env(Verb& root, Command& command);
void add_algorithms(Verb& root, Command& command);
void add_policies(Verb& root, Command& command);
void add_irl(Verb& root, Command& command);
void add_report(Verb& root, Command& command);
void add_solve(Verb& root, Command& command);
void add_world(Verb& root, Command& command);
void add_expert(Verb& root, Command& command);
void add_train(Verb& root, Command& command);
void add_record(Verb& root, Command& command);
void add_eval(Verb& root, Command& command);
void add_predict(Verb& root, Command& command);
void add_export(Verb& root, Command& command);
void add_bench(Verb& root, Command& command);

// The device that the options ask for, with its team.
class Session {
 public:
  explicit Session(const Common& common);
  Device& device() { return *device_; }

 private:
  std::unique_ptr<Threads> team_;
  std::unique_ptr<Device> device_;
};

// Whether an interrupt (Ctrl-C) came; after one, an Error of the kind `interrupted`. Who does not
// look for half a second is ended where it stands, with the same exit code.
bool interrupted();
void throw_if_interrupted();
// After an interrupt: a checkpoint is being written, which may take longer.
void take_time_to_save();

// DATA/NAME, DATA being --data or, where that is empty, UNDERSTUDY_DATA; an Error without either.
std::string data_folder(const std::string& data, const std::string& name);

// A run was to go on with other settings than it was begun with: exit code 2. The line is as long
// as it must be; --json has the same as an object.
class OtherSettings : public std::exception {
 public:
  OtherSettings(std::string text, Json object)
      : text_(std::move(text)), object_(std::move(object)) {}
  const char* what() const noexcept override { return text_.c_str(); }
  const Json& object() const { return object_; }

 private:
  std::string text_;
  Json object_;
};

// On standard error, each a line "remark: ...", unless --quiet: what an input holds that has no
// effect, and what was assumed.
void print_remarks(const Common& common, const std::vector<std::string>& remarks);

// Does the work; what goes wrong becomes one line on standard error and an exit code. `json`: a
// run's other settings are printed as an object, too.
int exit_code_of(const std::function<int()>& work, bool json = false);

// On standard output, nothing else being there.
void print(const Json& object);

// Text in the style of printf.
std::string formatted(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace understudy::cli
