/* An environment of your own, as a C table of functions (C99; also C++).
 *
 * Fill in an `understudy_environment`, and either give it to `UserEnvironment` (user_environment.h)
 * in your program, or build a shared library that exports
 *
 *   const understudy_environment *understudy_environment_table(void);
 *
 * and name the file where the command wants an environment: `understudy record ./mine.so ...`.
 * docs/examples/ has one with its build.
 *
 * The table describes one environment. An environment is its state, `state_size` doubles; the
 * functions hold nothing of their own and may be called from several threads at once, on different
 * environments. Whatever is random comes in as `uniform`, numbers in [0, 1), so that a run depends
 * on its seed alone. Time limits and resets are the caller's.
 */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

#define UNDERSTUDY_ENVIRONMENT_VERSION 1

/* ---- pictures ---- */

enum { UNDERSTUDY_LINE, UNDERSTUDY_CIRCLE, UNDERSTUDY_POLYGON };
/* What a shape stands for; whoever shows it picks the color. */
enum { UNDERSTUDY_INK, UNDERSTUDY_AGENT, UNDERSTUDY_GOAL, UNDERSTUDY_DANGER, UNDERSTUDY_FAINT };
enum { UNDERSTUDY_FRAME_CAPACITY = 256 };

typedef struct understudy_shape {
  int kind, ink;
  int points;        /* a line has 2, a circle 1, a convex polygon 3 or 4 */
  double x[4], y[4]; /* in the world's units, y upwards */
  double size;       /* a line's width, a circle's radius */
} understudy_shape;

typedef struct understudy_frame {
  double x0, x1, y0, y1; /* what is shown */
  int count;
  understudy_shape shapes[UNDERSTUDY_FRAME_CAPACITY];
} understudy_frame;

/* ---- the table ---- */

typedef struct understudy_environment {
  int version; /* UNDERSTUDY_ENVIRONMENT_VERSION */
  const char *name, *summary, *source;

  int state_size; /* 1 to 4096 */
  const char* const* state_names;
  int observation_size; /* 1 to 4096 */
  const char* const* observation_names;
  const double *observation_low, *observation_high; /* INFINITY where there is no bound */

  /* action_count > 0: actions are 0 .. action_count - 1, and action_size is 1; or, if that is 0,
   * action_size numbers within [action_low, action_high]. */
  int action_count, action_size;
  double action_low, action_high;

  int horizon; /* steps after which an episode is cut off */
  /* Mean returns; NAN where not known. */
  double solved, random_return, reference_return;

  int reset_draws, step_draws; /* numbers in `uniform`, 0 to 64 each */
  void (*reset)(const double* uniform, double* state);
  /* Brings `state` one step on. Sets *reward, and *terminated to 1 where the task itself ended. Not
   * called on a state that ended an episode, by *terminated or at the horizon. */
  void (*step)(double* state, const double* action, const double* uniform, double* reward,
               int* terminated);
  void (*observe)(const double* state, double* observation);

  /* Each may be null. `expert` acts on the true state; `draw` gets an empty frame. */
  void (*expert)(const double* state, double* action);
  void (*draw)(const double* state, understudy_frame* frame);
} understudy_environment;

#ifdef __cplusplus
}
#endif
