// Frames of an environment as pictures: PNG, and SVG that moves.

#pragma once

#include <string>
#include <vector>

#include "envs/registry.h"

namespace understudy::cli {

// The frame as a PNG, `width` pixels wide, anti-aliased, on white.
std::string png_of(const Frame& frame, int width);

// One SVG that shows the states in turn, `seconds` each, over and over; of more than 250 states, or
// fewer where many shapes make a frame, every so many are left out. States are rows of state_size.
// REQUIRES: environment.draw.
std::string animation_of(const EnvironmentDescription& environment,
                         const std::vector<double>& states, double seconds, int width);

// frame_00000.png, ... and animation.svg in the folder, which is made. An Error where the
// environment draws nothing.
void render_states(const EnvironmentDescription& environment, const std::vector<double>& states,
                   const std::string& folder);

}  // namespace understudy::cli
