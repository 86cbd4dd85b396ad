"""Reads demonstrations with the library `imitation` itself: imitation_library.py FILE.npz

FILE has whole episodes of CartPole, which `imitation` must find as they are: an observation more
than actions, actions 0 and 1, rewards of 1. Its loader of .npz is what is asked: versions from 1.0
on save another format and still read this one. Exit code 77: it is not installed.
"""

import sys
import warnings

try:
    from imitation.data import rollout, serialize
except ImportError:
    sys.exit(77)


def main():
    warnings.simplefilter("ignore")
    episodes = serialize.load_with_rewards(sys.argv[1])
    steps = 0
    for number, episode in enumerate(episodes):
        length = len(episode)
        steps += length
        if episode.obs.shape != (length + 1, 4) or episode.acts.shape != (length,):
            sys.exit(f"episode {number}: {episode.obs.shape} and {episode.acts.shape}")
        if set(episode.acts) - {0, 1} or any(episode.rews != 1) or length < 1:
            sys.exit(f"episode {number}: actions {set(episode.acts)}, rewards {set(episode.rews)}")
    flat = rollout.flatten_trajectories(episodes)
    if len(flat) != steps:
        sys.exit(f"{len(flat)} transitions of {steps} steps")
    print(len(episodes), "episodes,", steps, "steps")


if __name__ == "__main__":
    main()
