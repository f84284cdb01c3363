"""Fixtures of several files."""

import pytest
from tiny_algorithm import Tiny, started


@pytest.fixture(scope='module')
def module_graph():
    with started() as (algorithm, session):
        yield Tiny(algorithm, session)


@pytest.fixture
def tiny(module_graph):
    with module_graph.session.graph.as_default():
        schedule = module_graph.algorithm.schedule
        module_graph.at_start()
        yield module_graph
        module_graph.algorithm.schedule = schedule
