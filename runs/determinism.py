"""The same bits again: where sessions are created and where every draw gets its key.

Every random draw is a function of (seed, stream, step). A stream is a name for
one use of randomness, e.g. 'z/generator_3' or 'reset'; a step says which draw
of it. So no draw depends on how often a graph ran, on which other ops it holds,
or on whether the run was killed and resumed in between.
"""

import operator
import os

import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig

from runs.streams import random_state, stream_key  # noqa: F401 (the other half of this module)
from runs.threads import thread_counts


def session_config(intra_op=1, inter_op=None, rewrites=True):
    """A tf.ConfigProto with fixed thread counts.

    intra_op = 1 because the order in which an op's threads add up decides the
    last bits; what runs side by side are whole ops. inter_op None: as many as
    usable cores. TF_NUM_INTRAOP_THREADS / TF_NUM_INTEROP_THREADS override both.
    GPU memory is taken as it is needed, so that several runs share one GPU.

    rewrites: whether TensorFlow may rewrite sums and products and merge equal
    operations. What it makes of one operation depends on all others of the
    graph, and so do the last bits.
    """
    intra_op, inter_op = thread_counts(intra_op, inter_op)
    config = tf.ConfigProto(intra_op_parallelism_threads=intra_op, inter_op_parallelism_threads=inter_op)
    config.gpu_options.allow_growth = True
    if not rewrites:
        config.graph_options.rewrite_options.arithmetic_optimization = RewriterConfig.OFF
    return config


def new_session(graph, intra_op=1, inter_op=None, rewrites=True):
    """A tf.Session on `graph`; every session of these packages comes from here.

    The first session of a process fixes the sizes of its thread pools for good,
    so a session created elsewhere before this one would decide the bits.
    """
    # Read when cuDNN is first used: it must be set before a session exists.
    os.environ.setdefault("TF_CUDNN_DETERMINISTIC", "1")
    return tf.Session(graph=graph, config=session_config(intra_op, inter_op, rewrites))


def stateless_seed(seed, stream, step):
    """int64 tensor [2] for tf.random.stateless_*: (stream_key(seed, stream), step).

    step: a Python integer, or a scalar integer tensor (the key of each run of
    the graph is then the tensor's value in that run). Raises TypeError on a
    step that is not an integer.
    """
    key = stream_key(seed, stream)
    if not tf.is_tensor(step):
        return tf.constant([key, operator.index(step)], dtype=tf.int64)
    if not step.dtype.base_dtype.is_integer:
        raise TypeError("step must be an integer tensor, not {}".format(step.dtype.name))
    return tf.stack([tf.constant(key, dtype=tf.int64), tf.cast(step, tf.int64)])
