"""The lines of the plots are those of the logs."""

import re

import pytest
from synthetic_records import PAGE, block, cells, groups_of, make_run, policy, run_report

from gas_tf.experiments import images
from ppo import experiments as training
from runs import curves, learning_curves, plots, published
from runs.plots import plot_path


@pytest.mark.parametrize("methods", [
    sorted(set(images.METHODS) - set(images.ABLATIONS) - {"teacher"}),
    ["gas", "student_kd", "gas_late", "gas_cosine"] + ["gas_gamma_%d" % i for i in range(6)]])
def test_methods_are_told_apart_by_colour(results, methods):
    for method in methods:
        make_run(results, method)
    styles = plots._styles(curves.curves(groups_of(results)))
    assert set(styles) == set(methods)
    assert len({colour for colour, _ in styles.values()}) == len(methods)


def test_every_way_to_train_a_teacher_has_a_colour():
    assert set(learning_curves.COLOURS) == set(published.POLICY_TEACHERS) == set(training.METHODS)
    assert len(set(learning_curves.COLOURS.values())) == len(training.METHODS)


def test_learning_curves_are_drawn_once(results, tmp_path):
    policy(results)
    assert run_report(tmp_path) == 0
    path = results / "plots" / "teachers.png"
    before = path.read_bytes()
    assert before.startswith(b"\x89PNG") and not (results / "plots" / "humanoid.png").exists()
    assert run_report(tmp_path, "--check") == 0
    policy(results, "halfcheetah")
    assert run_report(tmp_path, "--check") == 1
    assert run_report(tmp_path) == 0 and path.read_bytes() != before


def test_re_initialisations_are_marked_where_the_counter_grows(results):
    for seed, dip in enumerate((0.0, 0.02)):
        make_run(results, seed=seed, accuracies=(0.90, 0.94 - dip, 0.96, 0.97), resets=[1, 1, 2, 3])
    make_run(results, "teacher", accuracies=(0.99,))
    curve, = curves.curves(groups_of(results))
    assert curve.steps == [100, 200, 300, 400]
    assert curve.mean == pytest.approx([0.90, 0.93, 0.96, 0.97])
    assert (curve.low[1], curve.high[1]) == (pytest.approx(0.92), pytest.approx(0.94))
    assert curve.resets == [(200, pytest.approx(0.93)), (300, pytest.approx(0.96))]
    assert curve.label == "gas: 97.00 ± 0.00 (n 2)"


def test_a_plot_shows_its_lines(results, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    for seed in range(2):
        make_run(results, seed=seed, accuracies=(0.5, 0.9, 0.97 + 0.01 * seed), resets=[1, 2, 3])
    make_run(results, "noise", accuracies=(0.3, 0.4, 0.5))
    assert run_report(tmp_path) == 0
    path = plot_path(results, "mnist")
    pixels = image.imread(str(path))
    assert pixels.shape[1] == 1440 and pixels.std() > 0.05
    # Both methods' colours are there, in both panels for gas.
    for colour, halves in (((0, 0x72, 0xB2), (0, 1)), ((0x66, 0x66, 0x66), (0,))):
        close = (abs(pixels[:, :, :3] - [level / 255. for level in colour]) < 0.02).all(axis=2)
        assert all(close[:580, 720 * half:720 * (half + 1)].sum() > 100 for half in halves)
    first = path.read_bytes()
    path.unlink()
    assert run_report(tmp_path) == 0 and path.read_bytes() == first
    make_run(results, seed=2)
    assert run_report(tmp_path) == 0 and path.read_bytes() != first


def test_long_names_are_not_cut_off(results, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    for i in range(4):
        make_run(results, "gas_with_a_change_of_a_very_long_name_{}".format(i))
    assert run_report(tmp_path) == 0
    pixels = image.imread(str(plot_path(results, "mnist")))
    below = pixels[620:, :, :3]
    assert below.min() < 0.5 and below[:, -8:].min() > 0.99  # the legend ends before the edge does


def test_a_plots_link_starts_at_the_page(results, tmp_path):
    make_run(results)
    (tmp_path / "README.md").write_text(PAGE.format("plots:mnist"))
    assert run_report(tmp_path) == 0
    link = re.search(r"\]\((.*)\)", (tmp_path / "README.md").read_text()).group(1)
    assert link == "results/plots/mnist.png" and (tmp_path / link).exists()


def test_scores_are_drawn_too(results, tmp_path):
    folder = make_run(results, "gas")
    for name in ("metrics.jsonl", "result.json"):
        text = (folder / name).read_text().replace('"accuracy"', '"score"')
        (folder / name).write_text(text.replace("0.98", "-200.5"))
    assert run_report(tmp_path) == 0 and plot_path(results, "mnist").stat().st_size > 10000
    assert cells(block(results, "results"), "`gas`")["last"] == "−200.50"


def test_generators_renewed_all_the_time_are_not_marked(results):
    make_run(results, accuracies=(0.5, 0.9, 0.95, 0.97), resets=[3, 5, 7, 9])
    assert curves.curves(groups_of(results))[0].resets == []
    make_run(results, seed=1, accuracies=(0.5, 0.9, 0.95), resets=[3, 5, 7])  # which ended earlier
    assert curves.curves(groups_of(results))[0].resets == []
