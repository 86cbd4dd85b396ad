#!/usr/bin/env bash
# The verbs that learn: demonstrations recorded, policies trained, measured and asked. Run from the
# root after the command is built.
set -u
. tests/cli/checks.bash

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
"${UNDERSTUDY_PYTHON:-python3}" tests/oracles/imitation_library.py "$scratch/random.npz" \
  > "$scratch/out" 2>&1
code=$?
[ $code = 77 ] || hold "the library imitation reads it, too" "$(
  [ $code = 0 ] || { echo "exit $code"; tail -5 "$scratch/out"; })"
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
  '[(a["minimum"], a["maximum"]) for a in found["arrays"] if a["name"] == "acts"] == [(-2, 2)]
   and found["episodes"] == 2')$(cat "$scratch/err")"

train() { "$understudy" train "$@" --quiet --device cpu 2> "$scratch/err"; }
train bc --env cartpole --demos "$demos" --out "$scratch/bc" --iterations 8 --threads 1 \
  --set hidden=32,32 --json > "$scratch/bc.json"
# Of returns of up to 500, where uniform actions earn 22: 490 here; an instruction set of other bits
# is like another seed, and so below.
hold "cloning learns" "$(json "$scratch/bc.json" \
  'found["iterations"] == 8 and found["return_mean"] > 300')$(cat "$scratch/err")"
hold "a run has what a run has" "$(for file in config.json progress.csv checkpoint.safetensors \
  policy.safetensors result.json; do [ -s "$scratch/bc/$file" ] || echo "no $file"; done)"

# The same in two parts, on another number of threads, settings from a file: the same bits.
echo '{"hidden": [32, 32]}' > "$scratch/settings.json"
train bc --env cartpole --demos "$demos" --out "$scratch/two" --iterations 3 --threads 3 \
  --set hidden=32,32
train bc --env cartpole --demos "$demos" --out "$scratch/two" --iterations 8 --threads 2 \
  --config "$scratch/settings.json" --resume
hold "a resumed run is an unbroken one's" "$(
  cmp "$scratch/bc/policy.safetensors" "$scratch/two/policy.safetensors" 2>&1
  cmp "$scratch/bc/progress.csv" "$scratch/two/progress.csv" 2>&1)$(cat "$scratch/err")"

# From states alone: a table without actions.
"$understudy" record cartpole --policy builtin --episodes 2 --out "$scratch/acts.csv" > /dev/null \
  2> "$scratch/err"
python3 - "$scratch" << 'PYTHON'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1] + "/acts.csv")))
names = [name for name in rows[0] if name in ("episode", "t") or name.startswith("obs_")]
with open(sys.argv[1] + "/states.csv", "w") as file:
    print(",".join(names), file=file)
    for row in rows:
        print(",".join(row[name] for name in names), file=file)
PYTHON
bco="--set hidden=16 --set steps=400 --set training_steps=100 --set inverse.training_steps=100"
train bco --env cartpole --demos "$scratch/states.csv" --out "$scratch/bco" --iterations 3 \
  --threads 1 $bco > /dev/null
hold "bco learns where no action was written down" "$(cat "$scratch/err")$(
  [ -s "$scratch/bco/policy.safetensors" ] || echo "no policy")"
train bco --env cartpole --demos "$scratch/states.csv" --out "$scratch/bco2" --iterations 1 \
  --threads 3 $bco > /dev/null
train bco --env cartpole --demos "$scratch/states.csv" --out "$scratch/bco2" --iterations 3 \
  --threads 2 --resume $bco > /dev/null
hold "a resumed bco has the bits of an unbroken one" "$(cat "$scratch/err")$(
  cmp "$scratch/bco/policy.safetensors" "$scratch/bco2/policy.safetensors" 2>&1)"
refuse "bc has to see actions" "act_0" train bc --env cartpole --demos "$scratch/states.csv" \
  --out "$scratch/none"
train dagger --env cartpole --out "$scratch/dagger" --iterations 3 --set hidden=32 \
  --set steps=300 --set training_steps=100 --json > "$scratch/dagger.json"
hold "DAgger asks the built-in expert" "$(json "$scratch/dagger.json" \
  'found["interactions"] == 900 and found["return_mean"] > 200')$(cat "$scratch/err")"
train dagger --env cartpole --out "$scratch/dagger2" --iterations 1 --set hidden=32 \
  --set steps=300 --set training_steps=100
train dagger --env cartpole --out "$scratch/dagger2" --iterations 3 --set hidden=32 \
  --set steps=300 --set training_steps=100 --resume
hold "and goes on bit for bit" "$(
  cmp "$scratch/dagger/policy.safetensors" "$scratch/dagger2/policy.safetensors" 2>&1)$(
  cat "$scratch/err")"

small="--set num_envs=10 --set steps_per_iteration=500 --set fisher_stride=1 --set hidden=16
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
# 305 and 174 here; what is solved is so from 475 on.
hold "an expert is trained" "$(json "$scratch/expert.json" \
  'found["interactions"] == 2000 and found["iterations"] == 4 and found["return_mean"] > 60
   and found["solved"] is (found["return_mean"] >= 475)')$(cat "$scratch/err")"
hold "GAIL runs" "$(json "$scratch/gail.json" \
  'found["interactions"] == 1500 and found["return_mean"] > 40')"
"$understudy" expert cartpole --out "$scratch/solver" --iterations 20 --quiet $small \
  --device cpu --json > "$scratch/expert.json" 2> "$scratch/err"
hold "and longer, says that the task is solved" "$(json "$scratch/expert.json" \
  'found["solved"] is True and found["return_mean"] >= 475')$(cat "$scratch/err")"
hold "both go on bit for bit" "$(
  cmp "$scratch/expert_whole/policy.safetensors" "$scratch/expert_parts/policy.safetensors" 2>&1
  cmp "$scratch/gail_whole/policy.safetensors" "$scratch/gail_parts/policy.safetensors" 2>&1
  cmp "$scratch/gail_whole/progress.csv" "$scratch/gail_parts/progress.csv" 2>&1)"

# Distillation: a student of another size from a run, from a recurrent one,
# or modes alone, where either of them goes.
distill() { train distill --env cartpole --set hidden=16 --set steps=200 --set training_steps=100 \
  "$@"; }
distill --teacher "$scratch/bc" --out "$scratch/distilled" --iterations 4 --threads 1 --json \
  > "$scratch/distilled.json"
hold "a student takes on a run's distribution" "$(json "$scratch/distilled.json" \
  'found["interactions"] == 800 and found["return_mean"] > 200')$(awk -F, '
    NR == 1 { for (i = 1; i <= NF; ++i) if ($i == "kl") column = i }
    NR == 2 { first = $column } END { if (!($column < first / 2)) print first, $column }' \
  "$scratch/distilled/progress.csv")$(cat "$scratch/err")"
train bc --env cartpole --demos "$demos" --out "$scratch/lasting" --iterations 1 --trunk gru \
  --set hidden=8
: > "$scratch/kept"
for how in "bc" "bc --set schedule=exponential --set deterministic=true" \
    "lasting --set schedule=constant --set share=0.5" "bc --set target=mode --set share=0"; do
  set -- $how
  teacher=$scratch/$1
  shift
  rm -rf "$scratch/student" "$scratch/student_parts"
  distill --teacher "$teacher" "$@" --out "$scratch/student" --iterations 3 --threads 1
  distill --teacher "$teacher" "$@" --out "$scratch/student_parts" --iterations 1 --threads 3
  distill --teacher "$teacher" "$@" --out "$scratch/student_parts" --iterations 3 --resume
  for file in policy.safetensors progress.csv; do
    cmp "$scratch/student/$file" "$scratch/student_parts/$file" >> "$scratch/kept" 2>&1
  done
done
hold "a student goes on bit for bit, whoever acts" "$(cat "$scratch/kept" "$scratch/err")"
refuse "a teacher that is not there" nowhere train distill --env cartpole \
  --teacher "$scratch/nowhere" --out "$scratch/no"
refuse "no teacher" --teacher train distill --env cartpole --out "$scratch/no"
refuse "a teacher of another environment" 'of cartpole-v0, found one of cartpole' train distill \
  --env cartpole-v0 --teacher "$scratch/bc" --out "$scratch/no"
refuse "a teacher of other sizes" '3 observations, the policy takes 4' train distill \
  --env pendulum --teacher "$scratch/bc/policy.safetensors" --out "$scratch/no"
refuse "a distribution that a rule does not have" target train distill --env cartpole \
  --teacher builtin --set target=draws --out "$scratch/no"
refuse "no temperature" temperature train distill --env cartpole --teacher "$scratch/bc" \
  --set temperature=0 --out "$scratch/no"
refuse "a teacher where none is needed" distill train bc --demos "$demos" \
  --teacher "$scratch/bc" --out "$scratch/no"
hold "nothing is left of what was refused" "$(ls -d "$scratch/no" 2> /dev/null)"

"$understudy" eval "$scratch/bc" --episodes 10 --demos "$demos" --json --quiet \
  > "$scratch/eval.json" 2> "$scratch/err"
hold "eval says what it must" "$(json "$scratch/eval.json" \
  'found["episodes"] == 10 and found["seed"] == 0
   and found["return_ci95"][0] <= found["return_mean"] <= found["return_ci95"][1]
   and {"return_std", "normalised", "length_mean"} <= set(found)
   and -0.2 < found["log_likelihood"] < 0 and found["error_rate"] < 0.1')$(cat "$scratch/err")"
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
remember "$scratch/lstm" --iterations 30 --threads 1
remember "$scratch/lstm_parts" --iterations 15 --threads 2
remember "$scratch/lstm_parts" --iterations 30 --threads 1 --resume
hold "a recurrent mixture goes on bit for bit" "$(
  cmp "$scratch/lstm/policy.safetensors" "$scratch/lstm_parts/policy.safetensors" 2>&1
  cmp "$scratch/lstm/progress.csv" "$scratch/lstm_parts/progress.csv" 2>&1)$(cat "$scratch/err")"
"$understudy" eval "$scratch/lstm" --demos "$numbers" --json > "$scratch/eval_lstm.json" \
  2> "$scratch/err"
# Torques deviate by 0.66 from their mean: the Gaussian of that alone has -1.0 nats, this mixture
# 0.95; its mean, between modes that it weighs, errs by as much.
hold "and scores whole episodes" "$(json "$scratch/eval_lstm.json" \
  'found["held_out_steps"] == 800 and 0 < found["log_likelihood"] < 10
   and 0 < found["root_mean_squared_error"] < 0.8')$(cat "$scratch/err")"
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
  'found["log_likelihood"] is None and 0 < found["root_mean_squared_error"] < 0.66')$(
  cat "$scratch/err")"
"$understudy" report "$scratch/lstm" "$scratch/bc" --out "$scratch/report.html" --quiet \
  2> "$scratch/err"
hold "a report shows actions, their spread, probabilities and rollouts" "$(
  for words in 'a draw each' 'Can its spread be believed' 'Can its probabilities be believed' \
    'Free-running'; do grep -q "$words" "$scratch/report.html" || echo "no $words"; done)$(
  cat "$scratch/err")"

# In room 0 what to do depends on the room before; pens follow their own displacements.
python3 - "$scratch" << 'PYTHON'
import math, random, sys
random.seed(1)
with open(sys.argv[1] + "/rooms.csv", "w") as file:
    print("episode,t,obs,act", file=file)
    for e in range(30):
        for t in range(10):
            room = random.randrange(1, 4) if t % 2 == 0 else room
            print(e, t, 0 if t % 2 else room, room - 1, sep=",", file=file)
with open(sys.argv[1] + "/pens.csv", "w") as file:
    print("episode,t,obs_0,obs_1,act_0,act_1", file=file)
    for e in range(8):
        start = 6 * random.random()
        at = [(math.cos(start + t / 5), math.sin(start + t / 5)) for t in range(13)]
        for t, (here, next) in enumerate(zip(at, at[1:])):
            print(e, t, *here, next[0] - here[0], next[1] - here[1], sep=",", file=file)
PYTHON
rooms=$scratch/rooms.csv
pens=$scratch/pens.csv
train bc --demos "$rooms" --trunk gru --set hidden=16 --set embedding=4 --iterations 15 \
  --out "$scratch/rooms"
"$understudy" eval "$scratch/rooms" --demos "$rooms" --json --quiet \
  > "$scratch/eval_rooms.json" 2>> "$scratch/err"
hold "an index is embedded and remembered" "$(json "$scratch/eval_rooms.json" \
  'found["error_rate"] < 0.01 and found["log_likelihood"] > -0.1')$(cat "$scratch/err")"
train bc --demos "$rooms" --set hidden=16 --iterations 8 --out "$scratch/forgetful"
"$understudy" eval "$scratch/forgetful" --demos "$rooms" --json --quiet \
  > "$scratch/eval_rooms.json"
hold "and without memory a third is guessed wrong" "$(json "$scratch/eval_rooms.json" \
  '0.25 < found["error_rate"] < 0.42')"
sed '3s/,0,/,4,/' "$rooms" > "$scratch/unknown.csv"
refuse "a room that was never seen" 'expected observation 0 to 3' eval "$scratch/rooms" \
  --demos "$scratch/unknown.csv"

# Remedies for what a policy's own errors lead to, and copies of demonstrations: other numbers than
# without, and the same in two parts.
: > "$scratch/kept"
pen() { train bc --demos "$pens" --set hidden=8 --set steps=3 "$@"; }
pen --trunk gru --iterations 3 --out "$scratch/pen.plain"
for how in "decay=1,1 perturbation=0.1 correction=0.5" "mirror=0 mirror.action=0" \
    "decay=1,1 sampling=linear sampling.scale=6 sampling.draw=false" \
    "rotation=0,1 rotation.action=0,1 rotation.copies=2" \
    "goals=within goals.columns=2 goals.copies=2"; do
  settings=$(for one in $how; do echo "--set $one"; done)
  rm -rf "$scratch/pen" "$scratch/pen_parts"
  pen --trunk gru $settings --iterations 3 --threads 1 --out "$scratch/pen"
  pen --trunk gru $settings --iterations 1 --threads 3 --out "$scratch/pen_parts"
  pen --trunk gru $settings --iterations 3 --resume --out "$scratch/pen_parts"
  for file in policy.safetensors progress.csv; do
    cmp "$scratch/pen/$file" "$scratch/pen_parts/$file" >> "$scratch/kept" 2>&1
  done
  differ "$scratch/pen/policy.safetensors" "$scratch/pen.plain/policy.safetensors" \
    >> "$scratch/kept"
  cat "$scratch/err" >> "$scratch/kept"
done
hold "remedies and copies count, and go on bit for bit" "$(cat "$scratch/kept")"
pen --out "$scratch/pen_mlp" --iterations 2 --set decay=1,1 --set sampling=exponential
hold "a trunk without memory has remedies, too" "$(cat "$scratch/err")"
train bc --env cartpole --demos "$demos" --out "$scratch/mirrored" --iterations 2 \
  --set mirror=0,1,2,3 --set mirror.action=1,0
hold "choices have mirror images" "$(cat "$scratch/err")"
bad() { refuse "$1" "$2" train bc --demos "$pens" --out "$scratch/no" --set "$3"; }
bad "a perturbation with no way back" decay perturbation=0.1
bad "a schedule of no kind" inverse_sigmoid sampling=sometimes
bad "a decay of too few columns" '2 columns' decay=1
bad "a mirror of no column" 'below 2' mirror=2
bad "a rotation of one column" 'two columns' rotation=1
refuse "goals that an environment does not show" goals train bc --env pendulum \
  --demos "$numbers" --out "$scratch/no" --set goals=last
refuse "choices that become the same" 'each of 2' train bc --env cartpole --demos "$demos" \
  --out "$scratch/no" --set mirror=0 --set mirror.action=1,1

# What goes on inside: every quantity of every iteration, and the same after a resumption.
train gail --env cartpole --demos "$demos" --out "$scratch/traced" --iterations 2 $small --trace
train gail --env cartpole --demos "$demos" --out "$scratch/traced" --iterations 3 $small --trace \
  --resume
train gail --env cartpole --demos "$demos" --out "$scratch/whole" --iterations 3 $small --trace
hold "a trace is the same whether broken off or not" "$(
  cmp "$scratch/traced/trace.csv" "$scratch/whole/trace.csv" 2>&1
  cmp "$scratch/gail_whole/policy.safetensors" "$scratch/whole/policy.safetensors" 2>&1)"
hold "and has every inner quantity" "$(python3 - "$scratch/whole" 2>&1 << 'PYTHON'
import csv, json, math, sys
rows = {}
for row in csv.DictReader(open(sys.argv[1] + "/trace.csv")):
    rows.setdefault(int(row["iteration"]), {})[row["name"]] = float(row["value"])
assert sorted(rows) == [1, 2, 3], sorted(rows)
for found in rows.values():
    for region in ("trust_region/", "value_trust_region/"):
        tries = int(found[region + "line_search_steps"])
        for name in ("predicted_improvement", "improvement", "kl", "step_norm",
                     "step_fraction"):
            assert math.isfinite(found[region + name]), name
        residuals = [found[f"{region}residual_{i}"] for i in range(11)]
        assert residuals[-1] < residuals[0], residuals
        last = region + f"line_search_{tries}/"
        if found[region + "step_fraction"] > 0:
            assert found[last + "kl"] == found[region + "kl"] <= 0.01
            assert found[last + "improvement"] == found[region + "improvement"] > 0
        assert region + f"line_search_{tries + 1}/step_fraction" not in found
    assert "explained_variance" in found and "adversary/calibration_error" in found
assert json.load(open(sys.argv[1] + "/result.json"))["reward"].startswith("learned beyond the ends")
PYTHON
)"

# Killed at moments that nobody chose, again and again: what is resumed ends as if never broken off.
# A checkpoint after every iteration, so that some kills hit the writing of one.
unbroken() {
  local name=$1 resume=
  shift
  train "$@" --out "$scratch/$name.whole" --threads 1
  for tries in 1 2 3 4 5 6; do
    "$understudy" train "$@" --out "$scratch/$name" --quiet --device cpu --threads 1 \
      --checkpoint-seconds 0 $resume \
      > /dev/null 2>> "$scratch/err" &
    training=$!
    sleep 0.0$((RANDOM % 9))$((RANDOM % 10))
    kill -KILL $training 2> /dev/null
    wait $training 2> /dev/null
    [ -e "$scratch/$name/config.json" ] && resume=--resume
  done
  train "$@" --out "$scratch/$name" --threads 1 $resume
  for file in policy.safetensors progress.csv result.json checkpoint.safetensors; do
    cmp "$scratch/$name.whole/$file" "$scratch/$name/$file" 2>&1
  done
  ls "$scratch/$name.whole" > "$scratch/files.whole"
  ls "$scratch/$name" | diff "$scratch/files.whole" - 2>&1
}
hold "cloning that was killed ends as unbroken" "$(
  unbroken bc_killed bc --env cartpole --demos "$demos" --iterations 60 --set hidden=32)"
hold "DAgger that was killed ends as unbroken" "$(
  unbroken dagger_killed dagger --env cartpole --iterations 12 --set hidden=16 \
    --set steps=200 --set training_steps=60)"
hold "distillation that was killed ends as unbroken" "$(
  unbroken distilled_killed distill --env cartpole --teacher "$scratch/bc" --iterations 12 \
    --set hidden=16 --set steps=200 --set training_steps=60)"
hold "GAIL that was killed ends as unbroken" "$(
  unbroken gail_killed gail --env cartpole --demos "$demos" --iterations 12 $small)"

# Two processes, one folder: the second is refused, and the first is not disturbed.
"$understudy" train bc --env cartpole --demos "$demos" --out "$scratch/held" --quiet \
  --iterations 1000000 --set validation_share=0 2> /dev/null &
training=$!
for _ in $(seq 100); do [ -s "$scratch/held/progress.csv" ] && break; sleep 0.05; done
for how in --resume --overwrite; do
  refuse "a second process in a run's folder ($how)" another train bc --env cartpole \
    --demos "$demos" --out "$scratch/held" --iterations 1000000 --set validation_share=0 $how
done
hold "which goes on" "$(kill -0 $training 2>&1)"
kill -KILL $training
wait $training 2> /dev/null

# A disk that is full, or a file that may grow no further: one line, exit code 2, and what was there
# stays to go on from.
train bc --env cartpole --demos "$demos" --out "$scratch/full" --iterations 4 --set hidden=32
cp "$scratch/full/checkpoint.safetensors" "$scratch/before.safetensors"
(ulimit -f 8; trap '' XFSZ; exec "$understudy" train bc --env cartpole --demos "$demos" \
  --out "$scratch/full" --iterations 4000 --set hidden=32 --resume --quiet --device cpu \
  > /dev/null 2> "$scratch/err")
code=$?
hold "a full disk is one line and leaves the checkpoint" "$(
  [ $code = 2 ] && [ "$(wc -l < "$scratch/err")" = 1 ] &&
    cmp "$scratch/full/checkpoint.safetensors" "$scratch/before.safetensors" 2>&1 ||
    { echo "exit $code"; cat "$scratch/err"; })"
train bc --env cartpole --demos "$demos" --out "$scratch/full" --iterations 8 --set hidden=32 \
  --resume
train bc --env cartpole --demos "$demos" --out "$scratch/spacious" --iterations 8 --set hidden=32
hold "and the run goes on from there" "$(
  cmp "$scratch/full/policy.safetensors" "$scratch/spacious/policy.safetensors" 2>&1
  cmp "$scratch/full/progress.csv" "$scratch/spacious/progress.csv" 2>&1)"

"$understudy" report "$scratch/bc" "$scratch/gail_whole" --out "$scratch/report.html" --quiet \
  2> "$scratch/err"
hold "a report shows the return beside random and reference, and an episode" "$(
  [ "$(grep -c 'uniform actions' "$scratch/report.html")" = 2 ] &&
    [ "$(grep -c 'An episode' "$scratch/report.html")" = 2 ] &&
    grep -q '<animate' "$scratch/report.html" || { cat "$scratch/err"; ls -l "$scratch"; }
  whole "$scratch/report.html")"

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
# Demonstrations that are wrong: the line says which episode and row.
python3 - "$scratch" << 'PYTHON'
import sys
rows = [(e, t, .01 * t, .02, .03, .04, t % 2) for e in range(3) for t in range(4)]
def write(name, change=lambda e, t, row: row, columns=4):
    with open(f"{sys.argv[1]}/{name}.csv", "w") as file:
        names = [f"obs_{i}" for i in range(columns)]
        print("episode,t," + ",".join(names) + ",act_0", file=file)
        for e, t, *row in rows:
            changed = change(e, t, row)
            if changed:
                print(",".join(str(x) for x in [e, t, *changed[:columns], changed[-1]]), file=file)
write("good")
write("nan", lambda e, t, row: ["nan", *row[1:]] if (e, t) == (1, 2) else row)
write("action", lambda e, t, row: [*row[:4], 7] if (e, t) == (2, 1) else row)
write("narrow", columns=3)
write("gap", lambda e, t, row: None if (e, t) == (1, 1) else row)
write("slip", lambda e, t, row: [*row[:4], 2**40] if (e, t) == (1, 3) else row)
PYTHON
train bc --env cartpole --demos "$scratch/good.csv" --out "$scratch/person" --iterations 1
hold "a CSV by a person is read" "$(cat "$scratch/err")"
for wrong in nan:'episode 1.*2|:8:' action:'episode 2.*1|:11:' \
    narrow:'4.*3|3.*4' gap:'t = 1 in episode 1, row 1, found .2'; do
  refuse "demonstrations with a wrong ${wrong%%:*}" "${wrong#*:}" train bc --env cartpole \
    --demos "$scratch/${wrong%%:*}.csv" --out "$scratch/no"
done
refuse "the wrong one of two files, by its name" 'action.csv: episode 2, row 1' train bc \
  --env cartpole --demos "$scratch/good.csv" "$scratch/action.csv" --out "$scratch/no"
refuse "an index that asks for a policy past all memory" 'episode 1, row 3' train bc \
  --demos "$scratch/slip.csv" --out "$scratch/no"
# What the library imitation saved: a folder.
"$understudy" inspect tests/golden/imitation --json > "$scratch/inspect.json" 2> "$scratch/err"
train bc --demos tests/golden/imitation --out "$scratch/folder" --iterations 1
"$understudy" predict "$scratch/folder" --inputs tests/golden/imitation --out "$scratch/y.npz" \
  --json > "$scratch/predict.json" 2>> "$scratch/err"
"$understudy" eval "$scratch/folder" --demos tests/golden/imitation --json \
  > "$scratch/eval.json" 2>> "$scratch/err"
hold "a folder of Arrow's tables is demonstrations" "$(json "$scratch/inspect.json" \
  'found["format"] == "arrow" and found["episodes"] == 3 and found["steps"] == 8')$(
  json "$scratch/predict.json" 'found["rows"] == 11')$(
  json "$scratch/eval.json" 'found["held_out_steps"] == 8')$(cat "$scratch/err")"
refuse "a folder of none" 'found no .arrow file' train bc --demos tests/golden --out "$scratch/no"
# What make demo is there to show, on its seed: of four pairs cloning makes nothing.
"$understudy" demo --out "$scratch/demo" --json --quiet > "$scratch/demo.json" 2> "$scratch/err"
hold "with so little data cloning fails, DAgger and GAIL do not" "$(
  json "$scratch/demo.json" 'found["pairs"] == 4 and
    (lambda of: of["cloning"] < 0.8 and min(of["DAgger"], of["GAIL"]) > 0.9)(
      {row["name"]: row["normalised"] for row in found["rows"]})')$(cat "$scratch/err")"

refuse "a policy that is not there" nobody eval "$scratch/nobody" --env cartpole
refuse "a run that is there already" overwrite train bc --demos "$demos" --out "$scratch/bc"
refuse "no such run" nowhere eval "$scratch/nowhere"
sum_up
