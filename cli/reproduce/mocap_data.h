// Motion capture as the experiment `mocap` reads it: sequences of poses in two formats, and the
// mirror that exchanges left and right.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace understudy::cli {

// Poses of one sequence, row by row.
struct Poses {
  std::int64_t width = 0;
  std::vector<float> values;
  std::int64_t rows() const { return static_cast<std::int64_t>(values.size()) / width; }
  const float* row(std::int64_t t) const { return values.data() + t * width; }
};

// Left and right exchanged: where a channel comes from, and with which sign.
struct Mirror {
  std::vector<std::size_t> from;
  std::vector<float> sign;
  Poses operator()(const Poses& poses) const {
    Poses result{poses.width, {}};
    for (std::int64_t t = 0; t < poses.rows(); ++t)
      for (std::size_t c = 0; c < from.size(); ++c)
        result.values.push_back(sign[c] * poses.row(t)[from[c]]);
    return result;
  }
};

// Twelve channels at 10 poses a second, in units of their standard deviations in training.
struct Channels {
  std::vector<Poses> train;
  Poses held_out;
  Mirror mirror;
};
Channels read_channels(const std::string& folder);

// A policy is conditioned on `shown_poses` and continues for a second, at 30 poses a second.
constexpr std::int64_t shown_poses = 20, predicted_poses = 30;
constexpr std::int64_t pose_window = shown_poses + predicted_poses;

// 59 angles in degrees at 30 poses a second.
struct Angles {
  std::vector<Poses> train;  // and mirror images
  Poses held_out;
  std::vector<float> middle;  // the mean pose in training
};
// Sequences of `pose_window` poses or fewer are an Error.
Angles read_angles(const std::string& folder);

}  // namespace understudy::cli
