"""What policies are distilled with: the paper's tables, and what each method changes in them."""

import math

import pytest

from gas_tf import experiments
from gas_tf.experiments import policies
from runs import ablations, settings

TASKS = ('cartpole', 'mountaincar', 'halfcheetah', 'humanoid', 'standup')
STANDARDISED = {'generator.standardised': True, 'generator.zero_constants': True, 'generator.count': 8}
REAL = {'inputs': 'real'}
CHANGES = {
    'gas': {},
    'gas_normalised': STANDARDISED,
    'dafl': {'objective.alpha': 0., 'objective.one_hot': 1., 'objective.beta': 5. / math.log(10.),
             'objective.gamma': 0., 'objective.lambda_activation': .1, 'schedule.n_student': 1,
             'schedule.n_generator': 1, 'schedule.reset_every': 0},
    'student_kd': REAL,
    'reset_only': {'objective.gamma': 0.},
    'noise': {'inputs': 'noise'},
    'noise_correlated': {'inputs': 'noise', 'noise.correlation': .5, 'generator.zero_constants': True},
    'noise_moments': {'inputs': 'noise', 'noise.moments': 'real'},
    'gas_no_reset': {'schedule.reset_every': 0},
    'gas_beta_0': {'objective.beta': 0.},
    'gas_first_rms_1': {'generator.first_rms': 1.},
    'gas_generators_8': {'generator.count': 8},
    'gas_by_loss': {'evaluation.stopping': 'loss'},
    'gas_normalised_by_loss': dict(STANDARDISED, **{'evaluation.stopping': 'loss'}),
    'gas_normalised_gamma_0': dict(STANDARDISED, **{'objective.gamma': 0.}),
    'gas_normalised_no_reset': dict(STANDARDISED, **{'schedule.reset_every': 0}),
    'gas_normalised_generators_1': {name: value for name, value in STANDARDISED.items() if name != 'generator.count'},
    'gas_normalised_no_zeros': {name: value for name, value in STANDARDISED.items() if name != 'generator.zero_constants'},
    'gas_full_width': {'student.share': 1.},
    'gas_normalised_full_width': dict(STANDARDISED, **{'student.share': 1.}),
    'noise_full_width': {'inputs': 'noise', 'student.share': 1.},
    'noise_full_width_by_loss': {'inputs': 'noise', 'student.share': 1., 'evaluation.stopping': 'loss'},
    'noise_share_0.75': {'inputs': 'noise', 'student.share': .75},
    'noise_zeros': {'inputs': 'noise', 'generator.zero_constants': True},
    'student_kd_likeliest': dict(REAL, **{'collection.actions': 'likeliest'}),
}


@pytest.mark.parametrize('task', TASKS)
def test_table_10_and_the_appendix(task):
    config, sources = experiments.configuration(task)
    schedule, objective = config.schedule, config.objective
    assert (config.student.learning_rate, config.generator.learning_rate) == (1e-3, 1e-3)
    assert config.student.decay == config.generator.decay == objective.gamma_decay == 'constant'
    assert (schedule.n_student, schedule.n_generator, schedule.reset_every) == (5, 2, 10 * 5)
    assert schedule.reset_in_turn is False and schedule.reset_slots is True
    assert (schedule.batch_size, schedule.student_steps, schedule.evaluate_every) == (512, 100000, 1000)
    assert (objective.alpha, objective.beta, objective.gamma) == (.5, 5., .4)
    assert objective.lambda_activation == objective.one_hot == 0.
    assert (config.generator.count, config.generator.hidden, config.generator.noise_size) == (1, 256, 100)
    assert (config.generator.first_rms, config.student.widths, config.student.share) == (0., (), .5)
    assert config.evaluation.patience == 20000 and config.evaluation.patience_seconds == 0.
    assert (config.evaluation.episodes, config.evaluation.fresh_episodes, config.evaluation.stopping) == (10, 20, 'score')
    assert (config.collection.transitions, config.collection.workers, config.collection.actions) == (
        200000, 4, 'sampled')
    for name in ('schedule.n_student', 'schedule.reset_every', 'student.learning_rate', 'generator.learning_rate'):
        assert sources[name].startswith('not stated: as table 10' if task == 'halfcheetah' else 'table 10')


@pytest.mark.parametrize('task', TASKS)
def test_each_method_changes_what_its_name_says(task):
    default = settings.flatten(experiments.configuration(task)[0])
    assert set(CHANGES) == set(policies.METHODS)
    for method, expected in CHANGES.items():
        values = settings.flatten(experiments.configuration(task, method)[0])
        assert {name: v for name, v in values.items() if v != default[name]} == expected, method
        assert policies.METHOD_DESCRIPTIONS[method]


def test_dafl_of_a_gaussian_policy():
    given = experiments.configuration('humanoid', 'dafl')
    config, sources = policies.for_actions(given[0], given[1], 'dafl', 'gaussian')
    assert (config.objective.one_hot, config.objective.beta) == (0., 5.)
    assert policies.for_actions(given[0], given[1], 'dafl', 'categorical')[0] == given[0]
    assert 'nats' in sources['objective.beta']


def test_what_older_records_do_not_know_are_defaults():
    default = settings.flatten(policies.Experiment())
    assert {name: default[name] for name in ablations.BEFORE} == ablations.BEFORE
