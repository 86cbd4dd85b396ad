// Files that others keep demonstrations in and that are not read here.

#pragma once

#include <string>

namespace understudy {

// An Error with the line of Python that converts the file, where its first bytes or its name are
// those of HDF5 (D4RL, Minari, robomimic), Parquet (LeRobot), a pickle, PyTorch's or MATLAB's, or
// of JSON; a folder, by what lies in it. Nothing to say of others, or of a file that is not there.
void refuse_other_formats(const std::string& path);

}  // namespace understudy
