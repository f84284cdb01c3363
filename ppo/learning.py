"""The learner's thread: what rank 0 does while its other thread answers the workers."""

import collections
import threading
import time

from ppo.environments import Stopped


class Learning(threading.Thread):
    """The learner's thread: takes rollouts, oldest first, and gives parameters.

    Attributes:
      published: (parameters, version) of the newest version.
      done: whether the training is finished, or failed.
      lags: Counter of versions between a rollout and its use, since the last
        evaluation; dropped: of rollouts that were too old, since then.
      seconds: that rank 0 has spent on receiving requests, on inference, and on
        waiting for requests; and on learning, while it does the others.
    """

    def __init__(self, training):
        super().__init__(daemon=True)
        self.training, self.error, self.done = training, None, False
        self.lags, self.dropped = collections.Counter(), 0
        # Two threads count, so nobody sets them back.
        self.seconds = dict.fromkeys(('receiving', 'inference', 'waiting', 'learning'), 0.)
        self._mark = time.time(), dict(self.seconds)
        self._rollouts, self._condition, self._stopping = collections.deque(), threading.Condition(), False
        self.queued = 0  # transitions that wait
        self._news = None
        self._give()

    def _give(self):
        learner = self.training.learner
        self.published = learner.parameters(self.training.session), learner.version

    @property
    def is_full(self):
        """Whether there is enough for an update already."""
        return self.queued >= self.training.config.training.buffer

    def news(self):
        """What the last evaluation found, told once: a text, or None."""
        news, self._news = self._news, None
        return news

    def put(self, rollout):
        """Queues a `Rollout`."""
        with self._condition:
            self._rollouts.append(rollout)
            self.queued += rollout.rewards.size
            self._condition.notify()

    def stop(self):
        """Ends the thread after the gradient step that it is at; raises its error."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self.join()
        if self.error:
            raise self.error

    def run(self):
        try:
            while not self.training.finished:
                played = self._take()
                if played is None:
                    return
                started = time.time()
                due = self.training.learn(played)
                self._give()
                self.seconds['learning'] += time.time() - started
                if due:
                    self._evaluate()
        except Stopped:
            pass
        except Exception as error:  # raised again in `stop`, in the main thread
            self.error = error
        finally:
            self.done = True

    def _take(self):
        """Whole rollouts for one update, or None to stop."""
        played, count = [], 0
        training = self.training.config.training
        with self._condition:
            while count < training.buffer:
                while not (self._rollouts or self._stopping):
                    self._condition.wait()
                if self._stopping:
                    return None
                rollout = self._rollouts.popleft()
                self.queued -= rollout.rewards.size
                lag = self.training.learner.version - rollout.version
                if lag > training.max_version_lag:
                    self.dropped += 1
                    continue
                self.lags[lag] += 1
                played.append(rollout)
                count += rollout.rewards.size
        return played

    def _evaluate(self):
        started, before = self._mark
        total, elapsed = sum(self.lags.values()), max(time.time() - started, 1e-9)
        row = self.training.evaluate(
            **{name: (seconds - before[name]) / elapsed for name, seconds in self.seconds.items()},
            lag_mean=sum(lag * n for lag, n in self.lags.items()) / max(total, 1),
            lag_histogram=[self.lags[lag] / max(total, 1)
                           for lag in range(self.training.config.training.max_version_lag + 1)],
            dropped_rollouts=self.dropped)
        self._news = 'score %.1f, lag %.1f' % (row['score'], row['lag_mean'])
        self.lags.clear()
        self.dropped, self._mark = 0, (time.time(), dict(self.seconds))
