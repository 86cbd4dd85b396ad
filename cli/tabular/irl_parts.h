// What `irl` is made of beside its loop: the inputs, how well what was found does, and what --trace
// writes.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "algorithms/tabular/learner.h"
#include "cli/session/run_folder.h"
#include "cli/tabular/problem_source.h"

namespace understudy::cli {

// What an algorithm is given, checked: nothing of a run is there yet.
struct IrlInputs {
  LoadedProblem loaded;
  bool indicators = false;  // features of the problem's own: none
  Problem given, problem;   // the problem, and as the algorithm takes it
  std::vector<Trajectory> demonstrations;
  std::vector<std::string> remarks;

  bool over_longest() const { return given.horizon != problem.horizon; }
};

// What is wrong with them is an `Error`. Of an algorithm that has no discount, a discounted problem
// is taken over the longest demonstration.
IrlInputs inputs_of(const ProblemSource& source, const std::vector<std::string>& demonstrations,
                    const TabularAlgorithm& algorithm);

// How much worse than the best behavior the found one is, where the true reward is known. A model
// over the longest demonstration's steps is judged, as every other is, in the problem that was
// given: by the soft-optimal policy of the reward that it found. NaN where there is no value.
class Judge {
 public:
  Judge(Device& device, const IrlInputs& in) : device_(device), in_(in) {}
  bool can() const { return !in_.given.reward.empty() && in_.given.n_goals() == 0; }
  double of(const Recovered& found) const;

 private:
  Device& device_;
  const IrlInputs& in_;
};

// What --trace writes of an iteration: the feature gaps as rows of trace.csv, and everything that
// the model passes along as RUN/trace/ITERATION.npz.
class Tracer {
 public:
  Tracer(RunFolder& run, Device& device, const IrlInputs& in, Expectation expectation);
  Metrics of(std::int64_t iteration, TabularLearner& learner) const;

 private:
  void add_messages(const std::vector<double>& reward, files::NamedArrays& arrays) const;
  std::vector<double> gaps_of(const std::vector<double>& policy) const;

  RunFolder& run_;
  Device& device_;
  const IrlInputs& in_;
  Expectation expectation_;
  std::vector<double> demonstrated_;
};

}  // namespace understudy::cli
