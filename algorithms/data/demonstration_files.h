// Demonstrations in files.
//
// .npz, as the library `imitation` saves them:
//
//   obs       [sum(T + 1), ...]   each episode one row more than its actions; or [sum(T), ...]
//   acts      [sum(T), ...]       whole numbers for discrete actions
//   rews      [sum(T)]            optional
//   terminal  bool [episodes]     optional: false where it is missing
//   indices   int64 [episodes-1]  where `acts` splits into episodes; or
//   episode_ends int64 [episodes] where each ends, as in diffusion-policy data; or one episode
//   goal      int64 [episodes]    optional, for tabular problems
//
// .csv, a row a step:  episode,t,obs_0..,act_0..,rew,terminal
//
//   `obs`, `act`, `action`, `action_0`, `reward` are names too; without any obs_ column every
//   column that has no other meaning is an observation. The observation after the last action is a
//   row whose action is empty. Without `episode` the file is one. `t` rises within an episode;
//   `terminal` (0/1, true/false) may be true in an episode's last rows only. One column of whole
//   numbers (never written with a point) is discrete.
//
// A file that is not so is an Error of one line: file, array or column, episode and row, what was
// expected and what was found. Rows count from 0 within their episode.

#pragma once

#include <span>
#include <string>

#include "algorithms/data/demonstrations.h"
#include "autograd/files/csv.h"

namespace understudy {

// By the name's ending. Several files must agree in their shapes.
Demonstrations load_demonstrations(const std::string& path);
Demonstrations load_demonstrations(std::span<const std::string> paths);

Demonstrations demonstrations_from(const files::NamedArrays& arrays, std::string_view name);
Demonstrations demonstrations_from(const files::Csv& csv);

// What `imitation` reads back: `infos`, which it asks for, is written as zeros. A .csv holds rows
// flattened, and no goals.
files::NamedArrays to_arrays(const Demonstrations& demonstrations);
files::CsvColumns to_columns(const Demonstrations& demonstrations);
void save_demonstrations(const std::string& path, const Demonstrations& demonstrations);

}  // namespace understudy
