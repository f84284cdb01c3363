"""A learner and an actor of a few weights, and rollouts of made-up numbers."""

import numpy as np
import tensorflow.compat.v1 as tf

from ppo.actor import Actor
from ppo.experiments import Experiment, Model, Training
from ppo.learner import Learner
from ppo.rollouts import Rollout
from ppo.spaces import Actions, Spaces
from runs import determinism

SPACES = {'gaussian': Spaces((5,), np.dtype(np.float32), Actions('gaussian', 2)),
          'categorical': Spaces((5,), np.dtype(np.float32), Actions('categorical', 3)),
          'bytes': Spaces((5,), np.dtype(np.uint8), Actions('categorical', 3))}  # as frames are


def config(value_network='separate', **training):
    return Experiment(model=Model(widths=(6,), value_network=value_network), training=Training(**dict(
        dict(buffer=32, batch=8, learning_rate=.01, transitions=320), **training)))


def played(kind, version=0, steps=8, count=4, seed=0, reward=None):
    """A rollout of made-up numbers."""
    random = np.random.RandomState(seed)
    actions = (random.randn(steps, count, 2).astype(np.float32) if kind == 'gaussian'
               else random.randint(3, size=(steps, count)))
    rewards = random.randn(steps, count).astype(np.float32) if reward is None else reward(actions)
    observations = (random.randint(256, size=(steps, count, 5)).astype(np.uint8) if kind == 'bytes'
                    else (3. * random.randn(steps, count, 5) + 1.).astype(np.float32))
    return Rollout(observations, actions,
                   np.full([steps, count], -1., np.float32), np.zeros([steps, count], np.float32), rewards,
                   np.ones([steps, count], bool), np.zeros([steps, count], np.float32), version, [])


class Process:
    """A started learner and an actor in a session of their own."""

    def __init__(self, kind='gaussian', slots=2, seed=0, **training):
        with tf.Graph().as_default() as graph:
            self.learner = Learner(config(**training), SPACES[kind], seed)
            self.actor = Actor(config(**training), SPACES[kind], seed, slots)
            self.session = determinism.new_session(graph)
            with graph.as_default():
                self.learner.start(self.session)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session.close()


def values_of(process, observations):
    process.actor.publish(process.session, process.learner.parameters(process.session), process.learner.version)
    return process.actor.values(process.session, process.actor.newest, observations)
