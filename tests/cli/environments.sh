#!/usr/bin/env bash
# The verbs about environments: what they list, and given actions replayed. Run from the root after
# the command is built.
set -u
. tests/cli/checks.bash

# An output file is named, which must not appear.
refuse_env() { refuse "$@" --out "$scratch/refused.npz"; }

"$understudy" envs --json > "$scratch/envs.json" 2> "$scratch/err"
hold "envs --json is an array of what there is" "$(json "$scratch/envs.json" \
  '{"cartpole", "cartpole-v0", "mountain_car", "mountain_car_continuous", "acrobot", "acrobot-v0",
    "pendulum"} <= {e["name"] for e in found} and
   all(e["summary"] and e["source"] and e["horizon"] > 0 and "observation" in e["spaces"]
       and "action" in e["spaces"] for e in found)')$(cat "$scratch/err")"
hold "envs is a line each" "$(
  lines=$("$understudy" envs | wc -l)
  json "$scratch/envs.json" "len(found) == $lines > 0")"
for verb in algorithms policies; do
  "$understudy" $verb --json > "$scratch/$verb.json" 2> "$scratch/err"
  hold "$verb --json is an array" "$(json "$scratch/$verb.json" \
    'len(found) > 0 and all(e["name"] and e["summary"] and e["source"] for e in found)')"
done
hold "every header that is named is there" "$(python3 - "$scratch" 2>&1 << 'PYTHON'
import json, os, sys
for verb in ("algorithms", "policies"):
    for entry in json.load(open(f"{sys.argv[1]}/{verb}.json")):
        if not os.path.exists(entry["header"]):
            print(entry["header"])
PYTHON
)"
"$understudy" env acrobot --describe --json > "$scratch/acrobot.json"
hold "env --describe names the internal state" "$(json "$scratch/acrobot.json" \
  'found["state"] == ["angle_1", "angle_2", "rate_1", "rate_2"]')"

# One push of the cart at rest: 10 N for 0.02 s. T = 10 / 1.1; the pole turns back with
# T / (l (4/3 - 0.1 / 1.1)), and the cart gains T + 0.05 / 1.1 times that.
printf 'action\n1\n' > "$scratch/push.csv"
printf 'position,velocity,angle,angular_velocity\n0,0,0,0\n0.5,0,0,0\n' > "$scratch/rest.csv"
"$understudy" env cartpole --actions "$scratch/push.csv" --init "$scratch/rest.csv" \
  --out "$scratch/push.npz" --quiet 2> "$scratch/err"
"$understudy" inspect "$scratch/push.npz" --json > "$scratch/push.json"
hold "a push moves the cart as Newton says" "$(json "$scratch/push.json" \
  'all(abs(a["maximum"] - .5) < 1e-15 and a["shape"] == [4, 4]
       and abs(a["minimum"] + .02 * 10 / 1.1 / (.5 * (4 / 3 - .1 / 1.1))) < 1e-15
       for a in found["arrays"] if a["name"] in ("obs", "states"))
   and found["episodes"] == 2
   and sorted(a["name"] for a in found["arrays"]) == ["acts", "indices", "obs", "rews", "states",
     "terminal", "terminated", "truncated"]')$(cat "$scratch/err")"

printf 't,environment,act_0\n0,0,2\n0,1,-0.5\n1,0,-2\n1,1,1e-3\n' > "$scratch/two.csv"
"$understudy" env pendulum --actions "$scratch/two.csv" --seed 3 --precision f32 \
  --out "$scratch/two.npz" --json > "$scratch/two.json" 2> "$scratch/err"
hold "each environment has actions of its own" "$(json "$scratch/two.json" \
  'found["num_envs"] == 2 and found["steps"] == 2 and found["return_mean"] < 0')"
"$understudy" env pendulum --actions "$scratch/two.csv" --seed 3 --precision f32 \
  --out "$scratch/again.npz" --quiet
hold "the same seed is the same file" "$(cmp "$scratch/two.npz" "$scratch/again.npz" 2>&1)"

# Pictures: what a PNG reader makes of them, and SVG that is whole.
"$understudy" env cartpole --actions "$scratch/push.csv" --init "$scratch/rest.csv" --quiet \
  --render "$scratch/pictures" 2> "$scratch/err"
hold "a frame is a picture with a cart in it" "$(cat "$scratch/err"; python3 - \
  "$scratch/pictures/frame_00001.png" 2>&1 << 'PYTHON'
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
assert data[:8] == b"\x89PNG\r\n\x1a\n"
at, pixels = 8, b""
while at < len(data):
    size, kind = struct.unpack(">I4s", data[at:at + 8])
    body = data[at + 8:at + 8 + size]
    assert struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0] == zlib.crc32(kind + body)
    if kind == b"IHDR":
        width, height = struct.unpack(">II", body[:8])
    if kind == b"IDAT":
        pixels += body
    at += 12 + size
rows = zlib.decompress(pixels)
assert len(rows) == height * (1 + 3 * width)
colors = {rows[y * (1 + 3 * width) + 1 + 3 * x:][:3] for y in range(height) for x in range(width)}
for color in (b"\xff\xff\xff", b"\x33\x33\x33", b"\x15\x65\xc0"):
    if color not in colors:
        print(color, "is not there")
PYTHON
)"
hold "and the animation is XML with a group a state" "$(python3 -c '
import sys, xml.etree.ElementTree as tree
groups = [e for e in tree.parse(sys.argv[1]).getroot() if e.tag.endswith("}g")]
print("" if len(groups) == 2 else len(groups))' "$scratch/pictures/animation.svg" 2>&1)"

refuse_env "no environment of that name" "cartpole-v0" env cart --actions "$scratch/push.csv"
refuse_env "no actions" "--actions" env cartpole
refuse_env "a file that is not there" missing.csv env cartpole --actions "$scratch/missing.csv"
printf 'action\n0\n1\n2\n' > "$scratch/bad.csv"
refuse_env "a choice that is none" ":4:action" env cartpole \
  --actions "$scratch/bad.csv"
printf 'action\n0.5\n' > "$scratch/bad.csv"
refuse_env "half a choice" "0.5" env cartpole \
  --actions "$scratch/bad.csv"
printf 'action\n2.5\n' > "$scratch/bad.csv"
refuse_env "a torque beyond the motor's" "-2 to 2" env pendulum --actions "$scratch/bad.csv"
printf 'action\nnan\n' > "$scratch/bad.csv"
refuse_env "a torque that is no number" "nan" env pendulum --actions "$scratch/bad.csv"
printf 'push\n1\n' > "$scratch/bad.csv"
refuse_env "a column of another name" push env cartpole \
  --actions "$scratch/bad.csv"
printf 'act_0,act_1\n1,1\n' > "$scratch/bad.csv"
refuse_env "a column too many" act_1 env cartpole \
  --actions "$scratch/bad.csv"
printf 'action\n' > "$scratch/bad.csv"
refuse_env "no rows" "found none" env cartpole \
  --actions "$scratch/bad.csv"
printf 'action\n1,2\n' > "$scratch/bad.csv"
refuse_env "a row that is too long" "bad.csv:2" env cartpole \
  --actions "$scratch/bad.csv"
printf 'environment,action\n0,1\n2,1\n' > "$scratch/bad.csv"
refuse_env "an environment left out" ":3:environment" env cartpole \
  --actions "$scratch/bad.csv"
printf 'environment,action\n0,1\n1,1\n1,0\n' > "$scratch/bad.csv"
refuse_env "unequal numbers of actions" "environment 1 has 2" env cartpole \
  --actions "$scratch/bad.csv"
printf 'position,angle,velocity,angular_velocity\n0,0,0,0\n' > "$scratch/bad.csv"
refuse_env "a state's columns in another order" "position,velocity" env cartpole \
  --actions "$scratch/push.csv" --init "$scratch/bad.csv"
printf 'position,velocity\n0,inf\n' > "$scratch/bad.csv"
refuse_env "a state that is not finite" ":2:velocity" env mountain_car \
  --actions "$scratch/push.csv" --init "$scratch/bad.csv"
printf 'kept' > "$scratch/kept.npz"
"$understudy" env cartpole --actions "$scratch/missing.csv" --out "$scratch/kept.npz" 2> /dev/null
hold "an earlier file is left as it was" "$(printf kept | cmp - "$scratch/kept.npz" 2>&1)"

# An environment of one's own, built as docs/examples says, against what `make stage` installed.
if [ -d "$BUILD/stage" ] && command -v pkg-config > /dev/null; then
  cp docs/examples/spring/* "$scratch"
  hold "the example builds" "$(PKG_CONFIG_PATH=$(realpath "$BUILD")/stage/lib/pkgconfig \
    make -s -C "$scratch" spring.so 2>&1)"
  "$understudy" env "$scratch/spring.so" --describe --json > "$scratch/spring.json" 2>&1
  hold "its environment is described" "$(json "$scratch/spring.json" \
    'found["name"] == "spring" and found["state"] == ["position", "velocity"]
     and found["random_return"] is None')"
  printf 'action\n1\n-1\n' > "$scratch/push.csv"
  printf 'position,velocity\n0,0\n' > "$scratch/rest.csv"
  "$understudy" env "$scratch/spring.so" --actions "$scratch/push.csv" --init "$scratch/rest.csv" \
    --out "$scratch/spring.npz" --json > "$scratch/spring.json" 2>&1
  # Velocity .1, position .005; the price is the motor's alone at first.
  hold "and runs" "$(json "$scratch/spring.json" \
    'abs(found["return_mean"] + .01 + (.005 ** 2 + .1 * .1 ** 2 + .01)) < 1e-15')"
fi

# One that aborts when it, or its expert, is asked beyond its end.
cat > "$scratch/abort.c" << 'C'
#include <math.h>
#include <stdlib.h>
#include "envs/c_interface.h"
static void reset(const double *uniform, double *state) {
  state[0] = 1 + floor(4 * uniform[0]);
}
static void step(double *state, const double *action, const double *uniform, double *reward,
                 int *terminated) {
  (void)uniform;
  if (state[0] <= 0) abort();
  state[0] -= 1;
  *reward = action[0];
  *terminated = state[0] <= 0;
}
static void observe(const double *state, double *observation) { observation[0] = state[0]; }
static void expert(const double *state, double *action) {
  if (state[0] <= 0) abort();
  action[0] = 1;
}
static const char *const names[] = {"left"};
static const double low[] = {0}, high[] = {5};
static const understudy_environment table = {
    .version = UNDERSTUDY_ENVIRONMENT_VERSION, .name = "abort", .state_size = 1,
    .state_names = names, .observation_size = 1, .observation_names = names,
    .observation_low = low, .observation_high = high, .action_count = 2, .action_size = 1,
    .horizon = 4, .solved = NAN, .random_return = NAN, .reference_return = NAN, .reset_draws = 1,
    .reset = reset, .step = step, .observe = observe, .expert = expert};
const understudy_environment *understudy_environment_table(void) { return &table; }
C
cc -shared -fPIC -I. -o "$scratch/abort.so" "$scratch/abort.c" -lm
hold "an environment of one's own is not stepped after its end by record" "$(
  "$understudy" record "$scratch/abort.so" --policy builtin --episodes 20 --quiet \
    --out "$scratch/left.npz" 2>&1 || echo "exit $?")"
for verb in "train bc --demos $scratch/left.npz --iterations 2" "train dagger --iterations 2" \
  "train gail --demos $scratch/left.npz --iterations 2" "expert --iterations 2"; do
  # `expert` takes the environment by itself
  case $verb in expert*) env=$scratch/abort.so ;; *) env="--env $scratch/abort.so" ;; esac
  rm -rf "$scratch/run"
  hold "nor by ${verb%% --*}" "$(
    "$understudy" ${verb%% --*} $env --${verb#* --} --quiet --out "$scratch/run" 2>&1 ||
      echo "exit $?")"
done
hold "nor by eval" "$(
  "$understudy" eval "$scratch/run" --episodes 9 2>&1 > /dev/null || echo "exit $?")"
printf 'environment,action\n' > "$scratch/many.csv"
for i in 0 1; do for t in 1 2 3 4 5 6; do echo "$i,1"; done; done >> "$scratch/many.csv"
"$understudy" env "$scratch/abort.so" --actions "$scratch/many.csv" --out "$scratch/many.npz" \
  > "$scratch/out" 2> "$scratch/err"
hold "nor by env, which says what was left" "$(
  grep -q 'remark: abort: .* actions after the end of an episode were not taken' \
    "$scratch/err" || cat "$scratch/out" "$scratch/err")"
refuse_env "a library that is not there" absent.so env ./absent.so --describe
printf 'no library' > "$scratch/broken.so"
refuse_env "a file that is no library" broken.so env "$scratch/broken.so" --describe
sum_up
