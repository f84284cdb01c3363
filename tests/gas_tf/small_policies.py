"""Small policies of random weights, and what they do by hand."""

from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf import experiments
from ppo.experiments import Environment, Model
from ppo.experiments import Experiment as PPO
from ppo.models import ActorCritic
from ppo.spaces import Actions, Spaces
from ppo.teacher import write_teacher
from runs import settings


ROOT = Path(__file__).resolve().parents[2]
KINDS = {'cartpole': ('CartPole-v0', 4, Actions('categorical', 2), (6, 5)),
         'mountaincar': ('MountainCarContinuous-v0', 2, Actions('gaussian', 1), (6,))}
SMALL = {'schedule.student_steps': 40, 'schedule.evaluate_every': 10, 'schedule.reset_every': 20,
         'schedule.batch_size': 16, 'generator.hidden': 8, 'generator.noise_size': 5, 'evaluation.episodes': 2,
         'evaluation.fresh_episodes': 3, 'collection.transitions': 200, 'collection.workers': 2}


def make_teacher(folder, kind, limit=30, name=None):
    """A policy of random weights with a normaliser that matters."""
    own, size, actions, widths = KINDS[kind]
    config = PPO(environment=Environment(id=name or own, max_steps=limit), model=Model(widths=widths))
    random = np.random.RandomState(3)
    with tf.Graph().as_default():
        network = ActorCritic('ppo', config.model, (size,), actions)
        values = network.initial_values(0)
    values['ppo/policy/head/kernel'] = random.randn(widths[-1], actions.size).astype(np.float32)
    values['normalizer/mean'] = random.randn(size).astype(np.float32) * .1
    values['normalizer/std'] = (.5 + random.rand(size)).astype(np.float32)
    folder.mkdir(parents=True)
    write_teacher(folder, config, Spaces((size,), np.dtype(np.float32), actions), values,
                  {'score': 25., 'score_std': 1., 'episodes': 20, 'chosen_at': 26.}, 'none')
    return folder


def configured(**changes):
    config = experiments.configuration('cartpole')[0]
    for name, value in dict(SMALL, **changes).items():
        config = settings.replace(config, name, value)
    return config


def normalised(raw, teacher):
    """What the teacher sees of raw observations, float64."""
    return np.clip((raw - teacher.values['normalizer/mean']) / teacher.values['normalizer/std'], -10, 10)


def by_hand(values, observations, scope='ppo'):
    """Output of a tanh network for normalised observations, float64."""
    x = observations.astype(np.float64)
    for layer in range(1, 9):
        name = '%s/policy/dense%d/' % (scope, layer)
        if name + 'kernel' in values:
            x = np.tanh(x @ values[name + 'kernel'] + values[name + 'bias'])
    return x @ values[scope + '/policy/head/kernel'] + values[scope + '/policy/head/bias']


def arguments(teacher, out, *more):
    """The command line of a small run of `cartpole`."""
    flags = [part for name, value in SMALL.items() for part in ('--' + name.replace('_', '-'), str(value))]
    return ['cartpole', '--teacher', str(teacher), '--out', str(out)] + flags + list(more)
