"""python -m gas_tf.disagreement RUN: where a student departs from its classifier.

The images set aside for validation, by how sure the teacher is of its answer: on
how many the best student answers otherwise, how far apart the two are, and how
many answers of each are wrong.  Training has seen none of these images; they chose
the student among its evaluations.  `disagreement.json` in the run's folder keeps
it for the record.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')

import numpy as np
import tensorflow.compat.v1 as tf

from gas_tf import teachers
from gas_tf.data.dataset import load, split_validation
from gas_tf.experiments.images import Experiment
from gas_tf.networks.lenet import LeNet
from runs import determinism, settings
from runs.command import Parser, guarded
from runs.config import recorded_fields
from runs.disagreement_table import COUNTS, summed
from runs.display import Display
from runs.errors import UserError
from runs.files import atomic_write, exists, json_text, user_errors
from runs.recording import best_model
from runs.state import State, named

#: The teacher's confidence, the probability of its answer, between which the images are told apart.
EDGES = (0., .9, .99, .999, 1.)
CHUNK = 1000  # images per session call


def by_confidence(teacher_log_probs, student_log_probs, labels):
    """Teacher and student compared where the teacher is as sure as each of `EDGES` says.

    Args:
      teacher_log_probs, student_log_probs: `[n, K]`; labels: `[n]`.

    Returns:
      list of dicts, from the least sure: `from` and `to` (the confidences, the
      last `to` included), `images`, `disagreements`, `teacher_errors` and
      `student_errors` (numbers of images), and `kl`, the mean KL(teacher ‖
      student) in nats, None without an image.
    """
    log_t, log_s = np.float64(teacher_log_probs), np.float64(student_log_probs)
    confidence = np.exp(log_t.max(axis=1))
    answers, others = log_t.argmax(axis=1), log_s.argmax(axis=1)
    kl = np.sum(np.exp(log_t) * (log_t - log_s), axis=1)
    of_image = np.searchsorted(EDGES[1:-1], confidence, side='right')
    return [{
        'from': low, 'to': high, 'images': int(np.sum(mine)),
        'disagreements': int(np.sum(answers[mine] != others[mine])),
        'teacher_errors': int(np.sum(answers[mine] != labels[mine])),
        'student_errors': int(np.sum(others[mine] != labels[mine])),
        'kl': float(np.mean(kl[mine])) if mine.any() else None}
        for i, (low, high) in enumerate(zip(EDGES[:-1], EDGES[1:])) for mine in [of_image == i]]


def measure(run, data_dir=None):
    """`by_confidence` of a run's best student, written to its `disagreement.json`.

    Args:
      run: folder of a distilled classifier's finished run.
      data_dir: where its data is looked for first.

    Raises:
      UserError: the folder holds no such run, an unfinished one, or no
        checkpoint; its teacher or data is not to be found; the disk refuses.
    """
    run = Path(run)
    recorded = recorded_fields(run) or {}
    if 'teacher.fingerprint' not in recorded or 'data' not in recorded:
        raise UserError('%s is not the folder of a distilled classifier' % run)
    if not exists(run / 'result.json'):  # another student may become the best
        raise UserError('%s is not finished: run its command again to go on' % run)
    values = best_model(run)
    config = settings.restored(Experiment(), recorded)
    taught = _teacher(run, config, recorded['teacher.fingerprint']['value'])
    dataset = load(config.data, data_dir)
    validation = split_validation(dataset, config.teacher.validation, config.teacher.seed)[1]
    images, labels = dataset.train_images[validation], dataset.train_labels[validation]
    with tf.Graph().as_default() as graph:
        networks = [teachers.network(config.teacher, dataset), LeNet(
            'student', config.student.widths, images.shape[-1], dataset.classes)]
        batch = tf.placeholder(tf.float32, (None,) + images.shape[1:])
        log_probs = [network(batch).distribution.log_probs for network in networks]
        state = State({name: v for network in networks for name, v in named(network.variables).items()})
        with determinism.new_session(graph) as session:
            state.load(session, dict(taught.values, **values))
            parts = [session.run(log_probs, {batch: images[start:start + CHUNK]})
                     for start in range(0, len(images), CHUNK)]
    found = by_confidence(*[np.concatenate(part) for part in zip(*parts)], labels=labels)
    with user_errors('cannot write %s' % (run / 'disagreement.json')):
        atomic_write(run / 'disagreement.json', json_text({'by_confidence': found}) + '\n')
    return found


def _teacher(run, config, wanted):
    """The teacher of that fingerprint: the committed one, or that of the same --out."""
    beside = run.resolve().parent.parent.parent / config.data / 'teacher' / ('seed-%d' % config.teacher.seed)
    for folder in (teachers.COMMITTED / config.data, beside):
        found = teachers.read(folder)
        if found and found[1].fingerprint == wanted:
            return found[1]
    raise UserError('the teacher of %s is not to be found' % run)


def shown(found):
    """What `by_confidence` gave as lines of a table, and their sum."""
    names = ['%g to %g' % (row['from'], row['to']) for row in found] + ['all']
    return [(name,) + tuple('%d' % row[key] for key in COUNTS) + ('–' if row['kl'] is None else '%.4f' % row['kl'],)
            for name, row in zip(names, found + [summed(found)])]


def main(arguments=None):
    """The command; returns its exit code, see `runs.command.guarded`."""
    parser = Parser(prog='python -m gas_tf.disagreement', description=__doc__.split('\n\n')[1])
    parser.add_argument('run', metavar='RUN', nargs='+', help='folder of a finished run of mnist or digits')
    parser.add_argument('--data-dir', help='folder to look for the data in first')

    def command():
        given, display = parser.parse_args(arguments), Display()
        for run in given.run:
            display.table('%s: validation images' % run, (
                "teacher's confidence", 'images', 'disagreements', "teacher's errors", "student's errors",
                'KL (nats)'), shown(measure(run, given.data_dir)))
        return 0
    return guarded(command)


if __name__ == '__main__':
    sys.exit(main())
