#!/usr/bin/env bash
# Rewards that were learned, alone: kept in a run, looked at beside the true one, learned from anew.
# Run from the root after the command is built.
set -u
. tests/cli/checks.bash

"$understudy" record cartpole --policy builtin --episodes 3 --out "$scratch/demos.npz" --quiet \
  > /dev/null 2>&1
small="--set num_envs=10 --set steps_per_iteration=500 --set fisher_stride=5 --set hidden=16
  --set baseline.hidden=16 --quiet --device cpu"
train() {
  "$understudy" train "$1" --env cartpole --demos "$scratch/demos.npz" $small "${@:2}" \
    2>> "$scratch/err" > "$scratch/out"
}
: > "$scratch/err"
for algorithm in airl gan_gcl; do
  for part in whole parts; do
    [ $part = whole ] || train $algorithm --out "$scratch/${algorithm}_$part" --iterations 3 \
      --threads 2
    train $algorithm --out "$scratch/${algorithm}_$part" --iterations 6 --threads 1 --trace \
      $([ $part = whole ] || echo --resume)
  done
done
hold "AIRL and GAN-GCL go on bit for bit, and so do their rewards" "$(for one in airl gan_gcl; do
  for file in policy.safetensors reward.safetensors progress.csv checkpoint.safetensors; do
    cmp "$scratch/${one}_whole/$file" "$scratch/${one}_parts/$file" 2>&1
  done
  grep -q adversary/expert_accuracy "$scratch/${one}_whole/trace.csv" || echo "no trace of $one"
done)$(cat "$scratch/err")"
train gail --out "$scratch/gail" --iterations 6
train fem --out "$scratch/fem" --iterations 2
mkdir "$scratch/none"

"$understudy" eval builtin --env cartpole --reward "$scratch/airl_whole" --episodes 20 --json \
  > "$scratch/eval.json" 2> "$scratch/err"
hold "eval looks at a learned reward beside the true one" "$(json "$scratch/eval.json" \
  'abs(found["true_reward_mean"] - 1) < 1e-9 and found["reward_correlation"] is None
   and abs(found["learned_return_mean"] - 500 * found["learned_reward_mean"])
       < 1e-3 * abs(found["learned_return_mean"])')$(cat "$scratch/err")"
"$understudy" eval random --env cartpole --reward "$scratch/fem/reward.safetensors" --episodes 20 \
  --json > "$scratch/eval.json" 2> "$scratch/err"
hold "and how both go together" "$(json "$scratch/eval.json" \
  '-1 <= found["return_correlation"] <= 1')$(cat "$scratch/err")"
"$understudy" eval builtin random --env cartpole --reward "$scratch/gail" --episodes 5 \
  > "$scratch/out" 2> "$scratch/err"
hold "a table has them too" "$(grep -q 'learned return' "$scratch/out" || cat "$scratch/out")"

# Ends are what the reward says of them: whoever learns from it anew stands. 22 at random; 96 here.
"$understudy" expert cartpole --reward "$scratch/gail" --iterations 8 --out "$scratch/anew" \
  --json --quiet --device cpu --set fisher_stride=5 --set num_envs=10 \
  --set steps_per_iteration=2000 > "$scratch/anew.json" 2> "$scratch/err"
hold "an expert is trained on a learned reward alone" "$(json "$scratch/anew.json" \
  'found["iterations"] == 8 and found["return_mean"] > 40')$(cat "$scratch/err")"
for part in 2 4; do
  "$understudy" expert cartpole --reward "$scratch/airl_whole" --iterations $part $small \
    --out "$scratch/broken" $([ $part = 2 ] || echo --resume) > /dev/null 2>> "$scratch/err"
done
"$understudy" expert cartpole --reward "$scratch/airl_whole" --iterations 4 $small \
  --out "$scratch/unbroken" > /dev/null 2>> "$scratch/err"
hold "and goes on bit for bit" "$(
  cmp "$scratch/broken/policy.safetensors" "$scratch/unbroken/policy.safetensors" 2>&1)$(
  cat "$scratch/err")"

refuse "a reward that a run does not have" 'no reward.safetensors' expert cartpole \
  --reward "$scratch/none" --out "$scratch/no"
refuse "a reward of other observations" 'pendulum has 3 observations, the reward takes 4' \
  eval random --env pendulum --reward "$scratch/gail"
refuse "a policy's file" 'no description of one' expert cartpole \
  --reward "$scratch/gail/policy.safetensors" --out "$scratch/no"
"$understudy" record pendulum --policy builtin --episodes 1 --out "$scratch/swing.npz" --quiet \
  > /dev/null 2>&1
refuse "a head without a likelihood" 'a head that knows its likelihood' train airl --env pendulum \
  --demos "$scratch/swing.npz" --policy adversarial --out "$scratch/no"
"$understudy" record cartpole --policy builtin --episodes 2 --subsample 5 --quiet \
  --out "$scratch/thin.npz" > /dev/null 2>&1
refuse "whole episodes of which steps are missing" 'expected all its 500 steps, found 100' \
  train gan_gcl --env cartpole --demos "$scratch/thin.npz" --out "$scratch/no"
refuse "shaping without next observations" 'needs the observation after each step' \
  train airl --env cartpole --demos "$scratch/thin.npz" --out "$scratch/no"
sum_up
