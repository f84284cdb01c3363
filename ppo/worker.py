"""A worker: steps environments in groups, so that one acts while another waits for actions."""

import time

from ppo.central import ALIVE, CHECK_SECONDS, Request
from ppo.environments import Environments

GROUPS = 2  # chosen: one acts while the other one's actions are on their way


def shares(total, parts):
    """`total` cut in `parts` numbers that differ by one at most."""
    return [total // parts + (i < total % parts) for i in range(parts)]


def work(config, seed, count, first, port, start):
    """Steps `count` environments until told to stop.

    Args:
      config: `experiments.Experiment`; seed: of the run.
      first: number of the first environment among those of all workers.
      port: `receive()` waits for a `central.Reply`, None to stop;
        `send(Request)`, `send(ALIVE)` meanwhile, at last `send(None)`.
      start: what the first episodes are drawn from, apart for every resumption.
    """
    groups, said = [], [time.monotonic()]

    def alive():
        if time.monotonic() - said[0] > CHECK_SECONDS:
            port.send(ALIVE)
            said[0] = time.monotonic()
    for size in shares(count, min(GROUPS, count)):
        groups.append(Environments(config.environment, size, seed, first, alive=alive))
        first += size
    for i, environments in enumerate(groups):
        port.send(Request(i, environments.reset(start), None))
    while True:
        reply = port.receive()
        if reply is None:
            break
        step = groups[reply.group].step(reply.actions)
        port.send(Request(reply.group, step.observations, step._replace(observations=None)))
    for environments in groups:
        environments.close()
    port.send(None)  # nothing more is on its way
