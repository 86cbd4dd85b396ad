#include "algorithms/data/images.h"

#include "autograd/files/array.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

bool counts_channels(std::int64_t side) { return side == 1 || side == 3 || side == 4; }

// automatic where nobody can tell
ImageLayout told_by(const std::vector<std::int64_t>& shape) {
  const bool first = counts_channels(shape[0]), last = counts_channels(shape[2]);
  if (first == last) return ImageLayout::automatic;
  return last ? ImageLayout::channels_last : ImageLayout::channels_first;
}

}  // namespace

ImageShape image_shape(const std::vector<std::int64_t>& shape, ImageLayout layout,
                       const std::string& what) {
  if (shape.size() == 2) return {1, shape[0], shape[1], false};
  if (shape.size() != 3)
    fail(ErrorKind::bad_input,
         "%s: expected images [height, width, channels] or [channels, height, width] before "
         "convolutions, found observations of shape %s",
         what.c_str(), files::to_string(shape).c_str());
  if (layout == ImageLayout::automatic) layout = told_by(shape);
  if (layout == ImageLayout::automatic)
    fail(ErrorKind::bad_input,
         "%s: images of shape %s may have their channels first or last: set "
         "image_layout=channels_first or image_layout=channels_last",
         what.c_str(), files::to_string(shape).c_str());
  if (layout == ImageLayout::channels_last) return {shape[2], shape[0], shape[1], true};
  return {shape[0], shape[1], shape[2], false};
}

bool tells_image(const std::vector<std::int64_t>& shape) {
  return shape.size() == 3 && told_by(shape) != ImageLayout::automatic;
}

std::string image_sentence(const std::vector<std::int64_t>& shape) {
  const std::string text = "observations of shape " + files::to_string(shape) + " as images: ";
  const ImageLayout layout = told_by(shape);
  if (layout == ImageLayout::automatic)
    return text + "convolutions need image_layout, as their channels may be first or last";
  const ImageShape image = image_shape(shape, layout, "");
  return text + std::to_string(image.channels) + (image.channels == 1 ? " channel" : " channels") +
         (image.channels_last ? " last, " : " first, ") + std::to_string(image.height) + " high, " +
         std::to_string(image.width) + " wide (image_layout)";
}

}  // namespace understudy
