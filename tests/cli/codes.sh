#!/usr/bin/env bash
# Latent codes from the command: train infogail, and what asks a policy that has them. Run from the
# root after the command is built.
set -u
. tests/cli/checks.bash

demos=$scratch/demos.npz
"$understudy" record circles --policy builtin --episodes 6 --out "$demos" --quiet > /dev/null
train() {
  "$understudy" train infogail --env circles --demos "$demos" --device cpu --quiet \
    --set codes.categories=3 --set hidden=16 --set steps_per_iteration=500 --set num_envs=10 \
    --set discriminator.hidden=16 --set posterior.hidden=16 --set replay=2 --set warm_start=20 \
    "$@" > /dev/null 2> "$scratch/err"
}
train --out "$scratch/whole" --iterations 4 --threads 1 --trace
train --out "$scratch/two" --iterations 2 --threads 2 --trace
train --out "$scratch/two" --iterations 4 --threads 1 --trace --resume
hold "a resumed run is an unbroken one's" "$(
  cmp "$scratch/whole/policy.safetensors" "$scratch/two/policy.safetensors" 2>&1
  cmp "$scratch/whole/posterior.safetensors" "$scratch/two/posterior.safetensors" 2>&1
  cmp "$scratch/whole/progress.csv" "$scratch/two/progress.csv" 2>&1)$(cat "$scratch/err")"
hold "the bound is a metric" "$(grep -q information/bound "$scratch/whole/progress.csv" ||
  echo "no information/bound")"

# The mode of one code, twice, and of others.
for code in 0 0 2; do
  "$understudy" record circles --policy "$scratch/whole" --code $code --episodes 2 --quiet \
    --out "$scratch/code.$code.$((made = ${made:-0} + 1)).npz" > /dev/null 2>> "$scratch/err"
done
hold "record plays a code" "$(
  cmp "$scratch/code.0.1.npz" "$scratch/code.0.2.npz" 2>&1
  cmp -s "$scratch/code.0.1.npz" "$scratch/code.2.3.npz" && echo "codes 0 and 2 do the same"
  cat "$scratch/err")"
"$understudy" eval "$scratch/whole" --episodes 3 --code 1 --demos "$demos" --json \
  > "$scratch/eval.json" 2> "$scratch/err"
hold "eval plays and scores a code" "$(json "$scratch/eval.json" \
  'found["episodes"] == 3 and found["log_likelihood"] < 100')$(cat "$scratch/err")"
"$understudy" predict "$scratch/whole" --inputs "$demos" --out "$scratch/acts.npz" --code 1 --json \
  > "$scratch/acts.json" 2> "$scratch/err"
"$understudy" inspect "$scratch/acts.npz" --json > "$scratch/inspect.json" 2>> "$scratch/err"
hold "predict says which codes it answers for" "$(json "$scratch/inspect.json" \
  '[(a["minimum"], a["maximum"]) for a in found["arrays"] if a["name"] == "codes"] == [(0, 1)]')$(
  cat "$scratch/err")"
"$understudy" predict "$scratch/whole" --inputs "$demos" --out "$scratch/codes.npz" --codes --json \
  > "$scratch/codes.json" 2> "$scratch/err"
hold "predict infers the codes of demonstrations" "$(json "$scratch/codes.json" \
  'found["episodes"] == 6 and sum(found["of_each_category"]) == 6')$(cat "$scratch/err")"
"$understudy" report "$scratch/whole" --out "$scratch/page.html" --quiet > /dev/null \
  2> "$scratch/err"
hold "the page has trajectories by code" "$(grep -q 'What each code does' "$scratch/page.html" ||
  echo "no trajectories")$(cat "$scratch/err")"

refuse "a code there is not" "a category 0 to 2" eval "$scratch/whole" --code 3
refuse "a code of one that has none" "found builtin" record circles --policy builtin --code 1 \
  --episodes 1 --out "$scratch/x.npz"
refuse "a score without a code" "expected --code" eval "$scratch/whole" --demos "$demos" \
  --episodes 1
sum_up
