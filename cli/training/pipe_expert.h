// An expert on a pipe: any program that reads questions from its standard input and writes answers
// to its standard output, a line each. So a person at a terminal, a simulator or a planner in
// another language can teach by DAgger.
//
//   question   the observation's numbers, then the internal state's, all separated by commas
//   answer     the action's numbers, separated by commas; of a discrete action its number
//
// Up to 64 questions are written before their answers are read; each must be answered, in order.
// The program is run by the shell and should flush each line. The end of its
// input says that there are no more questions.

#pragma once

#include <cstdio>
#include <string>

#include "algorithms/cloning/expert.h"

namespace understudy::cli {

class PipeExpert final : public Expert {
 public:
  // An Error where no process can be started.
  explicit PipeExpert(std::string command);
  // Waits for the program to end.
  ~PipeExpert() override;
  PipeExpert(const PipeExpert&) = delete;
  PipeExpert& operator=(const PipeExpert&) = delete;

  // An Error that says command and question where the program ends early or answers something else.
  std::vector<float> act(const ExpertQuestion& question) override;

 private:
  void ask(const ExpertQuestion& question, std::int64_t row);
  void answer(std::int64_t width, std::vector<float>& actions);
  [[noreturn]] void refuse(const std::string& expected, const std::string& found) const;

  std::string command_;
  int process_ = -1;
  std::FILE *questions_ = nullptr, *answers_ = nullptr;
  std::int64_t asked_ = 0;
};

}  // namespace understudy::cli
