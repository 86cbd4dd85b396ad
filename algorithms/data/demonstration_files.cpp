// Which file is read and written how. See demonstration_files.h.

#include "algorithms/data/demonstration_files.h"

#include <algorithm>

#include "algorithms/data/demonstration_fields.h"
#include "algorithms/data/other_formats.h"
#include "autograd/files/npz.h"
#include "kernels/device/error.h"

namespace understudy {

using namespace files;

namespace {

// Of each field the array that is read, by its name in the file. Python objects, which `imitation`
// writes as `infos`, are its alone.
NamedArrays read_npz_arrays(const std::string& path, std::vector<std::string>& others) {
  const Npz npz = Npz::open(path);
  NamedArrays arrays;
  const auto has = [&](const char* name) { return npz.contains(name); };
  for (const FieldNames& field : demonstration_fields()) {
    if (field.field == DemonstrationField::infos) continue;
    if (const char* name = name_in(field.field, has)) arrays.emplace(name, npz.read(name));
  }
  for (const std::string& name : npz.names()) {
    if (!arrays.contains(name) && name != names_of(DemonstrationField::infos).name) {
      others.push_back(name);
    }
  }
  return arrays;
}

NamedArrays read_arrays(const std::string& path, std::vector<std::string>& others) {
  if (path.ends_with(".npz")) return read_npz_arrays(path, others);
  refuse_other_formats(path);
  if (is_arrow(path)) return read_arrow_arrays(path, others);
  fail(ErrorKind::bad_file,
       "%s: expected demonstrations in a .npz, .csv or .arrow file, or in a folder of .arrow files",
       shown_path(path).c_str());
}

// Deflated members are whole in memory.
void remark_on_compression(const std::string& path, Demonstrations& made) {
  if (!path.ends_with(".npz")) return;
  const Npz npz = Npz::open(path);
  const char* name =
      name_in(DemonstrationField::observations, [&](const char* one) { return npz.contains(one); });
  if (name == nullptr || !npz.is_compressed(name)) return;
  made.remarks.push_back(std::string(name) +
                         " is compressed, and so in memory whole: numpy.savez keeps what is read "
                         "where it lies");
}

// Who has other arrays is told which were found.
void require_names(const NamedArrays& arrays, const std::vector<std::string>& others,
                   const std::string& path) {
  const auto missing = [&](DemonstrationField field) {
    return find_field(arrays, field).array == nullptr;
  };
  if (others.empty() ||
      (!missing(DemonstrationField::observations) && !missing(DemonstrationField::actions))) {
    return;
  }
  std::string found;
  for (const auto& [name, array] : arrays) found += (found.empty() ? "" : ", ") + name;
  for (const std::string& name : others) found += (found.empty() ? "" : ", ") + name;
  fail(ErrorKind::bad_file,
       "%s: expected arrays `obs` and `acts`, or what docs/data.md lists for them, found %s",
       shown_path(path).c_str(), shown(found, 160).c_str());
}

}  // namespace

NamedArrays read_demonstration_arrays(const std::string& path, std::vector<std::string>& others) {
  NamedArrays found = read_arrays(path, others), ours;
  const auto has = [&](const char* name) { return found.contains(name); };
  for (const FieldNames& field : demonstration_fields()) {
    const char* name = name_in(field.field, has);
    if (name != nullptr)
      ours.emplace(field.name, std::move(found.find(std::string_view(name))->second));
  }
  return ours;
}

Demonstrations load_demonstrations(const std::string& path, const DemonstrationSpaces* spaces) {
  Demonstrations made;
  std::vector<std::string> others;
  if (path.ends_with(".csv")) {
    made = demonstrations_from(Csv::open(path), spaces);
  } else {
    const NamedArrays arrays = read_arrays(path, others);
    require_names(arrays, others, path);
    made = demonstrations_from(arrays, path, spaces);
  }
  if (spaces != nullptr) conform(made, *spaces, path);
  if (made.observations.in_bytes()) remark_on_compression(path, made);
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
