"""Draws depend on their key alone, and bits on the threads inside an op alone."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from runs import determinism
from runs.errors import UserError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def drawn(seed, stream, step, feeds=({},), other_ops=0):
    """Values of a stateless normal draw: one per feed of `step`'s placeholder."""
    graph = tf.Graph()
    with graph.as_default():
        for index in range(other_ops):
            tf.random.normal([3], name="other_{}".format(index))
        placeholder = tf.placeholder(tf.int32, [], name="step") if step is None else None
        draw = tf.random.stateless_normal([5], determinism.stateless_seed(
            seed, stream, placeholder if step is None else step))
    with determinism.new_session(graph) as session:
        return [session.run(draw, {placeholder: feed["step"]} if step is None else {}) for feed in feeds]


def test_stream_key_is_the_documented_hash():
    expected = int.from_bytes(hashlib.sha256(b"7\0z/generator_0").digest()[:8], "little") // 2
    assert determinism.stream_key(7, "z/generator_0") == expected
    assert determinism.stream_key(np.int64(7), "z/generator_0") == expected
    keys = {determinism.stream_key(seed, stream) for seed in range(-5, 50) for stream in ("z", "reset", "1", "")}
    assert len(keys) == 55 * 4
    assert all(0 <= key < 2 ** 63 for key in keys)


def test_a_seed_that_is_no_integer_is_refused():
    with pytest.raises(TypeError):
        determinism.stream_key(1.5, "z")
    with pytest.raises(TypeError):
        determinism.stateless_seed(1, "z", 0.5)
    with tf.Graph().as_default(), pytest.raises(TypeError):
        determinism.stateless_seed(1, "z", tf.constant(0.5))


def test_random_state_repeats_and_its_keys_are_apart():
    first = determinism.random_state(1, "z", 2).standard_normal(4)
    np.testing.assert_array_equal(first, determinism.random_state(1, "z", 2).standard_normal(4))
    for other in [(2, "z", 2), (1, "y", 2), (1, "z", 3), (12, "z", 0), (1, "z")]:
        assert not np.any(first == determinism.random_state(*other).standard_normal(4))


def test_stateless_draws_repeat_and_their_keys_are_apart():
    first, = drawn(1, "z", 2)
    np.testing.assert_array_equal(first, drawn(1, "z", 2)[0])
    for other in [(2, "z", 2), (1, "y", 2), (1, "z", 3)]:
        assert not np.any(first == drawn(*other)[0])


def test_a_stateless_draw_ignores_earlier_runs_and_other_ops():
    first, = drawn(1, "z", 2)
    feeds = [{"step": step} for step in (0, 2, 1, 2)]
    values = drawn(1, "z", None, feeds, other_ops=7)
    np.testing.assert_array_equal(values[1], first)
    np.testing.assert_array_equal(values[3], first)
    assert not np.any(values[0] == values[2])


def test_session_config_reads_the_environment(monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.delenv("TF_NUM_INTEROP_THREADS", raising=False)
    config = determinism.session_config()
    assert config.intra_op_parallelism_threads == 1
    assert config.inter_op_parallelism_threads == len(os.sched_getaffinity(0))
    assert config.gpu_options.allow_growth
    assert determinism.session_config(3, 5).inter_op_parallelism_threads == 5
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "4")
    monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "6")
    config = determinism.session_config(3, 5)
    assert (config.intra_op_parallelism_threads, config.inter_op_parallelism_threads) == (4, 6)
    monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "many")
    with pytest.raises(UserError, match="TF_NUM_INTEROP_THREADS"):
        determinism.session_config()


# Concurrent towers with matmul, convolution, their gradients and full sums.
TOWERS = """
import hashlib, os
import numpy as np
import tensorflow.compat.v1 as tf
from runs import determinism
assert 'TF_CUDNN_DETERMINISTIC' not in os.environ
graph = tf.Graph()
with graph.as_default():
    kernel = tf.constant(np.random.RandomState(0).randn(5, 5, 3, 16).astype('f'))
    dense = tf.constant(np.random.RandomState(1).randn(16, 300).astype('f'))
    losses = []
    for tower in range(4):
        x = tf.random.stateless_normal([32, 16, 16, 3], determinism.stateless_seed(0, 'x', tower))
        y = tf.nn.relu(tf.nn.conv2d(x, kernel, strides=[1, 2, 2, 1], padding='SAME'))
        losses.append(tf.reduce_sum(tf.nn.log_softmax(tf.matmul(tf.reshape(y, [-1, 16]), dense))[:, 0]))
    outputs = losses + tf.gradients(tf.add_n(losses), [kernel, dense])
with determinism.new_session(graph) as session:
    assert os.environ['TF_CUDNN_DETERMINISTIC'] == '1'
    digest = hashlib.sha256()
    for _ in range(3):
        for value in session.run(outputs):
            digest.update(value.tobytes())
    print(digest.hexdigest())
"""


def test_ops_side_by_side_do_not_change_the_bits():
    digests = []
    for inter_op in ("1", "2"):
        environment = dict(os.environ, TF_NUM_INTEROP_THREADS=inter_op, PYTHONPATH=ROOT)
        environment.pop("TF_CUDNN_DETERMINISTIC", None)
        environment.pop("TF_NUM_INTRAOP_THREADS", None)
        digests.append(subprocess.run([sys.executable, "-c", TOWERS], env=environment, check=True,
                                      stdout=subprocess.PIPE).stdout.strip())
    assert len(digests[0]) == 64
    assert digests[0] == digests[1]
