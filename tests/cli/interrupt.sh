#!/usr/bin/env bash
# Every verb ends with 130 within a second of an interrupt, whatever it is doing: a loop that asks,
# one step that takes minutes, or a pipe that says nothing. Run from the root after the command is
# built.
set -u
. tests/cli/checks.bash
cd "$scratch" || exit 1
ulimit -c 0

"$understudy" record cartpole --policy random --episodes 3 --out demos.npz > /dev/null
"$understudy" train bc --demos demos.npz --out cloned --iterations 1 --quiet > /dev/null
"$understudy" world objectworld --size 8 --out object.npz --demos shown.npz > /dev/null
"$understudy" world objectworld --size 48 --demos wide.npz --episodes 4 > /dev/null
# Files that somebody else is still to write.
mkfifo wait.csv wait.npz wait.safetensors
mkdir waiting
echo '{"kind": "train"}' > waiting/config.json
mkfifo waiting/progress.csv
# A benchmark beside a command of its own.
mkdir -p beside/bench
cp "$understudy" beside/understudy
printf '#!/bin/sh\nexec sleep 100\n' > beside/bench/slow_bench
chmod +x beside/bench/slow_bench

# One long job of each verb; `solve` and `irl` a second, whose steps are long. Verbs that only say
# what there is have none.
jobs=(
  "inspect wait.csv"
  "demo --out demo"
  "reproduce dagger-horizon"
  "env cartpole --actions wait.csv --out replay.npz"
  "irl sampled_maxent --mdp object.npz --demos shown.npz --iterations 100000000 --out irl"
  "irl lpal --mdp objectworld --size 48 --demos wide.npz --out irl_long"
  "report waiting --out report.html"
  "solve --mdp garnet --size 20000 --method policy --out values.npz"
  "solve --mdp gridworld --size 1000 --discount 0.99999 --method value --out values.npz"
  "world garnet --demos walks.npz --episodes 1000000 --steps 1000000"
  "expert acrobot --iterations 1000000 --out expert"
  "train bc --demos demos.npz --iterations 100000000 --out train"
  "record pendulum --policy random --episodes 1000000 --out record.npz"
  "eval random --env pendulum --episodes 1000000"
  "predict cloned --inputs wait.npz --out acts.npz"
  "export wait.safetensors --out policy.c"
  "bench"
)
instant="info envs algorithms policies"

verbs=$("$understudy" --help | sed -n '/^Subcommands:/,/^$/p' | awk 'NR > 1 && NF { print $1 }')
hold "every verb is here" "$(diff <(sort <<< "$verbs") \
  <(printf '%s\n' "${jobs[@]}" $instant | awk '{ print $1 }' | sort -u))"

now() { date +%s%N; }
# Until it has begun, and a little more: reading options takes milliseconds.
for job in "${jobs[@]}"; do
  command=$understudy
  [ "$job" = bench ] && command=beside/understudy
  # shellcheck disable=SC2086
  "$command" $job > out 2> err < /dev/null &
  running=$!
  sleep 0.5
  begin=$(now)
  kill -INT $running 2> /dev/null || echo "was over" >> err
  wait $running
  code=$?
  took=$((($(now) - begin) / 1000000))
  # A machine with other work to do is given as much again.
  hold "an interrupt ends: $job" "$([ $code = 130 ] && [ $took -lt 2000 ] || {
    echo "exit $code after $took ms"; cat err; })"
  hold "and says so in one line: ${job%% *}" "$(
    tail -n 1 err | grep -q '^understudy: interrupted$' || cat err)"
done
hold "and a run has its checkpoint" "$(for run in irl train expert; do
  [ -s $run/checkpoint.safetensors ] || { echo "none in $run:"; ls -a $run; }; done 2>&1)"
sum_up
