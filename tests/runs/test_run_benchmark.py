"""The benchmark beside PyTorch: its arithmetic, its record, and that both sides agree."""

import os
import pathlib
import time
import types

import numpy as np
import pytest

from runs.benchmarks import beside, student_step
from runs.benchmarks.beside import sgemm
from runs.benchmarks.student_step import LAYOUTS, PEER_SCRIPT, TERMS
from runs.benchmarks.student_step_work import (STEPS, WORKS, Ours, generator_layers, lenet_layers, settings_of,
                                               step_flops)
from runs.display import Display
from runs.errors import UserError
from runs.files import json_text
from runs.settings import resolve

TORCH = pathlib.Path(os.environ.get('GAS_TORCH_PYTHON', student_step.TORCH_PYTHON))
needs_torch = pytest.mark.skipif(
    not TORCH.exists(), reason='no PyTorch at %s: `make bench` installs it' % TORCH)
TINY = {'schedule.batch_size': (16, ''), 'generator.count': (2, ''), 'generator.noise_size': (5, ''),
        'teacher.widths': ((3, 4, 10, 6), ''), 'student.widths': ((2, 3, 5, 4), ''),
        'objective.lambda_activation': (0.1, '')}
WIDTHS = {'gas': (8, 8), 'gas_literal': (8, 8), 'gas_dafl_widths': (8, 9, 8)}


def tiny(name):
    # At the start of `gas` the images of one generator hardly differ: larger weights have fewer ties.
    return resolve(settings_of(name), [TINY, {'generator.widths': (WIDTHS[name], ''), 'generator.stddev': (0.2, '')}])[0]


def test_the_layers_of_a_lenet_by_hand():
    # 28*28*25*6, 10*10*25*6*16, 400*120, 120*84, 84*10
    assert lenet_layers((6, 16, 120, 84), 1, 10) == [117600, 240000, 48000, 10080, 840]


def test_the_layers_of_the_generators_by_hand():
    work = {'shape': 'dcgan', 'widths': [128, 64], 'noise_size': 100, 'channels': 1}
    assert generator_layers(work) == [819200, 13107200, 409600]
    work.update(shape='dafl', widths=[64, 32])
    assert generator_layers(work) == [409600, 256 * 9 * 64 * 32, 1024 * 9 * 32]
    work.update(widths=[128, 128, 64])
    assert generator_layers(work) == [819200, 37748736, 75497472, 589824]


def test_the_steps_by_hand():
    work = {'shape': 'dcgan', 'widths': [1, 1], 'noise_size': 1, 'channels': 1, 'classes': 1, 'batch_size': 10,
            'teacher_widths': [1, 1, 1, 1], 'student_widths': [1, 1, 1, 1]}
    drawn, lenet = 64 + 1600 + 6400, 19600 + 2500 + 25 + 1 + 1
    assert step_flops(work) == {
        'student': 20 * (drawn + lenet + 3 * lenet - 19600),
        'generator': 20 * (3 * drawn - 64 + 2 * lenet + 2 * lenet)}


def test_a_difference_in_one_array_is_found_whatever_its_size():
    ours = {'student/a': np.full(9, 100.), 'student/b': np.full(4, 1.)}
    theirs = {'student/a': np.full(9, 100.), 'student/b': np.full(4, 1.01)}
    relative, name = beside.difference(ours, theirs)
    assert name == 'student/b' and relative == pytest.approx(0.01)
    with pytest.raises(beside.Differs):
        beside.difference(ours, {'student/a': np.ones(9)})


@pytest.mark.parametrize('name', sorted(WORKS))
def test_a_first_step_tells_every_gradient(name):
    ours = Ours(tiny(name))
    algorithm = ours.algorithm
    for step, variables in (('student', algorithm.student.variables), ('generator', algorithm.inputs.bank.variables)):
        gradients = ours.first_step(step)[2]
        assert sorted(gradients) == sorted(v.op.name for v in variables)
        assert all(gradients[v.op.name].shape == tuple(v.shape.as_list()) for v in variables)
    ours.session.close()


def test_a_row_takes_the_faster_layout():
    sides = {'ours': [[10., 12.], [11.]], 'contiguous': [[44.], [44.]], 'channels_last': [[22.], [33.]]}
    row = student_step.row('gas', 'student', sides, 2.2e9, 200.)
    assert row['peer_layout'] == 'channels_last'
    assert row['ratio'] == pytest.approx(2.5)
    assert row['ratio_of_blocks'] == pytest.approx([2., 3.])
    assert row['ours'] == pytest.approx(1000 / 11) and row['peer'] == pytest.approx(1000 / 27.5)
    assert row['share_of_sgemm'] == pytest.approx(1.)


def test_a_missing_pytorch_is_one_line(tmp_path, capsys):
    assert student_step.main(['--torch-python', str(tmp_path / 'python')]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and 'make bench' in lines[0]


def test_an_environment_without_torch_is_an_error_of_the_user(tmp_path):
    with pytest.raises(UserError):
        beside.Peer(PEER_SCRIPT, '/bin/false', 1)


@needs_torch
@pytest.mark.parametrize('name', sorted(WORKS))
def test_both_sides_compute_the_same(name, tmp_path):
    ours = Ours(tiny(name), seed=1)
    weights = str(tmp_path / 'weights.npz')
    np.savez(weights, **ours.start())
    with beside.Peer(PEER_SCRIPT, TORCH, 1) as peer:
        peer.ask('build', work=ours.work, weights=weights)
        assert beside.check_same(ours, peer, LAYOUTS, TERMS, str(tmp_path)) < beside.TOLERANCE
        wrong = dict(ours.start())
        kernel = wrong['generator_1/dense/kernel']
        np.savez(weights, **dict(wrong, **{'generator_1/dense/kernel': kernel[::-1]}))
        peer.ask('build', work=ours.work, weights=weights)
        with pytest.raises(beside.Differs):
            beside.check_same(ours, peer, LAYOUTS, TERMS, str(tmp_path))
    ours.session.close()


@needs_torch
def test_the_record(tmp_path, monkeypatch):
    monkeypatch.setattr(student_step, 'settings_of', tiny)
    monkeypatch.setattr(student_step, 'sgemm', lambda cores: {'TensorFlow': 100.})
    options = types.SimpleNamespace(works=['gas'], torch_python=TORCH, blocks=2, steps=2)
    result = student_step.measure(options, Display())
    json_text(result)
    assert {'machine', 'load_before', 'sgemm_gflops', 'commit', 'rows'} <= set(result)
    assert len(result['rows']) == len(STEPS)
    for row in result['rows']:
        assert {'work', 'ours', 'peer', 'peer_name', 'unit', 'ratio', 'ours_ms', 'peer_ms', 'gflop', 'share_of_sgemm',
                'peer_layout', 'target', 'peak_mib', 'peer_peak_mib'} <= set(row)
        assert row['peak_mib'] > 50 and row['peer_peak_mib'] > 50
        assert row['ratio'] == pytest.approx(row['ours'] / row['peer'])
    student_step.show(result, Display())


def test_a_product_is_computed_when_its_rate_is_measured():
    # A dropped product once gave 400,000 GFLOP/s: no core does 2,000.
    assert all(1 < rate < 2000 for rate in sgemm(1, size=1024, repeats=2).values())


def test_other_work_is_seen():
    before, start = beside.busy_seconds(), time.process_time()
    while time.process_time() - start < 0.3:
        pass
    assert beside.busy_seconds() - before > 0.25


def test_the_profile_names_ops():
    ours = Ours(tiny('gas'))
    ops, wall = ours.profile('generator', 1)
    assert ops['Conv2DBackpropFilter'] > 0 and wall > 0
    ours.session.close()
