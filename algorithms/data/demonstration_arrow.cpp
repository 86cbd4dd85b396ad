// Demonstrations as Arrow's tables, a row an episode: what `imitation` saves. See
// demonstration_files.h.

#include <algorithm>
#include <filesystem>
#include <tuple>

#include "algorithms/data/demonstration_files.h"
#include "kernels/device/error.h"

namespace understudy {

using namespace files;

namespace {

constexpr std::string_view known_names[] = {"obs", "acts", "infos", "terminal", "rews"};

[[noreturn]] void refuse_path(std::string_view path, const std::string& message) {
  fail(ErrorKind::bad_file, "%s: %s", shown_path(path).c_str(), message.c_str());
}

// Episodes of all shards, numbered through, as the arrays of an .npz.
class Reader {
 public:
  Reader(std::span<const Arrow> shards, std::string_view name) : shards_(shards), name_(name) {}

  NamedArrays read() {
    for (const Arrow& shard : shards_) episodes_ += shard.rows();
    if (episodes_ == 0) refuse_file("expected an episode, a row each, found none");
    const ArrowColumn acts = column("acts", 1);
    read_starts(acts);
    ArrowColumn obs = column("obs", 1);
    check_observations(obs);
    arrays_.emplace("obs", rows_of("obs", obs));
    arrays_.emplace("acts", rows_of("acts", acts));
    if (contains("rews")) read_rewards();
    if (contains("terminal")) {
      const ArrowColumn terminal = column("terminal", 0);
      if (terminal.lists() != 0) refuse("terminal", "expected one for each episode, found lists");
      arrays_.emplace("terminal", as_array(terminal, {episodes_}));
    }
    arrays_.emplace("indices",
                    Array::from(std::vector<std::int64_t>(starts_.begin() + 1, starts_.end() - 1)));
    return std::move(arrays_);
  }

 private:
  [[noreturn]] void refuse_file(const std::string& message) const { refuse_path(name_, message); }
  [[noreturn]] void refuse(const char* column, const std::string& message) const {
    refuse_file(std::string(column) + ": " + message);
  }
  [[noreturn]] void refuse(const char* column, std::int64_t episode,
                           const std::string& message) const {
    refuse(column, "episode " + std::to_string(episode) + ": " + message);
  }

  bool contains(const char* column) const {
    return std::any_of(shards_.begin(), shards_.end(),
                       [&](const Arrow& shard) { return shard.contains(column); });
  }

  ArrowColumn column(const char* name, std::size_t least_lists) const {
    ArrowColumn made;
    for (const Arrow& shard : shards_) shard.read(name, made);
    if (made.lists() < least_lists) {
      refuse(name, "expected a list for each episode, found " + shards_[0].type(name));
    }
    for (std::size_t level = 0; level <= made.lists(); ++level) {
      const std::int64_t null = made.first_null[level];
      if (null >= 0) refuse(name, place(made, level, null) + ": expected a value, found a null");
    }
    return made;
  }

  static std::int64_t length(const ArrowColumn& column, std::int64_t episode) {
    const auto e = static_cast<std::size_t>(episode);
    return column.offsets[0][e + 1] - column.offsets[0][e];
  }

  // "episode 3, row 17" of an entry of a level, the row counted from 0 within its episode.
  static std::string place(const ArrowColumn& column, std::size_t level, std::int64_t entry) {
    const auto list_of = [&](std::size_t lists) {
      const std::vector<std::int64_t>& offsets = column.offsets[lists];
      return std::upper_bound(offsets.begin(), offsets.end(), entry) - offsets.begin() - 1;
    };
    for (; level > 1; --level) entry = list_of(level - 1);
    if (level == 0) return "episode " + std::to_string(entry);
    const std::int64_t episode = list_of(0);
    return "episode " + std::to_string(episode) + ", row " +
           std::to_string(entry - column.offsets[0][static_cast<std::size_t>(episode)]);
  }

  void read_starts(const ArrowColumn& acts) {
    for (std::int64_t e = 0; e < episodes_; ++e) {
      if (length(acts, e) == 0) refuse("acts", e, "expected a step or more, found none");
      starts_.push_back(starts_.back() + length(acts, e));
    }
  }

  // One more than actions, or, in every episode, as many.
  void check_observations(const ArrowColumn& obs) const {
    bool last_observation = true;
    for (std::int64_t e = 0; e < episodes_; ++e) {
      const std::int64_t steps =
          starts_[static_cast<std::size_t>(e) + 1] - starts_[static_cast<std::size_t>(e)];
      const std::int64_t found = length(obs, e);
      if (e == 0) last_observation = found != steps;
      if (found == steps + (last_observation ? 1 : 0)) continue;
      refuse("obs", e,
             "expected " + std::to_string(steps + (last_observation ? 1 : 0)) + " rows for " +
                 std::to_string(steps) + " actions" +
                 (last_observation ? ", the last after the last action"
                                   : ", as in the episodes before") +
                 ", found " + std::to_string(found));
    }
  }

  void read_rewards() {
    const ArrowColumn rews = column("rews", 1);
    for (std::int64_t e = 0; e < episodes_; ++e) {
      const std::int64_t steps =
          starts_[static_cast<std::size_t>(e) + 1] - starts_[static_cast<std::size_t>(e)];
      if (length(rews, e) != steps) {
        refuse("rews", e,
               "expected one for each of " + std::to_string(steps) + " actions, found " +
                   std::to_string(length(rews, e)));
      }
    }
    arrays_.emplace("rews", rows_of("rews", rews));
  }

  // The rows of all episodes: every list within a row is as long as the first of its level.
  Array rows_of(const char* name, const ArrowColumn& column) const {
    Shape shape = {column.offsets[0].back()};
    for (std::size_t level = 1; level < column.lists(); ++level) {
      const std::vector<std::int64_t>& offsets = column.offsets[level];
      shape.push_back(offsets.size() > 1 ? offsets[1] : 0);
      for (std::size_t i = 1; i + 1 < offsets.size(); ++i) {
        const std::int64_t found = offsets[i + 1] - offsets[i];
        if (found == shape.back()) continue;
        refuse(name, place(column, level, static_cast<std::int64_t>(i)) + ": expected " +
                         std::to_string(shape.back()) + " entries, as in the rows before, found " +
                         std::to_string(found));
      }
    }
    return as_array(column, std::move(shape));
  }

  static Array as_array(const ArrowColumn& column, Shape shape) {
    Array array(column.type, std::move(shape));
    UNDERSTUDY_CHECK(array.bytes().size() == column.values.size(), "values without a row");
    std::copy(column.values.begin(), column.values.end(), array.bytes().begin());
    return array;
  }

  std::span<const Arrow> shards_;
  std::string_view name_;
  std::int64_t episodes_ = 0;
  std::vector<std::int64_t> starts_ = {0};
  NamedArrays arrays_;
};

// ---- which files a folder's table is in ---------------------------------------------------------

// "data-00001-of-00003.arrow" is shard 1 of 3; any other name, of 1.
struct Shard {
  std::string file, stem;
  std::int64_t number = 0, of = 1;
};

Shard shard_named(const std::string& file) {
  Shard shard = {file, file};
  const std::string_view name = std::string_view(file).substr(0, file.rfind('.'));
  const std::size_t of = name.rfind("-of-");
  const std::size_t dash = of == 0 ? of : name.substr(0, of).rfind('-');
  std::int64_t number, total;
  if (of == std::string_view::npos || dash == std::string_view::npos ||
      !parse_number(name.substr(dash + 1, of - dash - 1), number) ||
      !parse_number(name.substr(of + 4), total)) {
    return shard;
  }
  return {file, std::string(name.substr(0, dash)) + std::string(name.substr(of)), number, total};
}

std::vector<std::string> shards_in(const std::string& folder) {
  std::vector<Shard> shards;
  std::string within;  // `datasets` saves several tables as a folder of folders
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string file = entry->path().filename().string();
    if (entry->is_directory(error)) within = entry->path().filename().string();
    // what `datasets` keeps of its own beside a table that it works on
    if (!file.ends_with(".arrow") || file.starts_with("cache-") || file.starts_with("tmp"))
      continue;
    shards.push_back(shard_named(file));
  }
  if (error) refuse_path(folder, error.message());
  if (shards.empty()) {
    refuse_path(
        folder,
        "expected a folder of demonstrations, with data-00000-of-00001.arrow or more of them, "
        "found no .arrow file in it" +
            (within.empty() ? "" : ", but folders such as '" + shown(within) + "'"));
  }
  std::sort(shards.begin(), shards.end(), [](const Shard& a, const Shard& b) {
    return std::tie(a.stem, a.number, a.file) < std::tie(b.stem, b.number, b.file);
  });
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (shards[i].stem != shards[0].stem) {
      refuse_path(folder, "expected the files of one table, found those of two, '" +
                              shown(shards[0].file) + "' and '" + shown(shards[i].file) +
                              "': name one of the files");
    }
    if (shards[i].number != static_cast<std::int64_t>(i)) {
      refuse_path(folder, "expected file " + std::to_string(i) + " of " +
                              std::to_string(shards[0].of) + ", found '" + shown(shards[i].file) +
                              "'");
    }
    paths.push_back((std::filesystem::path(folder) / shards[i].file).string());
  }
  if (static_cast<std::int64_t>(shards.size()) != shards[0].of) {
    refuse_path(folder, "expected " + std::to_string(shards[0].of) +
                            " files, as their names say, found " + std::to_string(shards.size()));
  }
  return paths;
}

}  // namespace

NamedArrays arrays_from(std::span<const Arrow> shards, std::string_view name) {
  return Reader(shards, name).read();
}

bool is_arrow(const std::string& path) {
  return path.ends_with(".arrow") || std::filesystem::is_directory(path);
}

NamedArrays read_arrow_arrays(const std::string& path, std::vector<std::string>& others) {
  std::vector<Arrow> shards;
  const bool folder = std::filesystem::is_directory(path);
  for (const std::string& file : folder ? shards_in(path) : std::vector<std::string>{path}) {
    shards.push_back(Arrow::open(file));
  }
  NamedArrays arrays = arrays_from(shards, path);
  for (const std::string& name : shards[0].names()) {
    if (std::find(std::begin(known_names), std::end(known_names), name) == std::end(known_names)) {
      others.push_back(name);
    }
  }
  return arrays;
}

}  // namespace understudy
