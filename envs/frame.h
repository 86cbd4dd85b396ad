// A picture of a state, as simple shapes in the world's own coordinates.
//
// An environment that can be drawn has `static void draw(const double* state, Frame& frame)`. Who
// shows a frame (as pixels, as SVG) is not its business. The shapes are those of c_interface.h, so
// that a user's own environment draws alike.

#pragma once

#include "envs/c_interface.h"

namespace understudy {

using FrameShape = understudy_shape;
using Frame = understudy_frame;

enum class Ink {
  outline = UNDERSTUDY_INK,
  agent = UNDERSTUDY_AGENT,
  goal = UNDERSTUDY_GOAL,
  danger = UNDERSTUDY_DANGER,
  faint = UNDERSTUDY_FAINT,
};

// An empty frame that shows [x0, x1] x [y0, y1], y upwards.
inline void begin_frame(Frame& frame, double x0, double x1, double y0, double y1) {
  frame.x0 = x0, frame.x1 = x1, frame.y0 = y0, frame.y1 = y1;
  frame.count = 0;
}

// What no longer fits is left out.
inline FrameShape* add_shape(Frame& frame, int kind, Ink ink, double size) {
  if (frame.count == UNDERSTUDY_FRAME_CAPACITY) return nullptr;
  FrameShape& shape = frame.shapes[frame.count++];
  shape = FrameShape{};
  shape.kind = kind;
  shape.ink = int(ink);
  shape.size = size;
  return &shape;
}

// Width and radius are in the world's units.
inline void draw_line(Frame& frame, double x0, double y0, double x1, double y1, double width,
                      Ink ink) {
  FrameShape* shape = add_shape(frame, UNDERSTUDY_LINE, ink, width);
  if (shape == nullptr) return;
  shape->points = 2;
  shape->x[0] = x0, shape->y[0] = y0, shape->x[1] = x1, shape->y[1] = y1;
}
inline void draw_circle(Frame& frame, double x, double y, double radius, Ink ink) {
  FrameShape* shape = add_shape(frame, UNDERSTUDY_CIRCLE, ink, radius);
  if (shape == nullptr) return;
  shape->points = 1;
  shape->x[0] = x, shape->y[0] = y;
}
inline void draw_rectangle(Frame& frame, double x0, double y0, double x1, double y1, Ink ink) {
  FrameShape* shape = add_shape(frame, UNDERSTUDY_POLYGON, ink, 0);
  if (shape == nullptr) return;
  shape->points = 4;
  const double x[] = {x0, x1, x1, x0}, y[] = {y0, y0, y1, y1};
  for (int i = 0; i < 4; ++i) shape->x[i] = x[i], shape->y[i] = y[i];
}

}  // namespace understudy
