"""Experiments of images, from the command to the table."""

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf import distillation, inputs, teachers
from gas_tf.algorithm import Distillation, check_schedule
from gas_tf.data.dataset import load, split_validation
from gas_tf.evaluation import OnTest
from gas_tf.experiments.images import PAPER_ACCURACY, paper_accuracy
from gas_tf.networks.generators import DCGAN, DAFLGenerator, GeneratorBank
from gas_tf.networks.lenet import LeNet
from gas_tf.pictures import save_samples
from runs import settings
from runs.display import duration
from runs.errors import UserError
from runs.record import Record


def generator_bank(generator, image, pixel_range):
    """The generators `generator_0` and on.

    Args:
      generator: an `experiments.Generator`.
      image: (height, width, channels) of what they draw.
      pixel_range: (lowest, highest) value of a normalised pixel.

    Raises:
      UserError: widths or sides do not fit the shape.
    """
    lengths = {'dcgan': [2], 'dafl': [2, 3]}[generator.shape]
    if len(generator.widths) not in lengths:
        raise UserError('generator.widths: %s takes %s numbers' % (
            generator.shape, ' or '.join(map(str, lengths))))
    if image[0] % 4 or image[1] % 4:
        raise UserError('images of %dx%d cannot be generated: both sides must '
                        'be multiples of 4' % tuple(image[:2]))
    common = dict(noise_size=generator.noise_size, widths=generator.widths,
                  image=image, output=generator.output,
                  pixel_range=pixel_range, stddev=generator.stddev)
    if generator.shape == 'dcgan':
        return GeneratorBank([
            DCGAN('generator_%d' % i, **common) for i in range(generator.count)])
    return GeneratorBank([
        DAFLGenerator('generator_%d' % i, leak=generator.leak,
                      epsilon=generator.epsilon, **common)
        for i in range(generator.count)])


def source_of_inputs(config, dataset, train_indices, seed):
    """What the student learns from, as `config.inputs` says."""
    batch_size = config.schedule.batch_size
    if config.inputs == 'generated':
        bank = generator_bank(
            config.generator, dataset.train_images.shape[1:],
            [(level - dataset.mean) / dataset.std for level in (0., 1.)])
        return inputs.Generated(
            bank, seed, batch_size, config.generator.noise_size)
    if config.inputs == 'noise':
        return inputs.Noise(seed, batch_size, dataset.train_images.shape[1:])
    return inputs.Real(seed, batch_size, dataset.train_images[train_indices])


def build(config, dataset, train_indices, seed):
    """The graph of one distillation, in the current tf.Graph.

    Returns:
      `algorithm.Distillation`.
    """
    channels = dataset.train_images.shape[-1]
    return Distillation(
        teachers.network(config.teacher, dataset),
        LeNet('student', config.student.widths, channels, dataset.classes),
        source_of_inputs(config, dataset, train_indices, seed), config, seed)


class Task:
    """One experiment, method and budget on a data set.

    Args:
      options: `command.Options`; sources: of its settings.
      display: where progress is shown; devices: the session's, for records.

    Raises:
      UserError: the settings do not fit the data or each other.  Nothing is
        written before that is known.
    """

    def __init__(self, options, sources, display, devices):
        self.options, self.sources = options, sources
        self.display, self.devices = display, devices
        self.config = options.settings
        check_schedule(self.config.schedule, self.config.generator.count)
        self.dataset = load(self.config.data, options.data_dir)
        self._check_fit()

    def _check_fit(self):
        config = self.config
        images = len(split_validation(self.dataset, config.teacher.validation,
                                      config.teacher.seed)[0])
        sizes = {'teacher.batch_size': config.teacher.batch_size}
        if config.inputs == 'real':
            sizes['schedule.batch_size'] = config.schedule.batch_size
        for name, size in sizes.items():
            if size > images:
                raise UserError('%s is %d: there are %d training images without '
                                'those for validation' % (name, size, images))
        if config.inputs == 'generated':
            with tf.Graph().as_default():
                source_of_inputs(config, self.dataset, None, 0)

    def prepare(self):
        """Obtains the teacher."""
        self.teacher = teachers.obtain(
            self.config, self.sources, self.dataset, self.options.out,
            self.display, self.devices)

    def train_teachers(self, seeds):
        """Trains a teacher per seed, the committed one's too, and shows them."""
        rows, notes = [], []
        for seed in seeds:
            config = settings.replace(self.config, 'teacher.seed', seed)
            trained = teachers.obtain(
                config, dict(self.sources, **{'teacher.seed': '--seeds'}),
                self.dataset, self.options.out, self.display, self.devices,
                anew=True)
            rows.append(('teacher, seed %d' % seed, _percent(trained.accuracy)))
            notes.append('record: %s' % trained.path)
        self.display.table('%s: accuracy on %d test images' % (
            self.options.experiment, len(self.dataset.test_labels)),
                           ('', 'best'), rows, notes)

    def run(self, seed):
        """Distils, or continues, or returns what is finished.

        Returns:
          The content of result.json.

        Raises:
          UserError: the folder holds another run, the disk refuses, or
            training diverged.
        """
        config, options, dataset = self.config, self.options, self.dataset
        name = options.experiment, options.method, options.budget
        fields = dict(
            settings.fields(config, self.sources),
            **{'teacher.fingerprint': {'value': self.teacher.fingerprint,
                                       'source': 'its weights'}})
        with Record(distillation.folder(options.out, *name, seed), fields) as record:
            if record.result():
                return record.result()
            with tf.Graph().as_default():
                train_indices, validation_indices = split_validation(
                    dataset, config.teacher.validation, config.teacher.seed)
                algorithm = build(config, dataset, train_indices, seed)
                return distillation.distil_recorded(
                    record, algorithm, self.teacher.values,
                    OnTest(algorithm.student, dataset, validation_indices),
                    self.display, '%s %s seed %d' % (name[:2] + (seed,)),
                    {'data': dataset.md5s, 'teacher': self.teacher.fingerprint},
                    self.devices,
                    lambda path, samples: save_samples(
                        path, samples, dataset.mean, dataset.std),
                    experiment=name[0], method=name[1], seed=seed,
                    budget=name[2], teacher=self.teacher.accuracy,
                    paper=paper_accuracy(name[0], name[1], config))

    def table(self, results):
        """Teacher, student, ratio, chance and the paper's number."""
        options, teacher, labels = self.options, self.teacher, self.dataset.test_labels

        def ratio(value, of=teacher.accuracy):
            return _percent(value / of) if of else ''

        name = options.experiment, options.method, options.budget
        folders = [distillation.folder(options.out, *name, result['seed'])
                   for result in results]
        rows = [('teacher', _percent(teacher.accuracy), '', ratio(teacher.accuracy),
                 '')]
        for result in results:
            rows.append(('student, seed %d' % result['seed'],
                         _percent(result['last']), _percent(result['best']),
                         ratio(result['last']), duration(result['wall_seconds'])))
        if len(results) > 1:
            last = [result['last'] for result in results]
            rows.append(('mean ± std of %d' % len(last),
                         '%.2f ± %.2f %%' % (100 * np.mean(last),
                                             100 * np.std(last, ddof=1)),
                         '', ratio(np.mean(last)), ''))
        chance = np.bincount(labels).max() / len(labels)
        rows.append(('chance', _percent(chance), '', ratio(chance), ''))
        paper = paper_accuracy(
            options.experiment, options.method, options.settings)
        if paper:
            rows.append(('paper', _percent(paper), '', ratio(
                paper, PAPER_ACCURACY.get((options.experiment, 'teacher'))), ''))
        self.display.table(
            '%s, %s, %s: accuracy on %d test images'
            % (name + (len(labels),)),
            ('', 'last', 'best*', 'ratio**', 'time'), rows,
            ['*  the evaluation with the highest validation accuracy',
             '** last to teacher',
             'teacher: %s' % teacher.path]
            + ['record: %s' % folder for folder in folders]
            + ['samples: %s' % (folder / 'samples.png') for folder in folders
               if (folder / 'samples.png').exists()])


def _percent(value):
    return '%.2f %%' % (100 * value)
