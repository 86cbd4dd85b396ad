// Runs read back from their folders: what they were, how well they went, and what runs that differ
// in their seed alone say together.
//
// A run is judged by one figure, its score:
//
//   result.json has                    score                            better
//   return_mean                        mean return                      higher
//   expected_value_difference          expected value difference        lower
//   log_likelihood                     log-likelihood                   higher
//   none of them; progress.csv has
//   best_validation                    validation loss, the least       lower
//   any metric                         the first of its columns, last   lower

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/session/command.h"
#include "cli/session/run_folder.h"
#include "cli/session/table.h"

namespace understudy::cli {

enum class RunStatus : std::int8_t { done, failed, unfinished };

struct RunRecord {
  std::string path, kind;
  Json config, result;  // empty objects where the file is not there
  ProgressTable progress;

  std::string name;             // what tells it from the others: see `name_runs`
  std::string algorithm, task;  // the task: the environment, else the problem or the demonstrations
  std::uint64_t seed = 0;
  RunStatus status = RunStatus::unfinished;
  std::string failure;  // why, where it failed

  std::string measure;  // what the score is, in words; empty: there is none
  bool higher_is_better = true;
  double score = 0, normalized = 0;  // NaN: not known
};

// An Error where the folder holds no run.
RunRecord read_record(const std::string& path);

// The runs among and below these folders, each once: those of a folder in the order of their names,
// numbers in them by size. An Error where one has none.
std::vector<std::string> runs_below(const std::vector<std::string>& paths);

// The path below the folder that all share, or the last part of it.
void name_runs(std::vector<RunRecord>& runs);

// Runs of one algorithm with one list of settings, the seed apart.
struct RunGroup {
  std::string name;     // the variant, and the task where there are several
  std::string variant;  // the algorithm, and in what settings it differs from others of its task
  std::vector<std::pair<std::string, Json>> own;  // these settings
  std::vector<std::size_t> members;
};
std::vector<RunGroup> groups_of(const std::vector<RunRecord>& runs);

// Scores of those that have one.
std::vector<double> scores_of(const std::vector<RunRecord>& runs, const RunGroup& group);
std::vector<double> normalized_of(const std::vector<RunRecord>& runs, const RunGroup& group);

// A row a group: seeds, failures, mean and interquartile mean with their 95 % bootstrap intervals.
// Brief: without extremes, each interval behind its mean, and the measure only where it differs.
// Where groups of the same settings stand on several tasks, `across_tasks` joins their normalized
// scores, each task a stratum; no rows where there is none.
Table summary_table(const std::vector<RunRecord>& runs, const std::vector<RunGroup>& groups);
Table brief_summary_table(const std::vector<RunRecord>& runs, const std::vector<RunGroup>& groups);
Table across_tasks(const std::vector<RunRecord>& runs, const std::vector<RunGroup>& groups);
// {"groups": [...], "across_tasks": [...]}
Json summary_json(const std::vector<RunRecord>& runs, const std::vector<RunGroup>& groups);

// Figures as the library rliable and data frames take them, a row a run or a point:
// algorithm,task,seed,score,normalized,measure,status,iterations,run and
// algorithm,task,seed,step,score,measure.
std::string scores_csv(const std::vector<RunRecord>& runs, const std::vector<RunGroup>& groups);
std::string curves_csv(const std::vector<RunRecord>& runs, const std::vector<RunGroup>& groups);

// The metric that the run's curve shows: validation where there is one, else the first logged.
std::string curve_metric(const RunRecord& run);

}  // namespace understudy::cli
