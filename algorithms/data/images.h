// How images lie in an observation of three dimensions: [channels, height, width], as PyTorch and
// our convolutions have them, or [height, width, channels], as Gymnasium, TensorFlow and files of
// pictures do.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace understudy {

// automatic: one side of 1, 3 or 4 at an end, and not at the other, counts the channels.
enum class ImageLayout : std::int8_t { automatic, channels_first, channels_last };

struct ImageShape {
  std::int64_t channels = 0, height = 0, width = 0;
  bool channels_last = false;
};

// Of a shape [height, width] (one channel) or of three dimensions. An Error, which begins with
// `what`, for other shapes, and where `automatic` cannot tell.
ImageShape image_shape(const std::vector<std::int64_t>& shape, ImageLayout layout,
                       const std::string& what);

// Whether `automatic` can tell.
bool tells_image(const std::vector<std::int64_t>& shape);

// What `automatic` makes of a shape of three dimensions, as a sentence.
std::string image_sentence(const std::vector<std::int64_t>& shape);

}  // namespace understudy
