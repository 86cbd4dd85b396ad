// understudy inspect FILE: what is in a file: shapes, types, ranges; episodes, where its arrays are
// demonstrations; sizes and setting, where they are a tabular problem. Of a run's folder: settings,
// how far it came, and its arrays.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "algorithms/data/demonstration_fields.h"
#include "algorithms/data/demonstration_files.h"
#include "algorithms/data/other_formats.h"
#include "algorithms/tabular/problem_file.h"
#include "autograd/files/csv.h"
#include "autograd/files/npy.h"
#include "autograd/files/npz.h"
#include "autograd/files/safetensors.h"
#include "cli/session/command.h"
#include "cli/session/run_folder.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Range and mean of the finite elements, and how many are not.
struct Range {
  double low = INFINITY, high = -INFINITY, sum = 0;
  std::int64_t finite = 0, not_finite = 0;

  explicit Range(std::span<const double> values) { add(values); }
  // A part at a time: the file may be larger than memory.
  explicit Range(const files::Array& array) {
    constexpr std::size_t part = 1 << 16;
    const auto count = static_cast<std::size_t>(array.count());
    std::vector<double> values(std::min(count, part));
    for (std::size_t first = 0; first < count; first += part) {
      const std::span<double> some(values.data(), std::min(part, count - first));
      array.convert<double>(first, some);
      add(some);
    }
  }

  void add(std::span<const double> values) {
    for (double value : values) {
      if (!std::isfinite(value)) {
        ++not_finite;
        continue;
      }
      ++finite;
      low = std::min(low, value);
      high = std::max(high, value);
      sum += value;
    }
  }
};

Json describe(const std::string& name, const char* type, const Json& shape, const Range& range) {
  Json entry = {{"name", name}, {"type", type}, {"shape", shape}};
  if (range.finite > 0) {
    entry["minimum"] = range.low;
    entry["maximum"] = range.high;
    entry["mean"] = range.sum / static_cast<double>(range.finite);
  }
  entry["not_finite"] = range.not_finite;
  return entry;
}

Json describe(const std::string& name, const files::Array& array) {
  return describe(name, files::name_of(array.type()), array.shape(), Range(array));
}

Json describe(const files::Csv& csv) {
  Json columns = Json::array();
  const Json shape = Json::array({csv.rows()});
  for (std::size_t i = 0; i < csv.columns(); ++i) {
    const std::string& name = csv.names()[i];
    const auto type = csv.type(i);
    if (type == files::Csv::ColumnType::text) {
      columns.push_back({{"name", name}, {"type", "text"}, {"shape", shape}});
      continue;
    }
    const bool whole = type == files::Csv::ColumnType::integer;
    columns.push_back(
        describe(name, whole ? "integer" : "number", shape, Range(csv.numbers(name))));
  }
  return columns;
}

// Episodes, where these names are a demonstration's; else nothing.
void add_episodes(Json& object, const std::string& path) {
  const Demonstrations demonstrations = load_demonstrations(path);
  object["episodes"] = demonstrations.episodes();
  object["steps"] = demonstrations.steps();
  if (!demonstrations.goals.empty()) object["goals"] = true;
  const std::vector<std::string> remarks = remarks_on(demonstrations);
  if (!remarks.empty()) object["remarks"] = remarks;
}

// A tabular problem's sizes and setting, or what is wrong with it.
void add_problem(Json& object, const std::string& path) {
  try {
    const ProblemTable table = read_problem_table(path);
    const Problem problem = make_problem(table);
    std::vector<std::string> remarks = table.remarks;
    for (std::string& remark : without_effect(table, problem)) remarks.push_back(std::move(remark));
    if (!remarks.empty()) object["remarks"] = remarks;
    object["problem"] = {{"states", problem.n_states},
                         {"actions", problem.n_actions},
                         {"pairs", problem.n_pairs()},
                         {"transitions", problem.n_transitions()},
                         {"deterministic", problem.deterministic()},
                         {"discount", problem.discount},
                         {"horizon", problem.horizon},
                         {"features", problem.n_features},
                         {"goals", problem.n_goals()},
                         {"reward", !problem.reward.empty()}};
  } catch (const Error& error) {
    object["problem"] = {{"not_valid", error.what()}};
  }
}

// A run's settings, how far it came, and the arrays that it left.
Json inspect_run(const std::string& path) {
  Json object = {{"file", path}, {"format", "run"}};
  object["config"] = read_json(path + "/config.json");
  const ProgressTable progress = read_progress(path);
  if (!progress.columns.empty()) {
    object["rows"] = progress.columns[0].size();
    Json last = Json::object();
    for (std::size_t i = 0; i < progress.names.size(); ++i)
      last[progress.names[i]] = progress.columns[i].back();
    object["last_row"] = last;
  }
  object["finished"] = std::filesystem::is_regular_file(path + "/result.json");
  Json arrays = Json::array();
  const std::string reward = path + "/reward.npz";
  if (std::filesystem::is_regular_file(reward)) {
    const files::Npz archive = files::Npz::open(reward);
    for (const std::string& name : archive.names())
      arrays.push_back(describe(name, archive.read(name)));
  }
  const std::string checkpoint = path + "/checkpoint.safetensors";
  if (std::filesystem::is_regular_file(checkpoint)) {
    const files::Safetensors contents = files::read_safetensors(checkpoint);
    for (const auto& [name, array] : contents.arrays)
      arrays.push_back(describe("checkpoint: " + name, array));
    object["metadata"] = contents.metadata;
  }
  object["arrays"] = std::move(arrays);
  return object;
}

Json inspect(const std::string& path) {
  if (std::filesystem::is_directory(path)) {
    if (is_run(path)) return inspect_run(path);
    refuse_other_formats(path);
    const std::filesystem::directory_iterator entries(path);
    if (std::none_of(begin(entries), end(entries),
                     [](const std::filesystem::directory_entry& entry) {
                       return entry.path().extension() == ".arrow";
                     }))
      fail(ErrorKind::bad_file,
           "%s: expected a file, a run (a folder with config.json) or a folder of .arrow files",
           files::shown_path(path).c_str());
  }
  Json object = {{"file", path}};
  Json arrays = Json::array();
  bool demonstrations = false;
  if (ends_with(path, ".npy")) {
    object["format"] = "npy";
    arrays.push_back(describe("array", files::read_npy(path)));
  } else if (ends_with(path, ".npz")) {
    object["format"] = "npz";
    const files::Npz archive = files::Npz::open(path);
    for (const std::string& name : archive.names())
      // Python objects, which `imitation` writes for it, are its alone.
      if (name != "infos") arrays.push_back(describe(name, archive.read(name)));
    const auto has = [&](const char* name) { return archive.contains(name); };
    demonstrations = name_in(DemonstrationField::observations, has) != nullptr &&
                     name_in(DemonstrationField::actions, has) != nullptr;
    if (archive.contains("n_states") && archive.contains("next_state")) add_problem(object, path);
  } else if (is_arrow(path)) {
    object["format"] = "arrow";
    std::vector<std::string> others;
    for (const auto& [name, array] : read_arrow_arrays(path, others))
      // `indices` is ours: a row of the table is an episode
      if (name != "indices") arrays.push_back(describe(name, array));
    demonstrations = true;
  } else if (ends_with(path, ".csv")) {
    object["format"] = "csv";
    const files::Csv csv = files::Csv::open(path);
    object["rows"] = csv.rows();
    arrays = describe(csv);
    // a person's table may have such columns and mean something else
    const auto has = [&](const char* name) { return csv.contains(name); };
    if (name_in(DemonstrationField::episode, has) != nullptr &&
        (csv.contains("act_0") || name_in(DemonstrationField::actions, has) != nullptr)) {
      try {
        add_episodes(object, path);
      } catch (const Error& error) {
        object["remarks"] = {std::string("not demonstrations: ") + error.what()};
      }
    }
  } else if (ends_with(path, ".safetensors")) {
    object["format"] = "safetensors";
    const files::Safetensors contents = files::read_safetensors(path);
    for (const auto& [name, array] : contents.arrays) arrays.push_back(describe(name, array));
    if (!contents.metadata.empty()) object["metadata"] = contents.metadata;
  } else {
    refuse_other_formats(path);
    fail(ErrorKind::bad_file,
         "%s: expected a file that ends in .npy, .npz, .csv, .arrow or .safetensors",
         files::shown_path(path).c_str());
  }
  if (demonstrations) add_episodes(object, path);
  object["arrays"] = std::move(arrays);
  return object;
}

int run(const std::string& path, const Common& common) {
  const Json object = inspect(path);
  if (common.json) {
    print(object);
    return 0;
  }
  std::printf("%s: %s", files::shown_path(path).c_str(),
              object["format"].get<std::string>().c_str());
  if (object.contains("rows")) std::printf(", %lld rows", object["rows"].get<long long>());
  if (object.contains("episodes"))
    std::printf(", %lld episodes", object["episodes"].get<long long>());
  std::printf("\n");
  for (const char* part : {"problem", "config", "last_row"}) {
    if (!object.contains(part)) continue;
    std::printf("  %s:", part);
    for (const auto& [key, value] : object[part].items())
      std::printf(" %s=%s", files::shown(key).c_str(),
                  files::shown(value.is_number_float() ? formatted("%.6g", value.get<double>())
                                                       : value.dump())
                      .c_str());
    std::printf("\n");
  }
  std::size_t widest = 4;
  for (const Json& entry : object["arrays"])
    widest = std::max(widest, files::shown(entry["name"].get<std::string>()).size());
  for (const Json& entry : object["arrays"]) {
    std::printf("  %-*s  %-7s  %-16s", static_cast<int>(widest),
                files::shown(entry["name"].get<std::string>()).c_str(),
                entry["type"].get<std::string>().c_str(), entry["shape"].dump().c_str());
    if (entry.contains("minimum"))
      std::printf("  %.6g to %.6g, mean %.6g", entry["minimum"].get<double>(),
                  entry["maximum"].get<double>(), entry["mean"].get<double>());
    if (entry.contains("not_finite") && entry["not_finite"] != 0)
      std::printf(", %lld not finite", entry["not_finite"].get<long long>());
    std::printf("\n");
  }
  if (object.contains("remarks"))
    for (const Json& remark : object["remarks"])
      std::printf("  %s\n", files::shown(remark.get<std::string>(), 400).c_str());
  if (object.contains("metadata"))
    for (const auto& [key, value] : object["metadata"].items())
      std::printf("  %s: %s\n", files::shown(key).c_str(),
                  files::shown(value.get<std::string>()).c_str());
  return 0;
}

}  // namespace

void add_inspect(Verb& root, Command& command) {
  Verb verb =
      root.verb("inspect", "What is in a file (.npy, .npz, .csv, .arrow, .safetensors) or a run");
  auto path = std::make_shared<std::string>();
  verb.option("FILE", *path, "the file, the folder of .arrow files, or the run's folder")
      .required();
  verb.when_chosen(
      [&command, path] { command.run = [&command, path] { return run(*path, command.common); }; });
}

}  // namespace understudy::cli
