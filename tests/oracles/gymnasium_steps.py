"""Single steps of Gymnasium's classic control environments, for tests/envs/dynamics_test.cpp.

gymnasium_steps.py FOLDER: for every NAME.in there (rows of float64: state, then action) writes
NAME.out (rows: next state, observation, reward, terminated). NAME is Gymnasium's class. Exits with
77 where Gymnasium is not installed.
"""

import importlib
import pathlib
import sys
import types

try:
    import numpy as np
    import gymnasium  # noqa: F401
except ImportError as error:
    print(error)
    sys.exit(77)

ENVIRONMENTS = {
    "CartPoleEnv": ("cartpole", 4, True),
    "MountainCarEnv": ("mountain_car", 2, True),
    "Continuous_MountainCarEnv": ("continuous_mountain_car", 2, False),
    "AcrobotEnv": ("acrobot", 4, True),
    "PendulumEnv": ("pendulum", 2, False),
}


def double_precision(module):
    """Lets the module round to float64 where it says float32: observations, and one state."""
    stand_in = types.SimpleNamespace(**vars(np))
    stand_in.float32 = np.float64
    stand_in.float_ = np.float64  # older versions ask for it, newer NumPys have it no more
    module.np = stand_in


def main(folder):
    for name, (module_name, state_size, discrete) in ENVIRONMENTS.items():
        module = importlib.import_module(f"gymnasium.envs.classic_control.{module_name}")
        env = getattr(module, name)()
        env.reset(seed=0)
        double_precision(module)
        rows = np.fromfile(folder / f"{name}.in").reshape(-1, state_size + 1)
        results = []
        for row in rows:
            env.state = row[:state_size].copy()
            env.steps_beyond_terminated = None
            action = int(row[-1]) if discrete else row[-1:]
            observation, reward, terminated, _, _ = env.step(action)
            results.append(np.concatenate([np.asarray(env.state, dtype=np.float64).ravel(),
                                           observation, [reward, terminated]]))
        np.array(results, dtype=np.float64).tofile(folder / f"{name}.out")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
