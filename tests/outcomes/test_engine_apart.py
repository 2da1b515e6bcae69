"""The same digits from chunks in processes, and from clinics that show each other no row."""

import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bothwell.outcomes.chunks import fit_chunks
from bothwell.outcomes.clinics import Clinic, answer, fit_clinics
from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import Frame
from bothwell.outcomes.robust import chunks
from bothwell.outcomes.spec import Method, Model, Spec
from bothwell.outcomes.unfit import Unfit
from tests.outcomes import frames

REML = SimpleNamespace(method="reml")
NUMBERS = (
    "estimates", "covariance", "covariance_observed", "covariance_robust", "covariance_slopes", "spread", "residual",
    "theta", "theta_covariance", "log_likelihood", "aic", "bic", "n_couples", "n_occasions", "n_answers",
)  # fmt: skip


def assert_same(one: Fit, other: Fit) -> None:
    for name in NUMBERS:
        a, b = np.asarray(getattr(one, name)), np.asarray(getattr(other, name))
        assert np.abs(a - b).max(initial=0.0) <= 1e-9 * max(1.0, np.abs(a).max(initial=0.0)), name


FRAMES = [
    frames.growth(90, 4, 0.2),
    frames.growth(90, 3),  # complete: told together in one place, apart in others
    frames.pairs(90, 0.2),
    replace(frames.growth(45, 4, 0.1, exchangeable=True), is_autoregressive=True),
]


@pytest.mark.parametrize("frame", FRAMES)
def test_chunks_give_the_digits_of_one_frame(frame: Frame) -> None:
    assert_same(fit(REML, frame), fit_chunks(REML, chunks(frame, 20), 0))  # type: ignore[arg-type]


def test_chunks_in_processes_give_the_digits_of_one_frame() -> None:
    spec = Spec(Model.GROWTH, "y", wave="wave", method=Method.ML)
    assert_same(fit(spec, FRAMES[0]), fit_chunks(spec, iter(chunks(FRAMES[0], 20)), 2))


def test_what_goes_wrong_in_a_process_is_said_here() -> None:
    frame = frames.growth(30, 4)
    spec = Spec(Model.GROWTH, "y", wave="wave")
    with pytest.raises(Unfit, match="slope B"):
        fit_chunks(spec, chunks(replace(frame, z=frame.z * np.array([1.0, 1, 1, 0])), 15), 1)


def test_a_couple_in_two_chunks_is_named() -> None:
    parts = [replace(part, couples=tuple(map(str, range(30)))) for part in chunks(FRAMES[0], 30)[:2]]
    with pytest.raises(Unfit) as caught:
        fit_chunks(REML, parts, 0)  # type: ignore[arg-type]
    assert caught.value.couple == "0"


def test_chunks_of_different_questions_are_refused() -> None:
    with pytest.raises(Unfit, match="same effects"):
        fit_chunks(REML, [FRAMES[0], FRAMES[2]], 0)  # type: ignore[arg-type]
    with pytest.raises(Unfit, match="no couples"):
        fit_chunks(REML, [], 0)  # type: ignore[arg-type]


# ── clinics ───────────────────────────────────────────────────────────────────────────────────────────────


def sent(clinic: Clinic, said: list[str] | None = None) -> Callable[[str], str]:
    def send(question: str) -> str:
        text = answer(clinic, question)
        if said is not None:
            said.append(text)
        return text

    return send


@pytest.mark.parametrize("frame", FRAMES)
def test_clinics_give_the_digits_of_all_rows_in_one_place(frame: Frame) -> None:
    clinics = [Clinic("satisfaction", part) for part in chunks(frame, 30)]
    found = fit_clinics(REML, "satisfaction", [sent(clinic) for clinic in clinics])  # type: ignore[arg-type]
    assert_same(fit(REML, frame), found)  # type: ignore[arg-type]
    assert all(clinic.answered < 40 for clinic in clinics)


def numbers(told: object) -> list[float]:
    if isinstance(told, list):
        return [value for each in told for value in numbers(each)]
    return [told] if isinstance(told, float) else []


def test_no_answer_of_a_couple_leaves_a_clinic() -> None:
    """Every number that leaves is one of a few sums, whose count does not grow with the couples."""
    said: list[list[str]] = [[], []]
    for place, couples in enumerate((20, 60)):
        frame = replace(frames.growth(couples, 4, 0.2), couples=tuple(f"name {c}" for c in range(couples)))
        fit_clinics(REML, "one", [sent(Clinic("one", frame), said[place])])  # type: ignore[arg-type]
        answers = set(frame.y[~np.isnan(frame.y)].tolist())
        for text in said[place]:
            assert "name" not in text.replace('"name', "") or '"name' not in text
            for part in json.loads(text).values():
                assert not answers.intersection(numbers(part))
    sizes = [{len(numbers(list(json.loads(text).values()))) for text in texts[1:]} for texts in said]
    assert sizes[0] == sizes[1]


def test_a_clinic_with_few_couples_says_nothing() -> None:
    frame = frames.growth(40, 4)
    Clinic("one", chunks(frame, 5)[0])
    with pytest.raises(Unfit, match="fewer than 5 couples"):
        Clinic("one", chunks(frame, 4)[0])
    with pytest.raises(Unfit, match="fewer than 12 couples"):
        Clinic("one", chunks(frame, 11)[0], fewest=12)


def test_a_column_that_few_couples_fill_is_not_told() -> None:
    frame = frames.pairs(40, exchangeable=True)
    for column in (frame.couple < 4, frame.couple >= 4):
        mark = np.repeat(column[:, None].astype(float), 2, axis=1)
        x = np.concatenate([frame.x, mark[:, :, None]], axis=2)
        with pytest.raises(Unfit) as caught:
            Clinic("one", replace(frame, x=x, fixed=(*frame.fixed, "ward")))
        assert caught.value.column == "ward"


def test_a_side_on_which_few_couples_answered_is_not_told() -> None:
    frame = frames.pairs(40)
    y = frame.y.copy()
    y[3:, 1] = np.nan
    with pytest.raises(Unfit, match="on one side"):
        Clinic("one", replace(frame, y=y))


def test_a_clinic_answers_one_analysis_and_not_for_ever() -> None:
    frame = frames.growth(20, 4)
    clinic = Clinic("one", frame, most_questions=2)
    head = json.dumps({"analysis": "one", "asks": "head"})
    with pytest.raises(Unfit, match="another analysis"):
        answer(clinic, json.dumps({"analysis": "two", "asks": "head"}))
    with pytest.raises(Unfit, match="no clinic knows"):
        answer(clinic, json.dumps({"analysis": "one", "asks": "rows"}))
    answer(clinic, head)
    with pytest.raises(Unfit, match="no more"):
        answer(clinic, head)


def test_a_cohort_that_changes_on_the_way_ends_the_analysis() -> None:
    clinics = [
        Clinic("one", frames.growth(40, 4)),
        Clinic("one", replace(frames.growth(41, 4), data_hash="other")),
    ]
    asked = []

    def send(question: str) -> str:
        asked.append(question)
        return answer(clinics[len(asked) > 2], question)

    with pytest.raises(Unfit, match="changed during"):
        fit_clinics(REML, "one", [send])  # type: ignore[arg-type]
