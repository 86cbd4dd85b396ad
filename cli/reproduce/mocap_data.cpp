#include "cli/reproduce/mocap_data.h"

#include <algorithm>
#include <cmath>

#include "autograd/files/csv.h"
#include "autograd/files/npy.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

const char* const trained_on[] = {"13_29", "13_30", "14_06", "14_14"};
const char* const held_out_name = "13_31";

// A channel's name is bone, separator, axis. What turns about y or z turns the other way in a
// mirror that exchanges left and right, which is x.
Mirror mirror_of(const std::vector<std::string>& names, const std::vector<char>& axes) {
  Mirror mirror;
  for (std::size_t c = 0; c < names.size(); ++c) {
    std::string other = names[c];
    if (other.rfind("root", 0) != 0 && other.rfind("lower", 0) != 0) {
      if (other[0] == 'r')
        other[0] = 'l';
      else if (other[0] == 'l')
        other[0] = 'r';
    }
    const auto found = std::find(names.begin(), names.end(), other);
    mirror.from.push_back(found == names.end() ? c
                                               : static_cast<std::size_t>(found - names.begin()));
    mirror.sign.push_back(axes[c] == 'x' ? 1.0f : -1.0f);
  }
  return mirror;
}

Poses read_channels(const std::string& path, std::vector<std::string>& names) {
  const files::Csv csv = files::Csv::open(path);
  names.assign(csv.names().begin() + 2, csv.names().end());
  Poses poses{static_cast<std::int64_t>(names.size()), {}};
  std::vector<std::vector<double>> columns;
  for (const std::string& name : names) columns.push_back(csv.numbers(name));
  for (std::size_t t = 0; t < csv.rows(); ++t)
    for (const auto& column : columns) poses.values.push_back(static_cast<float>(column[t]));
  return poses;
}

constexpr std::int64_t translation = 3;  // columns before the angles: where the root is

Poses read_angles(const std::string& path, const std::string& shown_name) {
  const files::Array array = files::read_npy(path);
  if (array.rank() != 2 || array.shape()[1] != 62 || array.shape()[0] <= pose_window)
    fail(ErrorKind::bad_file, "%s: expected [frames, 62] of more than %lld frames, found %s",
         path.c_str(), static_cast<long long>(pose_window),
         files::to_string(array.shape()).c_str());
  const std::vector<float> numbers = array.converted<float>(shown_name);
  Poses poses{62 - translation, {}};
  for (std::int64_t t = 0; t < array.shape()[0]; ++t)
    poses.values.insert(poses.values.end(), numbers.begin() + t * 62 + translation,
                        numbers.begin() + (t + 1) * 62);
  return poses;
}

}  // namespace

Channels read_channels(const std::string& folder) {
  Channels channels;
  std::vector<std::string> names;
  const auto path = [&](const char* name) { return folder + "/seq_" + name + "_10fps_12ch.csv"; };
  for (const char* name : trained_on) channels.train.push_back(read_channels(path(name), names));
  channels.held_out = read_channels(path(held_out_name), names);
  std::vector<char> axes;
  // root.ty is a height, and does not change.
  for (const std::string& name : names) axes.push_back(name == "root.ty" ? 'x' : name.back());
  channels.mirror = mirror_of(names, axes);
  // Mean and deviation of what is trained on, as it was.
  for (std::int64_t c = 0; c < channels.held_out.width; ++c) {
    double count = 0, sum = 0, squares = 0;
    for (const Poses& poses : channels.train)
      for (std::int64_t t = 0; t < poses.rows(); ++t) {
        const double x = static_cast<double>(poses.row(t)[c]);
        ++count, sum += x, squares += x * x;
      }
    const double mean = sum / count;
    const double deviation = std::sqrt(squares / count - mean * mean);
    const auto standardize = [&](Poses& poses) {
      for (std::int64_t t = 0; t < poses.rows(); ++t) {
        float& x = poses.values[static_cast<std::size_t>(t * poses.width + c)];
        x = static_cast<float>((static_cast<double>(x) - mean) / deviation);
      }
    };
    for (Poses& poses : channels.train) standardize(poses);
    standardize(channels.held_out);
  }
  return channels;
}

Angles read_angles(const std::string& folder) {
  Angles angles;
  const files::Csv csv = files::Csv::open(folder + "/amc_columns.csv");
  std::vector<std::string> names = csv.texts("name");
  names.erase(names.begin(), names.begin() + translation);
  // The degrees of freedom of the skeleton's bones, as the format's own file lists them: three
  // axes each, but for these.
  std::vector<char> axes;
  for (const std::string& name : names) {
    const std::size_t bar = name.rfind('_');
    const std::string bone = name.substr(0, bar);
    const std::size_t number = static_cast<std::size_t>(std::stoi(name.substr(bar + 1)));
    const std::string side = bone.substr(1);
    const std::string of = side == "clavicle"                                    ? "yz"
                           : side == "wrist"                                     ? "y"
                           : side == "hand" || side == "thumb" || side == "foot" ? "xz"
                                                                                 : "xyz";
    axes.push_back(of[bone == "root" ? number - translation : number]);
  }
  const Mirror mirror = mirror_of(names, axes);
  const auto path = [&](const std::string& name) { return folder + "/amc_" + name + "_30fps.npy"; };
  for (const std::string name : {"13_29", "13_30", "14_14"}) {
    angles.train.push_back(read_angles(path(name), name));
    angles.train.push_back(mirror(angles.train.back()));
  }
  angles.held_out = read_angles(path(held_out_name), held_out_name);
  double count = 0;
  std::vector<double> sum(static_cast<std::size_t>(angles.held_out.width), 0.0);
  for (const Poses& poses : angles.train)
    for (std::int64_t t = 0; t < poses.rows(); ++t, ++count)
      for (std::size_t c = 0; c < sum.size(); ++c) sum[c] += static_cast<double>(poses.row(t)[c]);
  for (double total : sum) angles.middle.push_back(static_cast<float>(total / count));
  return angles;
}

}  // namespace understudy::cli
