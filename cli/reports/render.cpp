#include "cli/reports/render.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "autograd/files/atomic_file.h"
#include "autograd/files/crc32.h"
#include "cli/session/command.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

using Color = std::array<int, 3>;

Color color_of(int ink) {
  switch (ink) {
    case UNDERSTUDY_AGENT: return {0x15, 0x65, 0xc0};
    case UNDERSTUDY_GOAL: return {0x2e, 0x7d, 0x32};
    case UNDERSTUDY_DANGER: return {0xc6, 0x28, 0x28};
    case UNDERSTUDY_FAINT: return {0xcc, 0xcc, 0xcc};
    default: return {0x33, 0x33, 0x33};
  }
}

// From the world's units to pixels, y downwards.
struct View {
  double x0, y1, scale;
  int width, height;

  View(const Frame& frame, int pixels)
      : x0(frame.x0), y1(frame.y1), scale(pixels / (frame.x1 - frame.x0)), width(pixels) {
    height = std::clamp(static_cast<int>(std::ceil((frame.y1 - frame.y0) * scale)), 1, 4 * pixels);
  }
  double x(double value) const { return (value - x0) * scale; }
  double y(double value) const { return (y1 - value) * scale; }
};

// Pixels from the shape's edge to (px, py): below 0 inside.
double distance(const FrameShape& shape, const View& view, double px, double py) {
  if (shape.kind == UNDERSTUDY_CIRCLE)
    return std::hypot(px - view.x(shape.x[0]), py - view.y(shape.y[0])) - shape.size * view.scale;
  if (shape.kind == UNDERSTUDY_LINE) {
    const double ax = view.x(shape.x[0]), ay = view.y(shape.y[0]);
    const double bx = view.x(shape.x[1]) - ax, by = view.y(shape.y[1]) - ay;
    const double length = bx * bx + by * by;
    const double t =
        length > 0 ? std::clamp(((px - ax) * bx + (py - ay) * by) / length, 0.0, 1.0) : 0;
    // At least a pixel wide, so that it is seen.
    return std::hypot(px - ax - t * bx, py - ay - t * by) -
           std::max(0.5, 0.5 * shape.size * view.scale);
  }
  // A convex polygon is where all its edges' half-planes meet, whichever way round it is given.
  double area = 0, inside = -1e300;
  for (int i = 0; i < shape.points; ++i) {
    const int j = (i + 1) % shape.points;
    area += view.x(shape.x[i]) * view.y(shape.y[j]) - view.x(shape.x[j]) * view.y(shape.y[i]);
  }
  for (int i = 0; i < shape.points; ++i) {
    const int j = (i + 1) % shape.points;
    const double ax = view.x(shape.x[i]), ay = view.y(shape.y[i]);
    const double ex = view.x(shape.x[j]) - ax, ey = view.y(shape.y[j]) - ay;
    const double size = std::hypot(ex, ey);
    if (size == 0) continue;
    const double outward = (ey * (px - ax) - ex * (py - ay)) / size;
    inside = std::max(inside, area > 0 ? outward : -outward);
  }
  return inside;
}

void paint(std::vector<std::uint8_t>& pixels, const FrameShape& shape, const View& view) {
  double left = 1e300, right = -1e300, top = 1e300, bottom = -1e300;
  for (int i = 0; i < shape.points; ++i) {
    left = std::min(left, view.x(shape.x[i])), right = std::max(right, view.x(shape.x[i]));
    top = std::min(top, view.y(shape.y[i])), bottom = std::max(bottom, view.y(shape.y[i]));
  }
  const double reach = 2 + (shape.kind == UNDERSTUDY_CIRCLE ? 1.0 : 0.5) * shape.size * view.scale;
  const auto bound = [](double value, int most) {
    return static_cast<int>(std::clamp(value, 0.0, static_cast<double>(most)));
  };
  const Color color = color_of(shape.ink);
  for (int py = bound(top - reach, view.height); py < bound(bottom + reach, view.height); ++py)
    for (int px = bound(left - reach, view.width); px < bound(right + reach, view.width); ++px) {
      // The share of the pixel that is covered, as the distance from its middle says.
      const double cover = std::clamp(0.5 - distance(shape, view, px + 0.5, py + 0.5), 0.0, 1.0);
      std::uint8_t* pixel = &pixels[static_cast<std::size_t>(py * view.width + px) * 3];
      for (std::size_t c = 0; c < 3; ++c)
        pixel[c] = static_cast<std::uint8_t>(pixel[c] + cover * (color[c] - pixel[c]) + 0.5);
    }
}

void put_word(std::string& to, std::uint32_t word) {
  for (int shift : {24, 16, 8, 0}) to += static_cast<char>(word >> shift & 0xff);
}

// A chunk of a PNG (ISO/IEC 15948, section 5): length, type, data, CRC of the two.
void put_chunk(std::string& to, const char* type, const std::string& data) {
  put_word(to, static_cast<std::uint32_t>(data.size()));
  const std::string body = type + data;
  to += body;
  put_word(to, files::crc32(files::bytes_of(body)));
}

// RFC 1950 and 1951, with stored blocks: no library is needed.
std::string stored_zlib(const std::string& data) {
  std::string out = "\x78\x01";
  constexpr std::size_t most = 65535;
  for (std::size_t at = 0; at == 0 || at < data.size(); at += most) {
    const std::size_t n = std::min(most, data.size() - at);
    out += static_cast<char>(at + n == data.size() ? 1 : 0);
    for (std::size_t word : {n, n ^ 0xffff}) {
      out += static_cast<char>(word & 0xff);
      out += static_cast<char>(word >> 8);
    }
    out.append(data, at, n);
  }
  std::uint32_t a = 1, b = 0;  // Adler-32
  for (char c : data) {
    a = (a + static_cast<std::uint8_t>(c)) % 65521;
    b = (b + a) % 65521;
  }
  put_word(out, b << 16 | a);
  return out;
}

std::string svg_shape(const FrameShape& shape, const View& view) {
  const Color c = color_of(shape.ink);
  const std::string color = formatted("#%02x%02x%02x", c[0], c[1], c[2]);
  const double* x = shape.x;
  const double* y = shape.y;
  if (shape.kind == UNDERSTUDY_CIRCLE)
    return formatted("<circle cx='%.1f' cy='%.1f' r='%.1f' fill='%s'/>", view.x(x[0]), view.y(y[0]),
                     shape.size * view.scale, color.c_str());
  if (shape.kind == UNDERSTUDY_LINE)
    return formatted(
        "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='%s' stroke-width='%.1f' "
        "stroke-linecap='round'/>",
        view.x(x[0]), view.y(y[0]), view.x(x[1]), view.y(y[1]), color.c_str(),
        std::max(1.0, shape.size * view.scale));
  std::string points;
  for (int i = 0; i < shape.points; ++i)
    points += formatted("%.1f,%.1f ", view.x(x[i]), view.y(y[i]));
  return "<polygon points='" + points + "' fill='" + color + "'/>";
}

std::unique_ptr<Frame> frame_of(const EnvironmentDescription& environment, const double* state) {
  auto frame = std::make_unique<Frame>();
  environment.draw(state, frame.get());
  if (!(frame->x0 < frame->x1) || !(frame->y0 < frame->y1) || frame->count < 0 ||
      frame->count > UNDERSTUDY_FRAME_CAPACITY)
    fail(ErrorKind::bad_input, "%s: its picture has no extent, or a count out of range",
         environment.name);
  return frame;
}

constexpr std::size_t most_frames = 250, most_shapes = 1500;  // of an animation

}  // namespace

std::string png_of(const Frame& frame, int width) {
  const View view(frame, width);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(view.width * view.height) * 3, 255);
  for (int i = 0; i < frame.count; ++i) paint(pixels, frame.shapes[i], view);
  std::string rows;
  const std::size_t row = static_cast<std::size_t>(view.width) * 3;
  for (std::size_t y = 0; y < static_cast<std::size_t>(view.height); ++y) {
    rows += '\0';  // no filter
    rows.append(reinterpret_cast<const char*>(&pixels[y * row]), row);
  }
  std::string header;
  put_word(header, static_cast<std::uint32_t>(view.width));
  put_word(header, static_cast<std::uint32_t>(view.height));
  header += std::string("\x08\x02\0\0\0", 5);  // 8 bits a channel, RGB
  std::string png = "\x89PNG\r\n\x1a\n";
  put_chunk(png, "IHDR", header);
  put_chunk(png, "IDAT", stored_zlib(rows));
  put_chunk(png, "IEND", "");
  return png;
}

std::string animation_of(const EnvironmentDescription& environment,
                         const std::vector<double>& states, double seconds, int width) {
  const std::size_t size = static_cast<std::size_t>(environment.state_size);
  const std::size_t count = states.size() / size;
  const auto first = count > 0 ? frame_of(environment, states.data()) : std::make_unique<Frame>();
  const std::size_t most = std::clamp<std::size_t>(
      most_shapes / static_cast<std::size_t>(std::max(1, first->count)), 50, most_frames);
  const std::size_t every = (count + most - 1) / most;
  const std::size_t shown = (count + every - 1) / every;
  const double length = seconds * static_cast<double>(every * shown);
  std::string body;
  int height = 1;
  for (std::size_t i = 0; i < shown; ++i) {
    const auto frame = frame_of(environment, &states[i * every * size]);
    const View view(*frame, width);
    height = std::max(height, view.height);
    const double from = static_cast<double>(i) / static_cast<double>(shown);
    const double to = static_cast<double>(i + 1) / static_cast<double>(shown);
    body += "<g visibility='hidden'>";
    if (i == 0)
      body += formatted(
          "<animate attributeName='visibility' calcMode='discrete' "
          "values='visible;hidden' keyTimes='0;%.6f' dur='%.2fs' "
          "repeatCount='indefinite'/>",
          to, length);
    else
      body += formatted(
          "<animate attributeName='visibility' calcMode='discrete' "
          "values='hidden;visible;hidden' keyTimes='0;%.6f;%.6f' dur='%.2fs' "
          "repeatCount='indefinite'/>",
          from, to, length);
    for (int k = 0; k < frame->count; ++k) body += svg_shape(frame->shapes[k], view);
    body += "</g>\n";
  }
  return formatted(
             "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' width='%d'>\n"
             "<rect width='100%%' height='100%%' fill='white'/>\n",
             width, height, width) +
         body + "</svg>\n";
}

void render_states(const EnvironmentDescription& environment, const std::vector<double>& states,
                   const std::string& folder) {
  if (environment.draw == nullptr)
    fail(ErrorKind::not_available, "--render: %s draws no picture", environment.name);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail(ErrorKind::bad_input, "--render %s: %s", folder.c_str(), error.message().c_str());
  const std::size_t size = static_cast<std::size_t>(environment.state_size);
  for (std::size_t i = 0; i < states.size() / size; ++i) {
    throw_if_interrupted();
    const auto frame = frame_of(environment, &states[i * size]);
    files::write_file_atomically(folder + formatted("/frame_%05zu.png", i),
                                 files::bytes_of(png_of(*frame, 480)));
  }
  files::write_file_atomically(folder + "/animation.svg",
                               files::bytes_of(animation_of(environment, states, 0.05, 480)));
}

}  // namespace understudy::cli
