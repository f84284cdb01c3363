"""What a recording keeps: rows, the best model, the state to go on from, the result, TensorBoard's scalars."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from gas_tf.pictures import COLUMNS, GAP, SCALE, png, save_samples
from runs import checkpoint
from runs.errors import UserError
from runs.record import RESULT_KEYS, Record
from runs.recording import Recording


def state(step):
    return {'student/kernel': np.full([2, 3], step, np.float32), 'student_adam/m': np.float32(-step),
            'counters/student_steps': np.int64(step)}


def evaluate(recording, step, validation, accuracy=.5, **more):
    row = dict({'student_step': step, 'accuracy': accuracy, 'validation_accuracy': validation,
                'class_histogram': [.25, .75], 'L_distill': 1. / step}, **more)
    return recording.evaluated(step, row, state(step))


def opened(record):
    recording = Recording(record, ['student/kernel'])
    return recording, recording.resume()


REST = dict(experiment='digits', method='gas', seed=0, budget='smoke', teacher=.9, student_steps=4,
            generator_steps=2, paper=None, commit='unknown')


def test_the_first_of_the_best_is_kept(tmp_path):
    with Record(tmp_path, {}) as record:
        recording, values = opened(record)
        assert values is None
        for step, validation in ((1, .5), (2, .75), (3, .75), (4, .25)):
            evaluate(recording, step, validation, accuracy=step / 10)
        saved = checkpoint.load(record.checkpoints)
        assert saved.step == 4 and saved.arrays['student/kernel'][0, 0] == 4
        assert saved.arrays['best/student/kernel'].tolist() == [[2, 2, 2], [2, 2, 2]]
        assert 'best/student_adam/m' not in saved.arrays
        result = recording.finish(**REST)
    assert set(RESULT_KEYS) <= set(result) and result == Record(tmp_path, {}).result()
    assert (result['last'], result['best'], result['best_step'], result['best_by']) == (
        .4, .2, 2, 'validation_accuracy')
    assert result['mean_last_10'] == pytest.approx(.25) and result['metric'] == 'accuracy'
    assert result['fingerprint'] == checkpoint.fingerprint(state(4))


def test_the_mean_of_the_last_ten(tmp_path):
    with Record(tmp_path, {}) as record:
        recording, _ = opened(record)
        for step in range(1, 13):
            evaluate(recording, step, .5, accuracy=step / 100)
        assert recording.finish(**REST)['mean_last_10'] == pytest.approx(np.mean(np.arange(3, 13)) / 100)


def test_going_on(tmp_path):
    """From the last checkpoint: a row after it is dropped, the best and the seconds go on."""
    with Record(tmp_path, {}) as record:
        recording, _ = opened(record)
        evaluate(recording, 1, .75)
        row = evaluate(recording, 2, .5)
        record.append({'student_step': 3})  # then came the kill
    with Record(tmp_path, {}) as record:
        recording, values = opened(record)
        assert {name: array.tolist() for name, array in values.items()} == {
            name: array.tolist() for name, array in state(2).items()}
        assert [row['student_step'] for row in record.rows()] == [1, 2]
        assert recording.best['step'] == 1 and recording.best_values['student/kernel'][0, 0] == 1
        assert recording.wall_seconds >= row['wall_seconds']
        evaluate(recording, 3, .75)
        assert recording.best['step'] == 1
        assert [row['student_step'] for row in record.rows()] == [1, 2, 3]


def test_a_row_without_a_checkpoint_is_dropped(tmp_path):
    with Record(tmp_path, {}) as record:
        record.append({'student_step': 3})
    with Record(tmp_path, {}) as record:
        assert opened(record)[1] is None
        assert record.rows() == []


def test_a_row_of_the_log(tmp_path):
    with Record(tmp_path, {}) as record:
        recording, _ = opened(record)
        row = evaluate(recording, 2, .5, resets=np.int64(3))
        assert row['fingerprint'] == checkpoint.fingerprint(state(2)) and row['wall_seconds'] > 0
        assert record.rows() == [row]


@pytest.mark.parametrize('wrong', [np.nan, np.inf, [.5, np.nan]])
def test_a_row_that_is_not_finite(tmp_path, wrong):
    with Record(tmp_path, {}) as record:
        recording, _ = opened(record)
        evaluate(recording, 1, .5)
        with pytest.raises(UserError, match='^L_H is not finite at step 2: the run has diverged'):
            evaluate(recording, 2, .75, L_H=wrong)
        assert [row['student_step'] for row in record.rows()] == [1]
        assert checkpoint.load(record.checkpoints).step == 1 and recording.best['step'] == 1


def test_a_state_that_is_not_finite(tmp_path):
    """The losses are those before the last update; it may have broken the weights all the same."""
    with Record(tmp_path, {}) as record:
        recording, _ = opened(record)
        broken = dict(state(1), **{'student/kernel': np.array([1, np.nan], np.float32)})
        with pytest.raises(UserError, match='^student/kernel is not finite at step 1'):
            recording.evaluated(1, {'accuracy': .5, 'validation_accuracy': .5}, broken)
        assert record.rows() == [] and checkpoint.load(record.checkpoints) is None


def test_tensorboard(tmp_path):
    for steps in ((1, 2), (3,)):
        with Record(tmp_path, {}) as record:
            recording, _ = opened(record)
            rows = [evaluate(recording, step, .5, accuracy=step / 4, student_step=step) for step in steps]
    scalars, starts = {}, []
    for path in sorted((tmp_path / 'tensorboard').iterdir()):
        for event in tf.train.summary_iterator(str(path)):
            if event.HasField('session_log'):
                starts.append(event.step)
            for value in event.summary.value:
                scalars[event.step, value.tag] = value.simple_value
    assert sorted({step for step, _ in scalars}) == [1, 2, 3]
    assert {name for _, name in scalars} == {'accuracy', 'validation_accuracy', 'L_distill', 'wall_seconds'}
    assert scalars[3, 'accuracy'] == .75 and scalars[2, 'L_distill'] == .5
    assert scalars[3, 'wall_seconds'] == pytest.approx(rows[0]['wall_seconds'])
    assert sorted(starts) == [1, 3]  # where TensorBoard drops what an interrupted run wrote later


@pytest.fixture
def decoded():
    def decoded(content):
        with tf.Graph().as_default(), tf.Session() as session:
            return session.run(tf.image.decode_png(content))
    return decoded


@pytest.mark.parametrize('channels', [1, 3])
def test_png(decoded, channels):
    pixels = np.random.RandomState(0).randint(0, 256, [7, 5, channels]).astype(np.uint8)
    assert np.array_equal(decoded(png(pixels)), pixels)


def test_samples(decoded, tmp_path):
    """A row per generator, a column per image, sixteen at most; normalisation undone, and clipped."""
    samples = [np.zeros([20, 4, 6, 1], np.float32), np.full([20, 4, 6, 1], 9, np.float32)]
    samples[0][1] = -9
    save_samples(tmp_path / 'samples.png', samples, .4, .5)
    pixels = decoded((tmp_path / 'samples.png').read_bytes())[..., 0]
    assert pixels.shape == (SCALE * 2 * (4 + GAP), SCALE * COLUMNS * (6 + GAP))
    assert pixels[SCALE * GAP, SCALE * GAP] == 102  # .4 of 255
    assert pixels[SCALE * GAP, SCALE * (6 + 2 * GAP)] == 0 and pixels[-1, -1] == 255 and pixels[0, 0] == 255
    assert (pixels == 102).sum() == SCALE ** 2 * 4 * 6 * (COLUMNS - 1)
    assert [path.name for path in tmp_path.iterdir()] == ['samples.png']


def test_samples_in_colour(decoded, tmp_path):
    samples = [np.zeros([2, 3, 3, 3], np.float32)]
    save_samples(tmp_path / 'samples.png', samples, (.2, .4, .6), (1., 1., 1.))
    assert decoded((tmp_path / 'samples.png').read_bytes())[-1, -1].tolist() == [51, 102, 153]
    with pytest.raises(UserError, match='cannot write'):
        save_samples(tmp_path / 'nowhere' / 'samples.png', samples, 0., 1.)
