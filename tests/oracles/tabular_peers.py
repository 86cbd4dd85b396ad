"""Soft values, policies and visits of small problems by the packages imitation and irl-maxent.

tabular_peers.py FOLDER PEER: reads FOLDER/sizes (states, actions, horizon, discount as text) and
float64 arrays FOLDER/{transitions [S, A, S], reward [S], initial [S]}. Writes by PEER

  imitation   V [T, S], policy [T, S, A] and discounted visits [S] over the horizon (Ziebart 2010)
  irl-maxent  the stationary causal policy [S, A] without a horizon, and the visits [S] of the
              uniform policy [S, A] that never leaves state 0, taken as terminal

one after another to FOLDER/PEER.out. Exits with 77 where the package is not installed.
"""

import importlib.util
import pathlib
import sys
import types

try:
    import numpy as np
except ImportError as error:
    print(error)
    sys.exit(77)


def read(folder):
    states, actions, horizon, discount = (folder / "sizes").read_text().split()
    shape = int(states), int(actions), int(states)
    return (np.fromfile(folder / "transitions").reshape(shape), np.fromfile(folder / "reward"),
            np.fromfile(folder / "initial"), int(horizon), float(discount))


def imitation(folder):
    try:
        from imitation.algorithms.mce_irl import mce_occupancy_measures, mce_partition_fh
    except ImportError as error:
        print(error)
        sys.exit(77)
    transitions, reward, initial, horizon, discount = read(folder)
    env = types.SimpleNamespace(
        horizon=horizon, state_dim=len(reward), action_dim=transitions.shape[1],
        transition_matrix=transitions, reward_matrix=reward, initial_state_dist=initial)
    values, _, policy = mce_partition_fh(env, discount=discount)
    _, visits = mce_occupancy_measures(env, pi=policy, discount=discount)
    return [values, policy, visits]


def irl_maxent(folder):
    # Its one file that is needed: the package's own face draws too. Older than NumPy 1.24.
    package = importlib.util.find_spec("irl_maxent")
    if package is None:
        print("No module named 'irl_maxent'")
        sys.exit(77)
    np.float = float
    spec = importlib.util.spec_from_file_location(
        "irl_maxent_maxent", pathlib.Path(package.origin).parent / "maxent.py")
    maxent = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maxent)
    transitions, reward, initial, _, discount = read(folder)
    by_action_last = transitions.transpose(0, 2, 1)
    never = np.full(len(reward), -np.inf)  # no terminal reward anywhere
    with np.errstate(all="ignore"):
        policy = maxent.local_causal_action_probabilities(by_action_last, never, reward, discount,
                                                          eps=1e-13)
    uniform = np.full(policy.shape, 1.0 / policy.shape[1])
    visits = maxent.expected_svf_from_policy(by_action_last, initial, [0], uniform, eps=1e-13)
    return [policy, visits]


if __name__ == "__main__":
    where = pathlib.Path(sys.argv[1])
    found = {"imitation": imitation, "irl-maxent": irl_maxent}[sys.argv[2]](where)
    np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in found]).tofile(
        where / (sys.argv[2] + ".out"))
