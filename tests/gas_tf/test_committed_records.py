"""The committed records stand under the names that have their settings now, and the teachers have records.

A setting that a record is too old to know has its default there, which changes nothing.
"""

import json

import numpy as np
import pytest

from gas_tf import experiments
from gas_tf.experiments import policies
from ppo import experiments as training
from ppo.normalizer import constant
from ppo.teacher import COMMITTED, read_teacher
from runs import settings
from runs.publish import RESULTS
from runs.published import TEACHERS, read_runs
from runs.summary import COMMAND_LINE


def test_a_record_has_the_settings_of_its_name():
    runs = [run for run in read_runs(RESULTS) if run.method not in TEACHERS]
    assert len(runs) > 20
    for run in runs:
        config, sources = experiments.configuration(run.experiment, run.method, run.budget)
        if run.experiment in policies.EXPERIMENTS:
            assert run.fields['teacher.fingerprint']['value'] == read_teacher(COMMITTED / run.experiment).fingerprint
            kind = 'categorical' if run.experiment == 'cartpole' else 'gaussian'
            config, _ = policies.for_actions(config, sources, run.method, kind)
        values = settings.flatten(config)
        recorded = {name: field['value'] for name, field in run.fields.items()
                    if name in values and field['source'] != COMMAND_LINE}
        assert len(recorded) > 20, run.folder
        now = json.loads(json.dumps({name: values[name] for name in recorded}))
        assert recorded == now, run.folder
        first = settings.flatten(type(config)())
        for name in set(values) - set(run.fields):
            assert values[name] == first[name], (run.folder, name)


@pytest.mark.parametrize('name', ['cartpole', 'mountaincar', 'halfcheetah', 'humanoid', 'standup', 'pong48'])
def test_a_committed_teacher_is_that_of_a_record(name):
    teacher = read_teacher(COMMITTED / name)
    assert teacher.config.environment == training.configuration(name)[0].environment
    assert all(np.isfinite(value).all() for value in teacher.values.values())
    assert ('normalizer/mean' in teacher.values) == (teacher.spaces.dtype == np.float32)  # frames are seen as they are
    records = {read_teacher(path.parent).fingerprint: json.loads((path.parent / 'result.json').read_text())
               for path in (RESULTS / name).glob('ppo*/seed-*/teacher.json')}
    if name in ('humanoid', 'standup'):  # README says so
        assert constant(*teacher.normaliser).sum() == 119
    assert teacher.scores == records[teacher.fingerprint]['fresh']
