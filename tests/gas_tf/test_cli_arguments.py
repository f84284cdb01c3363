"""What is wrong in a command line is told in one line, before anything is made."""

import dataclasses
import re
import signal
import subprocess
import sys

import pytest
from command_processes import ROOT, SMALL, environment

from gas_tf import command, experiments, run
from runs import settings
from runs.command import rank_and_size
from runs.errors import UserError


@pytest.fixture
def refused(tmp_path, capsys, monkeypatch):
    """The line that `main` says to arguments; it exits with 2 and leaves the folder as it was."""
    monkeypatch.delenv('GAS_TF_IMAGE', raising=False)  # an image would name its devices first
    handler = signal.getsignal(signal.SIGTERM)

    def refused(*arguments):
        assert run.main(list(arguments)) == 2
        captured = capsys.readouterr()
        assert captured.out == '' and captured.err.startswith('error: ')
        assert captured.err.count('\n') == 1 and captured.err.endswith('\n')
        assert list(tmp_path.iterdir()) == []
        return captured.err
    yield refused
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize('arguments, said', [
    (['digitz'], "no experiment is called 'digitz' (did you mean 'digits'?): choose from "),
    (['digits', '--method', 'gaz'], "no method is called 'gaz' (did you mean 'gas'?): choose from "),
    (['digits', '--method=nois'], "did you mean 'noise'?"),
    (['digits', '--budget', 'smok'], "did you mean 'smoke'?"),
    (['digits', '--methd', 'gas'], 'there is no --methd (did you mean --method?)'),
    (['digits', '--objective.gama', '1'], 'there is no --objective.gama (did you mean --objective.gamma?)'),
    (['digits', '--schedule.student_step=4'], 'did you mean --schedule.student-steps?'),
    (['digits', '--gamma', '1'], 'there is no --gamma'),
    ([], 'name an experiment: '),
    (['--method', 'gas'], 'name an experiment: '),
    (['digits', 'mnist'], 'mnist'),
    (['digits', '-x', '3'], '-x'),
    (['digits', '--method'], '--method: expected one argument'),
    (['digits', '--objective.gamma', 'abc'], "--objective.gamma: could not convert string to float: 'abc'\n"),
    (['digits', '--schedule.student-steps', '1.5'], "--schedule.student-steps: invalid literal for int()"),
    (['digits', '--generator.shape', 'foo'], "--generator.shape: invalid choice: 'foo' (choose from 'dafl', 'dcgan')"),
    (['digits', '--teacher.widths', '1', '2'], '--teacher.widths: expected 4 arguments'),
    (['digits', '--schedule.reset-slots', 'maybe'], 'maybe'),
    (['digits', '--seeds'], '--seeds: give one or more'),
    (['digits', '--seeds', '0', '-1'], '--seeds: give one or more numbers from 0 on'),
    (['digits', '--seeds', '0', '1', '0'], '--seeds: 0 is given twice'),
    (['digits', '--seeds', 'one'], '--seeds'),
    (['digits', '--objective.gamma', 'nan'], '--objective.gamma is nan: give a finite number'),
    (['digits', '--teacher.learning-rate', 'inf'], '--teacher.learning-rate is inf: give a finite number'),
    (['digits', '--teacher.dropout', '1'], '--teacher.dropout is 1.0: give a share below 1'),
    (['digits', '--student.learning-rate', '-1'], '--student.learning-rate is -1.0: give a number from 0 on'),
    (['digits', '--teacher.epochs', '0'], '--teacher.epochs is 0: give a whole number from 1 on'),
    (['digits', '--teacher.seed', '-1'], '--teacher.seed is -1: give a whole number from 0 on'),
    (['digits', '--student.widths', '1', '2', '0', '4'], '--student.widths is 0: give a whole number from 1 on'),
    (['digits', '--schedule.student-steps', '150'], 'schedule.student_steps is 150: give a multiple'),
    (['digits', '--generator.count', '3'], 'schedule.batch_size is 256: give a multiple of generator.count'),
    (['digits', '--generator.widths', '1'], 'generator.widths: dafl takes 2 or 3 numbers'),
    (['digits', '--teacher.batch-size', '1200'], 'teacher.batch_size is 1200: there are 1097 training images'),
    (['digits', '--method', 'student_kd', '--schedule.batch-size', '1200'], 'schedule.batch_size is 1200: there are'),
    (['digits', '--teacher.validation', '1297'], 'cannot keep 1297 of 1297 training images'),
])
def test_one_line(refused, tmp_path, arguments, said):
    line = refused(*(arguments + ['--out', str(tmp_path / 'out')] if arguments else []))
    assert said in line


def test_a_misspelt_name_in_a_process_of_its_own(tmp_path):
    """Libraries, which are loaded by then, add no line of theirs."""
    done = subprocess.run([sys.executable, '-m', 'gas_tf.run', 'digitz', '--out', str(tmp_path / 'out')],
                          cwd=str(ROOT), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 2 and done.stdout == b''
    assert re.fullmatch(rb"error: no experiment is called 'digitz' \(did you mean 'digits'\?\): .*\n", done.stderr)
    assert not (tmp_path / 'out').exists()


def test_values_and_their_sources():
    options, sources = command.parse(
        ['digits', '--schedule.student_steps', '200', '--schedule.n-student=50', '--generator.widths', '6', '3',
         '--seeds', '3', '1', '--schedule.no-reset-slots', '--objective.gamma', '1', '--teacher.epochs', '60'])
    config = options.settings
    assert (config.schedule.student_steps, config.schedule.n_student) == (200, 50)
    assert config.generator.widths == (6, 3) and options.seeds == (3, 1)
    assert config.schedule.reset_slots is False and config.objective.gamma == 1.
    given = {name for name, source in sources.items() if source == 'command line'}
    # The teacher's 60 epochs are those of the experiment anyway.
    assert given == {'schedule.student_steps', 'schedule.n_student', 'generator.widths', 'schedule.reset_slots',
                     'objective.gamma'}
    assert set(sources) == set(settings.flatten(config))


@pytest.mark.parametrize('arguments', [
    ['--out', 'there', 'digits'], ['--data_dir', 'there', 'digits'], ['--require-gpu', 'digits'],
    ['--method', 'noise', 'digits'], ['--data-dir=there', 'digits']])
def test_the_experiment_may_come_last(arguments):
    assert command.parse(arguments)[0].experiment == 'digits'


def test_a_method_and_a_budget_set_the_defaults():
    options, sources = command.parse(['digits', '--method', 'reset_only', '--budget', 'smoke'])
    assert options.settings == experiments.configuration('digits', 'reset_only', 'smoke')[0]
    assert options.settings.objective.gamma == 0. and options.settings.schedule.student_steps == 40


def shown(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        command.parse(list(arguments))
    assert stopped.value.code in (0, None)
    # The frame goes, and the wrapped lines are joined.
    return ' '.join(re.sub('[│╭╮╰╯─]', ' ', capsys.readouterr().out).split())


def test_help_lists_every_setting_with_text_and_source(capsys, monkeypatch):
    monkeypatch.setenv('COLUMNS', '100')
    text = shown(capsys, 'digits', '--budget', 'quick', '--help')
    config, sources = experiments.configuration('digits', budget='quick')

    def check(part, prefix=''):
        for field in dataclasses.fields(part):
            name, value = prefix + field.name, getattr(part, field.name)
            if dataclasses.is_dataclass(value):
                check(value, name + '.')
                continue
            assert '--' + name.replace('_', '-') in text
            assert ' '.join(('%s [%s]' % (field.metadata['text'], sources[name])).split()) in text, name
    check(config)
    # The source is that of the value which is shown, not that of another experiment's.
    assert 'student updates [budget quick] (default: 2000)' in text
    for option in ('--method', '--seeds', '--budget', '--out', '--data-dir', '--require-gpu', '--list'):
        assert option in text


def test_help_without_an_experiment(capsys):
    assert 'student updates [chosen: none is stated for MNIST] (default: 120000)' in shown(capsys, '--help')


def test_help_for_an_unknown_experiment():
    with pytest.raises(UserError, match="did you mean 'digits'"):
        command.parse(['digitz', '--help'])


def test_a_wrong_flag_beside_list(capsys):
    assert run.main(['digits', '--list', '--metod', 'x']) == 2
    assert capsys.readouterr() == ('', 'error: there is no --metod (did you mean --method?); --help lists all settings\n')


@pytest.mark.parametrize('arguments, said', [
    (['--seeds', '0', 'mnist'], 'name the experiment first'),
    (['digits', '--out='], '--out is empty'),
    (['digits', '--data-dir', ''], '--data-dir is empty'),
    (['digits', '--teacher.seed', '4294967296'], 'below 2'),
    (['digits', '--generator.shape', 'dcgn'], "did you mean 'dcgan'"),
])
def test_what_else_is_refused(arguments, said):
    with pytest.raises(UserError, match=said):
        command.parse(arguments)


def test_list(capsys):
    assert run.main(['--list']) == 0
    text = capsys.readouterr().out
    for name in experiments.names() + [m for f in experiments.FAMILIES for m in f.METHODS]:
        assert re.search('^%s +\\S' % name, text, re.M)
    assert re.search('^digits +smoke +40$', text, re.M)


@pytest.mark.parametrize('environment_, expected', [
    ({}, (0, 1)),
    ({'PMI_RANK': '1', 'PMI_SIZE': '3'}, (1, 3)),
    ({'OMPI_COMM_WORLD_RANK': '2', 'OMPI_COMM_WORLD_SIZE': '4'}, (2, 4)),
    ({'PMI_RANK': '1'}, (0, 1)),
    ({'PMI_RANK': '', 'PMI_SIZE': '2'}, (0, 1)),
])
def test_rank(environment_, expected):
    assert rank_and_size(environment_) == expected


def test_the_small_run_is_what_the_tests_say():
    """The overrides that other tests share are valid, and all of them count."""
    _, sources = command.parse(['digits'] + list(SMALL))
    assert list(sources.values()).count('command line') == sum(a.startswith('--') for a in SMALL) - 1
