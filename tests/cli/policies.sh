#!/usr/bin/env bash
# Policies from people's own files: actions in any unit, bits, images, tables; asked for actions,
# and exported as C. Run from the root after the command is built.
set -u
. tests/cli/checks.bash

python3 - "$scratch" << 'PYTHON'
import array, math, random, struct, sys, zipfile
folder = sys.argv[1]
draw = random.Random(1)

def npy(values, shape, kind):
    head = "{'descr': '%s', 'fortran_order': False, 'shape': %r, }" % (kind, tuple(shape))
    head += " " * (-(len(head) + 11) % 64) + "\n"
    code = {"<f4": "f", "<i8": "q"}[kind]
    return (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() +
            array.array(code, values).tobytes())

def npz(name, **arrays):
    with zipfile.ZipFile(f"{folder}/{name}.npz", "w") as file:
        for key, (values, shape, kind) in arrays.items():
            file.writestr(key + ".npy", npy(values, shape, kind))

n = 600
seen = [[draw.gauss(0, 1) for _ in range(3)] for _ in range(n)]
obs = ([x for row in seen for x in row], (n, 3), "<f4")
ends = (list(range(100, n, 100)), (n // 100 - 1,), "<i8")
acts = [[math.tanh(0.5 * a - 0.3 * b), math.tanh(0.8 * c - a)] for a, b, c in seen]
def scaled(shift, scale):
    return ([shift + scale * x for row in acts for x in row], (n, 2), "<f4")
for name, (shift, scale) in {"large": (1500, 500), "small": (0, 1e-5)}.items():
    npz(name, obs=obs, acts=scaled(shift, scale), indices=ends)
npz("bits", obs=obs, acts=([float(x > 0) for row in acts for x in row], (n, 2), "<f4"),
    indices=ends)
bad = list(obs[0])
bad[3 * 7 + 1] = math.nan
npz("nan", obs=(bad, (n, 3), "<f4"))
npz("states", obs=([draw.gauss(0, 1) * (8 if i % 3 == 2 else 1) for i in range(3000)], (1000, 3),
                   "<f4"))
npz("images", obs=([draw.random() for _ in range(6 * 36 * 36)], (6, 1, 36, 36), "<f4"),
    acts=([0, 1, 0, 1, 0], (5,), "<i8"))
PYTHON

train() { "$understudy" train "$@" --quiet --device cpu 2> "$scratch/err"; }

# Where heads learned in the actions' units, each had 2 to 86 times this error.
declare -A deviation=([large]=250 [small]=5e-6)
for units in large small; do
  for policy in gaussian gmm full_gaussian variational lstm; do
    how=(--policy "$policy")
    [ "$policy" = lstm ] && how=(--trunk lstm --set hidden=16)
    train bc --demos "$scratch/$units.npz" "${how[@]}" --out "$scratch/run" --overwrite \
      --iterations 4 --set learning_rate=0.01
    "$understudy" eval "$scratch/run" --demos "$scratch/$units.npz" --json --quiet \
      > "$scratch/eval.json" 2>> "$scratch/err"
    hold "$policy learns $units actions" "$(json "$scratch/eval.json" \
      "found['root_mean_squared_error'] < 0.25 * ${deviation[$units]}")$(cat "$scratch/err")"
  done
done

train bc --demos "$scratch/bits.npz" --policy bernoulli --out "$scratch/bits" --iterations 3
"$understudy" eval "$scratch/bits" --demos "$scratch/bits.npz" --quiet --json \
  > "$scratch/eval.json" 2>> "$scratch/err"
hold "numbers that are 0 and 1 are bits for a head of bits" "$(json "$scratch/eval.json" \
  'found["root_mean_squared_error"] < 0.35 and found["log_likelihood"] < 0')$(cat "$scratch/err")"
refuse "others are not" 'large.npz: actions: episode 0, row 0: expected 0 or 1 .*bernoulli' \
  train bc --demos "$scratch/large.npz" --policy bernoulli --out "$scratch/none"
train bc --demos "$scratch/images.npz" --out "$scratch/nature" --iterations 1 \
  --set steps=1 hidden=8 convolutions=32,8,4,0,64,4,2,0,64,2,1,0
hold "a convolution may have no padding" "$(ended $? "$scratch/err")"

# A policy that knows bounds of +-2, far from where it learned.
"$understudy" record pendulum --policy builtin --episodes 4 --out "$scratch/swing.npz" --quiet
"$understudy" record pendulum --policy builtin --episodes 4 --out "$scratch/swing.csv" --quiet
train bc --env pendulum --demos "$scratch/swing.npz" --out "$scratch/swing" --iterations 2
swing() { "$understudy" predict "$scratch/swing" --inputs "$scratch/$1" --out "$scratch/y.npz" \
  "${@:2}" --json > "$scratch/predict.json" 2> "$scratch/err"
  "$understudy" inspect "$scratch/y.npz" --json > "$scratch/inspect.json" 2>> "$scratch/err"; }
largest='max(max(-a["minimum"], a["maximum"]) for a in found["arrays"])'
swing states.npz --samples 2
hold "predict keeps to the bounds" "$(json "$scratch/inspect.json" "$largest == 2")$(
  json "$scratch/predict.json" 'found["clipped"] > 100')$(cat "$scratch/err")"
swing states.npz --samples 2 --raw
hold "but for --raw" "$(json "$scratch/inspect.json" "$largest > 2.1")$(
  json "$scratch/predict.json" 'found["clipped"] == 0')$(cat "$scratch/err")"
swing swing.npz
cp "$scratch/y.npz" "$scratch/npz.npz"
swing swing.csv
hold "a table is asked about as its arrays are" "$(cmp "$scratch/y.npz" "$scratch/npz.npz" 2>&1)$(
  json "$scratch/predict.json" 'found["rows"] == 804')$(cat "$scratch/err")"
python3 - "$scratch" << 'PYTHON'
import sys, zipfile
folder = sys.argv[1]
with zipfile.ZipFile(folder + "/swing.npz") as ours, \
     zipfile.ZipFile(folder + "/theirs.npz", "w") as theirs:
    for name, other in (("obs", "observations"), ("acts", "actions")):
        theirs.writestr(other + ".npy", ours.read(name + ".npy"))
    theirs.writestr("indices.npy", ours.read("indices.npy"))
PYTHON
swing theirs.npz
hold "and so are arrays under another library's names" "$(
  cmp "$scratch/y.npz" "$scratch/npz.npz" 2>&1)$(cat "$scratch/err")"
refuse "an observation that is not finite" 'nan.npz: obs, row 7: expected a finite .*found nan' \
  predict "$scratch/swing" --inputs "$scratch/nan.npz" --out "$scratch/no.npz"

# As C: two policies in one program, by their headers, without a warning.
cat > "$scratch/main.c" << 'C'
#include <stdio.h>
#include "left.h"
#include "right.h"
int main(void) {
  float a, b, left = 0, right = 0;
  for (int i = 0; i < 1000; ++i) {
    const float o[3] = {0.2f * (float)(i % 10 - 5), 0.2f * (float)(i / 10 % 10 - 5),
                        4.0f * (float)(i / 100 - 5)};
    if (left_act(o, &a) != 0 || right_act(o, &b) != 0) return 1;
    if (a > left) left = a;
    if (b > right) right = b;
  }
  printf("%.9g %.9g\n", (double)left, (double)right);
  return 0;
}
C
"$understudy" export "$scratch/swing" --out "$scratch/left.c" --quiet 2> "$scratch/err"
"$understudy" export "$scratch/swing" --out "$scratch/raw.c" --name right --raw --json \
  > "$scratch/export.json" 2>> "$scratch/err"
mv "$scratch/raw.h" "$scratch/right.h"
hold "exports have names of their own, and share a program" "$(
  ${CC:-cc} -std=c99 -pedantic -Wall -Wextra -Wmissing-prototypes -Werror "$scratch/main.c" \
    "$scratch/left.c" "$scratch/raw.c" -o "$scratch/both" -lm 2>&1
  "$scratch/both" > "$scratch/out" 2>&1 || echo "exit $?")$(cat "$scratch/err")$(
  json "$scratch/export.json" 'found["name"] == "right" and found["header"].endswith("/raw.h")')"
hold "and bounds unless they are raw" "$(python3 -c '
import sys
a, b = map(float, open(sys.argv[1]).read().split())
print("" if a == 2 and b > 2 else (a, b), end="")' "$scratch/out" 2>&1)"
sum_up
