// Exercises in motion capture (Fox et al. 2014): the next pose, and the next second of poses.
//
// Two tables. The next pose of twelve channels at 10 poses a second, in units of their standard
// deviations, beside linear autoregressions: a policy observes the last five poses and corrects an
// autoregression of that order; every sequence is augmented by its mirror image. And free-running
// poses of 59 angles at 30 a second: a policy is conditioned on twenty poses and continues for a
// second, trained with teacher forcing or scheduled sampling; the measure is the mean absolute
// error of an angle, beside zero velocity, which Martinez et al. (2017) found hard to beat. 13_31
// is held out, the data's own split; no setting was chosen on it but those that the results page
// names.

#include "cli/reproduce/mocap.h"

namespace understudy::cli {

namespace mocap {

constexpr OptionChoice parts[] = {{0, "pose"}, {1, "second"}, {2, "all"}};

void run(Reproduction& reproduction, const MocapSettings& settings) {
  Session session(reproduction.common);
  const std::int64_t seeds = reproduction.seeds_or(5);
  const bool poses = settings.part != "second", ahead = settings.part != "pose";
  Progress progress(
      seeds * 3 * ((poses ? settings.pose_iterations : 0) + (ahead ? settings.iterations : 0)),
      reproduction.common.quiet);
  if (poses) next_pose(reproduction, session.device(), settings, seeds, progress);
  if (ahead) next_second(reproduction, session.device(), settings, seeds, progress);
}

}  // namespace mocap

void list_options(OptionList& list, MocapSettings& o) {
  list.fields(
      o, option("iterations", o.iterations, "free-running: steps of training", {.least = 1}),
      option("hidden", o.hidden, "free-running: units of the GRU", {.least = 1}),
      option("batch_size", o.batch, "windows a step", {.least = 1}),
      option("learning_rate", o.rate, "Adam's", {.above = 0}),
      option("pose_iterations", o.pose_iterations, "next pose: steps of training", {.least = 1}),
      option("part", o.part, mocap::parts, "what is run"));
}

Experiment mocap_experiment() {
  return with_settings<MocapSettings>(
      "mocap", "Motion capture: the next pose, and the next second free-running",
      "Fox et al. 2014 (data); Martinez, Black & Romero 2017; Bengio et al. 2015", mocap::run);
}

}  // namespace understudy::cli
