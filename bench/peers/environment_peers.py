"""Gymnasium's and EnvPool's CartPole on the work of environments_bench.

usage: environment_peers.py THREADS [FOLDER]

Prints lines of "work",threads,unit,figure,peer, as `--peers=FILE` reads them: the median of
repeated samples. Gymnasium's vectorized CartPole has one thread; EnvPool is left out where it is
not installed (FOLDER: where else to look for it).
"""

import importlib
import importlib.metadata
import statistics
import sys
import time

import numpy

threads = int(sys.argv[1])
sys.path.extend(sys.argv[2:])


def rate(step, num_envs, samples=7, budget=1.4):
    """Steps a second: the median of samples that share `budget` seconds."""
    for _ in range(20):
        step()
    found = []
    for _ in range(samples):
        calls, start = 0, time.perf_counter()
        while time.perf_counter() - start < budget / samples:
            step()
            calls += 1
        found.append(calls * num_envs / (time.perf_counter() - start))
    return statistics.median(found)


def report(num_envs, figure, package):
    version = importlib.metadata.version(package.lower())
    print(f'"cartpole, {num_envs} environments",{threads},steps/s,{figure:.6g},{package} {version}',
          flush=True)


def stepper(environments, actions):
    """The next step under the next of the given sets of actions."""
    place = 0

    def step():
        nonlocal place
        environments.step(actions[place % len(actions)])
        place += 1
    return step


def gymnasium_rate(num_envs):
    module = importlib.import_module("gymnasium.envs.classic_control.cartpole")
    environments = module.CartPoleVectorEnv(num_envs=num_envs)
    environments.reset(seed=1)
    actions = numpy.random.default_rng(1).integers(0, 2, (16, num_envs))
    return rate(stepper(environments, actions), num_envs)


def envpool_rate(num_envs):
    pool = importlib.import_module("envpool")
    environments = pool.make("CartPole-v1", env_type="gymnasium", num_envs=num_envs,
                             num_threads=threads)
    environments.reset()
    actions = numpy.random.default_rng(1).integers(0, 2, (16, num_envs)).astype(numpy.int32)
    return rate(stepper(environments, actions), num_envs)


try:
    importlib.import_module("envpool")
    has_envpool = True
except Exception as problem:  # some of its wheels lack files that its other environments read
    print(f"EnvPool is left out: {problem}", file=sys.stderr)
    has_envpool = False

for count in [1024, 16384]:
    if threads == 1:
        report(count, gymnasium_rate(count), "Gymnasium")
    if has_envpool:
        report(count, envpool_rate(count), "EnvPool")
