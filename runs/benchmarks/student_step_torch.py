"""The PyTorch side of `student_step`: the same work as a PyTorch user writes it.

Runs in an environment of its own (CPython >= 3.10, torch, numpy) and imports
nothing of this repository.  It reads one JSON command a line on standard input
and answers each with one JSON line; between commands it waits, and uses no
processor.  Commands: see `Peer`.
"""

import json
import math
import os
import resource
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

SMALL = 8
LAYOUTS = {'contiguous': torch.contiguous_format,
           'channels_last': torch.channels_last}


class LeNet(nn.Module):
    """LeNet-5 at any width; gives logits and the features after conv3."""

    def __init__(self, widths, channels, classes):
        super().__init__()
        a, b, c, d = widths
        self.conv1 = nn.Conv2d(channels, a, 5)
        self.conv2 = nn.Conv2d(a, b, 5)
        self.conv3 = nn.Conv2d(b, c, 5)
        self.dense1 = nn.Linear(c, d)
        self.dense2 = nn.Linear(d, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        features = F.relu(self.conv3(x)).flatten(1)
        return self.dense2(F.relu(self.dense1(features))), features


class DAFLGenerator(nn.Module):
    """DAFL's shape, with two or three convolutions."""

    def __init__(self, work, memory_format):
        super().__init__()
        first, second = work['widths'][:2]
        third = work['widths'][2] if len(work['widths']) == 3 else None
        channels, epsilon = work['channels'], work['epsilon']
        self.first, self.memory_format = first, memory_format
        self.third = third
        self.dense = nn.Linear(work['noise_size'], SMALL * SMALL * first)
        self.bn0 = nn.BatchNorm2d(first)
        self.enlarge = nn.Upsample(scale_factor=2, mode='nearest')
        self.conv1 = nn.Conv2d(first, second, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(second, eps=epsilon)
        self.conv2 = nn.Conv2d(second, third or channels, 3, padding=1)
        if third:
            self.bn2 = nn.BatchNorm2d(third, eps=epsilon)
            self.conv3 = nn.Conv2d(third, channels, 3, padding=1)
        self.last = nn.BatchNorm2d(channels, affine=False)
        self.rectify = (nn.LeakyReLU(work['leak'], inplace=True)
                        if work['leak'] else nn.ReLU(inplace=True))

    def forward(self, z):
        x = self.dense(z).view(-1, self.first, SMALL, SMALL)
        x = self.bn0(x.contiguous(memory_format=self.memory_format))
        if not self.third:
            x = self.rectify(x)
        x = self.rectify(self.bn1(self.conv1(self.enlarge(x))))
        x = self.conv2(self.enlarge(x))
        if self.third:
            x = self.conv3(self.rectify(self.bn2(x)))
        return self.last(torch.tanh(x))


class DCGAN(nn.Module):
    """dense, then two 5x5 transposed convolutions with stride 2."""

    def __init__(self, work, memory_format):
        super().__init__()
        self.first, second = work['widths']
        self.memory_format, self.pixel_range = memory_format, work['pixel_range']
        self.dense = nn.Linear(work['noise_size'], SMALL * SMALL * self.first)
        doubling = dict(stride=2, padding=2, output_padding=1)
        self.deconv1 = nn.ConvTranspose2d(self.first, second, 5, **doubling)
        self.deconv2 = nn.ConvTranspose2d(second, work['channels'], 5, **doubling)

    def forward(self, z):
        x = F.relu(self.dense(z)).view(-1, self.first, SMALL, SMALL)
        x = x.contiguous(memory_format=self.memory_format)
        x = self.deconv2(F.relu(self.deconv1(x)))
        low, high = self.pixel_range
        return low + (high - low) * 0.5 * (torch.tanh(x) + 1.)


class Weights:
    """Moves weights between TensorFlow's layout and a module.

    `tf.nn.conv2d_transpose` with SAME padding puts its odd row of padding at
    the other end than `nn.ConvTranspose2d(5, 2, 2, 1)`.  The two are the same
    function of mirrored maps, and every other layer here commutes with
    mirroring, so where there are transposed convolutions all kernels are
    mirrored and all images are: nothing else changes.
    """

    def __init__(self, mirrored):
        self.step = -1 if mirrored else 1

    def parameters(self, module):
        """(our name, parameter, function to PyTorch's layout, function back)."""
        for name, child in module.named_children():
            for key, parameter in child.named_parameters():
                norm = isinstance(child, nn.BatchNorm2d)
                ours = {('weight', True): 'scale', ('weight', False): 'kernel',
                        ('bias', True): 'offset', ('bias', False): 'bias'}[key, norm]
                to, back = self._maps(child, name, key)
                yield '%s/%s' % (name, ours), parameter, to, back

    def _maps(self, child, name, key):
        step = self.step
        if name == 'dense':  # its output is a map: [h, w, c] here, [c, h, w] there
            def to(a):
                a = a.reshape(a.shape[:-1] + (SMALL, SMALL, -1))[..., ::step, ::step, :]
                a = np.moveaxis(a, -1, -3).reshape(a.shape[:-3] + (-1,))
                return a.T

            def back(a):
                a = a.T
                a = a.reshape(a.shape[:-1] + (-1, SMALL, SMALL))[..., ::step, ::step]
                return np.moveaxis(a, -3, -1).reshape(a.shape[:-3] + (-1,))
            return to, back
        if key == 'bias' or isinstance(child, nn.BatchNorm2d):
            return np.array, np.array
        if isinstance(child, nn.Linear):
            return np.transpose, np.transpose
        return (lambda a: a[::step, ::step].transpose(3, 2, 0, 1),
                lambda a: a.transpose(2, 3, 1, 0)[::step, ::step])

    def load(self, module, arrays, prefix):
        """Sets a module's parameters from {our variable name: array}."""
        with torch.no_grad():
            for name, parameter, to, _ in self.parameters(module):
                value = np.ascontiguousarray(to(arrays['%s/%s' % (prefix, name)]))
                parameter.copy_(torch.from_numpy(value))

    def gradients(self, module, prefix):
        """{our variable name: gradient in our layout}."""
        return {'%s/%s' % (prefix, name): np.ascontiguousarray(back(parameter.grad.numpy()))
                for name, parameter, _, back in self.parameters(module)}


class Trainer:
    """Teacher, student, generators and both optimisers in one memory format."""

    def __init__(self, work, arrays, layout):
        self.work, memory_format = work, LAYOUTS[layout]
        self.weights = Weights(mirrored=work['shape'] == 'dcgan')
        generator = DCGAN if work['shape'] == 'dcgan' else DAFLGenerator
        sizes = (work['channels'], work['classes'])
        self.teacher = LeNet(work['teacher_widths'], *sizes)
        self.student = LeNet(work['student_widths'], *sizes)
        self.generators = nn.ModuleList(
            [generator(work, memory_format) for _ in range(work['count'])])
        self.named = {'teacher': self.teacher, 'student': self.student}
        self.named.update(('generator_%d' % i, g) for i, g in enumerate(self.generators))
        for name, module in self.named.items():
            self.weights.load(module, arrays, name)
            module.to(memory_format=memory_format).train()
        self.teacher.requires_grad_(False)
        self.student_adam = torch.optim.Adam(
            self.student.parameters(), lr=work['student_rate'], fused=True)
        self.generator_adam = torch.optim.Adam(
            self.generators.parameters(), lr=work['generator_rate'], fused=True)

    def _noise(self):
        return torch.rand(self.work['batch_size'], self.work['noise_size']) * 2 - 1

    def _images(self, z):
        parts = z.chunk(len(self.generators))
        return torch.cat([g(part) for g, part in zip(self.generators, parts)])

    def student_step(self, z=None):
        """One Adam step of the student on L_distill."""
        z = self._noise() if z is None else z
        with torch.no_grad():
            x = self._images(z)
            teacher = F.log_softmax(self.teacher(x)[0], dim=1)
        student = F.log_softmax(self.student(x)[0], dim=1)
        loss = F.kl_div(student, teacher, reduction='batchmean', log_target=True)
        self.student_adam.zero_grad()
        loss.backward()
        self.student_adam.step()
        return {'L_distill': loss.item()}

    def generator_step(self, z=None):
        """One Adam step of the generators on L_adapt."""
        work, z = self.work, self._noise() if z is None else z
        self.student.requires_grad_(False)
        x = self._images(z)
        logits, features = self.teacher(x)
        teacher = F.log_softmax(logits, dim=1)
        student = F.log_softmax(self.student(x)[0], dim=1)
        distill = F.kl_div(student, teacher, reduction='batchmean', log_target=True)
        each = -(teacher.exp() * teacher).sum(1).mean()
        mean = torch.logsumexp(teacher, dim=0) - math.log(len(z))
        mean_entropy = -(mean.exp() * mean).sum()
        activation = features.abs().mean()
        L_H = work['alpha'] * each - work['beta'] * mean_entropy
        L_G = L_H
        if work['lambda_activation']:  # else it is only told
            L_G = L_G - work['lambda_activation'] * activation
        loss = L_G - work['gamma'] * distill
        self.generator_adam.zero_grad()
        loss.backward()
        self.generator_adam.step()
        self.student.requires_grad_(True)
        terms = {'H_each': each, 'H_mean': mean_entropy, 'activation': activation,
                 'L_H': L_H, 'L_G': L_G, 'L_adapt': loss}
        return {name: term.item() for name, term in terms.items()}


class Peer:
    """The commands: each method takes a command's other keys."""

    def threads(self, count):
        """Sets the number of threads; says which PyTorch this is."""
        torch.set_num_threads(count)
        return {'version': torch.__version__, 'threads': torch.get_num_threads()}

    def build(self, work, weights):
        """Makes both layouts of a work from the weights in a npz file."""
        self.work = work
        with np.load(weights) as file:
            self.arrays = {name: file[name] for name in file.files}
        self.trainers = {name: Trainer(work, self.arrays, name) for name in LAYOUTS}
        return {}

    def compare(self, variant, step, noise, out):
        """The terms of one step on given noise; its gradients go to `out`."""
        trainer = Trainer(self.work, self.arrays, variant)
        terms = getattr(trainer, step + '_step')(torch.from_numpy(np.load(noise)))
        gradients = {}
        for name, module in trainer.named.items():
            if name.startswith(step):
                gradients.update(trainer.weights.gradients(module, name))
        np.savez(out, **gradients)
        return {'terms': terms}

    def time(self, variant, step, count, seconds):
        """Milliseconds of up to `count` steps, after one that is discarded."""
        run = getattr(self.trainers[variant], step + '_step')
        run()
        times, start = [], time.perf_counter()
        while len(times) < count and (
                len(times) < 2 or time.perf_counter() - start < seconds):
            before = time.perf_counter()
            run()
            times.append(1e3 * (time.perf_counter() - before))
        return {'ms': times}

    def sgemm(self, size=2048, repeats=5):
        """GFLOP/s of one matrix product, the best of several."""
        a, b = torch.rand(size, size), torch.rand(size, size)
        out, best = torch.empty(size, size), math.inf
        for _ in range(repeats):
            before = time.perf_counter()
            torch.mm(a, b, out=out)
            best = min(best, time.perf_counter() - before)
        return {'gflops': 2e-9 * size ** 3 / best}

    def usage(self):
        """Peak memory in MiB and processor seconds of this process."""
        return {'mib': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                'cpu_seconds': time.process_time()}


def main(peer):
    """Answers commands until standard input ends."""
    # What a library prints must not get between the answers.
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    for line in sys.stdin:
        command = json.loads(line)
        reply = getattr(peer, command.pop('do'))(**command)
        answers.write(json.dumps(reply) + '\n')
        answers.flush()


if __name__ == '__main__':
    main(Peer())
