#include "cli/session/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "autograd/files/atomic_file.h"
#include "autograd/files/checkpoint.h"
#include "autograd/files/csv.h"
#include "cli/session/progress.h"
#include "cli/session/settings.h"
#include "kernels/device/error.h"
#include "kernels/device/version.h"

namespace understudy::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* event_file = "events.out.tfevents.0.understudy";

std::string whole_text(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return stream ? text.str() : std::string();
}

// A number with as few digits as bring back the same bits.
std::string shortest(double value) {
  char text[32];
  for (int digits = 6; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    if (!std::isfinite(value) || std::strtod(text, nullptr) == value) break;
  }
  return text;
}

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream stream(line);
  for (std::string cell; std::getline(stream, cell, ',');) cells.push_back(cell);
  return cells;
}

}  // namespace

bool is_run(const std::string& path) { return fs::is_regular_file(path + "/config.json"); }

bool is_finished(const std::string& path, const Json& config, const Common& common) {
  if (!is_run(path) || !fs::is_regular_file(path + "/result.json")) return false;
  Json now = config;
  now["seed"] = common.seed;
  return differences_of(read_json(path + "/config.json"), now).empty();
}

Json read_json(const std::string& path) {
  if (!fs::is_regular_file(path))
    fail(ErrorKind::bad_file, "%s: no such file", files::shown_path(path).c_str());
  Json object = Json::parse(whole_text(path), nullptr, false);
  if (!object.is_object())
    fail(ErrorKind::bad_file, "%s: expected one JSON object", files::shown_path(path).c_str());
  return object;
}

void write_json(const std::string& path, const Json& object) {
  const std::string text = object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  files::write_file_atomically(path, files::bytes_of(text));
}

RunFolder::RunFolder(std::string path, Json config, const Common& common) : path_(std::move(path)) {
  config["seed"] = common.seed;
  const bool there = is_run(path_);
  if (common.resume && !there)
    fail(ErrorKind::bad_input, "--resume: %s holds no run (no config.json)",
         files::shown_path(path_).c_str());
  if (there && !common.resume && !common.overwrite)
    fail(ErrorKind::bad_input,
         "--out: %s holds a run already (--resume continues it, --overwrite replaces it)",
         files::shown_path(path_).c_str());
  std::error_code error;
  fs::create_directories(path_, error);
  if (error)
    fail(ErrorKind::bad_input, "--out: %s: %s", files::shown_path(path_).c_str(),
         error.message().c_str());
  lock();
  if (common.resume) {
    check_config(config);
    if (fs::exists(checkpoint())) {
      const files::Safetensors saved = files::read_safetensors(checkpoint());
      const auto found = saved.metadata.find("iteration");
      if (found == saved.metadata.end() || !files::parse_number(found->second, iteration_))
        fail(ErrorKind::bad_file, "%s: no iteration in its metadata",
             files::shown_path(checkpoint()).c_str());
    }
  } else {
    // In this order: a folder without config.json is no run, whatever else is still in it.
    for (const char* name :
         {"config.json", "result.json", "checkpoint.safetensors", "trace.csv", event_file})
      fs::remove(file(name), error);
  }
  progress_ = open_rows(file("progress.csv"), columns_);
  if (fs::exists(file("trace.csv"))) trace_ = open_rows(file("trace.csv"), trace_columns_);
  events_ = std::make_unique<EventFile>(file(event_file), iteration_);
  if (common.resume) fs::remove(file("result.json"), error);
  fs::remove(file("failure.json"), error);
  write_json(file("config.json"), config);
}

RunFolder::~RunFolder() {
  if (progress_ >= 0) close(progress_);
  if (trace_ >= 0) close(trace_);
  if (lock_ >= 0) close(lock_);  // which lets go of it, as does the end of the process
}

void RunFolder::lock() {
  lock_ = open(file(".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0)
    fail(ErrorKind::bad_input, "--out: %s: %s", files::shown_path(file(".lock")).c_str(),
         std::strerror(errno));
  if (flock(lock_, LOCK_EX | LOCK_NB) == 0) return;
  const bool held = errno == EWOULDBLOCK;
  const std::string reason = std::strerror(errno);
  close(lock_);
  lock_ = -1;
  fail(ErrorKind::bad_input, "--out: %s: %s", files::shown_path(path_).c_str(),
       held ? "another process is working there" : reason.c_str());
}

// Every key that decides the results and differs is named, with both values.
void RunFolder::check_config(const Json& config) const {
  std::string text;
  Json differing = Json::array();
  const auto shown = [](const Json& value) {
    return value.is_null() ? std::string("not given")
                           : value.dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  for (const JsonDifference& one : differences_of(read_json(file("config.json")), config)) {
    if (one.key == "threads" || one.key == "device" || one.key == "iterations") continue;
    text += (text.empty() ? "" : "; ") + one.key + " was " + shown(one.before) + ", now " +
            shown(one.now);
    differing.push_back({{"key", one.key}, {"before", one.before}, {"now", one.now}});
  }
  if (!text.empty())
    throw OtherSettings("--resume: the run in " + files::shown_path(path_) +
                            " was begun with other settings: " + text,
                        {{"run", path_}, {"differences", differing}});
}

// Opens a file whose rows begin with their iteration, for more of them: a line of names is kept and
// put into `columns`, and the rows up to the checkpoint's iteration.
int RunFolder::open_rows(const std::string& path, std::vector<std::string>& columns) const {
  const int opened = open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (opened < 0)
    fail(ErrorKind::bad_input, "--out: %s: %s", files::shown_path(path).c_str(),
         std::strerror(errno));
  const std::string text = iteration_ > 0 ? whole_text(path) : "";
  std::size_t keep = 0;
  for (std::size_t end; (end = text.find('\n', keep)) != text.npos; keep = end + 1) {
    const std::string line = text.substr(keep, end - keep);
    std::int64_t row = 0;
    if (keep == 0) {
      columns = split(line);
    } else if (!files::parse_number(line.substr(0, line.find(',')), row) || row > iteration_) {
      break;
    }
  }
  if (ftruncate(opened, static_cast<off_t>(keep)) != 0)
    fail(ErrorKind::bad_file, "%s: %s", files::shown_path(path).c_str(), std::strerror(errno));
  return opened;
}

void RunFolder::append(int to, const std::string& name, const std::string& text) const {
  if (write(to, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    fail(ErrorKind::bad_file, "%s: cannot be written: %s", files::shown_path(file(name)).c_str(),
         std::strerror(errno));
}

void RunFolder::log(std::int64_t iteration, const Metrics& metrics) {
  std::string text;
  if (columns_.empty()) {
    columns_ = {"iteration"};
    for (const auto& metric : metrics) columns_.push_back(metric.first);
    for (const std::string& name : columns_) text += (text.empty() ? "" : ",") + name;
    text += '\n';
  }
  text += std::to_string(iteration);
  std::size_t used = 0;
  for (std::size_t i = 1; i < columns_.size(); ++i) {
    const auto found = std::find_if(metrics.begin(), metrics.end(), [&](const auto& metric) {
      return metric.first == columns_[i];
    });
    used += found != metrics.end() ? 1 : 0;
    text += "," + shortest(found != metrics.end() ? found->second : std::nan(""));
  }
  UNDERSTUDY_CHECK(used == metrics.size(), "a metric that the first row of progress.csv has not");
  text += '\n';
  append(progress_, "progress.csv", text);
  events_->add(iteration, metrics);
}

void RunFolder::trace(std::int64_t iteration, const Metrics& quantities) {
  std::string text;
  if (trace_ < 0) trace_ = open_rows(file("trace.csv"), trace_columns_);
  if (trace_columns_.empty()) {
    trace_columns_ = {"iteration", "name", "value"};
    text = "iteration,name,value\n";
  }
  for (const auto& [name, value] : quantities)
    text += std::to_string(iteration) + "," + name + "," + shortest(value) + "\n";
  append(trace_, "trace.csv", text);
}

void RunFolder::synchronize() {
  if (fsync(progress_) != 0 || (trace_ >= 0 && fsync(trace_) != 0))
    fail(ErrorKind::bad_file, "%s: cannot be written: %s", files::shown_path(path_).c_str(),
         std::strerror(errno));
}

void RunFolder::save(std::int64_t iteration, const std::vector<const Store*>& stores,
                     std::map<std::string, std::string> metadata) {
  synchronize();
  metadata["iteration"] = std::to_string(iteration);
  write_checkpoint(checkpoint(), stores, metadata);
}

void RunFolder::save(std::int64_t iteration, files::Safetensors contents) {
  synchronize();
  contents.metadata["iteration"] = std::to_string(iteration);
  contents.metadata["understudy"] = UNDERSTUDY_VERSION;
  files::write_safetensors(checkpoint(), contents);
}

void RunFolder::finish(const Json& result) { write_json(file("result.json"), result); }

void RunFolder::fail_with(const std::string& error) {
  write_json(file("failure.json"), {{"error", error}});
}

namespace {

std::int64_t iterations_of(RunFolder& run, const Loop& loop, const Common& common) {
  using Clock = std::chrono::steady_clock;
  std::int64_t done = run.iteration(), saved = done;
  Progress progress(std::max<std::int64_t>(1, loop.iterations - done), common.quiet);
  const auto seconds_since = [](Clock::time_point time) {
    return std::chrono::duration<double>(Clock::now() - time).count();
  };
  Clock::time_point last = Clock::now();
  double saving = 0;  // seconds that the last checkpoint took
  const auto save = [&] {
    const Clock::time_point begin = Clock::now();
    if (saved != done) loop.save(done);
    saved = done;
    saving = seconds_since(begin);
    last = Clock::now();
  };
  while (done < loop.iterations) {
    if (interrupted()) {
      take_time_to_save();
      save();
    }
    throw_if_interrupted();
    const Clock::time_point begin = Clock::now();
    const Metrics metrics = loop.step(done + 1);
    // An interrupt does not wait for the end of a long step: what the steps before it did is on the
    // disk soon, for a tenth of their time.
    const bool long_step = seconds_since(begin) > 0.25;
    double shown = 0;
    for (const auto& [name, value] : metrics)
      if (name == loop.metric) shown = value;
    const bool waits = loop.metric_may_wait && std::isnan(shown);
    if (!std::isfinite(shown) && !waits)
      fail(ErrorKind::not_finite,
           "iteration %lld: %s is %g; the checkpoint of iteration %lld stands",
           static_cast<long long>(done + 1), loop.metric.c_str(), shown,
           static_cast<long long>(saved));
    ++done;
    run.log(done, metrics);
    if (loop.trace) run.trace(done, loop.trace());
    progress.step(
        loop.what, done, loop.iterations,
        waits ? loop.metric + " not yet" : formatted("%s %.6g", loop.metric.c_str(), shown));
    if (loop.finished && loop.finished()) break;
    if (seconds_since(last) >
        (long_step ? std::min(10 * saving, loop.checkpoint_seconds) : loop.checkpoint_seconds))
      save();
  }
  save();
  return done;
}

}  // namespace

std::int64_t iterate(RunFolder& run, const Loop& loop, const Common& common) {
  try {
    return iterations_of(run, loop, common);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::not_finite) run.fail_with(error.what());
    throw;
  }
}

const std::vector<double>* ProgressTable::find(const std::string& name) const {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return &columns[i];
  return nullptr;
}

ProgressTable read_progress(const std::string& run) {
  ProgressTable table;
  std::string text = whole_text(run + "/progress.csv");
  text.resize(text.rfind('\n') == text.npos ? 0 : text.rfind('\n') + 1);  // a row cut short
  if (text.empty()) return table;
  const files::Csv csv = files::Csv::parse(std::move(text), run + "/progress.csv");
  for (std::size_t i = 0; i < csv.columns(); ++i) {
    if (csv.rows() == 0 || csv.type(i) == files::Csv::ColumnType::text) continue;
    table.names.push_back(csv.names()[i]);
    table.columns.push_back(csv.numbers(csv.names()[i]));
  }
  return table;
}

}  // namespace understudy::cli
