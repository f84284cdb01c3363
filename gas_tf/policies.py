"""The graph of a distilled policy: its networks, and what the student learns from.

The teacher is a policy of `ppo.train`.  What it and the student see are
observations after the teacher's normaliser: generated ones skip it.
"""

import fractions

from gas_tf import inputs, moments, trajectories
from gas_tf.algorithm import Distillation, check_schedule
from gas_tf.networks.generators import DCGAN, GeneratorBank
from gas_tf.networks.mlp import MLPGenerator
from gas_tf.policy_evaluation import seen
from ppo.models import Policy
from ppo.normalizer import constant
from runs import settings
from runs.errors import UserError

#: Sub-batches of a batch: towers that fill two cores, few enough for networks
#: whose operations cost more to start than to compute.
TOWERS = 2

#: The bits are to be those of updates in a session call each.
REWRITES = False

FRAME_RANGE = (0., 1.)  # of a pixel, as the networks see it


def teacher_network(teacher):
    """The teacher's policy under the scope `teacher`, and its values.

    Args:
      teacher: `ppo.teacher.Teacher`.

    Returns:
      (`ppo.models.Policy`, {variable name: array}).
    """
    network = Policy('teacher', teacher.config.model, teacher.spaces.shape, teacher.spaces.actions)
    return network, {v.op.name: teacher.values['ppo' + v.op.name[len('teacher'):]] for v in network.variables}


def student_model(student, model):
    """The student's network: like the teacher's but for its widths.

    Args:
      student: `experiments.policies.Student`; model: the teacher's `ppo.experiments.Model`.

    Returns:
      `ppo.experiments.Model` of the widths that are given, else of a share of
      the teacher's.
    """
    share = fractions.Fraction(str(student.share))  # 0.29 of 100 is 29
    return settings.replace(model, 'widths', student.widths or tuple(
        max(1, int(share * width)) for width in model.widths))


def source_of_inputs(config, teacher, seed, folder=None, say=lambda line: None):
    """What the student learns from, as `config.inputs` says.

    Args:
      config: `experiments.policies.Experiment`; teacher: `ppo.teacher.Teacher`;
        seed: of what is drawn; folder, say: of the workers that collect real
        observations, as of `trajectories.collect`.

    Returns:
      A source of `inputs`, in the current graph.

    Raises:
      UserError: a worker failed.
    """
    batch_size, shape = config.schedule.batch_size, teacher.spaces.shape
    zero = constant(*teacher.normaliser) if config.generator.zero_constants else None
    if config.inputs == 'noise':
        return inputs.Noise(seed, batch_size, shape, TOWERS, zero, _moments(config, teacher, seed, folder, say))
    if config.inputs == 'real':
        real = trajectories.collect(teacher, config.collection, seed, folder, say)
        return inputs.Real(seed, batch_size, real, TOWERS, lambda observations: seen(observations, teacher))
    return inputs.Generated(
        generator_bank(config.generator, shape, zero), seed, batch_size, config.generator.noise_size, TOWERS,
        joined=len(shape) == 1)


def _moments(config, teacher, seed, folder, say):
    """(mean, covariance) of noise, or None where these are 0 and 1."""
    if config.noise.moments == 'real':
        return moments.of_observations(
            trajectories.collect(teacher, config.collection, seed, folder, say), *teacher.normaliser)
    if config.noise.correlation:
        return moments.of_weights(teacher.values['ppo/policy/dense1/kernel'], config.noise.correlation)
    return None


def generator_bank(generator, shape, zero=None):
    """The generators `generator_0` and on, of what the networks see.

    generator: an `experiments.policies.Generator`; shape: of one observation,
    `(n,)`, or `(height, width, n)` of frames, which are drawn in 0..1; zero:
    bool `[n]`, which numbers are always 0.
    """
    def one(name):
        if len(shape) == 1:
            return MLPGenerator(name, shape[0], generator.noise_size, generator.hidden, generator.standardised,
                                zero, generator.first_rms)
        return DCGAN(name, generator.noise_size, generator.widths, shape, 'pixels', FRAME_RANGE)
    return GeneratorBank([one('generator_%d' % i) for i in range(generator.count)])


def check_slices(config):
    """Raises UserError where a batch cannot be cut into the generators' slices, or these not be standardised."""
    generated = config.inputs == 'generated'
    check_schedule(config.schedule, config.generator.count if generated else 1)
    if generated and config.generator.standardised and config.schedule.batch_size // config.generator.count < 2:
        raise UserError('generator.standardised needs two observations of each generator or more: give a larger '
                        'schedule.batch_size')


def build(config, teacher, source, seed, unrolled=True):
    """The graph of one distillation, in the current tf.Graph.

    Args:
      config: `experiments.policies.Experiment`; teacher: `ppo.teacher.Teacher`;
        source: a source of inputs; seed, unrolled: as of `Distillation`.

    Returns:
      (`algorithm.Distillation`, the teacher's values).

    Raises:
      UserError: the settings do not fit each other, or the student the teacher.
    """
    network, values = teacher_network(teacher)
    student = Policy(
        'student', student_model(config.student, teacher.config.model), teacher.spaces.shape, teacher.spaces.actions)
    return Distillation(network, student, source, config, seed, unrolled), values
