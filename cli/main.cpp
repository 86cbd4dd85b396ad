// understudy VERB ...: parses the options, runs the verb, and turns what went wrong into one line
// and an exit code.

#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>

#include "cli/session/command.h"
#include "kernels/device/error.h"
#include "kernels/device/version.h"

namespace understudy::cli {

namespace {

volatile std::sig_atomic_t interrupt_seen = 0;

// Loops look at `interrupted` once a turn; a turn that takes longer than this (one long step, a
// library of the user's, a pipe that says nothing) is not waited for.
constexpr itimerval patience = {{0, 0}, {0, 500000}};

void on_alarm(int /*signal*/) {
  constexpr char line[] = "understudy: interrupted\n";
  // Files are written whole or not at all and checkpoints stand: there is nothing to tidy up.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line, sizeof line - 1);
  _exit(130);
}

// The second interrupt ends the process as if nobody listened.
void on_interrupt(int signal) {
  interrupt_seen = 1;
  std::signal(signal, SIG_DFL);
  std::signal(SIGALRM, on_alarm);
  setitimer(ITIMER_REAL, &patience, nullptr);
}

int complain(int code, std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  std::fprintf(stderr, "understudy: %s\n", text.c_str());
  return code;
}

int code_of(const Error& error) {
  if (error.kind() == ErrorKind::interrupted) return 130;
  return error.kind() == ErrorKind::not_finite ? 1 : 2;
}

int run(int argc, char** argv) {
  Command command;
  Common& common = command.common;
  CommandLine line("understudy", "Imitation learning on CPU and CUDA", UNDERSTUDY_VERSION);
  Verb root = line.root();
  root.option("--device", common.device, "cpu, cuda, or auto: CUDA where there is a device")
      .one_of({"cpu", "cuda", "auto"});
  root.option("--threads", common.threads, "CPU threads (default: all cores)").between(1, 1024);
  root.option("--seed", common.seed, "of everything that is random (default 0)");
  root.flag("--json", common.json, "one JSON object on standard output");
  root.flag("--quiet", common.quiet, "no progress on standard error");
  const Option resume = root.flag("--resume", common.resume, "continue the run in --out");
  root.flag("--overwrite", common.overwrite, "replace the run in --out").excludes(resume);
  root.footer([] { return std::string("Options above may stand before or behind the verb."); });
  add_info(root, command);
  add_inspect(root, command);
  add_demo(root, command);
  add_reproduce(root, command);
  add_envs(root, command);
  add_env(root, command);
  add_algorithms(root, command);
  add_policies(root, command);
  add_irl(root, command);
  add_report(root, command);
  add_solve(root, command);
  add_world(root, command);
  add_expert(root, command);
  add_train(root, command);
  add_record(root, command);
  add_eval(root, command);
  add_predict(root, command);
  add_export(root, command);
  add_bench(root, command);

  if (const std::optional<int> shown = line.parse(argc, argv)) return *shown;
  const int code = exit_code_of(command.run, common.json);
  if (std::fflush(stdout) != 0) return complain(2, "standard output cannot be written");
  return code;
}

}  // namespace

int exit_code_of(const std::function<int()>& work, bool json) {
  try {
    return work();
  } catch (const OtherSettings& other) {
    if (json) {
      Json object = other.object();
      object["error"] = other.what();
      print(object);
    }
    return complain(2, other.what());
  } catch (const Error& error) {
    return complain(code_of(error), error.what());
  } catch (const std::exception& error) {
    return complain(2, error.what());
  }
}

bool interrupted() { return interrupt_seen != 0; }

void take_time_to_save() {
  constexpr itimerval none = {};
  setitimer(ITIMER_REAL, &none, nullptr);
}

void throw_if_interrupted() {
  if (interrupted()) fail(ErrorKind::interrupted, "interrupted");
}

}  // namespace understudy::cli

int main(int argc, char** argv) {
  using namespace understudy::cli;
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
  return exit_code_of([&] { return run(argc, argv); });
}
