"""The table of where students depart from their teachers says what was measured."""

import json

import pytest
from synthetic_records import block, cells, make_run

from runs.errors import UserError


def measured(folder, *counts, to=(.9, 1.)):
    """Writes disagreement.json; counts: (images, disagreements, teacher's and student's errors, KL) of two confidences."""
    (folder / 'disagreement.json').write_text(json.dumps({'by_confidence': [
        {'from': low, 'to': high, 'images': images, 'disagreements': differ, 'teacher_errors': teachers,
         'student_errors': students, 'kl': kl}
        for low, high, (images, differ, teachers, students, kl) in zip((0.,) + to, to, counts)]}))


def test_means_over_the_seeds_that_were_measured(results):
    measured(make_run(results, seed=0), (100, 40, 30, 50, .5), (900, 9, 1, 8, .01))
    measured(make_run(results, seed=1), (100, 20, 30, 40, .3), (900, 6, 1, 6, .02))
    make_run(results, seed=2)
    make_run(results, 'gas_late')
    text = block(results, 'disagreements:mnist')
    row = cells(text, '`gas`')
    assert row['seeds'] == '0, 1' and row['0 to 0.9'] == '30 of 100' and row['0.9 to 1'] == '7.5 of 900'
    assert row['all'] == '37.5 of 1,000'
    assert row["teacher's errors"] == '31' and row["student's errors"] == '52'
    # (50 + 9) / 1000 and (30 + 18) / 1000.
    assert row['KL (nats)'] == '0.0535'
    assert 'gas_late' not in text


def test_a_confidence_without_images(results):
    measured(make_run(results), (0, 0, 0, 0, None), (10, 1, 0, 1, .25))
    row = cells(block(results, 'disagreements:mnist'), '`gas`')
    assert row['0 to 0.9'] == '0 of 0' and row['KL (nats)'] == '0.2500'


def test_nothing_measured(results):
    make_run(results)
    assert block(results, 'disagreements:mnist') == 'No disagreement of `mnist` is recorded yet.'


@pytest.mark.parametrize('content', ['{', '[]', '{"by_confidence": []}', '{"by_confidence": [{"from": 0}]}'])
def test_damaged(results, content):
    (make_run(results) / 'disagreement.json').write_text(content)
    with pytest.raises(UserError, match='disagreement.json is damaged'):
        block(results, 'disagreements:mnist')


def test_other_confidences_are_not_mixed(results):
    measured(make_run(results, seed=0), (1, 1, 1, 1, .5), (9, 9, 1, 8, .01))
    measured(make_run(results, seed=1), (1, 1, 1, 1, .5), (9, 9, 1, 8, .01), to=(.8, 1.))
    with pytest.raises(UserError, match='other confidences'):
        block(results, 'disagreements:mnist')
