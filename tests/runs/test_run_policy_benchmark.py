"""The benchmark of policies beside PyTorch: its arithmetic, and that both sides agree."""

import os
import pathlib
import types

import numpy as np
import pytest

from gas_tf import experiments
from runs import settings
from runs.benchmarks import beside, policy_step
from runs.benchmarks.policy_step import PEER_SCRIPT, SPACES, TERMS, VARIANTS, Ours, epoch_flops
from runs.display import Display
from runs.files import json_text

TORCH = pathlib.Path(os.environ.get('GAS_TORCH_PYTHON', beside.TORCH_PYTHON))
needs_torch = pytest.mark.skipif(
    not TORCH.exists(), reason='no PyTorch at %s: `make bench` installs it' % TORCH)


def small(name):
    config = experiments.configuration(name)[0]
    for field, value in (('schedule.batch_size', 16), ('generator.hidden', 8), ('objective.lambda_activation', .1)):
        config = settings.replace(config, field, value)
    return config


def test_an_epoch_by_hand():
    work = {'observation': 3, 'actions': 2, 'teacher_widths': [5], 'student_widths': [4], 'noise_size': 7, 'hidden': 6,
            'batch_size': 10, 'n_student': 5, 'n_generator': 2, 'gaussian': False}
    drawn, teacher, student = 7 * 6 + 6 * 3, 3 * 5 + 5 * 2, 3 * 4 + 4 * 2
    flops = 20 * (5 * (drawn + teacher + 3 * student - 12) + 2 * (3 * drawn - 42 + 2 * teacher + 2 * student))
    assert epoch_flops(work) == flops
    assert epoch_flops(dict(work, gaussian=True)) == flops + 20 * 2 * 3 * 10 * 2


def test_rows():
    sides = {'ours': [[10., 12.], [11.]], ('eager', 1): [[50.], [50.]], ('eager', 2): [[44.], [44.]],
             ('compiled', 1): [[22.], [33.]], ('compiled', 2): [[99.], [11.]]}
    eager, compiled = policy_step.rows('cartpole', sides, 2.2e9, 200.)
    assert (eager['peer_name'], compiled['peer_name']) == ('PyTorch eager', 'PyTorch compiled')
    assert eager['ratio'] == pytest.approx(4.) and compiled['ratio'] == pytest.approx(2.5)
    assert compiled['ratio_of_blocks'] == pytest.approx([2., 3.])
    assert (eager['peer_threads'], compiled['peer_threads']) == (2, 1)
    assert eager['peer_ms_by_threads'] == {'1': 50., '2': 44.}
    assert eager['ours'] == pytest.approx(1000 / 11) and eager['share_of_sgemm'] == pytest.approx(1.)


@needs_torch
@pytest.mark.parametrize('name', sorted(SPACES))
def test_both_sides_compute_the_same(name, tmp_path):
    ours = Ours(name, small(name), unrolled=False)
    weights = str(tmp_path / 'weights.npz')
    np.savez(weights, **ours.start())
    with beside.Peer(PEER_SCRIPT, TORCH, 1) as peer:
        peer.ask('build', work=ours.work, weights=weights)
        assert beside.check_same(ours, peer, ['eager'], TERMS, str(tmp_path)) < beside.TOLERANCE
        wrong = dict(ours.start())
        wrong['generator_0/dense1/kernel'] = wrong['generator_0/dense1/kernel'][::-1]
        np.savez(weights, **wrong)
        peer.ask('build', work=ours.work, weights=weights)
        with pytest.raises(beside.Differs):
            beside.check_same(ours, peer, ['eager'], TERMS, str(tmp_path))
    ours.session.close()


@needs_torch
def test_the_record(monkeypatch):
    monkeypatch.setattr(policy_step, 'sgemm', lambda cores: {'TensorFlow': 100.})
    options = types.SimpleNamespace(works=['cartpole'], torch_python=TORCH, blocks=2, steps=2)
    result = policy_step.measure(options, Display())
    json_text(result)
    assert {'machine', 'load_before', 'sgemm_gflops', 'commit', 'rows'} <= set(result)
    assert [row['peer_name'] for row in result['rows']] == ['PyTorch %s' % variant for variant in VARIANTS]
    policy_step.show(result, Display())
