"""Policies that see frames: Pong through the real emulator, with DCGAN in the generator's place."""

import json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from PIL import Image

from gas_tf import experiments, export, policies, policy_evaluation, run
from ppo.experiments import Environment, Model
from ppo.experiments import Experiment as PPO
from ppo.models import ActorCritic
from ppo.spaces import Actions, Spaces
from ppo.teacher import read_teacher, write_teacher
from runs import determinism

pytest.importorskip('atari_py', reason='the Atari games are not installed: make simulators')

SHAPE, ACTIONS = (48, 48, 2), Actions('categorical', 6)
SMALL = ['--budget', 'smoke', '--schedule.batch_size', '6', '--generator.widths', '4', '3',
         '--generator.noise_size', '5', '--collection.workers', '1', '--collection.transitions', '64',
         '--evaluation.episodes', '1', '--evaluation.fresh_episodes', '1']


def make_teacher(folder, shape=SHAPE):
    """An IMPALA network of random weights that answers differently to different frames."""
    config = PPO(
        environment=Environment(id='PongNoFrameskip-v4', max_steps=20, frame_size=shape[0], frames=shape[2]),
        model=Model(body='impala', widths=(2, 4, 2, 6), value_network='shared'))
    with tf.Graph().as_default():
        values = ActorCritic('ppo', config.model, shape, ACTIONS).initial_values(0)
    values['ppo/policy/head/kernel'] *= 300
    folder.mkdir(parents=True)
    write_teacher(folder, config, Spaces(shape, np.dtype(np.uint8), ACTIONS), values,
                  {'score': 20., 'score_std': 1., 'episodes': 20, 'chosen_at': 20.}, 'none')
    return folder


@pytest.fixture(scope='module')
def pong(tmp_path_factory):
    return make_teacher(tmp_path_factory.mktemp('teacher') / 'pong48')


def test_table_10_for_games():
    config, sources = experiments.configuration('pong48')
    assert (config.student.learning_rate, config.generator.learning_rate, config.schedule.n_student,
            config.schedule.n_generator, config.schedule.reset_every // 7) == (3e-4, .1, 7, 5, 256)
    assert config.evaluation.patience == 10000 and sources['schedule.n_student'] == 'table 10'


def test_the_networks_see_frames_in_0_to_1(pong):
    teacher = read_teacher(pong)
    raw = np.arange(2 * 48 * 48 * 2).reshape((2,) + SHAPE).astype(np.uint8)
    config = experiments.configuration('pong48', 'gas', 'smoke')[0]
    with tf.Graph().as_default() as graph:
        algorithm, values = policies.build(
            config, teacher, policies.source_of_inputs(config, teacher, 0), 0, unrolled=False)
        with determinism.new_session(graph) as session:
            algorithm.start(session, values)
            seen = session.run(policies.seen(tf.constant(raw), teacher))
            drawn = np.concatenate(algorithm.samples(session))
    np.testing.assert_allclose(seen, raw / 255., rtol=1e-6)
    assert drawn.shape == (32,) + SHAPE and 0 <= drawn.min() < .5 < drawn.max() <= 1
    filters = [int(v.shape[-1]) for v in algorithm.student.variables if 'stage' in v.op.name and '/conv/k' in v.op.name]
    assert filters == [1, 2, 1] and algorithm.student.body.size == 3


@pytest.mark.parametrize('method', ['gas', 'student_kd', 'noise'])
def test_a_game_from_the_command_to_the_file(pong, tmp_path, capsys, method, monkeypatch):
    monkeypatch.setattr(policy_evaluation, 'REAL_FRAMES', (2, 32, 16))  # the emulator is what takes the time
    out, again = tmp_path / 'out', tmp_path / 'again'
    for folder in (out, again):
        assert run.main(['pong48', '--teacher', str(pong), '--method', method, '--out', str(folder)] + SMALL) == 0
    results = [json.loads(next(folder.glob('pong48/*/seed-0/result.json')).read_text()) for folder in (out, again)]
    assert results[0]['fingerprint'] == results[1]['fingerprint']
    folder = next(out.glob('pong48/*/seed-0'))
    if method == 'gas':
        # A row of its generator's six observations: two frames, one below the other.
        assert Image.open(str(folder / 'samples.png')).size == (2 * 6 * (2 + 48), 2 * (2 + 96))
    with np.load(str(export.export(folder, 'npz'))) as file:
        assert (float(file['mean']), float(file['std'])) == (0., 255.)
    saved = export.export(folder, 'savedmodel')
    raw = np.random.RandomState(0).randint(256, size=(3,) + SHAPE)
    with tf.Graph().as_default() as graph, determinism.new_session(graph) as session:
        signature = tf.saved_model.load(session, ['serve'], str(saved)).signature_def['serving_default']
        action, logits = session.run([signature.outputs[name].name for name in ('action', 'logits')],
                                     {signature.inputs['observations'].name: raw.astype(np.float32)})
    assert logits.shape == (3, 6) and list(action) == list(logits.argmax(1))
    assert 'student, seed 0' in capsys.readouterr().out


@pytest.mark.parametrize('more, said', [
    (['--method', 'gas_normalised', '--generator.count', '2'], 'have no meaning for frames'),
    (['--generator.zero-constants'], 'have no meaning for frames'),
    (['--method', 'noise_correlated'], 'noise.correlation and noise.moments'),
    (['--method', 'noise_moments'], 'noise.correlation and noise.moments'),
    (['--generator.widths', '4'], 'give two numbers of channels')])
def test_what_does_not_fit_frames_is_one_line(pong, tmp_path, capsys, more, said):
    out = tmp_path / 'out'
    assert run.main(['pong48', '--teacher', str(pong), '--out', str(out)] + SMALL + more) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1 and said in error and not out.exists()


def test_sides_that_dcgan_cannot_draw(tmp_path, capsys):
    teacher = make_teacher(tmp_path / 'teacher', (50, 50, 1))
    assert run.main(['policy', '--teacher', str(teacher), '--out', str(tmp_path / 'out')] + SMALL) == 2
    assert 'frames of 50 x 50: DCGAN draws multiples of 4' in capsys.readouterr().err
