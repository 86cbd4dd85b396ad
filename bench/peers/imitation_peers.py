"""SQIL and AIRL of the library `imitation` on classic tasks.

usage: imitation_peers.py sqil|airl TASK FILE.npz SEED STEPS MARK

TASK is Gymnasium's name, FILE has demonstrations as `understudy record` writes them. Learns until
20 episodes have a mean return of MARK, or for STEPS steps, and prints reached,steps,seconds,return;
evaluations are not timed. Settings are those of the library's examples. On standard error:
versions.
"""

import sys
import time
import warnings

warnings.simplefilter("ignore")
results, sys.stdout = sys.stdout, sys.stderr  # the library logs to it

import gymnasium
import imitation
import numpy as np
import stable_baselines3 as sb3
import torch
from imitation.algorithms import sqil
from imitation.algorithms.adversarial.airl import AIRL
from imitation.data import rollout, serialize
from imitation.data.wrappers import RolloutInfoWrapper
from imitation.rewards.reward_nets import BasicShapedRewardNet
from imitation.util.networks import RunningNorm
from imitation.util.util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

kind, task, file = sys.argv[1:4]
seed, most, mark = int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6])
torch.set_num_threads(1)
torch.manual_seed(seed)
rng = np.random.default_rng(seed)
print(f"imitation {imitation.__version__}, stable-baselines3 {sb3.__version__}, "
      f"PyTorch {torch.__version__}, Gymnasium {gymnasium.__version__}", file=sys.stderr)
shown = serialize.load_with_rewards(file)
judged = make_vec_env(task, rng=np.random.default_rng(seed + 1), n_envs=1,
                      post_wrappers=[lambda env, _: RolloutInfoWrapper(env)])

if kind == "sqil":
    # docs/algorithms/sqil.rst: DQN with its defaults, learning from the first steps on.
    world = make_vec_env(task, rng=rng, n_envs=1)
    each = 1000
    trainer = sqil.SQIL(
        venv=world, demonstrations=rollout.flatten_trajectories(shown), policy="MlpPolicy",
        rl_kwargs={"seed": seed, "learning_starts": 1000})
    learn = lambda: trainer.policy is None or trainer.rl_algo.learn(
        each, reset_num_timesteps=False)
    policy = lambda: trainer.rl_algo
else:
    # docs/algorithms/airl.rst: PPO on eight environments.
    world = make_vec_env(task, rng=rng, n_envs=8,
                         post_wrappers=[lambda env, _: RolloutInfoWrapper(env)])
    each = 8 * 2048
    learner = sb3.PPO(
        env=world, policy="MlpPolicy", batch_size=64, ent_coef=0.0, learning_rate=5e-4, gamma=0.95,
        clip_range=0.1, vf_coef=0.1, n_epochs=5, seed=seed)
    trainer = AIRL(
        demonstrations=shown, demo_batch_size=min(2048, sum(len(one) for one in shown)),
        gen_replay_buffer_capacity=512, n_disc_updates_per_round=16, venv=world,
        gen_algo=learner, allow_variable_horizon=True,
        reward_net=BasicShapedRewardNet(world.observation_space, world.action_space,
                                        normalize_input_layer=RunningNorm))
    learn = lambda: trainer.train(each)
    policy = lambda: learner

steps, seconds, mean, reached = 0, 0.0, float("nan"), False
while not reached and steps < most:
    start = time.perf_counter()
    learn()
    seconds += time.perf_counter() - start
    steps += each
    mean, _ = evaluate_policy(policy(), judged, n_eval_episodes=20)
    reached = mean >= mark
print(f"{int(reached)},{steps},{seconds:.4f},{mean:.5g}", file=results)
