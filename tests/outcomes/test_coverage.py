"""One occasion a couple: the truth we drew from is inside 95 % intervals in 95 of 100 invented studies."""

from collections.abc import Callable

import numpy as np
from scipy.special import stdtrit

from bothwell.outcomes.fit import fit
from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.indirect import SIMPLE, Way
from bothwell.outcomes.invented import Paths, Values, actor_partner, icc, mediated, tidy
from bothwell.outcomes.mediation import mediate
from bothwell.outcomes.power import replicate
from bothwell.outcomes.spec import Model, Spec
from bothwell.outcomes.variances import variances
from tests.outcomes.covering import REPLICATES, assert_covers, misses

UNLIKE = np.array([[1.0, 0.6], [0.6, 2.0]])
ALIKE = np.array([[1.0, 0.5], [0.5, 1.0]])
Make = Callable[[np.random.Generator], Values]


def studies(spec: Spec, make: Make) -> Callable[[np.random.Generator], Frame]:
    return lambda random: frame(spec, tidy(make(random)))


def test_both_partners_own_paths() -> None:
    spec = Spec(Model.TWO_INTERCEPT, "y", ("x",))
    paths = Paths(actor=(0.4, 0.2), partner=(0.1, -0.3), intercept=(1.0, 2.0))
    study = studies(spec, lambda random: actor_partner(60, random, paths=paths, residual=UNLIKE))
    done = replicate(spec, study, np.random.default_rng(11), REPLICATES)
    truth = np.array([1.0, 0.4, 0.1, 2.0, 0.2, -0.3])
    assert_covers(done.covered(truth), done.names)
    for scale in (0.8, 1.25):
        assert misses(done.covered(truth, scale=scale))
    assert misses(done.covered(truth + 0.1))


def test_paths_of_partners_that_nothing_tells_apart() -> None:
    spec = Spec(Model.APIM, "y", ("x",), distinguished=False)
    paths = Paths(actor=(0.4, 0.4), partner=(0.2, 0.2))
    study = studies(spec, lambda random: actor_partner(40, random, paths=paths, residual=ALIKE))
    done = replicate(spec, study, np.random.default_rng(12), REPLICATES)
    assert_covers(done.covered(np.array([0.0, 0.4, 0.2])), done.names)


def test_how_alike_partners_are() -> None:
    """Fisher's interval of the intraclass correlation, and the common mean."""
    spec = Spec(Model.ICC, "y", distinguished=False)
    random = np.random.default_rng(14)
    covered = []
    for _ in range(REPLICATES):
        found = fit(spec, frame(spec, tidy(icc(60, random, residual=ALIKE, mean=2.0))))
        likeness = {part.name: part for part in variances(found)}["residual correlation of partners"]
        error = np.sqrt(found.covariance[0, 0])
        inside = abs(found.estimates[0] - 2.0) <= stdtrit(59, 0.975) * error
        covered.append([likeness.low <= 0.5 <= likeness.high, inside])
    assert_covers(np.array(covered), ("likeness", "mean"))


def test_indirect_paths() -> None:
    """Monte-Carlo intervals of the simple indirect effects; none of the paths is nought."""
    spec = Spec(Model.MEDIATION, "y", ("x",), mediator="m")
    first = Paths((0.5, 0.5), (0.3, 0.3))
    second = Paths((0.4, 0.4), (0.3, 0.3))
    truth = {Way.AA: 0.2, Way.PP: 0.09, Way.AP: 0.15, Way.PA: 0.12}
    random = np.random.default_rng(13)
    covered = []
    for _ in range(REPLICATES):
        table = tidy(mediated(100, random, first=first, second=second, direct=Paths((0.1, 0.1))))
        found = mediate(spec, table, random, draws=1000)
        covered.append([e.low <= truth[e.way] <= e.high for e in found.effects if e.way in SIMPLE])
    assert_covers(np.array(covered))


def test_indirect_paths_of_partners_that_nothing_tells_apart() -> None:
    spec = Spec(Model.MEDIATION, "y", ("x",), mediator="m", distinguished=False)
    first, second = Paths((0.5, 0.5), (0.3, 0.3)), Paths((0.4, 0.4), (0.3, 0.3))
    truth = {
        Way.AA: 0.2,
        Way.PP: 0.09,
        Way.AP: 0.15,
        Way.PA: 0.12,
        Way.OWN_INDIRECT: 0.29,
        Way.OWN_TOTAL: 0.39,
    }
    random = np.random.default_rng(31)
    covered = []
    for _ in range(REPLICATES):
        table = tidy(mediated(100, random, first=first, second=second, direct=Paths((0.1, 0.1))))
        found = mediate(spec, table, random, draws=1000)
        covered.append([e.low <= truth[e.way] <= e.high for e in found.effects if e.way in truth])
    assert_covers(np.array(covered), tuple(truth))
