#!/usr/bin/env bash
# The verbs that learn: demonstrations recorded, policies trained, measured and asked. Run from the
# root after the command is built.
set -u
. tests/house/report.bash
: "${BUILD:=build}"
understudy=$BUILD/understudy
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# refuse WHAT WORD ARGUMENT...: exit code 2 and one line on standard error that has WORD.
refuse() {
  local what=$1 word=$2 code
  shift 2
  "$understudy" "$@" > "$scratch/out" 2> "$scratch/err"
  code=$?
  hold "$what: exit code 2 and one line that says $word" "$(
    [ "$code" = 2 ] && [ "$(wc -l < "$scratch/err")" = 1 ] && [ ! -s "$scratch/out" ] &&
      grep -q -- "$word" "$scratch/err" ||
      { echo "exit $code"; cat "$scratch/out" "$scratch/err"; })"
}
json() {
  python3 - "$1" "$2" 2>&1 << 'PYTHON'
import json, sys
found = json.load(open(sys.argv[1]))
if not eval(" ".join(sys.argv[2].split()), {"found": found}):
    print(sys.argv[2], "does not hold for", found)
PYTHON
}
demos=$scratch/demos.npz

"$understudy" record cartpole --policy builtin --episodes 6 --subsample 5 --out "$demos" \
  --json > "$scratch/record.json" 2> "$scratch/err"
hold "record plays the built-in expert" "$(json "$scratch/record.json" \
  'found["episodes"] == 6 and found["steps"] == 600 and abs(found["return_mean"] - 500) < 1e-9
   and abs(found["normalised"] - 1) < 1e-12')$(cat "$scratch/err")"
"$understudy" inspect "$demos" --json > "$scratch/inspect.json"
hold "what it wrote is read" "$(json "$scratch/inspect.json" 'found["episodes"] == 6')"
"$understudy" record cartpole --policy random --episodes 40 --out "$scratch/random.npz" --json \
  > "$scratch/record.json"
# 22.25 is the mean over many; its deviation over 40 episodes is 1.9.
hold "record plays uniform actions" "$(json "$scratch/record.json" \
  '14 < found["return_mean"] < 31 and abs(found["length_mean"] - found["return_mean"]) < 1e-9')"


# Of pendulum's policies as they are at first, many draws lie beyond the bounds of a torque.
"$understudy" expert pendulum --iterations 1 --out "$scratch/swing" --quiet --device cpu \
  > /dev/null 2> "$scratch/err"
"$understudy" record pendulum --policy "$scratch/swing" --stochastic --episodes 2 \
  --out "$scratch/swing.npz" > /dev/null 2>> "$scratch/err"
"$understudy" inspect "$scratch/swing.npz" --json > "$scratch/swing.json"
hold "actions are written down as they are done" "$(json "$scratch/swing.json" \
  'all(a["minimum"] == -2 and a["maximum"] == 2 for a in found["arrays"] if a["name"] == "acts")
   and found["episodes"] == 2')$(cat "$scratch/err")"

train() { "$understudy" train "$@" --quiet --device cpu 2> "$scratch/err"; }
train bc --env cartpole --demos "$demos" --out "$scratch/bc" --iterations 8 --threads 1 \
  --set hidden=32,32 --json > "$scratch/bc.json"
hold "cloning learns" "$(json "$scratch/bc.json" \
  'found["iterations"] == 8 and found["return_mean"] > 100')$(cat "$scratch/err")"
hold "a run has what a run has" "$(for file in config.json progress.csv checkpoint.safetensors \
  policy.safetensors result.json; do [ -s "$scratch/bc/$file" ] || echo "no $file"; done)"

# The same in two parts, on another number of threads, told by a file: the same bits.
echo '{"hidden": [32, 32]}' > "$scratch/settings.json"
train bc --env cartpole --demos "$demos" --out "$scratch/two" --iterations 3 --threads 3 \
  --set hidden=32,32
train bc --env cartpole --demos "$demos" --out "$scratch/two" --iterations 8 --threads 2 \
  --config "$scratch/settings.json" --resume
hold "a resumed run is an unbroken one's" "$(
  cmp "$scratch/bc/policy.safetensors" "$scratch/two/policy.safetensors" 2>&1
  cmp "$scratch/bc/progress.csv" "$scratch/two/progress.csv" 2>&1)$(cat "$scratch/err")"

train dagger --env cartpole --out "$scratch/dagger" --iterations 3 --set hidden=32 \
  --set steps=300 --set training_steps=100 --json > "$scratch/dagger.json"
hold "DAgger asks the built-in expert" "$(json "$scratch/dagger.json" \
  'found["interactions"] == 900 and found["return_mean"] > 30')$(cat "$scratch/err")"
train dagger --env cartpole --out "$scratch/dagger2" --iterations 1 --set hidden=32 \
  --set steps=300 --set training_steps=100
train dagger --env cartpole --out "$scratch/dagger2" --iterations 3 --set hidden=32 \
  --set steps=300 --set training_steps=100 --resume
hold "and goes on bit for bit" "$(
  cmp "$scratch/dagger/policy.safetensors" "$scratch/dagger2/policy.safetensors" 2>&1)$(
  cat "$scratch/err")"

small="--set instances=10 --set pairs=500 --set fisher_stride=1 --set hidden=16
  --set baseline.hidden=16"
for part in whole parts; do
  if [ $part = parts ]; then
    "$understudy" expert cartpole --out "$scratch/expert_$part" --iterations 2 --quiet $small \
      --device cpu --threads 2 2> "$scratch/err"
    train gail --env cartpole --demos "$demos" --out "$scratch/gail_$part" --iterations 1 $small
    resume=--resume
  fi
  "$understudy" expert cartpole --out "$scratch/expert_$part" --iterations 4 --quiet $small \
    --device cpu ${resume:-} --json > "$scratch/expert.json" 2> "$scratch/err"
  train gail --env cartpole --demos "$demos" --out "$scratch/gail_$part" --iterations 3 $small \
    ${resume:-} --json > "$scratch/gail.json"
done
hold "an expert is trained" "$(json "$scratch/expert.json" \
  'found["interactions"] == 2000 and found["iterations"] == 4 and found["return_mean"] > 15
   and found["solved"] in (True, False)')$(cat "$scratch/err")"
hold "GAIL runs" "$(json "$scratch/gail.json" 'found["interactions"] == 1500')"
hold "both go on bit for bit" "$(
  cmp "$scratch/expert_whole/policy.safetensors" "$scratch/expert_parts/policy.safetensors" 2>&1
  cmp "$scratch/gail_whole/policy.safetensors" "$scratch/gail_parts/policy.safetensors" 2>&1
  cmp "$scratch/gail_whole/progress.csv" "$scratch/gail_parts/progress.csv" 2>&1)"

"$understudy" eval "$scratch/bc" --episodes 10 --demos "$demos" --json > "$scratch/eval.json" \
  2> "$scratch/err"
hold "eval says what it must" "$(json "$scratch/eval.json" \
  'found["episodes"] == 10 and found["seed"] == 0
   and found["return_ci95"][0] <= found["return_mean"] <= found["return_ci95"][1]
   and {"return_std", "normalised", "length_mean"} <= set(found)
   and -0.7 < found["log_likelihood"] < 0 and found["error_rate"] < 0.5')$(cat "$scratch/err")"
"$understudy" predict "$scratch/bc" --inputs "$demos" --out "$scratch/y.npz" --samples 3 \
  --json > "$scratch/predict.json" 2> "$scratch/err"
"$understudy" inspect "$scratch/y.npz" --json > "$scratch/inspect.json"
hold "predict gives actions, draws and log-probabilities" "$(json "$scratch/inspect.json" \
  'sorted((a["name"], a["shape"]) for a in found["arrays"]) == [["acts", [600]],
     ["log_probability", [600]], ["samples", [600, 3]]]
   or sorted((a["name"], tuple(a["shape"])) for a in found["arrays"]) == [("acts", (600,)),
     ("log_probability", (600,)), ("samples", (600, 3))]')$(cat "$scratch/err")"
"$understudy" record cartpole --policy "$scratch/bc" --episodes 2 --out "$scratch/clone.csv" --quiet
hold "a run is a policy to record" "$([ -s "$scratch/clone.csv" ] || echo nothing)"
"$understudy" export "$scratch/bc" --out "$scratch/clone.c" --name clone --quiet 2> "$scratch/err"
hold "a run leaves as C" "$(${CC:-cc} -std=c99 -Wall -Werror -c "$scratch/clone.c" \
  -o "$scratch/clone.o" 2>&1; grep -q 'int clone_act(const float \*observation)' \
  "$scratch/clone.c" || cat "$scratch/err")"
refuse "a name that C has no use for" letters export "$scratch/bc" --out "$scratch/no.c" \
  --name 2nd

# Policies with memory, heads with several modes: through files, asked about whole episodes.
remember() { "$understudy" train bc --demos "$numbers" --policy gmm --trunk lstm --set hidden=8 \
  --set steps=3 --quiet --out "$@" 2>> "$scratch/err"; }
numbers=$scratch/numbers.npz
: > "$scratch/err"
"$understudy" record pendulum --policy builtin --episodes 4 --out "$numbers" --quiet
remember "$scratch/lstm" --iterations 4 --threads 1
remember "$scratch/lstm_parts" --iterations 2 --threads 2
remember "$scratch/lstm_parts" --iterations 4 --threads 1 --resume
hold "a recurrent mixture goes on bit for bit" "$(
  cmp "$scratch/lstm/policy.safetensors" "$scratch/lstm_parts/policy.safetensors" 2>&1
  cmp "$scratch/lstm/progress.csv" "$scratch/lstm_parts/progress.csv" 2>&1)$(cat "$scratch/err")"
"$understudy" eval "$scratch/lstm" --demos "$numbers" --json > "$scratch/eval_lstm.json" \
  2> "$scratch/err"
hold "and foretells whole episodes" "$(json "$scratch/eval_lstm.json" \
  'found["held_out_steps"] == 800 and abs(found["log_likelihood"]) < 20
   and found["root_mean_squared_error"] < 5')$(cat "$scratch/err")"
"$understudy" predict "$scratch/lstm" --inputs "$numbers" --out "$scratch/y.npz" --samples 2 \
  --quiet 2> "$scratch/err"
"$understudy" inspect "$scratch/y.npz" --json > "$scratch/inspect.json"
hold "and answers row by row" "$(json "$scratch/inspect.json" \
  'sorted((a["name"], a["shape"][0]) for a in found["arrays"])
   == [("acts", 804), ("log_probability", 800), ("samples", 804)]')$(cat "$scratch/err")"
"$understudy" train bc --demos "$numbers" --policy best_of --iterations 1 --quiet \
  --out "$scratch/drawing" 2> "$scratch/err"
"$understudy" eval "$scratch/drawing" --demos "$numbers" --json > "$scratch/eval_lstm.json" \
  2>> "$scratch/err"
hold "what has no likelihood has errors" "$(json "$scratch/eval_lstm.json" \
  'found["log_likelihood"] is None and found["root_mean_squared_error"] < 5')$(
  cat "$scratch/err")"
"$understudy" report "$scratch/lstm" "$scratch/bc" --out "$scratch/report.html" --quiet \
  2> "$scratch/err"
hold "a report shows actions, their spread, probabilities and rollouts" "$(
  for words in 'a draw each' 'Can its spread be believed' 'Can its probabilities be believed' \
    'Free-running'; do grep -q "$words" "$scratch/report.html" || echo "no $words"; done)$(
  cat "$scratch/err")"

# An interrupt leaves a checkpoint to go on from.
"$understudy" train bc --env cartpole --demos "$demos" --out "$scratch/cut" --quiet \
  --iterations 1000000 --set validation_share=0 2> "$scratch/err" &
training=$!
for _ in $(seq 100); do [ -s "$scratch/cut/progress.csv" ] && break; sleep 0.05; done
kill -TERM $training
wait $training
code=$?
hold "an interrupt ends with 130 and a checkpoint" "$(
  [ $code = 130 ] && [ -s "$scratch/cut/checkpoint.safetensors" ] ||
    { echo "exit $code"; cat "$scratch/err"; ls "$scratch/cut"; })"

refuse "no algorithm of that name" bc train fly --out "$scratch/no"
refuse "a setting that is none" learning_rate train bc --demos "$demos" --out "$scratch/no" \
  --set rate=1
refuse "a setting that is no number" learning_rate train bc --demos "$demos" \
  --out "$scratch/no" --set learning_rate=fast
refuse "cloning of nothing" --demos train bc --env cartpole --out "$scratch/no"
refuse "demonstrations of another environment" demos.npz train bc --env pendulum \
  --demos "$demos" --out "$scratch/no"
refuse "a policy that is not there" nobody eval "$scratch/nobody" --env cartpole
refuse "a run that is there already" overwrite train bc --demos "$demos" --out "$scratch/bc"
refuse "no such run" nowhere eval "$scratch/nowhere"
sum_up
