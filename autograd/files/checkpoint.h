// Checkpoints: stores written out as .safetensors, by name, with their settings as metadata.
//
// A file is written under another name and renamed: an interrupted process, or a full disk,
// leaves the earlier checkpoint as it was. Reading checks every name, type and shape before the
// first array is touched: a file that does not fit leaves the stores as they were.

#pragma once

#include <map>
#include <string>
#include <vector>

#include "autograd/program/array.h"

namespace understudy {

// Everything that the stores hold. Names must be unique among them. Parts of a flat array are
// written (they are what a reader wants to see); the flat array itself, which is the same memory,
// is not.
void write_checkpoint(const std::string& path, const std::vector<const Store*>& stores,
                      const std::map<std::string, std::string>& metadata = {});

// Fills the stores' arrays, all of which must be in the file, and nothing else may be. Returns the
// metadata. Reals are converted between f32 and f64 where the file has the other.
std::map<std::string, std::string> read_checkpoint(const std::string& path,
                                                   const std::vector<Store*>& stores);

}  // namespace understudy
