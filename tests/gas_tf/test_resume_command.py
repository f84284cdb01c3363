"""A run that was stopped, however and wherever, ends like one that was not: bit for bit."""

import concurrent.futures

import pytest

from command_processes import (
    EVERY, STEPS, Workshop, content, finish, folder, reference, rows, start, teacher_folder, with_teacher)

KILLED = -9


def same(out, as_in, method='gas'):
    """Asserts that two folders of all runs hold the same teacher and the same run."""
    for directory, other in ((teacher_folder(out), teacher_folder(as_in)),
                             (folder(out, method), folder(as_in, method))):
        assert rows(directory) == rows(other)
        assert facts(directory / 'result.json') == facts(other / 'result.json')
    assert facts(teacher_folder(out) / 'teacher.json') == facts(teacher_folder(as_in) / 'teacher.json')
    files = [(teacher_folder, 'weights.npz')] + ([(folder, 'samples.png')] if method == 'gas' else [])
    for where, name in files:
        assert (where(out) / name).read_bytes() == (where(as_in) / name).read_bytes()


def facts(path):
    """Without the time, and the commit, which may be made while tests run."""
    return {k: v for k, v in content(path).items() if k not in ('wall_seconds', 'commit')}


def saved_steps(directory):
    sentinel = directory / 'checkpoints' / 'checkpoint.json'
    return [entry['step'] for entry in content(sentinel)['checkpoints']] if sentinel.exists() else []


def killed_often(out):
    """The small run, stopped at nine places; each stage goes on from the one before."""
    teacher, student = teacher_folder(out), folder(out)
    with Workshop() as workshop:
        def stage(patch, code=KILLED):
            done = workshop.run(out, patch=patch)
            assert done.code == code, (patch, done.code, done.err)
            return done
        # The teacher: inside its first checkpoint, between two, after its result but before it is a teacher.
        stage("hook(checkpoint, 'save', 1, lambda: hook(os, 'replace', 1, die))")
        assert saved_steps(teacher) == [] and len(rows(teacher)) == 1
        stage("hook(checkpoint, 'save', 2, die)")
        assert len(saved_steps(teacher)) == 1 and len(rows(teacher)) == 2
        stage("hook(teachers, '_write', 1, die)")
        assert (teacher / 'result.json').exists() and not (teacher / 'teacher.json').exists()
        # The student: before its first checkpoint, in the middle of its second one's bytes, ...
        stage("hook(checkpoint, 'save', 1, die)")
        assert (teacher / 'teacher.json').exists()
        assert saved_steps(student) == [] and len(rows(student)) == 1
        stage("hook(checkpoint, 'save', 2, lambda: hook(archive._HashingFile, 'write', 7, die))")
        assert saved_steps(student) == [EVERY] and len(rows(student)) == 2
        # ... between the second one and the sentinel that would make it one,
        stage("hook(checkpoint, 'save', 1, lambda: hook(os, 'replace', 2, die))")
        assert saved_steps(student) == [EVERY] and len(list((student / 'checkpoints').glob('step-*'))) == 2
        # ... by Ctrl-C in the middle of an epoch, by SIGTERM in the middle of writing a checkpoint,
        done = stage("hook(algorithm.Distillation, 'update_student', 2, "
                     "lambda: os.kill(os.getpid(), signal.SIGINT))", 130)
        assert done.one_line().startswith('stopped: the same command goes on')
        done = stage("hook(checkpoint, 'save', 2, lambda: hook(archive._HashingFile, 'write', 7, "
                     "lambda: os.kill(os.getpid(), signal.SIGTERM)))", 143)
        assert done.one_line().startswith('stopped: the same command goes on')
        assert saved_steps(student) == [2 * EVERY, EVERY]
        assert not [path for path in (student / 'checkpoints').iterdir() if path.name.startswith('.')]
        # ... and with all done but result.json.
        stage("hook(record.Record, 'write_result', 1, die)")
        assert saved_steps(student)[0] == STEPS and not (student / 'result.json').exists()
        stage('', 0)
    assert len(content(student / 'provenance.json')['resumed']) == 6
    return out


def without_generators(out, killed):
    """For two methods: an undisturbed run in `out`, one with a kill in `killed`."""
    with_teacher(out)
    with_teacher(killed)
    with Workshop() as workshop:
        for method in ('student_kd', 'noise'):
            assert workshop.run(out, '--method', method).code == 0
            died = workshop.run(killed, '--method', method, patch="hook(checkpoint, 'save', 2, die)")
            assert died.code == KILLED and saved_steps(folder(killed, method)) == [EVERY]
            assert workshop.run(killed, '--method', method).code == 0
    return out, killed


def from_scratch(out, threads):
    done = finish(start(out, TF_NUM_INTEROP_THREADS=threads))
    assert done.code == 0, done.err
    return out


def on_one_core(out):
    """A process that sees one core and is told nothing."""
    with Workshop() as workshop:
        done = workshop.run(out, patch='os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])')
    assert done.code == 0, done.err
    assert content(folder(out) / 'provenance.json')['cores'] == 1
    return out


@pytest.fixture(scope='module')
def jobs(tmp_path_factory):
    """Name to future; two work at a time."""
    reference()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        def job(work, *arguments):
            return pool.submit(work, tmp_path_factory.mktemp('out'), *arguments)
        yield {
            'killed': job(killed_often),
            '1': job(from_scratch, '1'),
            '2': job(from_scratch, '2'),
            'one core': job(on_one_core),
            'without generators': job(without_generators, tmp_path_factory.mktemp('killed')),
        }


@pytest.mark.parametrize('threads', ['1', '2', 'one core'])
def test_another_run_from_scratch_with_other_threads(jobs, threads):
    same(jobs[threads].result(), reference()[0])


@pytest.mark.parametrize('method', ['student_kd', 'noise'])
def test_a_killed_run_without_generators(jobs, method):
    out, killed = jobs['without generators'].result()
    same(killed, out, method)


def test_a_run_that_was_stopped_at_nine_places(jobs):
    same(jobs['killed'].result(), reference()[0])


def test_the_runs_differ_where_they_should(jobs):
    """Else the comparisons above could not fail."""
    out, _ = jobs['without generators'].result()
    fingerprints = {rows(folder(out, method))[-1]['fingerprint'] for method in ('student_kd', 'noise')}
    run = rows(folder(reference()[0]))
    fingerprints |= {row['fingerprint'] for row in run}
    assert len(fingerprints) == 2 + STEPS // EVERY
    assert [row['resets'] for row in run] == [1, 2, 3]
