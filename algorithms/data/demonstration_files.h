// Demonstrations in files.
//
// .npz, as the library `imitation` saves them:
//
//   obs       [sum(T + 1), ...]   each episode one row more than its actions; or [sum(T), ...]
//   acts      [sum(T), ...]       whole numbers for discrete actions
//   rews      [sum(T)]            optional
//   terminal  bool [episodes]     optional: false where it is missing, and the end unknown
//   truncated bool [episodes]     optional: where it is there, neither means an unknown end
//   indices   int64 [episodes-1]  where `acts` splits into episodes; or
//   episode_ends int64 [episodes] where each ends, as in diffusion-policy data; or one episode
//   goal      int64 [episodes]    optional, for tabular problems
//   duration  int64 [episodes]    optional: steps that each took, where some are left out
//
// .csv, a row a step:  episode,t,obs_0..,act_0..,rew,terminal,duration
//
//   Other names of either, and how flags and times tell episodes apart, are in docs/data.md;
//   without any obs_ column every column that has no other meaning is an observation. The one after
//   the last action is a row whose action is empty, or is -1 in the last row of every episode and 0
//   or more elsewhere. `t` grows by 1 within an episode; `terminal` (0/1, true/false) may be true
//   in an episode's last rows only; empty in all of its rows, or no such column, it leaves the end
//   unknown; `duration` is the same in all of its rows. One column of whole numbers (never written
//   with a point) is discrete. Columns may be parted by semicolons or tabs (autograd/files/csv.h).
//   `understudy inspect FILE` says what was made of a table.
//
// .arrow, or a folder of them, as `imitation` has saved them since its version 1.0 by the library
// `datasets` (autograd/files/arrow.h): a row an episode, with columns that are lists of rows, and
// lists in them where a row is of several numbers:
//
//   obs       list of [T + 1 or T, ...]  acts  list of [T, ...]  rews  list of [T], optional
//   terminal  bool, optional             infos, and whatever else there is, is not read
//
//   A folder's files data-00000-of-00002.arrow, ... are one table, in the order of their numbers,
//   all of which must be there. Episodes are numbered through all files of the folder.
//
// A file that is not so is an Error of one line: file, array or column, episode and row, what was
// expected and what was found. Rows count from 0 within their episode.

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "algorithms/data/demonstrations.h"
#include "autograd/files/arrow.h"
#include "autograd/files/csv.h"

namespace understudy {

// By the name's ending; a folder is of .arrow files. Several files must agree in their shapes. With
// an environment's spaces each is made to fit them (`conform`), or refused by its name.
Demonstrations load_demonstrations(const std::string& path,
                                   const DemonstrationSpaces* spaces = nullptr);
Demonstrations load_demonstrations(std::span<const std::string> paths,
                                   const DemonstrationSpaces* spaces = nullptr);

// Indices are below this: they go through 32 bits on a device, and so must their number.
constexpr std::int64_t most_indices = (std::int64_t{1} << 31) - 1;

// Whole numbers, one a row, are indices, and may not be below 0, unless the spaces say that they
// are numbers; nothing else is asked of the spaces here.
Demonstrations demonstrations_from(const files::NamedArrays& arrays, std::string_view name,
                                   const DemonstrationSpaces* spaces = nullptr);
Demonstrations demonstrations_from(const files::Csv& csv,
                                   const DemonstrationSpaces* spaces = nullptr);

// Whether an environment's observations, or else its actions, are numbers for sure.
inline bool is_of_numbers(const DemonstrationSpaces* spaces, bool observations) {
  return spaces != nullptr && (observations ? spaces->observation_count : spaces->action_count) < 0;
}

// Whether a path is taken for Arrow's: a name that ends with .arrow, or a folder.
bool is_arrow(const std::string& path);
// Of a file that is no .csv, what an .npz has of the names above, unchecked but for the shapes that
// make it arrays. The names of what is not read, `infos` excepted, go to `others`.
files::NamedArrays read_demonstration_arrays(const std::string& path,
                                             std::vector<std::string>& others);
files::NamedArrays read_arrow_arrays(const std::string& path, std::vector<std::string>& others);
// Of the tables in this order; messages begin with `name`.
files::NamedArrays arrays_from(std::span<const files::Arrow> shards, std::string_view name);

// What `imitation` reads back: `infos`, which it asks for, is written as zeros. A .csv holds rows
// flattened, and no goals.
files::NamedArrays to_arrays(const Demonstrations& demonstrations);
files::CsvColumns to_columns(const Demonstrations& demonstrations);
void save_demonstrations(const std::string& path, const Demonstrations& demonstrations);

}  // namespace understudy
