// Which file is read and written how. See demonstration_files.h.

#include "algorithms/data/demonstration_files.h"

#include <algorithm>

#include "autograd/files/npz.h"
#include "kernels/device/error.h"

namespace understudy {

using namespace files;

namespace {

constexpr std::string_view known_names[] = {
    "obs", "acts", "rews", "terminal", "truncated", "indices", "episode_ends", "goal", "duration"};

bool is_known(const std::string& name) {
  return std::find(std::begin(known_names), std::end(known_names), name) != std::end(known_names);
}

NamedArrays read_npz_arrays(const std::string& path, std::vector<std::string>& others) {
  const Npz npz = Npz::open(path);
  NamedArrays arrays;
  for (const std::string& name : npz.names()) {
    if (is_known(name)) {
      arrays.emplace(name, npz.read(name));
    } else if (name != "infos") {
      others.push_back(name);
    }
  }
  return arrays;
}

}  // namespace

NamedArrays read_demonstration_arrays(const std::string& path, std::vector<std::string>& others) {
  if (is_arrow(path)) return read_arrow_arrays(path, others);
  if (path.ends_with(".npz")) return read_npz_arrays(path, others);
  fail(ErrorKind::bad_file,
       "%s: expected demonstrations in a .npz, .csv or .arrow file, or in a folder of .arrow files",
       shown_path(path).c_str());
}

Demonstrations load_demonstrations(const std::string& path, const DemonstrationSpaces* spaces) {
  Demonstrations made;
  std::vector<std::string> others;
  if (path.ends_with(".csv")) {
    made = demonstrations_from(Csv::open(path), spaces);
  } else {
    made = demonstrations_from(read_demonstration_arrays(path, others), path, spaces);
  }
  if (spaces != nullptr) conform(made, *spaces, path);
  std::string ignored;
  for (const std::string& name : others) ignored += (ignored.empty() ? "" : ", ") + shown(name);
  if (!ignored.empty()) made.remarks.push_back("not read: " + ignored);
  return made;
}

Demonstrations load_demonstrations(std::span<const std::string> paths,
                                   const DemonstrationSpaces* spaces) {
  if (paths.empty()) fail(ErrorKind::bad_input, "expected a file of demonstrations, found none");
  Demonstrations all;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    // each by itself, so that a message names the file and the episode within it
    Demonstrations next = load_demonstrations(paths[i], spaces);
    if (i == 0) {
      all = std::move(next);
    } else {
      append(all, next, paths[i]);
    }
  }
  return all;
}

void save_demonstrations(const std::string& path, const Demonstrations& demonstrations) {
  if (path.ends_with(".csv")) {
    write_csv(path, to_columns(demonstrations));
  } else if (path.ends_with(".npz")) {
    write_npz(path, to_arrays(demonstrations));
  } else {
    fail(ErrorKind::bad_file, "%s: expected a name that ends with .npz or .csv",
         shown_path(path).c_str());
  }
}

}  // namespace understudy
