"""Growth: the truth we drew from is inside 95 % intervals in 95 of 100 invented studies, nobody missing or a fifth."""

import numpy as np
import pytest

from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.invented import Paths, growing, tidy
from bothwell.outcomes.power import replicate
from bothwell.outcomes.simulate import with_gaps
from bothwell.outcomes.spec import Model, Spec
from tests.outcomes.covering import REPLICATES, assert_covers, misses

TIMES = np.array([0.0, 1.0, 2.0, 3.0])
G = np.array([[1.0, 0.1, 0.4, 0.0], [0.1, 0.3, 0.0, 0.1], [0.4, 0.0, 1.0, 0.1], [0.0, 0.1, 0.1, 0.3]])


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_growth(missing: float) -> None:
    spec = Spec(Model.GROWTH, "y", wave="wave", time="time")
    start, change = Paths(intercept=(1.0, 2.0)), Paths(intercept=(0.3, -0.2))

    def study(random: np.random.Generator) -> Frame:
        values = growing(60, random, times=TIMES, start=start, change=change, spread=G)
        return with_gaps(frame(spec, tidy(values, TIMES)), missing, random)

    done = replicate(spec, study, np.random.default_rng(21), REPLICATES)
    truth = np.array([1.0, 0.3, 2.0, -0.2])
    assert_covers(done.covered(truth), done.names)
    assert misses(done.covered(truth, scale=0.8))


def test_growth_of_partners_whom_nothing_tells_apart() -> None:
    spec = Spec(Model.GROWTH, "y", wave="wave", time="time", distinguished=False)
    start, change = Paths(intercept=(1.0, 1.0)), Paths(intercept=(0.3, 0.3))

    def study(random: np.random.Generator) -> Frame:
        values = growing(60, random, times=TIMES, start=start, change=change, spread=G)
        return with_gaps(frame(spec, tidy(values, TIMES)), 0.2, random)

    done = replicate(spec, study, np.random.default_rng(22), REPLICATES)
    truth = np.array([1.0, 0.3])
    assert_covers(done.covered(truth), done.names)
    assert misses(done.covered(truth, scale=0.8))
