"""Every number has a name, a help and a source."""

import dataclasses

import pytest
from typing_extensions import get_type_hints

from gas_tf.experiments import images as experiments
from gas_tf.algorithm import check_schedule
from gas_tf.experiments.images import LENET5, LENET5_HALF
from runs import settings

RUNS = [(experiment, method, budget)
        for experiment in sorted(experiments.EXPERIMENTS)
        for method in sorted(experiments.METHODS)
        for budget in sorted(experiments.BUDGETS[experiment])]


@settings.described
class Inner:
    size: int = settings.setting(1, 'a size', 'a book')
    rate: float = settings.setting(.5, 'a rate', 'a paper')


@settings.described
class Outer:
    name: str = settings.setting('x', 'a name', 'chosen')
    inner: Inner = Inner()


def all_fields(cls, prefix=''):
    for field in dataclasses.fields(cls):
        if dataclasses.is_dataclass(field.default):
            for found in all_fields(type(field.default), prefix + field.name + '.'):
                yield found
        else:
            yield prefix + field.name, field


@pytest.mark.parametrize('run', RUNS, ids='-'.join)
def test_every_field_of_every_run_has_a_source(run):
    config, sources = experiments.configuration(*run)
    values = settings.flatten(config)
    assert set(sources) == set(values)
    assert all(isinstance(s, str) and s.strip() for s in sources.values()), sources
    record = settings.fields(config, sources)
    assert record['schedule.batch_size'] == {
        'value': config.schedule.batch_size, 'source': sources['schedule.batch_size']}


@pytest.mark.parametrize('run', RUNS, ids='-'.join)
def test_every_run_fits_its_schedule(run):
    config, _ = experiments.configuration(*run)
    check_schedule(config.schedule, config.generator.count)


@pytest.mark.parametrize('run', RUNS, ids='-'.join)
def test_values_have_the_type_of_their_default(run):
    values = settings.flatten(experiments.configuration(*run)[0])
    for name, default in settings.flatten(experiments.Experiment()).items():
        assert type(values[name]) is type(default), name


def test_every_field_has_a_help():
    for name, field in all_fields(experiments.Experiment):
        assert field.metadata['text'].strip() and field.metadata['source'].strip(), name


def test_help_shows_text_and_source():
    hints = get_type_hints(Inner, include_extras=True)
    assert hints['size'].__metadata__[0].help == 'a size [a book]'
    assert hints['size'].__origin__ is int


def test_configurations_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        experiments.Experiment().data = 'digits'
    with pytest.raises(dataclasses.FrozenInstanceError):
        experiments.Experiment().objective.gamma = 1.


def test_later_layers_win_and_keep_their_source():
    config, sources = settings.resolve(Outer(), [
        {'inner.size': (2, 'first'), 'name': ('y', 'first')},
        {'inner.size': (3, 'second')}])
    assert config == Outer('y', Inner(3, .5))
    assert sources == {'name': 'first', 'inner.size': 'second', 'inner.rate': 'a paper'}
    assert Outer() == Outer('x', Inner(1, .5))


def test_a_budget_overrides_its_experiment_and_a_method_both(monkeypatch):
    base = dict(experiments.EXPERIMENTS['mnist'])
    name = 'schedule.student_steps'
    base.update({name: (1, 'experiment'), 'objective.beta': (1., 'experiment'),
                 'objective.alpha': (1., 'experiment')})
    monkeypatch.setitem(experiments.EXPERIMENTS, 'mnist', base)
    monkeypatch.setitem(experiments.BUDGETS['mnist'], 'paper',
                        {name: (2, 'budget'), 'objective.beta': (2., 'budget')})
    monkeypatch.setitem(experiments.METHODS, 'gas', {name: (3, 'method')})
    config, sources = experiments.configuration('mnist')
    assert (config.schedule.student_steps, sources[name]) == (3, 'method')
    assert (config.objective.beta, sources['objective.beta']) == (2., 'budget')
    assert (config.objective.alpha, sources['objective.alpha']) == (1., 'experiment')


@pytest.mark.parametrize('names', [
    ('nothing', 'gas', 'paper'), ('mnist', 'nothing', 'paper'), ('mnist', 'gas', 'nothing')])
def test_unknown_names(names):
    with pytest.raises(KeyError):
        experiments.configuration(*names)


def test_an_unknown_field_is_refused():
    for name in ('nothing', 'inner.nothing', 'nothing.size'):
        with pytest.raises((TypeError, AttributeError)):
            settings.replace(Outer(), name, 1)


def test_flatten_and_replace_round_trip():
    config = experiments.configuration('digits', 'gas_literal', 'smoke')[0]
    rebuilt = experiments.Experiment()
    assert rebuilt != config
    for name, value in settings.flatten(config).items():
        rebuilt = settings.replace(rebuilt, name, value)
    assert rebuilt == config


def test_each_method_changes_what_its_name_says():
    default = settings.flatten(experiments.configuration('mnist')[0])
    changed = {}
    for method in experiments.METHODS:
        values = settings.flatten(experiments.configuration('mnist', method)[0])
        changed[method] = {name: v for name, v in values.items() if v != default[name]}
    assert changed['gas'] == changed['teacher'] == {}
    assert (default['schedule.reset_every'], default['schedule.reset_in_turn']) == (4000, True)
    assert {default[name] for name in experiments.DECAYS} == {'late'} and default['student.average'] == 0.
    stated = dict({'schedule.reset_every': 40000, 'schedule.reset_in_turn': False, 'objective.gamma': .4},
                  **dict.fromkeys(experiments.DECAYS, 'constant'))
    assert changed['gas_stated'] == stated
    del stated['schedule.reset_every']
    assert changed['gas_literal'] == dict(stated, **{'generator.shape': 'dcgan', 'generator.widths': (128, 64)})
    assert changed['gas_activation'] == {'objective.lambda_activation': .1}
    assert changed['reset_only'] == {'objective.gamma': 0., 'schedule.reset_in_turn': False}
    assert changed['student_kd'] == {'inputs': 'real'}
    assert changed['noise'] == {'inputs': 'noise'}


@pytest.mark.parametrize('budget, steps, ablations', [
    ('ablation', 5000, experiments.SHORT_ABLATIONS), ('sketch', 2000, experiments.SHORT_ABLATIONS),
    ('long', 30000, experiments.LONG_ABLATIONS)])
def test_an_ablation_changes_nothing_else(budget, steps, ablations):
    default = settings.flatten(experiments.configuration('mnist', 'gas', budget)[0])
    for method, changes in ablations.items():
        values = settings.flatten(experiments.configuration('mnist', method, budget)[0])
        changed = {name for name in values if values[name] != default[name]}
        assert changed == set(changes), method
        assert values['schedule.student_steps'] == steps


def test_mnist_as_stated_is_the_papers():
    config = experiments.configuration('mnist', 'gas_stated')[0]
    assert config.data == 'mnist' and config.inputs == 'generated'
    assert config.teacher.widths == LENET5 and config.student.widths == LENET5_HALF
    assert (config.teacher.learning_rate, config.teacher.dropout) == (7e-4, .2)
    assert (config.student.learning_rate, config.student.decay) == (1e-3, 'constant')
    assert config.generator.learning_rate == 1e-2 and config.generator.noise_size == 100
    schedule = config.schedule
    assert (schedule.n_student, schedule.n_generator) == (100, 20)
    assert (schedule.batch_size, config.generator.count) == (512, 8)
    assert (schedule.student_steps, schedule.reset_every, schedule.reset_in_turn) == (120000, 40000, False)
    objective = config.objective
    assert (objective.alpha, objective.beta, objective.gamma) == (.5, 5., .4)
    assert objective.lambda_activation == 0.


def test_names_are_described():
    assert set(experiments.DESCRIPTIONS) == set(experiments.EXPERIMENTS)
    assert set(experiments.METHOD_DESCRIPTIONS) == set(experiments.METHODS)
    assert set(experiments.BUDGETS) == set(experiments.EXPERIMENTS)
    for budgets in experiments.BUDGETS.values():
        assert set(budgets) >= {'paper', 'quick', 'smoke'} and 'schedule.student_steps' not in budgets['paper']


def test_no_figure_of_the_paper_for_another_task():
    config = experiments.configuration('mnist')[0]
    assert experiments.paper_accuracy('mnist', 'gas', config) == .9879
    assert experiments.paper_accuracy('digits', 'gas', experiments.configuration('digits')[0]) is None
    for name, value in (('data', 'digits'), ('inputs', 'noise')):
        assert experiments.paper_accuracy('mnist', 'gas', settings.replace(config, name, value)) is None
    real = experiments.configuration('mnist', 'student_kd')[0]
    assert experiments.paper_accuracy('mnist', 'student_kd', real) == .9892


def test_the_papers_figures_are_fractions():
    for (experiment, method), share in experiments.PAPER_ACCURACY.items():
        assert 0. < share < 1.
        assert experiment in experiments.EXPERIMENTS
        assert method == 'teacher' or method in experiments.METHODS
    assert experiments.PAPER_ACCURACY[('mnist', 'gas')] == .9879
    assert experiments.PAPER_ACCURACY[('mnist', 'teacher')] == .9935
    assert experiments.PAPER_ACCURACY[('mnist', 'student_kd')] == .9892
    assert experiments.PAPER_ACCURACY[('mnist', 'gas_activation')] == .9867
