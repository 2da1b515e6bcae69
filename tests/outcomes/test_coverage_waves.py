"""Over waves: the truth we drew from is inside 95 % intervals in 95 of 100 invented studies."""

import numpy as np

from bothwell.outcomes.fit import fit
from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.invented import Paths, daily, following, growing, lagging, tidy
from bothwell.outcomes.power import replicate
from bothwell.outcomes.spec import Model, Spec
from bothwell.outcomes.summary import summary
from tests.outcomes.covering import REPLICATES, assert_covers, misses


def test_stability_and_influence() -> None:
    spec = Spec(Model.CROSS_LAG, "y", ("x",), wave="wave")
    stability = Paths((0.5, 0.4), (0.1, 0.2))
    influence = Paths((0.3, 0.0), (0.0, -0.2))

    def study(random: np.random.Generator) -> Frame:
        return frame(spec, tidy(lagging(60, random, waves=4, stability=stability, influence=influence)))

    done = replicate(spec, study, np.random.default_rng(23), REPLICATES)
    truth = np.array([0.0, 0.5, 0.1, 0.3, 0.0, 0.0, 0.4, 0.2, 0.0, -0.2])
    assert_covers(done.covered(truth), done.names)
    assert misses(done.covered(truth, scale=0.8))


def test_a_diarys_within_and_between() -> None:
    spec = Spec(Model.DIARY, "y", ("x",), wave="wave")
    within, between = Paths((0.5, 0.4), (0.2, 0.0)), Paths((-0.3, 0.0), (0.1, 0.3))
    spread = np.array([[0.5, 0.2], [0.2, 0.8]])

    def study(random: np.random.Generator) -> Frame:
        return frame(spec, tidy(daily(60, random, days=4, within=within, between=between, spread=spread)))

    done = replicate(spec, study, np.random.default_rng(24), REPLICATES)
    truth = np.array([0.0, 0.5, 0.2, -0.3, 0.1, 0.0, 0.4, 0.0, 0.0, 0.3])
    assert_covers(done.covered(truth), done.names)
    assert misses(done.covered(truth, scale=0.8))


def test_a_change_that_comes_before() -> None:
    spec = Spec(Model.LAGGED_MEDIATION, "y", mediator="m", wave="wave", distinguished=False)
    ahead = Paths(actor=(0.3, 0.3), partner=(0.2, 0.2))

    def study(random: np.random.Generator) -> Frame:
        return frame(spec, tidy(following(50, random, waves=5, ahead=ahead)))

    done = replicate(spec, study, np.random.default_rng(25), REPLICATES)
    truth = np.array([0.0, 0.3, 0.2, 0.0, 0.0, -0.3, 0.0])
    assert_covers(done.covered(truth), done.names)


def test_waves_of_people_who_differ_for_good_in_a_model_that_does_not_hold_them_together() -> None:
    """By the model's own errors 7 in 10 intervals hold the truth: what is taken unasked has to be the couples' scatter."""
    spec = Spec(Model.APIM, "y", ("x",), wave="wave", distinguished=False)
    random, start, held = np.random.default_rng(26), Paths((0.5, 0.5), (0.2, 0.2)), []
    for _ in range(300):
        values = growing(
            40, random, times=np.arange(6.0), start=start, change=Paths(), spread=np.diag([1.0, 0, 1, 0])
        )
        found = fit(spec, frame(spec, tidy(values)))
        asked = (summary(found), summary(found, errors="expected"))
        held.append(
            [
                [row.low <= at <= row.high for row, at in zip(told.effects, (0.0, 0.5, 0.2), strict=True)]
                for told in asked
            ]
        )
    unasked, expected = np.mean(held, axis=(0, 2))
    assert 0.92 < unasked < 0.98 and expected < 0.8
