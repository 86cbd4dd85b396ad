#!/usr/bin/env bash
# Settings: one list for --set, --config, --help, --json, config.json, --resume and the page of
# docs/. Run from the root after the command is built.
set -u
. tests/cli/checks.bash

hold "docs/settings.md is what the command prints (understudy algorithms --markdown)" "$(
  "$understudy" algorithms --markdown 2>&1 | diff - docs/settings.md | head -n 8)"

"$understudy" algorithms --json > "$scratch/algorithms.json" 2> "$scratch/err"
hold "every setting has its name, default, summary, range, unit and source" "$(
  json "$scratch/algorithms.json" '
  all(set(one) >= {"name", "default", "summary", "range", "unit", "source"} and one["summary"]
      for row in found for one in row["settings"]) and
  {"max_kl", "backtrack_ratio", "max_backtracks", "baseline.max_kl", "num_envs", "gae_lambda",
   "steps_per_iteration", "cg_damping", "cg_iterations", "entropy_coefficient", "min_std",
   "discriminator.steps", "normalize_observations"} <=
  {one["name"] for row in found if row["name"] == "gail" for one in row["settings"]}')$(
  cat "$scratch/err")"
"$understudy" policies --json > "$scratch/policies.json"
hold "heads have theirs" "$(json "$scratch/policies.json" '
  [one["default"] for row in found if row["name"] == "mixture" for one in row["settings"]
   if one["name"] == "components"] == [5]')"

# help ARGUMENT...: --help behind them, in lines that have been put together again.
help() { "$understudy" "$@" --help 2> "$scratch/err" | tr -s ' \n' ' '; }
hold "train gail --help has a table" "$(help train gail |
  grep -q 'backtrack_ratio 0.8 factor of the step from try to try of the line search (> 0, < 1' ||
  echo "no backtrack_ratio")$(cat "$scratch/err")"
hold "of the algorithm alone" "$(help train fem |
  grep -q discriminator && echo "fem's discriminator")"
hold "with what was given" "$(help train bc --policy gmm --set components=7 |
  grep -q 'components 7 of the mixture' || echo "no components")"
hold "expert ENV --help has that of the algorithm and the environment" "$(
  help expert pendulum --algorithm ppo | grep -q 'clip 0.2 ' || echo "no clip"
  help expert pendulum | grep -q 'head gaussian ' || echo "no gaussian"
  help expert cartpole | grep -q 'head categorical ' || echo "no categorical")"
hold "without a name, the algorithms" "$(help train |
  grep -q ' distill policy' || echo "no distill")"

train() { "$understudy" train "$@" --quiet --device cpu > "$scratch/out" 2> "$scratch/err"; }
python3 - "$scratch/numbers.csv" << 'PYTHON'
import sys
with open(sys.argv[1], "w") as file:
    print("episode,t,obs_0,act_0", file=file)
    for t in range(40):
        print(f"0,{t},{t % 7 / 7},{t % 7 / 14}", file=file)
PYTHON
bc="train bc --demos $scratch/numbers.csv"
small="--set hidden=4 --set steps=2"
$bc --out "$scratch/run" --iterations 1 $small
hold "config.json has every setting" "$(cat "$scratch/err")$(json "$scratch/run/config.json" '
  found["settings"]["hidden"] == [4] and found["settings"]["learning_rate"] == 0.001 and
  found["settings"]["validation_every"] == 20 and found["settings"]["loss"] == "likelihood" and
  found["settings"]["normalize_observations"] is True and len(found["settings"]) > 25')"
python3 - "$scratch" << 'PYTHON'
import json, sys
found = json.load(open(sys.argv[1] + "/run/config.json"))
json.dump(found["settings"], open(sys.argv[1] + "/settings.json", "w"))
PYTHON
$bc --out "$scratch/again" --iterations 1 --config "$scratch/settings.json"
hold "and is read again" "$(cat "$scratch/err")$(
  cmp "$scratch/run/config.json" "$scratch/again/config.json" 2>&1)"

refuse "a typo gets the nearest name" "no setting 'learning_rat'; the nearest is 'learning_rate'" \
  $bc --out "$scratch/no" --set learning_rat=1
refuse "and so does an algorithm's" "no algorithm 'gial'; the nearest is 'gail'" train gial \
  --out "$scratch/no"
refuse "a setting out of its range" \
  "backtrack_ratio: expected a number above 0 and below 1, found '1'" \
  expert cartpole --out "$scratch/no" --set backtrack_ratio=1
refuse "a seed that is no setting" "no setting 'seed'" $bc --out "$scratch/no" --set seed=1
echo '{"baseline": {"max_kl": -1}}' > "$scratch/settings.json"
refuse "a file says where" "settings.json: baseline.max_kl: expected a number above 0, found '-1'" \
  expert cartpole --out "$scratch/no" --config "$scratch/settings.json"

# Each key that differs, with both values.
refuse "a run does not go on with other settings" \
  "hidden was \[4\], now \[5\]; learning_rate was 0.001, now 0.1; seed was 0, now 3$" \
  $bc --out "$scratch/run" --iterations 2 --resume --set hidden=5 --set steps=2 \
  --set learning_rate=0.1 --seed 3
"$understudy" $bc --out "$scratch/run" --iterations 2 --resume --set hidden=5 --set steps=2 --json \
  > "$scratch/other.json" 2> "$scratch/err"
hold "--json has them as an object" "$([ $? = 2 ] || echo "not 2")$(json "$scratch/other.json" '
  found["differences"] == [{"key": "hidden", "before": [4], "now": [5]}] and
  "hidden" in found["error"]')"
hold "and the run is as it was" "$(
  cmp "$scratch/run/config.json" "$scratch/again/config.json" 2>&1)"
sum_up
