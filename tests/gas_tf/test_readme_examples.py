"""The README's Python runs as it stands, but for fewer updates."""

import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from PIL import Image
from sklearn.datasets import load_digits

from gas_tf import export, teachers
from gas_tf.data.sources import MNIST
from runs import determinism

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCKS = re.findall('```python\n(.*?)```', (ROOT / 'README.md').read_text(), re.S)


def example(name, **replaced):
    """The block that names something, with some of its text replaced."""
    block, = [block for block in BLOCKS if name in block]
    for old, new in replaced.values():
        assert block.count(old) == 1
        block = block.replace(old, new)
    return block


def said_by(code, folder):
    """What a process of its own prints that runs the code in a folder."""
    done = subprocess.run([sys.executable, '-c', code], cwd=str(folder), stdout=subprocess.PIPE,
                          universal_newlines=True, env=dict(os.environ, PYTHONPATH=str(ROOT)))
    assert done.returncode == 0
    return done.stdout


def test_a_policy_of_ones_own_needs_no_simulator(tmp_path):
    hidden = ('import sys\n'
              'for name in ("gym", "baselines", "mujoco_py", "atari_py", "mpi4py"):\n'
              '    sys.modules[name] = None\n')
    block = example('distil_policy', steps=('student_steps=5000', 'student_steps=1000'))
    assert re.search(r'\[\[.*\]\]', said_by(hidden + block, tmp_path))
    assert (tmp_path / 'runs' / 'out' / 'mine' / 'result.json').exists()


def test_models_of_ones_own(tmp_path):
    with tf.Graph().as_default() as graph, determinism.new_session(graph) as session:
        images = tf.placeholder(tf.float32, (None, 28, 28, 1))
        logits = tf.layers.dense(tf.layers.flatten(images) / 255., 10)
        session.run(tf.global_variables_initializer())
        tf.saved_model.simple_save(
            session, str(tmp_path / 'my_teacher_savedmodel'), {'images': images}, {'logits': logits})
    fewer = ('schedule__student_steps=10000', 'schedule__student_steps=4, schedule__n_student=2, '
             'schedule__n_generator=1, schedule__evaluate_every=4, schedule__batch_size=16, generator__widths=(4, 2)')
    said = said_by(example('my_teacher_savedmodel', steps=fewer), tmp_path)
    assert 0. <= float(said.split()[-1]) <= 1.
    assert (tmp_path / 'my_student_savedmodel' / 'saved_model.pb').exists()


@pytest.mark.parametrize('digit, mode', [(6, 'L'), (4, 'RGB')])
def test_a_picture_is_classified(tmp_path, digit, mode):
    """A digit that scikit-learn has, with MNIST's margins, by weights that know MNIST."""
    values = teachers.read(ROOT / 'runs' / 'teachers' / 'mnist')[1].values
    export.write_savedmodel(
        tmp_path / 'student', {name.replace('teacher/', 'student/'): array for name, array in values.items()},
        255 * MNIST.mean, 255 * MNIST.std, export.IMAGES)
    known = load_digits()
    levels = known.images[known.target == digit][0] * 255 / 16
    picture = Image.new('L', (112, 112))
    picture.paste(Image.fromarray(levels.astype(np.uint8)).resize((80, 80), Image.BICUBIC), (16, 16))
    picture.convert(mode).save(str(tmp_path / 'digit.png'))
    assert '[%d]' % digit in said_by(example('digit.png'), tmp_path)
