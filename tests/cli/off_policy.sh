#!/usr/bin/env bash
# Learning off the policy by the command: from a recorded file to a run that is asked, exported,
# resumed bit for bit. Run from the root after the command is built.
set -u
. tests/cli/checks.bash

demos=$scratch/demos.npz run=$scratch/sqil
"$understudy" record cartpole --policy builtin --episodes 4 --out "$demos" > /dev/null

train() { "$understudy" train "$@" --quiet --device cpu --threads 1 2> "$scratch/err"; }
train sqil --env cartpole --demos "$demos" --out "$run" --iterations 12 --trace --json \
  > "$scratch/sqil.json"
# Uniform actions earn 22.
hold "sqil imitates" "$(json "$scratch/sqil.json" \
  'found["return_mean"] > 300')$(cat "$scratch/err")"
hold "its trace has the loss" "$(grep -q loss "$run/trace.csv" || head -3 "$run/trace.csv")"
"$understudy" export "$run" --out "$scratch/policy.c" > /dev/null 2> "$scratch/err"
hold "its policy is exported" "$(grep -q policy_act "$scratch/policy.c" || cat "$scratch/err")"

train iq_learn --env cartpole --demos "$demos" --out "$scratch/whole" --iterations 3 > /dev/null
train iq_learn --env cartpole --demos "$demos" --out "$scratch/broken" --iterations 2 > /dev/null
train iq_learn --env cartpole --demos "$demos" --out "$scratch/broken" --iterations 3 --resume \
  > /dev/null
hold "a resumed run has the bits of an unbroken one" "$(
  cmp "$scratch/whole/policy.safetensors" "$scratch/broken/policy.safetensors" 2>&1)"

"$understudy" record cartpole --policy builtin --episodes 2 --subsample 5 \
  --out "$scratch/thin.npz" > /dev/null
"$understudy" record pendulum --policy builtin --episodes 1 --out "$scratch/swing.npz" > /dev/null
refuse "steps that were left out" "whole episodes" train sqil --env cartpole \
  --demos "$scratch/thin.npz" --out "$scratch/none"
refuse "dqfd of numbers" "expected discrete actions" train dqfd --env pendulum \
  --demos "$scratch/swing.npz" --out "$scratch/none"
refuse "dqn of numbers" "take sac" expert pendulum --algorithm dqn --out "$scratch/none"
refuse "sac of choices" "take dqn" expert cartpole --algorithm sac --out "$scratch/none"

"$understudy" reproduce off-policy --seeds 1 --demonstrations 4 --tasks cartpole --algorithms sqil \
  --steps 20000 --out "$scratch/cells" --threads 1 --json > "$scratch/cells.json" 2> "$scratch/err"
hold "the experiment's mark is reached" "$(json "$scratch/cells.json" \
  'found["tables"][0]["rows"][0][2] == "1 of 1"')$(cat "$scratch/err")"
hold "a cell is kept" "$([ "$(wc -l < "$scratch/cells/runs.csv")" = 2 ] ||
  cat "$scratch/cells/runs.csv")"
sum_up
