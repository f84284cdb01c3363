"""Networks against plain formulations of themselves."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from gas_tf.experiments.images import LENET5, LENET5_HALF
from gas_tf.networks.generators import DCGAN, DAFLGenerator, GeneratorBank
from gas_tf.networks.lenet import LeNet
from gas_tf.networks.mlp import MLPGenerator
from ppo.network import Network, constant
from runs import determinism


def draw(*shape, **options):
    random = np.random.RandomState(options.get('seed', 0))
    return random.randn(*shape)


def random_values(network, seed=0, scale=.3):
    """{name: array}: no bias zero, no scale one."""
    random = np.random.RandomState(seed)
    values = {}
    for v in network.variables:
        array = scale * random.randn(*v.shape.as_list())
        values[v.op.name] = (array + v.op.name.endswith('scale')).astype(np.float32)
    return values


def load(session, network, values):
    for v in network.variables:
        v.load(values[v.op.name], session)


def assert_close(actual, expected, tolerance=1e-5, name=''):
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=0, err_msg=name,
                               atol=tolerance * max(np.abs(expected).max(), 1e-6))


# Sizes.

@pytest.mark.parametrize('build, parameters', [
    (lambda: LeNet('n', LENET5), 61706),
    (lambda: LeNet('n', LENET5_HALF), 15738),
    (lambda: DAFLGenerator('n', 100, (128, 128, 64)), 1049985)])
def test_parameters(build, parameters):
    with tf.Graph().as_default():
        network = build()
        assert network.parameters == parameters
        assert network.variables == tf.trainable_variables()
        assert all(v.op.name.startswith('n/') for v in network.variables)


def test_lenet5_by_layer():
    assert LENET5 == (6, 16, 120, 84)
    with tf.Graph().as_default():
        shapes = {v.op.name: v.shape.as_list() for v in LeNet('n', LENET5).variables}
    assert shapes['n/conv1/kernel'] == [5, 5, 1, 6]
    assert shapes['n/conv3/kernel'] == [5, 5, 16, 120]
    assert shapes['n/dense2/kernel'] == [84, 10] and shapes['n/dense2/bias'] == [10]


def test_building_twice_adds_no_variable():
    with tf.Graph().as_default():
        student = LeNet('student', (2, 2, 4, 3))
        bank = GeneratorBank([DAFLGenerator('generator_0', 5, (9, 4))])
        before = tf.global_variables()
        for _ in range(2):
            student(bank(tf.zeros([4, 5]))[0])
        assert tf.global_variables() == before


# LeNet.

def plain_lenet(images, values, name):
    """The five layers as TensorFlow's own ops."""
    def weights(layer):
        return [values['%s/%s/%s' % (name, layer, part)] for part in ('kernel', 'bias')]
    x = images
    for layer in ('conv1', 'conv2'):
        kernel, bias = weights(layer)
        x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, 'VALID') + bias)
        x = tf.nn.max_pool2d(x, 2, 2, 'VALID')
    kernel, bias = weights('conv3')
    features = tf.squeeze(tf.nn.relu(tf.nn.conv2d(x, kernel, 1, 'VALID') + bias), [1, 2])
    kernel, bias = weights('dense1')
    x = tf.nn.relu(tf.matmul(features, kernel) + bias)
    kernel, bias = weights('dense2')
    return tf.matmul(x, kernel) + bias, features


@pytest.mark.parametrize('widths, channels, classes', [
    (LENET5, 1, 10), (LENET5_HALF, 1, 10), ((4, 5, 7, 6), 3, 4)])
def test_lenet_equals_the_plain_ops(widths, channels, classes):
    with tf.Graph().as_default() as graph:
        network = LeNet('net', widths, channels, classes)
        images = tf.constant(draw(5, 32, 32, channels).astype(np.float32))
        named = {v.op.name: v for v in network.variables}
        fetches = []
        outputs = network(images)
        for logits, features in ((outputs.distribution.logits, outputs.features), plain_lenet(images, named, 'net')):
            loss = (tf.reduce_sum(logits * draw(5, classes, seed=1).astype(np.float32))
                    + tf.reduce_sum(features * draw(5, widths[2], seed=2).astype(np.float32)))
            wanted = network.variables + [images]
            fetches.append([logits, features] + tf.gradients(loss, wanted))
        names = ['logits', 'features'] + [v.op.name for v in network.variables] + ['images']
        with determinism.new_session(graph) as session:
            load(session, network, network.initial_values(3))
            ours, plain = session.run(fetches)
    assert ours[0].shape == (5, classes) and ours[1].shape == (5, widths[2])
    assert np.all(ours[1] >= 0)
    for a, b, name in zip(ours, plain, names):
        assert np.abs(b).max() > 0, name
        assert_close(a, b, 2e-5, name)


def test_lenet_dropout_is_asked_for_every_hidden_layer():
    with tf.Graph().as_default():
        asked = []

        def dropout(x, layer):
            asked.append((layer, x.shape.as_list()))
            return x
        LeNet('net', (2, 3, 7, 5))(tf.zeros([4, 32, 32, 1]), dropout)
        assert asked == [
            (0, [4, 14, 14, 2]), (1, [4, 5, 5, 3]), (2, [4, 7]), (3, [4, 5])]


# Generators, against NumPy in float64.

def convolution(x, kernel):
    """Stride 1, SAME, odd kernel: tap by tap."""
    size = kernel.shape[0]
    half = size // 2
    height, width = x.shape[1:3]
    padded = np.pad(x, [(0, 0), (half, half), (half, half), (0, 0)])
    return sum(padded[:, i:i + height, j:j + width] @ kernel[i, j]
               for i in range(size) for j in range(size))


def transposed(x, kernel):
    """Stride 2, SAME: every input pixel is spread over the taps, then cropped."""
    size = kernel.shape[0]
    batch, height, width, _ = x.shape
    y = np.zeros((batch, 2 * height + size, 2 * width + size, kernel.shape[2]))
    for i in range(size):
        for j in range(size):
            y[:, i:i + 2 * height:2, j:j + 2 * width:2] += x @ kernel[i, j].T
    return y[:, 1:1 + 2 * height, 1:1 + 2 * width]


def normalised(x, epsilon):
    mean = x.mean(axis=(0, 1, 2))
    return (x - mean) / np.sqrt(np.mean((x - mean) ** 2, axis=(0, 1, 2)) + epsilon)


def plain_dafl(values, noise, widths, image, output, leak, epsilon):
    def norm(x, index):
        x = normalised(x, epsilon if index else 1e-5)
        return x * values['g/bn%d/scale' % index] + values['g/bn%d/offset' % index]

    def conv(x, index):
        return (convolution(x, values['g/conv%d/kernel' % index])
                + values['g/conv%d/bias' % index])

    def rectified(x):
        return np.where(x > 0, x, leak * x)

    def doubled(x):
        return x.repeat(2, axis=1).repeat(2, axis=2)

    x = noise @ values['g/dense/kernel'] + values['g/dense/bias']
    x = norm(x.reshape(-1, image[0] // 4, image[1] // 4, widths[0]), 0)
    if len(widths) == 3:
        x = rectified(norm(conv(doubled(x), 1), 1))
        x = rectified(norm(conv(doubled(x), 2), 2))
        x = conv(x, 3)
    else:
        x = rectified(norm(conv(doubled(rectified(x)), 1), 1))
        x = conv(doubled(x), 2)
    if output == 'pixels':  # between -.4 and 2.8
        last = 'g/bn%d/' % len(widths)
        x = normalised(x, 1e-5) * values[last + 'scale'] + values[last + 'offset']
        return -.4 + 3.2 * (np.tanh(x) + 1) / 2
    return normalised(np.tanh(x) if output == 'tanh' else x, 1e-5)


def plain_dcgan(values, noise, widths, image, output, pixel_range):
    x = np.maximum(noise @ values['g/dense/kernel'] + values['g/dense/bias'], 0)
    x = x.reshape(-1, image[0] // 4, image[1] // 4, widths[0])
    x = np.maximum(transposed(x, values['g/deconv1/kernel']) + values['g/deconv1/bias'], 0)
    x = transposed(x, values['g/deconv2/kernel']) + values['g/deconv2/bias']
    if output == 'linear':
        return x
    low, high = pixel_range
    return low + (high - low) * (np.tanh(x) + 1) / 2


def check_generator(build, plain, image, scale):
    """Values, and the slope along a random direction of every variable."""
    noise = np.random.RandomState(5).uniform(-1, 1, (6, 4)).astype(np.float32)
    with tf.Graph().as_default() as graph:
        generator = build()
        images = generator(tf.constant(noise))
        upstream = draw(6, *image, seed=7)
        loss = tf.reduce_sum(images * upstream.astype(np.float32))
        gradients = dict(zip([v.op.name for v in generator.variables],
                             tf.gradients(loss, generator.variables)))
        values = random_values(generator, scale=scale)
        with determinism.new_session(graph) as session:
            load(session, generator, values)
            images, gradients = session.run([images, gradients])
    wide = {name: a.astype(np.float64) for name, a in values.items()}
    assert images.shape == (6,) + image
    assert_close(images, plain(wide, noise.astype(np.float64)), 2e-5)
    for index, name in enumerate(sorted(wide)):
        direction = draw(*wide[name].shape, seed=index)
        losses = []
        for step in (1e-8, -1e-8):   # longer steps cross corners of rectifiers
            moved = dict(wide, **{name: wide[name] + step * direction})
            losses.append(np.sum(plain(moved, noise.astype(np.float64)) * upstream))
        slope = (losses[0] - losses[1]) / 2e-8
        # What rounding leaves is measured against the gradient's own length.
        size = np.sqrt(np.sum(gradients[name].astype(np.float64) ** 2)) * np.sqrt(direction.size)
        assert np.sum(gradients[name] * direction) == pytest.approx(
            slope, rel=1e-3, abs=2e-5 * size + 1e-2), name


@pytest.mark.parametrize('widths, image, output, leak, epsilon', [
    ((10, 9, 8), (32, 32, 1), 'tanh', .2, .8), ((9, 10, 4), (24, 40, 3), 'linear', 0., 1e-5),
    ((9, 5), (28, 28, 1), 'tanh', 0., 1e-5), ((5, 10), (32, 32, 3), 'linear', .2, .8),
    ((9, 5), (32, 32, 1), 'pixels', 0., 1e-5), ((10, 9, 8), (32, 32, 3), 'pixels', .2, .8)])
def test_dafl_generator_equals_numpy(widths, image, output, leak, epsilon):
    check_generator(
        lambda: DAFLGenerator('g', 4, widths, image, output, leak, epsilon, pixel_range=(-.4, 2.8)),
        lambda values, noise: plain_dafl(values, noise, widths, image, output, leak, epsilon),
        image, .3)


@pytest.mark.parametrize('widths, image, output', [
    ((9, 10), (32, 32, 1), 'tanh'), ((10, 5), (28, 36, 3), 'linear'), ((4, 9), (32, 32, 9), 'tanh')])
def test_dcgan_equals_numpy(widths, image, output):
    pixel_range = (-.4, 2.8)
    check_generator(
        lambda: DCGAN('g', 4, widths, image, output, pixel_range),
        lambda values, noise: plain_dcgan(values, noise, widths, image, output, pixel_range),
        image, .15)


def test_dcgan_stays_in_the_pixel_range_and_reaches_it():
    with tf.Graph().as_default() as graph:
        generator = DCGAN('g', 4, (9, 8), pixel_range=(-.42, 2.82))
        images = generator(tf.constant(draw(8, 4).astype(np.float32)))
        with determinism.new_session(graph) as session:
            load(session, generator, random_values(generator, scale=1.))
            images = session.run(images)
    assert images.min() == pytest.approx(-.42, abs=1e-3) and images.min() >= -.42 - 1e-6
    assert images.max() == pytest.approx(2.82, abs=1e-3) and images.max() <= 2.82 + 1e-6


# The bank.

def test_bank_cuts_the_noise_in_order():
    """Each generator draws its own slice, with its own weights and statistics."""
    noise = np.random.RandomState(0).uniform(-1, 1, (12, 4)).astype(np.float32)
    with tf.Graph().as_default() as graph:
        generators = [DAFLGenerator('generator_%d' % i, 4, (9, 4)) for i in range(3)]
        bank = GeneratorBank(generators)
        fed = tf.placeholder(tf.float32, [12, 4])
        parts = bank(fed)
        alone = [g(tf.constant(noise[4 * i:4 * i + 4])) for i, g in enumerate(generators)]
        assert bank.variables == sum([g.variables for g in generators], [])
        assert len({v.op.name for v in bank.variables}) == len(bank.variables)
        first = tf.gradients(parts[0], bank.variables)
        count = len(generators[0].variables)
        assert None not in first[:count] and first[count:] == [None] * (2 * count)
        with determinism.new_session(graph) as session:
            for index, generator in enumerate(generators):
                load(session, generator, random_values(generator, seed=index))
            images, expected = session.run([parts, alone], {fed: noise})
            moved = noise.copy()
            moved[:4] *= .1
            other = session.run(parts, {fed: moved})
    for a, b in zip(images, expected):
        np.testing.assert_array_equal(a, b)
    # Batch statistics: zero mean and deviation one within each generator.
    for part in images:
        np.testing.assert_allclose(part.mean(), 0, atol=1e-5)
        np.testing.assert_allclose(part.std(), 1, atol=1e-3)
    assert not np.any(images[0] == other[0])
    np.testing.assert_array_equal(images[1:], other[1:])
    assert np.mean(np.abs(images[1] - images[2])) > .1


def test_a_network_knows_its_own_variables_alone():
    with tf.Graph().as_default():
        one, two = Network('one'), Network('two')
        v = one.add_variable('a/kernel', [2, 3], constant(1.))
        w = two.add_variable('a/kernel', [4], constant(2.))
        assert one.variables == [v] and one.parameters == 6
        assert two.variables == [w] and list(two.initial_values(0)) == ['two/a/kernel']


def test_bank_cuts_slices_in_parts():
    """Before the generator where each example is drawn alone, after it where statistics couple them."""
    noise = np.random.RandomState(0).uniform(-1, 1, (12, 4)).astype(np.float32)
    for standardised in (False, True):
        with tf.Graph().as_default() as graph:
            bank = GeneratorBank([MLPGenerator('generator_%d' % i, 3, 4, 5, standardised) for i in range(2)])
            whole, parts = bank(tf.constant(noise)), bank(tf.constant(noise), 3)
            with determinism.new_session(graph) as session:
                for generator in bank.generators:
                    load(session, generator, generator.initial_values(0))
                whole, parts = session.run([whole, parts])
        assert [part.shape for part in parts] == [(2, 3)] * 6
        np.testing.assert_allclose(np.concatenate(parts), np.concatenate(whole), rtol=1e-5, atol=1e-6)
