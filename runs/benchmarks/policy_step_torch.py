"""The PyTorch side of `policy_step`: the same work as a PyTorch user writes it.

Runs in an environment of its own and imports nothing of this repository.  See
`student_step_torch.py` for how it is talked to.
"""

import math

import numpy as np
import torch
from student_step_torch import Peer as Images
from student_step_torch import main
from torch import nn
from torch.nn import functional as F

VARIANTS = ('eager', 'compiled')


class Policy(nn.Module):
    """Dense layers with tanh; logits, or a mean with one log deviation for all inputs."""

    def __init__(self, sizes, gaussian):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes[:-2], sizes[1:-1])])
        self.head = nn.Linear(sizes[-2], sizes[-1])
        if gaussian:
            self.log_std = nn.Parameter(torch.zeros(sizes[-1]))

    def forward(self, x):
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return self.head(x), x


class Generator(nn.Module):
    """dense → ReLU → dense."""

    def __init__(self, noise, hidden, size):
        super().__init__()
        self.dense1, self.dense2 = nn.Linear(noise, hidden), nn.Linear(hidden, size)

    def forward(self, z):
        return self.dense2(F.relu(self.dense1(z)))


def divergence(teacher, student, one, other):
    """Mean KL(teacher ‖ student) of logits, or of means with two log deviations."""
    if one is None:
        return F.kl_div(F.log_softmax(student, 1), F.log_softmax(teacher, 1), reduction='batchmean', log_target=True)
    ratio = torch.exp(2 * (one - other))
    distance = (teacher - student) * torch.exp(-other)
    return (other - one + 0.5 * (ratio + distance ** 2 - 1)).sum(1).mean()


def entropies(teacher, log_std):
    """(mean entropy of each output, entropy of the mean output; Gaussian: Huber's lower bound)."""
    if log_std is None:
        log_probs = F.log_softmax(teacher, 1)
        mean = torch.logsumexp(log_probs, 0) - math.log(len(teacher))
        return -(log_probs.exp() * log_probs).sum(1).mean(), -(mean.exp() * mean).sum()
    scaled = teacher * torch.exp(-log_std)
    squares = (scaled ** 2).sum(1)
    distances = (squares[:, None] + squares - 2 * scaled @ scaled.T).clamp(min=0)
    log_density = -0.25 * distances - (log_std + 0.5 * math.log(4 * math.pi)).sum()
    bound = math.log(len(teacher)) - torch.logsumexp(log_density, 1).mean()
    return (log_std + 0.5 * math.log(2 * math.pi * math.e)).sum(), bound


class Trainer:
    """Teacher, student, generator and both optimisers."""

    def __init__(self, work, arrays, variant):
        self.work = work
        sizes = lambda widths: [work['observation']] + widths + [work['actions']]
        self.teacher = Policy(sizes(work['teacher_widths']), work['gaussian'])
        self.student = Policy(sizes(work['student_widths']), work['gaussian'])
        self.generator = Generator(work['noise_size'], work['hidden'], work['observation'])
        self.named = {'teacher': self.teacher, 'student': self.student, 'generator_0': self.generator}
        with torch.no_grad():
            for prefix, module in self.named.items():
                for name, parameter in self._parameters(module):
                    array = np.array(arrays['%s/%s' % (prefix, name)])
                    parameter.copy_(torch.from_numpy(array.T if array.ndim == 2 else array))
        self.teacher.requires_grad_(False)
        self.student_adam = torch.optim.Adam(self.student.parameters(), lr=work['student_rate'], fused=True)
        self.generator_adam = torch.optim.Adam(self.generator.parameters(), lr=work['generator_rate'], fused=True)
        compiled = torch.compile if variant == 'compiled' else lambda function: function
        self.invent, self.student_loss = compiled(self._invent), compiled(self._student_loss)
        self.generator_terms = compiled(self._generator_terms)

    @staticmethod
    def _parameters(module):
        """(our name, parameter) of each."""
        policy = isinstance(module, Policy)
        for name, parameter in module.named_parameters():
            parts = name.split('.')
            key = {'weight': 'kernel', 'bias': 'bias'}.get(parts[-1], parts[-1])
            layer = {'layers': lambda: 'dense%d/' % (int(parts[1]) + 1), 'log_std': lambda: ''}.get(
                parts[0], lambda: parts[0] + '/')()
            yield ('policy/' if policy else '') + layer + key, parameter

    def gradients(self, prefix):
        """{our variable name: gradient in our layout}."""
        return {'%s/%s' % (prefix, name): np.array(p.grad.numpy().T) for name, p in
                self._parameters(self.named[prefix])}

    def _deviations(self):
        return (self.teacher.log_std, self.student.log_std) if self.work['gaussian'] else (None, None)

    def _noise(self):
        return torch.rand(self.work['batch_size'], self.work['noise_size']) * 2 - 1

    def _invent(self, z):
        with torch.no_grad():
            x = self.generator(z)
            return x, self.teacher(x)[0]

    def _student_loss(self, x, teacher):
        return divergence(teacher, self.student(x)[0], *self._deviations())

    def _generator_terms(self, z):
        work, x = self.work, self.generator(z)
        teacher, features = self.teacher(x)
        distill = divergence(teacher, self.student(x)[0], *self._deviations())
        each, mean = entropies(teacher, self._deviations()[0])
        activation = features.abs().mean()
        loss = work['alpha'] * each - work['beta'] * mean - work['gamma'] * distill
        if work['lambda_activation']:  # else it is only told
            loss = loss - work['lambda_activation'] * activation
        return {'H_each': each, 'H_mean': mean, 'activation': activation, 'L_adapt': loss}

    def student_step(self, z=None):
        """One Adam step of the student on L_distill."""
        x, teacher = self.invent(self._noise() if z is None else z)
        loss = self.student_loss(x, teacher)
        self.student_adam.zero_grad()
        loss.backward()
        self.student_adam.step()
        return {'L_distill': loss.item()}

    def generator_step(self, z=None):
        """One Adam step of the generator on L_adapt."""
        self.student.requires_grad_(False)
        terms = self.generator_terms(self._noise() if z is None else z)
        self.generator_adam.zero_grad()
        terms['L_adapt'].backward()
        self.generator_adam.step()
        self.student.requires_grad_(True)
        return {name: term.item() for name, term in terms.items()}

    def epoch_step(self):
        """An outer epoch: N_s steps of the student, N_g of the generator."""
        for _ in range(self.work['n_student']):
            self.student_step()
        for _ in range(self.work['n_generator']):
            self.generator_step()


class Peer(Images):
    """The commands: each method takes a command's other keys."""

    def build(self, work, weights):
        """Makes both variants of a work from the weights in a npz file."""
        self.work = work
        with np.load(weights) as file:
            self.arrays = {name: file[name] for name in file.files}
        self.trainers = {name: Trainer(work, self.arrays, name) for name in VARIANTS}
        return {}

    def compare(self, variant, step, noise, out):
        """The terms of one step on given noise; its gradients go to `out`."""
        trainer = Trainer(self.work, self.arrays, variant)
        terms = getattr(trainer, step + '_step')(torch.from_numpy(np.load(noise)))
        np.savez(out, **trainer.gradients({'student': 'student', 'generator': 'generator_0'}[step]))
        return {'terms': terms}


if __name__ == '__main__':
    main(Peer())
