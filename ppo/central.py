"""The central actor: rank 0's loop between the workers' requests and the learner's thread."""

import collections
import time

import numpy as np

from ppo.rollouts import Recorder
from runs.errors import UserError

FIRST_SLEEP, LONGEST_SLEEP = 2e-5, 1e-3  # seconds, when there is nothing to do; chosen
FIRST_SECONDS = 60.  # that a worker may take to its first word: imports, slow disks
CHECK_SECONDS = 1.  # between looks at the workers and calls of `show`
LONGEST_ROUND = 3.  # between looks; more means that this process stood still, and others with it, as after Ctrl-Z
ALIVE = 'alive'  # what a worker sends while its environments take their time

#: What a worker sends: of one group of its environments, the observations that want actions and, but for the first
#: time, what the last actions led to (`environments.Step`).
Request = collections.namedtuple('Request', 'group observations step')

#: What it sends when it cannot go on: one line of why.
Failed = collections.namedtuple('Failed', 'why')

#: What it gets: actions `[n, ...]`; None: stop.
Reply = collections.namedtuple('Reply', 'group actions')


class BackOff:
    """Sleeps longer and longer while there is nothing to do: a blocking MPI call would spin."""

    def __init__(self, longest=LONGEST_SLEEP):
        self._seconds, self._longest = FIRST_SLEEP, longest

    def busy(self):
        """There was something to do: the next sleep is a short one."""
        self._seconds = FIRST_SLEEP

    def idle(self):
        """Sleeps."""
        time.sleep(self._seconds)
        self._seconds = min(2. * self._seconds, self._longest)


class Central:
    """Answers requests in one forward pass per version; hands rollouts to the learner.

    All of it runs in one thread, that of MPI, but for the learning.

    Args:
      training: a started `training.Training` with several slots.
      port: `receive()` returns (source, Request) or None, `send(destination,
        Reply or None)`; workers: the ranks on its other side.
      learning: a `learning.Learning`.
      timeout: seconds within which a worker has to answer.
    """

    def __init__(self, training, port, workers, learning, timeout):
        self.training, self.port, self.workers = training, port, list(workers)
        self.learning, self.timeout = learning, timeout
        self.session, self.actor = training.session, training.actor
        self._groups, self._held = {}, []
        # Since when each (worker, group) owes a request; None: which groups it has is not known yet.
        self._owing = {(worker, None): time.monotonic() + max(0., FIRST_SECONDS - timeout) for worker in workers}

    def run(self, show, stopped):
        """Until the training is finished, or `stopped()` says so.

        show: called about once a second, and at the end.

        Raises:
          UserError: a worker does not answer, or the learner failed.
        """
        back_off, checked = BackOff(), 0.
        self.training.stopped = stopped
        while not (self.learning.done or stopped()):
            self._publish()
            started = time.time()
            requests = self._requests()
            received = time.time()
            if requests:
                back_off.busy()
                self._answer(requests)
            else:
                back_off.idle()
            self.learning.seconds['receiving'] += received - started
            self.learning.seconds['inference' if requests else 'waiting'] += time.time() - received
            away = time.monotonic() - checked
            if away > CHECK_SECONDS:
                if checked and away > LONGEST_ROUND:  # each look counts as so much at most
                    now, lost = time.monotonic(), away - LONGEST_ROUND
                    self._owing = {owing: max(since, min(now, since + lost)) for owing, since in self._owing.items()}
                self._check_workers()
                show()
                checked = time.monotonic()
        self.learning.stop()
        show()  # what the last evaluation found

    def stop_workers(self):
        """Tells every worker to end, and waits until none has anything to say any more.

        Raises UserError where one does not end, or fails.
        """
        for worker in self.workers:
            self.port.send(worker, None)
        left, back_off, started = set(self.workers), BackOff(), time.monotonic()
        while left:
            received = self.port.receive()
            if received is None:
                back_off.idle()
            elif received[1] is None:
                left.remove(received[0])
            elif received[1] == ALIVE:
                started = time.monotonic()
            elif isinstance(received[1], Failed):
                self._failed(*received)
            if time.monotonic() - started > self.timeout:
                raise UserError('the worker of rank %d does not end' % min(left))

    @staticmethod
    def _failed(source, request):
        raise UserError('%s (the worker of rank %d)' % (request.why, source))

    def _publish(self):
        published = self.learning.published
        if published and published[1] != getattr(self.actor.newest, 'version', None):
            self.actor.publish(self.session, *published)

    def _requests(self):
        """Those that can be answered now; a new rollout waits while the learner has enough."""
        found = self._held
        while True:
            received = self.port.receive()
            if received is None:
                break
            source, request = received
            if request == ALIVE:
                for owing in [owing for owing in self._owing if owing[0] == source]:
                    self._owing[owing] = time.monotonic()
                continue
            if isinstance(request, Failed):
                self._failed(source, request)
            self._owing.pop((source, None), None)
            self._owing.pop((source, request.group), None)
            found.append((source, request))
        self._held = []
        if not self.learning.is_full:
            return found
        ready = []
        for source, request in found:
            group = self._groups.get((source, request.group))
            (ready if group and not group.ends_with(request) else self._held).append((source, request))
        return ready

    def _answer(self, requests):
        by_slot = collections.OrderedDict()
        for source, request in requests:
            key = source, request.group
            if key not in self._groups:
                self._groups[key] = _Group(self.training.config.training.rollout)
            group = self._groups[key]
            if group.slot is None or group.ends_with(request):
                if group.slot is not None:
                    self.actor.end(group.slot)
                group.slot = self.actor.begin()
            by_slot.setdefault(id(group.slot), (group.slot, []))[1].append((source, group, request))
        for slot, asked in by_slot.values():
            rows = [np.concatenate([request.observations] + [last[np.newaxis] for last in (
                request.step.last.values() if request.step else ())]) for _, _, request in asked]
            acted = self.actor.act(self.session, slot, np.concatenate(rows))
            start = 0
            for (source, group, request), part in zip(asked, rows):
                mine = [array[start:start + len(part)] for array in acted]
                start += len(part)
                rollout = group.take(request, mine)
                if rollout:
                    self.learning.put(rollout)
                self.port.send(source, Reply(request.group, mine[0][:len(request.observations)]))
                self._owing[source, request.group] = time.monotonic()

    def _check_workers(self):
        for (worker, _), since in self._owing.items():
            if time.monotonic() - since > self.timeout:
                raise UserError('the worker of rank %d has not answered for %d s: the same command goes on from the '
                                'last checkpoint' % (worker, self.timeout))


class _Group:
    """Environments of one worker that act together."""

    def __init__(self, length):
        self.recorder, self.slot = Recorder(length), None

    def ends_with(self, request):
        """Whether the request brings the last step of a rollout."""
        return request.step is not None and self.recorder.steps == self.recorder.length - 1

    def take(self, request, acted):
        """Records what came of the last answer and the new one; a `Rollout` when it is full.

        acted: arrays for the observations and, after them, the last ones of
        truncated episodes.
        """
        count, rollout = len(request.observations), None
        actions, log_probs, values = acted
        if request.step is not None:
            step = request.step
            self.recorder.stepped(step.rewards, step.ended, step.episodes, dict(zip(step.last, values[count:])))
            if self.recorder.is_full:
                rollout = self.recorder.finish(values[:count])
        self.recorder.acted(request.observations, (actions[:count], log_probs[:count], values[:count]),
                            self.slot.version)
        return rollout
