"""The command as a person meets it: what it prints, how it ends, what it leaves."""

import fcntl
import os
import re
import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest
from command_processes import (EVERY, ROOT, Workshop, content, environment, finish, folder, reference, rows, start,
                               teacher_folder, with_teacher)

from gas_tf import command, images
from runs.display import Display


@pytest.fixture(scope='module')
def workshop():
    with Workshop() as process:
        yield process


def listing(out):
    return {str(path): path.is_file() and path.read_bytes() for path in out.rglob('*')}


def test_what_a_run_prints_into_a_pipe():
    out, done = reference()
    assert done.err == ''
    assert not re.search(r'[\x00-\x09\x0b-\x1f\x7f]', done.out)
    lines = done.out.splitlines()
    assert re.fullmatch(r'digits teacher: 8/16 steps, accuracy 0\.\d{4}, [0-9.]+ steps/s, .* left', lines[0])
    assert lines[-3:] == ['teacher: %s' % teacher_folder(out), 'record: %s' % folder(out),
                          'samples: %s' % (folder(out) / 'samples.png')]
    result = content(folder(out) / 'result.json')
    table = re.search(r'^student, seed 0 +([0-9.]+) % +([0-9.]+) % +([0-9.]+) % +\d+ s$', done.out, re.M)
    assert table and [float(number) for number in table.groups()] == [
        pytest.approx(100 * share, abs=0.006)
        for share in (result['last'], result['best'], result['last'] / result['teacher'])]
    assert re.search(r'^teacher +%.2f %% +100.00 %%' % (100 * result['teacher']), done.out, re.M)
    assert re.search(r'^chance +10.00 %', done.out, re.M)


def test_a_finished_run_prints_its_table_again(workshop):
    out, first = reference()
    before = listing(out)
    again = workshop.run(out, patch="hook(algorithm.Distillation, '__init__', 1, die)")
    assert (again.code, again.err) == (0, '')
    assert again.out == first.out[first.out.index('digits, gas, smoke: accuracy'):]
    assert listing(out) == before


def test_what_a_line_of_the_log_holds():
    for number, row in enumerate(rows(folder(reference()[0])), start=1):
        assert row['student_step'] == number * EVERY
        assert row['generator_step'] == number * EVERY // 2
        assert row['images_generated'] == 22 * (row['student_step'] + row['generator_step'])
        assert re.fullmatch('[0-9a-f]{64}', row['fingerprint'])
        for name in ('L_distill', 'H_each', 'H_mean', 'activation', 'L_H', 'L_G', 'L_adapt', 'accuracy',
                     'validation_accuracy', 'class_entropy', 'pairwise_distance', 'pairwise_distance_min'):
            assert isinstance(row[name], float), name
        assert len(row['class_histogram']) == 10


def test_another_configuration_in_the_same_folder(workshop):
    out, _ = reference()
    before = listing(out)
    done = workshop.run(out, '--objective.gamma', '0.125', '--schedule.n-generator', '3')
    assert (done.code, done.out) == (2, '')
    assert done.one_line() == (
        'error: %s holds a run with another configuration (objective.gamma: recorded 2.0, asked 0.125; '
        'schedule.n_generator: recorded 1, asked 3): give another --out' % folder(out))
    done = workshop.run(out, '--teacher.epochs', '3')
    assert done.code == 2 and 'teacher.epochs: recorded 2, asked 3' in done.one_line()
    assert listing(out) == before


def test_a_second_process_in_the_same_folder(workshop):
    out, _ = reference()
    with open(str(folder(out) / 'lock')) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = workshop.run(out)
    assert (done.code, done.out) == (2, '')
    assert done.one_line() == 'error: another process is working in %s' % folder(out)


def test_data_that_is_nowhere(workshop, tmp_path):
    """No file in any folder, and mirrors that answer nothing."""
    (tmp_path / 'data').mkdir()
    (tmp_path / 'home').mkdir()
    (tmp_path / 'work').mkdir()
    patch = "os.chdir({0!r}); files._root = {0!r}".format(str(tmp_path / 'work'))
    closed = 'http://127.0.0.1:9'
    done = workshop.run(tmp_path / 'out', '--data', 'mnist', '--data-dir', tmp_path / 'data', patch=patch,
                        HOME=str(tmp_path / 'home'), http_proxy=closed, https_proxy=closed, no_proxy='')
    assert done.code == 2
    *downloads, last = done.err.splitlines()
    assert re.match(r'error: .*train-images-idx3-ubyte.gz: download failed \(.*Connection refused', last)
    # What is tried is said as it is tried.
    assert downloads[0].startswith('--data-dir: no train-images') and downloads[1].startswith('downloading https://')
    assert not (tmp_path / 'out').exists()
    assert not [path for path in (tmp_path / 'home').rglob('*') if path.is_file()]


def test_no_gpu(workshop, tmp_path):
    done = workshop.run(tmp_path / 'out', '--require-gpu', GAS_TF_IMAGE='gpu')
    assert done.code == 2 and 'docker run --gpus all' in done.out  # what it found comes first
    assert done.one_line().startswith('error: TensorFlow sees no GPU (it sees ')
    assert not (tmp_path / 'out').exists()


def test_a_folder_that_cannot_be(workshop, tmp_path):
    (tmp_path / 'file').write_text('')
    done = workshop.run(tmp_path / 'file' / 'out')
    assert (done.code, done.out) == (2, '')
    assert re.match('error: cannot write .*: Not a directory$', done.one_line())


def test_a_full_disk_costs_nothing_that_was_saved(workshop, tmp_path):
    """Files may not grow beyond 4 KiB from the second checkpoint on; then they may again."""
    out = with_teacher(tmp_path)
    done = workshop.run(out, patch="hook(checkpoint, 'save', 2, "
                                   "lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))")
    assert done.code == 2
    assert done.one_line() == 'error: cannot write a checkpoint in %s: File too large' % (folder(out) / 'checkpoints')
    sentinel = content(folder(out) / 'checkpoints' / 'checkpoint.json')
    assert [entry['step'] for entry in sentinel['checkpoints']] == [EVERY]
    assert workshop.run(out).code == 0
    assert rows(folder(out)) == rows(folder(reference()[0]))


def test_a_full_disk_while_the_teacher_is_written(workshop, tmp_path):
    done = workshop.run(tmp_path, patch="hook(teachers, '_write', 1, "
                                        "lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)))")
    assert done.code == 2
    assert done.one_line() == 'error: cannot write the teacher in %s: File too large' % teacher_folder(tmp_path)
    assert not (teacher_folder(tmp_path) / 'weights.npz').exists()


def test_a_run_that_diverges(workshop, tmp_path):
    out = with_teacher(tmp_path)
    done = workshop.run(out, '--student.learning-rate', '1e30', '--generator.learning-rate', '1e30')
    assert (done.code, done.out) == (2, '')
    assert re.match('error: .* is not finite at step 4: the run has diverged; try a smaller learning rate',
                    done.one_line())
    assert rows(folder(out)) == [] and not (folder(out) / 'checkpoints').exists()


def test_a_seed_that_diverges_stops_no_other(workshop, tmp_path):
    out = with_teacher(tmp_path)
    patch = ("real = images.Distillation.start\n"
             "def start(self, session, values):\n"
             "    real(self, session, values)\n"
             "    if self.seed == 7:\n"
             "        name = 'student/dense2/bias'\n"
             "        self.state.load(session, {name: self.state.values(session)[name] * float('nan')})\n"
             "images.Distillation.start = start")
    done = workshop.run(out, '--seeds', '7', '8', patch=patch)
    assert done.code == 2 and re.match('error: seed 7: .* has diverged', done.one_line())
    assert 'student, seed 8 ' in done.out and 'seed 7 ' not in done.out
    assert (folder(out, seed=8) / 'result.json').exists() and not (folder(out, seed=7) / 'result.json').exists()


def test_the_method_that_trains_teachers(workshop, tmp_path):
    done = workshop.run(tmp_path, '--method', 'teacher', '--seeds', '1', '0')
    assert done.code == 0, done.err
    assert re.search(r'teacher, seed 1 +[0-9.]+ %', done.out) and 'student' not in done.out
    assert rows(teacher_folder(tmp_path)) == rows(teacher_folder(reference()[0]))
    other = teacher_folder(tmp_path).with_name('seed-1')
    assert content(other / 'result.json')['seed'] == content(other / 'teacher.json')['recipe']['seed'] == 1
    assert content(other / 'teacher.json')['fingerprint'] != content(
        teacher_folder(tmp_path) / 'teacher.json')['fingerprint']
    assert sorted(path.name for path in (tmp_path / 'digits').iterdir()) == ['teacher']
    again = workshop.run(tmp_path, '--method', 'teacher', '--seeds', '1', '0')
    assert again.code == 0 and again.out == done.out[done.out.index('digits: accuracy'):]


def test_a_reader_that_goes_away():
    """`| head -1`, in short: the process ends without a word."""
    process = start(reference()[0])
    process.stdout.close()
    process.stdout = None
    _, said = process.communicate(timeout=240)
    assert (process.returncode, said) == (141, b'')


def test_a_stream_that_has_no_code_for_a_sign(workshop):
    done = finish(start(reference()[0], PYTHONIOENCODING='ascii'))
    assert (done.code, done.err) == (0, '')
    assert done.out.isascii() if hasattr(str, 'isascii') else max(done.out) <= '\x7f'
    assert 'student, seed 0' in done.out


def test_seeds_are_shared_out_over_ranks(workshop, tmp_path):
    out, seeds = with_teacher(tmp_path), ('--seeds', '0', '5', '6')
    done = workshop.run(out, *seeds, PMI_RANK='1', PMI_SIZE='3')
    assert done.code == 0 and 'student, seed 5' in done.out
    assert [path.name for path in folder(out).parent.iterdir()] == ['seed-5']
    done = workshop.run(out, *seeds, OMPI_COMM_WORLD_RANK='3', OMPI_COMM_WORLD_SIZE='4')
    assert (done.code, done.out) == (0, 'rank 3 of 4: there is no seed for it\n')
    assert len(list(folder(out).parent.iterdir())) == 1


def test_a_rank_waits_for_the_teacher_that_another_trains(tmp_path):
    """And goes on in its place when that one is gone."""
    directory = teacher_folder(tmp_path)
    directory.mkdir(parents=True)
    with open(str(directory / 'lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = start(tmp_path, PMI_RANK='0', PMI_SIZE='2', PYTHONUNBUFFERED='1')
        line = process.stdout.readline().decode()
        assert line == 'another process is working in %s: waiting for that teacher\n' % directory
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2.5)
    done = finish(process)
    assert done.code == 0, done.err
    assert 'waiting' not in done.out
    assert rows(folder(tmp_path)) == rows(folder(reference()[0]))


def test_several_seeds_have_a_mean(capsys):
    def results(*lasts):
        return [{'seed': seed, 'last': last, 'best': last, 'wall_seconds': 1.}
                for seed, last in enumerate(lasts)]
    task = object.__new__(images.Task)
    task.dataset = namedtuple('Dataset', 'test_labels')(np.repeat([0, 1], [6, 2]))
    task.teacher = namedtuple('Teacher', 'accuracy path')(.5, 'there')
    task.display, task.options = Display(), command.parse(['mnist'])[0]
    task.table(results(.25, .75))
    text = capsys.readouterr().out
    assert re.search('^mean ± std of 2 +50.00 ± 35.36 % +100.00 % *$', text, re.M)  # ddof 1
    assert re.search('^chance +75.00 % +150.00 % *$', text, re.M)
    assert re.search('^paper +98.79 % +99.44 % *$', text, re.M)  # of 99.35
    task.options, task.teacher = command.parse(['digits'])[0], task.teacher._replace(accuracy=0.)
    task.table(results(.25))
    text = capsys.readouterr().out
    assert 'mean' not in text and 'paper ' not in text and re.search('^student, seed 0 +25.00 % +25.00 % +1 s$', text,
                                                                     re.M)


def test_output_on_a_full_disk():
    if not os.path.exists('/dev/full'):
        pytest.skip('there is no /dev/full')
    command = '"%s" -m gas_tf.run --list > /dev/full' % sys.executable
    done = subprocess.run(['sh', '-c', command], cwd=str(ROOT), env=environment(), stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (2, b'error: [Errno 28] No space left on device\n')
