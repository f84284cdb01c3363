"""python -m ppo.train ENVIRONMENT: a teacher by proximal policy optimisation.

In one process it is synchronous and repeats bit for bit; under `mpirun -n K`
rank 0 learns and acts while the other ranks step environments.
"""

import os
import signal
import sys

from runs.command import guarded, rank_and_size
from runs.errors import Diverged, UserError


def main(arguments=None):
    """The command; returns its exit code, see `runs.command.guarded`."""
    return guarded(lambda: _run(sys.argv[1:] if arguments is None else arguments))


def _run(arguments):
    rank, size = rank_and_size(os.environ)
    if size > 1:
        _obey_signals_until_mpi_runs(rank)
    from ppo import options
    from runs.display import Display
    display = Display()
    if rank and {'--list', '--help', '-h'} & set(arguments):
        return 0  # said once
    if '--list' in arguments:
        options.show_list(display)
        return 0
    try:
        given, sources = options.parse(arguments)
    except UserError:
        if rank:  # said once
            return 2
        raise
    if size > 1:
        from ppo import asynchronous
        return asynchronous.run(given, sources, display)
    errors = []
    for seed in given.seeds:
        try:
            options.table(display, given, seed, _synchronous(given, sources, seed, display))
        except Diverged as error:  # the other seeds need not
            errors.append('seed %d: %s' % (seed, error))
    if errors:
        raise UserError('; '.join(errors))
    return 0


def _obey_signals_until_mpi_runs(rank):
    """Rank 0 dies of Ctrl-C and SIGTERM, the others ignore them.

    The launcher ends all ranks when one dies of a signal, but waits for ever
    when one ends by itself before MPI has started.  Later rank 0 is asked to
    stop, and tells the others.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN if rank else signal.SIG_DFL)


def _synchronous(given, sources, seed, display):
    """Trains one seed in this process, or goes on; the content of result.json."""
    import tensorflow.compat.v1 as tf
    from ppo import options
    from ppo.synchronous import Player
    from ppo.training import Training, checked
    from runs import determinism, devices
    from runs.record import Record
    found = devices.told(display, given.require_gpu)
    spaces = checked(given.settings)
    with Record(options.folder(given, seed), options.recorded(given, sources, seed)) as record:
        result = record.result()
        if result:
            return result
        with tf.Graph().as_default() as graph:
            training = Training(given.settings, spaces, seed, record)
            learner = training.learner
            with determinism.new_session(graph) as session:
                facts = record.write_provenance({}, found)
                training.start(session)
                player = Player(given.settings, seed, training.actor)
                player.restart(learner.version)
                total = given.settings.training.transitions
                with display.progress('%s seed %d' % (options.name_of(given), seed), learner.transitions, total) as bar:
                    while not training.finished:
                        training.actor.publish(session, learner.parameters(session), learner.version)
                        if training.learn([player.play(session, learner.version)]):
                            row = training.evaluate()
                            bar.update(min(learner.transitions, total), 'score %.1f' % row['score'])
                            # What a resumed run begins with too.
                            player.restart(learner.version)
                        else:
                            bar.update(min(learner.transitions, total))
                player.close()
                return training.finish(options.name_of(given), given.method, given.budget, facts['commit'])


if __name__ == '__main__':
    sys.exit(main())
