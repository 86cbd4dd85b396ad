// One command, several runs: --seeds 0-9 and --sweep key=a,b,c, each run in a folder of its own
// below --out and in a process of its own.
//
//   --seeds 0-9                        OUT/seed-0 ... OUT/seed-9
//   --sweep head=gaussian,mixture      OUT/head=gaussian/seed-0, OUT/head=mixture/seed-0
//   two sweeps                         the cross product: OUT/a=1/b=2/seed-0 ...
//   --sweep 'hidden=32,32;64,64'       values that are lists: ';' between them
//
// A run has the bits that the verb alone would give it with that --seed and those --set. As many
// run at a time as there are threads. With --resume, runs that are done are kept, broken-off ones
// continued, missing ones begun. A run that fails is counted, and stops no other.
//
// Left in OUT beside the runs: seeds.csv and curves.csv (run_records.h).

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/session/command.h"
#include "cli/session/settings.h"

namespace understudy::cli {

struct SeveralRuns {
  std::string seeds;               // "0-9", "0,3,7-9"; empty: that of --seed
  std::vector<std::string> sweep;  // key=a,b,c
  std::int64_t jobs = 0;           // at a time; 0: as many as threads

  bool asked() const { return !seeds.empty() || !sweep.empty(); }
};
void add_several_runs(Verb& verb, SeveralRuns& several);

struct PlannedRun {
  std::string folder;  // below --out
  std::uint64_t seed = 0;
  std::vector<std::string> set;  // key=value, as --set has them
};
// Every run that is asked for, in order. An Error where an option cannot be read, a run would come
// twice, or two would share a folder.
std::vector<PlannedRun> planned_runs(const SeveralRuns& several, const Common& common);

// With the run's swept settings, which win.
GivenSettings with_swept(GivenSettings given, const PlannedRun& run);

// Does `work` for each run, prints the table of all. `check`, which may be empty, refuses settings
// (an Error) before anything begins. `work` gets the run's whole path and what --threads, --seed,
// --resume and --overwrite would be for it alone; it is called in a process made by fork: no thread
// may have been started before. Returns the exit code: 1 where a run failed.
int run_several(const SeveralRuns& several, const std::string& out, const Common& common,
                const std::function<void(const PlannedRun&)>& check,
                const std::function<int(const PlannedRun& run, const std::string& path,
                                        const Common& common)>& work);

}  // namespace understudy::cli
