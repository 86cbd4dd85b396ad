/* An environment of one's own: a mass on a spring, to be brought to rest by a motor.
 *
 *   understudy env ./spring.so --describe
 *   understudy record ./spring.so --policy builtin --episodes 10 --out demonstrations.npz
 */
#include <math.h>
#include <understudy/envs/c_interface.h>

static void reset(const double *uniform, double *state) {
  state[0] = 2 * uniform[0] - 1; /* meters */
  state[1] = 2 * uniform[1] - 1; /* meters a second */
}

static void step(double *state, const double *action, const double *uniform, double *reward,
                 int *terminated) {
  const double force = fmin(1, fmax(-1, action[0])), seconds = 0.05;
  (void)uniform;
  *reward = -(state[0] * state[0] + 0.1 * state[1] * state[1] + 0.01 * force * force);
  state[1] += seconds * (2 * force - 4 * state[0]);
  state[0] += seconds * state[1];
  *terminated = 0;
}

static void observe(const double *state, double *observation) {
  observation[0] = state[0];
  observation[1] = state[1];
}

/* The motor as a damper. */
static void expert(const double *state, double *action) {
  action[0] = fmin(1, fmax(-1, -2 * state[1]));
}

static void draw(const double *state, understudy_frame *frame) {
  understudy_shape line = {UNDERSTUDY_LINE, UNDERSTUDY_INK, 2, {-2}, {0}, 0.05};
  understudy_shape mass = {UNDERSTUDY_CIRCLE, UNDERSTUDY_AGENT, 1, {0}, {0}, 0.15};
  frame->x0 = -2, frame->x1 = 2, frame->y0 = -1, frame->y1 = 1;
  line.x[1] = mass.x[0] = state[0];
  frame->shapes[frame->count++] = line;
  frame->shapes[frame->count++] = mass;
}

static const char *const names[] = {"position", "velocity"};
static const double low[] = {-INFINITY, -INFINITY}, high[] = {INFINITY, INFINITY};

static const understudy_environment spring = {
    .version = UNDERSTUDY_ENVIRONMENT_VERSION,
    .name = "spring",
    .summary = "bring a mass on a spring to rest",
    .source = "docs/examples/spring",
    .state_size = 2,
    .state_names = names,
    .observation_size = 2,
    .observation_names = names,
    .observation_low = low,
    .observation_high = high,
    .action_size = 1,
    .action_low = -1,
    .action_high = 1,
    .horizon = 100,
    .solved = NAN,
    .random_return = NAN,
    .reference_return = NAN,
    .reset_draws = 2,
    .reset = reset,
    .step = step,
    .observe = observe,
    .expert = expert,
    .draw = draw,
};

const understudy_environment *understudy_environment_table(void);
const understudy_environment *understudy_environment_table(void) { return &spring; }
