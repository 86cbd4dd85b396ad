#include "cli/training/pipe_expert.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "autograd/files/csv.h"
#include "cli/session/command.h"
#include "kernels/device/error.h"

namespace understudy::cli {

PipeExpert::PipeExpert(std::string command) : command_(std::move(command)) {
  int down[2], up[2];
  // Closed when another program is run, so that a second expert does not hold the first one's ends.
  if (pipe2(down, O_CLOEXEC) != 0 || pipe2(up, O_CLOEXEC) != 0)
    fail(ErrorKind::bad_input, "expert '%s': no pipe: %s", command_.c_str(), std::strerror(errno));
  // A program that ends early is found by what it did not answer, not by a signal.
  std::signal(SIGPIPE, SIG_IGN);
  process_ = fork();
  if (process_ < 0)
    fail(ErrorKind::bad_input, "expert '%s': no process: %s", command_.c_str(),
         std::strerror(errno));
  if (process_ == 0) {
    dup2(down[0], STDIN_FILENO);
    dup2(up[1], STDOUT_FILENO);
    std::signal(SIGPIPE, SIG_DFL);
    execl("/bin/sh", "sh", "-c", command_.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  close(down[0]);
  close(up[1]);
  questions_ = fdopen(down[1], "w");
  answers_ = fdopen(up[0], "r");
}

PipeExpert::~PipeExpert() {
  std::fclose(questions_);
  std::fclose(answers_);
  int status = 0;
  waitpid(process_, &status, 0);
}

void PipeExpert::refuse(const std::string& expected, const std::string& found) const {
  fail(ErrorKind::bad_input, "expert '%s', answer %lld: expected %s, found %s", command_.c_str(),
       static_cast<long long>(asked_), expected.c_str(), found.c_str());
}

std::vector<float> PipeExpert::act(const ExpertQuestion& question) {
  // So few at a time that they and their answers fit into the pipes: else either side could wait
  // for the other to read.
  constexpr std::int64_t block = 64;
  std::vector<float> actions;
  for (std::int64_t first = 0; first < question.rows; first += block) {
    const std::int64_t last = std::min(question.rows, first + block);
    for (std::int64_t row = first; row < last; ++row) ask(question, row);
    std::fflush(questions_);
    for (std::int64_t row = first; row < last; ++row) answer(question.action_width, actions);
  }
  return actions;
}

void PipeExpert::ask(const ExpertQuestion& question, std::int64_t row) {
  bool first = true;
  const auto write = [&](const std::vector<float>& values, std::int64_t width) {
    if (values.empty()) return;
    for (std::int64_t i = row * width; i < (row + 1) * width; ++i) {
      // Nine digits bring back every single-precision number.
      std::fprintf(questions_, first ? "%.9g" : ",%.9g",
                   static_cast<double>(values[static_cast<std::size_t>(i)]));
      first = false;
    }
  };
  write(question.observations, question.observation_width);
  write(question.states, question.state_width);
  std::fputc('\n', questions_);
}

void PipeExpert::answer(std::int64_t width, std::vector<float>& actions) {
  ++asked_;
  const std::string expected =
      formatted("%lld numbers separated by commas", static_cast<long long>(width));
  std::string line;
  int c;
  while ((c = std::fgetc(answers_)) != EOF && c != '\n') line.push_back(static_cast<char>(c));
  if (c == EOF) {
    throw_if_interrupted();
    refuse(expected, line.empty() ? "the end of its output" : "'" + line + "' and the end");
  }
  std::size_t begin = 0;
  for (std::int64_t d = 0; d < width; ++d) {
    const bool last = d + 1 == width;
    const std::size_t comma = line.find(',', begin);
    const std::size_t end = last ? line.size() : comma;
    double value = 0;
    if (end == std::string::npos || (last && comma != std::string::npos) ||
        !files::parse_number(std::string_view(line).substr(begin, end - begin), value))
      refuse(expected, "'" + line + "'");
    actions.push_back(static_cast<float>(value));
    begin = end + 1;
  }
}

}  // namespace understudy::cli
