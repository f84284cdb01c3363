"""The peer of `ppo_steps`: stable-baselines 2.10.2's PPO2 with its DummyVecEnv.

Prints one line of JSON: steps_per_second, of acting, advantages and updates.
"""

import argparse
import json
import os
import sys
import time
import warnings

warnings.simplefilter('ignore')
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')

WARM_UP = 2  # updates before the clock starts


def main():
    parser = argparse.ArgumentParser(prog='python -m runs.benchmarks.ppo_steps_peer')
    parser.add_argument('id', help="gym's")
    for name in ('environments', 'rollout', 'batch'):
        parser.add_argument('--' + name, type=int, required=True)
    parser.add_argument('--widths', type=int, nargs='+', required=True)
    parser.add_argument('--seconds', type=float, required=True)
    given = parser.parse_args()

    import gym
    import tensorflow as tf
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    from stable_baselines import PPO2
    from stable_baselines.common.callbacks import BaseCallback
    from stable_baselines.common.policies import FeedForwardPolicy
    from stable_baselines.common.vec_env import DummyVecEnv

    class Clock(BaseCallback):
        stamps = []

        def _on_rollout_start(self):
            self.stamps.append((time.time(), self.num_timesteps))

        def _on_step(self):
            return not (len(self.stamps) > WARM_UP + 1
                        and self.stamps[-1][0] - self.stamps[WARM_UP][0] > given.seconds)

    gym.logger.set_level(gym.logger.ERROR)
    environments = DummyVecEnv([lambda: gym.make(given.id) for _ in range(given.environments)])
    layers = [dict(pi=given.widths, vf=given.widths)]
    model = PPO2(FeedForwardPolicy, environments, n_steps=given.rollout, noptepochs=1,
                 nminibatches=given.environments * given.rollout // given.batch,
                 policy_kwargs=dict(net_arch=layers, act_fun=tf.tanh, feature_extraction='mlp'))
    clock = Clock()
    model.learn(10 ** 9, callback=clock)
    (start, before), (end, after) = clock.stamps[WARM_UP], clock.stamps[-1]
    print(json.dumps({'steps_per_second': (after - before) / (end - start)}))
    return 0


if __name__ == '__main__':
    sys.exit(main())
