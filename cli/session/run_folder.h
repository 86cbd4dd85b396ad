// A run is a folder:
//
//   config.json              what was asked for; `kind` says which verb's run it is
//   progress.csv             one row an iteration: `iteration`, then the metrics
//   trace.csv                with --trace: every inner quantity, a row each: iteration, name, value
//   events.out.tfevents.*    the same for TensorBoard, with the time of each
//   checkpoint.safetensors   everything needed to go on, with `iteration` in its metadata
//   result.json              the numbers at the end, when it is done
//   failure.json             `error`, where the work failed
//   .lock                    held by the process that works there
//
// What is lost when: a row is handed to the system when it is logged, a checkpoint replaces the
// earlier one when all of it is on the disk. Whoever is killed, or finds the disk full, leaves the
// last checkpoint; --resume cuts rows and events back to its iteration and goes on from there, so
// that the files of a run that was broken off and resumed hold what an unbroken one's do.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "autograd/files/safetensors.h"
#include "autograd/program/array.h"
#include "cli/session/command.h"
#include "cli/session/tensorboard.h"

namespace understudy::cli {

class RunFolder {
 public:
  // Makes the folder and holds it until destroyed. An `Error` in one line, nothing changed, where
  // another process holds it; where it has a run and neither --resume nor --overwrite was given;
  // where --resume finds no run, or one whose config.json says otherwise (threads, device and
  // iterations may differ). `config` has what decides the results; the seed is put in from
  // `common`.
  RunFolder(std::string path, Json config, const Common& common);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string checkpoint() const { return file("checkpoint.safetensors"); }
  // The iteration of the checkpoint to go on from, or 0 when there is none.
  std::int64_t iteration() const { return iteration_; }
  bool resumed() const { return iteration_ > 0; }

  // A row of progress.csv and an event. The first row's names are the columns: a later one may
  // leave some out (nan), and have no other.
  void log(std::int64_t iteration, const Metrics& metrics);

  // Rows of trace.csv, which is begun by the first; names may come and go.
  void trace(std::int64_t iteration, const Metrics& quantities);

  // Puts all rows on the disk: they are there before a checkpoint that they lead to. For who writes
  // that one itself.
  void synchronize();

  // Replaces the checkpoint. Read it back with `read_checkpoint(run.checkpoint(), stores)` or
  // `read_safetensors`.
  void save(std::int64_t iteration, const std::vector<const Store*>& stores,
            std::map<std::string, std::string> metadata = {});
  void save(std::int64_t iteration, files::Safetensors contents);

  // result.json, written whole: the run is done.
  void finish(const Json& result);
  // failure.json: it cannot be done.
  void fail_with(const std::string& error);

 private:
  void lock();
  void check_config(const Json& config) const;
  int open_rows(const std::string& path, std::vector<std::string>& columns) const;
  void append(int file, const std::string& name, const std::string& text) const;

  std::string path_;
  std::int64_t iteration_ = 0;
  int lock_ = -1, progress_ = -1, trace_ = -1;
  std::vector<std::string> columns_, trace_columns_;
  std::unique_ptr<EventFile> events_;
};

// The loop of a run: steps after run.iteration(), a row each, a checkpoint every so often (after
// steps of more than a quarter of a second: as often as takes a tenth of the time), at the end and
// on an interrupt (which then passes on as an `Error`, exit code 130).
struct Loop {
  std::int64_t iterations = 0;   // to be reached, those before a resumption included
  std::string what;              // the name of the work in the line of progress
  std::string metric;            // the metric in that line; when it stops being finite, so does the
                                 // work (exit code 1), and the last checkpoint stands
  bool metric_may_wait = false;  // NaN is no failure: there is none yet
  double checkpoint_seconds = 30;
  std::function<Metrics(std::int64_t iteration)> step;
  std::function<Metrics()> trace;  // inner quantities of the latest step; empty: none are wanted
  std::function<void(std::int64_t iteration)> save;  // calls run.save
  std::function<bool()> finished;                    // asked after each step; may be empty
};
// The last iteration done. Numbers that become non-finite leave failure.json.
std::int64_t iterate(RunFolder& run, const Loop& loop, const Common& common);

// What was logged, whoever wrote it: the rows of progress.csv that are whole. Columns that are not
// numbers are left out.
struct ProgressTable {
  std::vector<std::string> names;
  std::vector<std::vector<double>> columns;
  const std::vector<double>* find(const std::string& name) const;
};
ProgressTable read_progress(const std::string& run);

// config.json or result.json of a run; an `Error` where it is not there or no JSON object.
bool is_run(const std::string& path);
// Whether such a run is done already, with the same settings, seed and iterations.
bool is_finished(const std::string& path, const Json& config, const Common& common);
Json read_json(const std::string& path);
void write_json(const std::string& path, const Json& object);  // whole or not at all

}  // namespace understudy::cli
