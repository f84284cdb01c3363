"""Algorithm 1: graph above, loop below.

| symbol | name                 | meaning                                     |
|--------|----------------------|---------------------------------------------|
| f_t    | teacher              | inputs `[b, ...]` to a distribution         |
| f_s    | student              | the same, with variables of its own         |
| g      | inputs.bank          | noise `[b, noise_size]` to inputs           |
| N_s    | schedule.n_student   | student updates per outer epoch             |
| N_g    | schedule.n_generator | generator updates per outer epoch           |
| R_g    | reset_epochs         | outer epochs between re-initialisations     |
"""

import contextlib

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf import collapse
from gas_tf.objectives import batch_mean, distillation, generator_terms
from gas_tf.optimisation import Adam, Average, decayed
from ppo.distributions import Categorical
from runs.errors import UserError
from runs.state import State, adam_start, adam_variables, named


def check_schedule(schedule, generators):
    """Raises UserError when the schedule's numbers do not fit together."""
    for name, unit in (('student_steps', 'n_student'),
                       ('evaluate_every', 'n_student'),
                       ('reset_every', 'n_student')):
        value, step = getattr(schedule, name), getattr(schedule, unit)
        if step < 1 or value % step or value < (name != 'reset_every'):
            raise UserError(
                'schedule.%s is %d: give a multiple of schedule.%s (%d)'
                % (name, value, unit, step))
    if schedule.student_steps % schedule.evaluate_every:
        raise UserError(
            'schedule.student_steps is %d: give a multiple of '
            'schedule.evaluate_every (%d)'
            % (schedule.student_steps, schedule.evaluate_every))
    if schedule.n_generator < 0:
        raise UserError('schedule.n_generator is %d: give 0 or more'
                        % schedule.n_generator)
    if (generators < 1 or schedule.batch_size < 1
            or schedule.batch_size % generators):
        raise UserError(
            'schedule.batch_size is %d: give a multiple of generator.count '
            '(%d)' % (schedule.batch_size, generators))


class Distillation:
    """The graph of algorithm 1 in the current tf.Graph, and its steps.

    Args:
      teacher, student: networks: inputs `[b, ...]` to `Outputs`.
      inputs: a source of inputs (`gas_tf.inputs`); without a bank of
        generators, the student learns alone.
      config: an Experiment of `experiments.images` or `experiments.policies`.
      seed: of everything that is drawn.
      unrolled: whether one session call holds all N_s, or all N_g, updates of
        an outer epoch instead of one.  It saves small networks the overhead of
        calls and lets the inputs of the next updates be drawn beside the
        present one; the bits are the same.

    Attributes:
      student_steps, generator_steps, resets: counters, the totals so far.
      state: the `State` of student, generators and optimisers.
      student_optimizer, generator_optimizers: one, and one for each of
        `groups`, the lists of generators that are re-initialised together.
      step: placeholder, scalar int64: which step's noise and rate.
    """

    def __init__(self, teacher, student, inputs, config, seed, unrolled=False):
        self.teacher, self.student, self.inputs = teacher, student, inputs
        self.schedule, self.seed = config.schedule, seed
        self.objective = config.objective
        self.student_steps = self.generator_steps = self.resets = 0
        self.step = tf.placeholder(tf.int64, [], 'step')
        self.student_optimizer = Adam(
            'student_adam', config.student, self.schedule.student_steps)
        self._average = Average(config.student.average, student.variables)
        self._student_updates = self._build_student_updates(
            self.schedule.n_student if unrolled else 1)
        trained = named(student.variables)
        trained.update(self._average.variables)
        trained.update(adam_variables(self.student_optimizer))
        if inputs.bank:
            # What is re-initialised together has one optimiser.
            self.groups = [[generator] for generator in inputs.bank.generators] \
                if self.schedule.reset_in_turn else [inputs.bank.generators]
            self.generator_optimizers = [
                Adam('generator_adam' + ('_%d' % i if self.schedule.reset_in_turn else ''),
                      config.generator, self.schedule.generator_steps)
                for i in range(len(self.groups))]
            self._generator_updates = self._build_generator_updates(
                max(self.schedule.n_generator, 1) if unrolled else 1)
            self._monitor = self._build_monitor()
            trained.update(named(inputs.bank.variables))
            for optimizer in self.generator_optimizers:
                trained.update(adam_variables(optimizer))
        self.state = State(trained)
        self._teacher_state = State(named(teacher.variables))

    def towers(self, drawn):
        """Teacher and student on each sub-batch of inputs."""
        teachers = [self.teacher(x) for x in drawn]
        return ([t.distribution for t in teachers],
                [t.features for t in teachers],
                [self.student(x).distribution for x in drawn])

    def _build_student_updates(self, count):
        """Adam steps of the student on L_distill (equation 1)."""
        # The generators rest meanwhile: all inputs can be drawn ahead.
        drawn = [self.inputs.sub_batches('student noise', self.step, k)
                 for k in range(count)]
        taught = [[self.teacher(x).distribution for x in batch]
                  for batch in drawn]

        def update(k):
            teachers = taught[k]
            students = [self.student(x).distribution for x in drawn[k]]
            variables = self.student.variables
            # Each tower's share of the batch mean has its own gradient; the
            # shares are added in a fixed order.
            apart = [distillation(t, s) for t, s in zip(teachers, students)]
            shares = [tf.reduce_sum(part) / self.schedule.batch_size
                      for part in apart]
            by_tower = [tf.gradients(share, variables) for share in shares]
            gradients = [tf.add_n(list(parts)) for parts in zip(*by_tower)]
            return {'L_distill': batch_mean(apart)}, self._average.after(
                self.student_optimizer.apply(gradients, variables, self.step + k),
                self.step + k)
        return _in_turn(update, count)

    def _build_generator_updates(self, count):
        """Adam steps of the generators on L_adapt (equation 4)."""
        objective = self.objective
        variables = [[v for generator in group for v in generator.variables]
                     for group in self.groups]

        # The noise of the next updates can be drawn ahead.
        noise = [self.inputs.noise('generator noise', self.step + k)
                 for k in range(count)]

        def update(k):
            teachers, features, students = self.towers(
                self.inputs.drawn_from(noise[k]))
            gamma = decayed(objective.gamma, objective.gamma_decay,
                            self.step + k, self.schedule.generator_steps)
            terms = generator_terms(
                teachers, students, features, objective.alpha, objective.beta,
                gamma, objective.lambda_activation, objective.one_hot)
            gradients = iter(tf.gradients(terms['L_adapt'], sum(variables, [])))
            # The student's own steps log L_distill; this one belongs to L_adapt.
            terms['L_distill_generator'] = terms.pop('L_distill')
            return terms, tf.group(*[
                optimizer.apply([next(gradients) for _ in mine], mine, self.step + k)
                for optimizer, mine in zip(self.generator_optimizers, variables)])
        return _in_turn(update, count)

    def _build_monitor(self):
        # One batch for each generator, whatever sub-batches students learn from.
        inputs = self.inputs.bank(self.inputs.noise('monitor noise', self.step))
        teachers, _, _ = self.towers(inputs)
        return {'inputs': inputs, 'probs': [
            t.probs for t in teachers if isinstance(t, Categorical)]}

    # The loop.

    def start(self, session, teacher_values):
        """Draws every first value; the teacher gets its trained weights."""
        session.run(tf.global_variables_initializer())
        self._teacher_state.load(session, teacher_values)
        first = self.student.initial_values(self.seed)
        self.state.load(session, first)
        self.state.load(session, self._average.renamed(first))
        if self.inputs.bank:
            self.state.load(
                session, self.inputs.bank.initial_values(self.seed, 0))

    def epochs(self, session):
        """Runs outer epochs until the budget of student steps is used.

        Yields:
          the means of the loss terms over the epoch, after each epoch.
        """
        schedule = self.schedule
        while self.student_steps < schedule.student_steps:
            e = self.student_steps // schedule.n_student
            losses = _until(schedule.n_student, self.update_student, session)
            if self.inputs.bank:
                due = self._due(e)
                if due:
                    self.reset(session, due)
                losses += _until(
                    schedule.n_generator, self.update_generators, session)
            yield _means(losses)

    def update_student(self, session):
        """One call's updates of the student; their losses, a dict each."""
        losses, updated = self._student_updates
        feed = {self.step: self.student_steps}
        feed.update(self.inputs.feed(self.student_steps, len(losses)))
        values, _ = session.run([losses, updated], feed)
        self.student_steps += len(values)
        return values

    def update_generators(self, session):
        """One call's updates of the generators; their terms, a dict each."""
        values, _ = session.run(
            self._generator_updates, {self.step: self.generator_steps})
        self.generator_steps += len(values)
        return values

    def _due(self, e):
        """Which groups of generators outer epoch e re-initialises."""
        groups = range(len(self.groups))
        reset_epochs = self.schedule.reset_every // self.schedule.n_student
        if not reset_epochs or e == 0:
            return list(groups) if reset_epochs else []
        return [i for i in groups
                if e % reset_epochs == i * reset_epochs // len(self.groups)]

    def reset(self, session, due):
        """Draws groups of generators anew; Adam forgets them (`reset_slots`)."""
        self.resets += 1
        for i in due:
            for generator in self.groups[i]:
                self.state.load(
                    session, generator.initial_values(self.seed, self.resets))
            if self.schedule.reset_slots:
                self.state.load(
                    session, adam_start(self.generator_optimizers[i]))

    # What the record keeps.

    def values(self, session):
        """The whole training state: {name: array}, counters included."""
        values = self.state.values(session)
        for name in ('student_steps', 'generator_steps', 'resets'):
            values['counters/' + name] = np.int64(getattr(self, name))
        return values

    def load(self, session, values):
        """Continues from a training state that `values` returned."""
        values = dict(values)
        for name in ('student_steps', 'generator_steps', 'resets'):
            setattr(self, name, int(values.pop('counters/' + name)))
        self.state.load(session, values)

    @contextlib.contextmanager
    def judged(self, session):
        """The session with the student that is judged, and kept, in place of the one that learns.

        Yields:
          its values, {name: array}: the average's, where there is one.
        """
        learning = session.run(named(self.student.variables))
        average = self._average.values(session)
        self.state.load(session, average)
        yield average or learning
        self.state.load(session, {name: learning[name] for name in average})

    def agreement(self):
        """Share of a batch of fresh noise on which both give the same class."""
        teachers, _, students = self.towers(
            self.inputs.sub_batches('agreement noise', self.step))
        return tf.reduce_mean(tf.concat(
            [tf.cast(tf.equal(t.mode(), s.mode()),
                     tf.float32) for t, s in zip(teachers, students)], axis=0))

    def collapse_measures(self, session):
        """Measures on one batch of fresh noise; {} without generators."""
        if not self.inputs.bank:
            return {}
        batch = session.run(self._monitor, {self.step: self.student_steps})
        return collapse.measures(batch['probs'], batch['inputs'])

    def samples(self, session):
        """Inputs of fixed noise: list over sub-batches of `[b, ...]`."""
        return session.run(self._monitor['inputs'], {self.step: 0})


def _in_turn(update, count):
    """(losses, operation) of updates each of which begins when the last ended.

    update: from its number to ({name: scalar}, operation).
    """
    losses, last = [], []
    for k in range(count):
        with tf.control_dependencies(last):
            row, operation = update(k)
        losses.append(row)
        last = [operation]
    return losses, last


def _until(count, updates, session):
    """The losses of `count` updates, from as many calls as that takes."""
    losses = []
    while len(losses) < count:
        losses += updates(session)
    return losses


def _means(losses):
    names = sorted({name for row in losses for name in row})
    return {name: float(np.mean([row[name] for row in losses if name in row],
                                dtype=np.float64)) for name in names}
