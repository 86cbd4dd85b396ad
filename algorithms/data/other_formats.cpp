#include "algorithms/data/other_formats.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string_view>

#include "autograd/files/bytes.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

using namespace std::string_view_literals;

constexpr std::size_t looked_at = 1 << 16;

// Each saves X.npz (X.csv) beside the file X. A line must fit into an Error.
constexpr const char* from_flat_hdf5 =
    "import h5py, numpy as n; p='X'; f=h5py.File(p); n.savez(p+'.npz', **{k: f[k][()] for k in f "
    "if isinstance(f[k], h5py.Dataset)})";
// Episodes are groups: episode_0, ... of Minari; data/demo_0, ... of robomimic, whose observations
// are a group too, of which one is chosen.
constexpr const char* from_grouped_hdf5 =
    "import h5py, numpy as n; p='X'; f=h5py.File(p); f=f.get('data', f); g=sorted(f, key=lambda e: "
    "int(e.split('_')[-1])); n.savez(p+'.npz', **{k.split('/')[0]: n.concatenate([f[e][k] for e in "
    "g]) for k in "
    "'KEYS'.split()}, episode_lengths=[len(f[e]['actions']) for e in g])";
constexpr const char* minari_keys = "observations actions rewards";
constexpr const char* robomimic_keys = "obs/object actions rewards";
constexpr const char* from_parquet =
    "import pandas, numpy as n; p='X'; d=pandas.read_parquet(p); n.savez(p+'.npz', **{k: "
    "n.stack(list(d[k])) for k in d if not isinstance(d[k].iloc[0], (str, bytes, dict))})";
constexpr const char* from_lerobot =
    "import pandas, glob, numpy as n; p='X'; d=pandas.concat(map(pandas.read_parquet, "
    "sorted(glob.glob(p+'/data/*/*.parquet')))); n.savez(p+'.npz', **{k: n.stack(list(d[k])) for k "
    "in d if not isinstance(d[k].iloc[0], (str, bytes, dict))})";
constexpr const char* from_pickle =
    "import pickle, numpy as n; p='X'; d=pickle.load(open(p,'rb')); n.savez(p+'.npz', **(d if "
    "isinstance(d, dict) else {k: n.concatenate([e[k] for e in d]) for k in d[0]}))";
constexpr const char* from_torch =
    "import torch, numpy as n; p='X'; n.savez(p+'.npz', **{k: n.asarray(v) for k, v in "
    "torch.load(p, map_location='cpu').items()})";
constexpr const char* from_matlab =
    "import scipy.io, numpy as n; p='X'; n.savez(p+'.npz', **{k: v for k, v in "
    "scipy.io.loadmat(p).items() if k[0] != '_'})";
constexpr const char* from_json =
    "import pandas; p='X'; pandas.read_json(p, lines=p[-1]=='l').to_csv(p+'.csv', index=False)";

void replace(std::string& line, std::string_view from, std::string_view to) {
  const std::size_t at = line.find(from);
  if (at != line.npos) line.replace(at, from.size(), to);
}

[[noreturn]] void refuse(const std::string& path, const char* found, const char* line,
                         const char* keys = "") {
  constexpr std::size_t short_enough = 60;  // twice in a line
  std::string python = line;
  replace(python, "KEYS", keys);
  if (path.size() <= short_enough) replace(python, "'X'", "'" + files::shown_path(path) + "'");
  const std::string name =
      path.size() <= short_enough ? path : "..." + path.substr(path.size() - short_enough);
  fail(ErrorKind::bad_file, "%s: expected .npz, .csv or .arrow, found %s: python3 -c \"%s\"",
       files::shown_path(name).c_str(), found, python.c_str());
}

std::string beginning_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(looked_at, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return text;
}

// Groups are named in plain text near the file's beginning.
void refuse_hdf5(const std::string& path, const std::string& text) {
  const auto names = [&](const char* word) { return text.find(word) != text.npos; };
  if (names("demo_")) refuse(path, "robomimic's HDF5", from_grouped_hdf5, robomimic_keys);
  if (names("episode_")) refuse(path, "Minari's HDF5", from_grouped_hdf5, minari_keys);
  refuse(path, "HDF5, as D4RL has it", from_flat_hdf5);
}

}  // namespace

void refuse_other_formats(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_regular_file(path + "/meta/info.json", error)) {
    refuse(path, "a LeRobot data set", from_lerobot);
  }
  if (!std::filesystem::is_regular_file(path, error)) return;
  const std::string text = beginning_of(path);
  const std::string_view begin = text;
  const auto ends = [&](std::initializer_list<const char*> endings) {
    for (const char* ending : endings) {
      if (path.ends_with(ending)) return true;
    }
    return false;
  };
  if (begin.starts_with("\x89HDF\r\n\x1a\n"sv)) refuse_hdf5(path, text);
  if (begin.starts_with("PAR1"sv)) refuse(path, "Parquet", from_parquet);
  if (begin.starts_with("PK"sv) && ends({".pt", ".pth"})) refuse(path, "PyTorch's", from_torch);
  if (begin.starts_with("\x80"sv) || ends({".pkl", ".pickle"})) {
    refuse(path, "a pickle, which runs what is in it", from_pickle);
  }
  if (begin.starts_with("MATLAB 5.0"sv)) refuse(path, "MATLAB's", from_matlab);
  if (ends({".json", ".jsonl"})) refuse(path, "JSON", from_json);
}

}  // namespace understudy
