"""The same digits from clinics that show each other no row, and a file that remembers what was asked."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from bothwell.outcomes.clinic_memory import Memory
from bothwell.outcomes.clinics import LEFT_OUT, Clinic, answer, fit_clinics
from bothwell.outcomes.fit import fit
from bothwell.outcomes.frame import Frame
from bothwell.outcomes.robust import chunks
from bothwell.outcomes.settled import settled
from bothwell.outcomes.shared_by import refuse_few
from bothwell.outcomes.spec import Model, Spec
from bothwell.outcomes.unfit import Unfit
from tests.outcomes import frames
from tests.outcomes.test_engine_apart import FRAMES, LAGGED, REML, assert_same, parts, study, without_a_wave

HEAD = json.dumps({"analysis": "one", "asks": "head"})
NUMBERS = count()


@pytest.fixture
def clinic(tmp_path: Path) -> Callable[..., Clinic]:
    """A clinic with a file of its own."""
    return lambda frame, **more: Clinic("one", frame, tmp_path / f"clinic {next(NUMBERS)}", **more)


def sent(clinic: Clinic, said: list[str] | None = None) -> Callable[[str], str]:
    def send(question: str) -> str:
        text = answer(clinic, question)
        if said is not None:
            said.append(text)
        return text

    return send


def pooled(parts: list[Frame]) -> Frame:
    """All parts' rows in one place."""
    first = np.cumsum([0, *(part.n_couples for part in parts)])
    x, z, y, at = (np.concatenate([getattr(part, name) for part in parts]) for name in ("x", "z", "y", "at"))
    couple = np.concatenate([part.couple + begin for part, begin in zip(parts, first[:-1], strict=True)])
    return replace(parts[0], couple=couple, at=at, x=x, z=z, y=y, couples=(), left_out=())


# ── digits ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("frame", FRAMES)
def test_clinics_give_the_digits_of_all_rows_in_one_place(
    frame: Frame, clinic: Callable[..., Clinic]
) -> None:
    mine = [settled(part) for part in chunks(frame, 30)]
    clinics = [clinic(part) for part in mine]
    found = fit_clinics(REML, "one", [sent(each) for each in clinics])  # type: ignore[arg-type]
    assert_same(fit(REML, pooled(mine)), found)  # type: ignore[arg-type]
    assert LEFT_OUT in found.notes
    assert all(each.answered < 40 for each in clinics)


def test_clinics_of_other_waves_or_other_roles_are_refused(clinic: Callable[..., Clinic]) -> None:
    with pytest.raises(Unfit, match="the same waves"):
        fit_clinics(LAGGED, "one", [sent(clinic(settled(part))) for part in without_a_wave(study(), 1)])
    table = study()
    partner = table["partner"][table["couple"] % 2 == 1]
    named = {"partner": np.where(partner == "woman", "female", "male")}
    spec = Spec(Model.APIM, "y", ("x",), wave="wave")
    with pytest.raises(Unfit, match="roles by other names"):
        fit_clinics(spec, "one", [sent(clinic(part)) for part in parts(spec, table, {}, named)])


# ── what leaves ───────────────────────────────────────────────────────────────────────────────────────────


def numbers(told: object) -> list[float]:
    if isinstance(told, list):
        return [value for each in told for value in numbers(each)]
    return [told] if isinstance(told, float) else []


def test_no_answer_of_a_couple_leaves_a_clinic(clinic: Callable[..., Clinic]) -> None:
    """Every number that leaves is one of a few sums, whose count does not grow with the couples."""
    said: list[list[str]] = [[], []]
    for place, couples in enumerate((20, 60)):
        frame = replace(frames.growth(couples, 4, 0.1), couples=tuple(f"Couple {c}" for c in range(couples)))
        frame = settled(frame)
        fit_clinics(REML, "one", [sent(clinic(frame), said[place])])  # type: ignore[arg-type]
        answers = set(frame.y[~np.isnan(frame.y)].tolist())
        for text in said[place]:
            assert "Couple" not in text
            for part in json.loads(text).values():
                assert not answers.intersection(numbers(part))
    sizes = [{len(numbers(list(json.loads(text).values()))) for text in texts[1:]} for texts in said]
    assert sizes[0] == sizes[1]


def test_a_clinic_with_few_couples_says_nothing(clinic: Callable[..., Clinic]) -> None:
    frame = frames.growth(40, 4)
    clinic(chunks(frame, 5)[0])
    with pytest.raises(Unfit, match="fewer than 5 couples: no sum"):
        clinic(chunks(frame, 4)[0])
    with pytest.raises(Unfit, match="fewer than 12 couples: no sum"):
        clinic(chunks(frame, 11)[0], fewest=12)


def question(frame: Frame, **changed: object) -> str:
    p, q = frame.x.shape[2], frame.z.shape[2]
    origin = {
        "effects": np.eye(p).tolist(), "answer": [0.0] * p, "random": np.eye(q).tolist(),
        "step": 1.0, "usual": 1.0, "is_even": True,
    }  # fmt: skip
    said = {
        "analysis": "one", "asks": "sums", "origin": origin, "weights": np.zeros((p + 1, 1)).tolist(),
        "spread": np.eye(q).tolist(), "residual": np.eye(2).tolist(), "autocorrelation": None,
    }  # fmt: skip
    return json.dumps(said | changed)


NO_COVARIANCES = [
    {"residual": [[-1.0, 0.0], [0.0, -1.0]]},
    {"residual": [[1.0, 2.0], [2.0, 1.0]]},
    {"residual": [[1.0, 0.5], [0.0, 1.0]]},
    {"residual": [[float("nan"), 0.0], [0.0, 1.0]]},
    {"spread": (-np.eye(4)).tolist()},
    {"autocorrelation": 1.0},
]


@pytest.mark.parametrize("changed", NO_COVARIANCES)
def test_a_clinic_is_asked_at_covariances_alone(
    changed: dict[str, object], clinic: Callable[..., Clinic]
) -> None:
    """Where there is none, a couple's part of a sum may grow without bound, and stand alone."""
    mine = clinic(frames.growth(20, 4))
    answer(mine, question(mine.frame))
    with pytest.raises(Unfit, match="no covariances"):
        answer(mine, question(mine.frame, **changed))


# ── the file ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_clinic_answers_one_analysis_and_not_for_ever(clinic: Callable[..., Clinic]) -> None:
    mine = clinic(frames.growth(20, 4), most_questions=2)
    with pytest.raises(Unfit, match="another analysis"):
        answer(mine, json.dumps({"analysis": "two", "asks": "head"}))
    with pytest.raises(Unfit, match="no clinic knows"):
        answer(mine, json.dumps({"analysis": "one", "asks": "rows"}))
    answer(mine, HEAD)
    with pytest.raises(Unfit, match="2 questions were answered: no more"):
        answer(mine, HEAD)
    assert mine.answered == 2


def test_a_new_start_does_not_begin_to_count_anew(tmp_path: Path) -> None:
    frame, file = frames.growth(20, 4), tmp_path / "clinic"
    answer(Clinic("one", frame, file, most_questions=2), HEAD)
    again = Clinic("one", frame, file, most_questions=2)
    assert again.answered == 1
    answer(again, HEAD)
    with pytest.raises(Unfit, match="no more"):
        answer(Clinic("one", frame, file, most_questions=2), HEAD)
    answer(
        Clinic("two", frame, file, most_questions=2), HEAD.replace("one", "two")
    )  # its own questions are counted


PROCESS = """
import sys
from bothwell.outcomes.clinics import Clinic, answer
from bothwell.outcomes.unfit import Unfit
from tests.outcomes import frames
clinic = Clinic("one", frames.growth(int(sys.argv[2]), 4), sys.argv[1], most_questions=2)
print(answer(clinic, '{"analysis": "one", "asks": "head"}'))
"""


def asked_in_a_process(file: Path, couples: int) -> str:
    command = [sys.executable, "-c", PROCESS, str(file), str(couples)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    return run.stdout or run.stderr


def test_another_process_remembers(tmp_path: Path) -> None:
    file = tmp_path / "clinic"
    first, second = (asked_in_a_process(file, 20) for _ in range(2))
    assert json.loads(first)["cohort"] == json.loads(second)["cohort"]
    assert "other couples" in asked_in_a_process(file, 19)
    assert "no more" in asked_in_a_process(file, 20)


def test_a_question_is_on_the_disk_before_its_answer_leaves(
    clinic: Callable[..., Clinic], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = clinic(frames.growth(20, 4))
    kept: list[int] = []
    monkeypatch.setattr("bothwell.outcomes.clinic_memory.os.fsync", lambda _: kept.append(mine.answered))
    monkeypatch.setattr(
        "bothwell.outcomes.clinics.asdict", lambda head: {"counted": kept.copy()}
    )  # what leaves
    assert json.loads(answer(mine, HEAD))["counted"] == [1]


def test_an_answer_that_could_not_be_counted_does_not_leave(
    clinic: Callable[..., Clinic], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = clinic(frames.growth(20, 4))

    def full(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("bothwell.outcomes.clinic_memory.os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        answer(mine, HEAD)


def test_one_name_has_one_cohort_for_good(tmp_path: Path) -> None:
    """A cohort with one couple fewer would give away that couple by the difference."""
    frame, file = frames.pairs(41), tmp_path / "clinic"
    Clinic("one", frame, file)
    with pytest.raises(Unfit, match="other couples or other answers"):
        Clinic("one", chunks(frame, 40)[0], file)
    y = frame.y.copy()
    y[3, 0] += 1.0
    with pytest.raises(Unfit, match="other couples or other answers"):
        Clinic("one", replace(frame, y=y), file)
    Clinic("one", frame, file)


def test_without_its_file_a_clinic_says_nothing(tmp_path: Path) -> None:
    mine = Clinic("one", frames.pairs(40), tmp_path / "clinic")
    mine.memory.path.unlink()
    with pytest.raises(Unfit, match="opened for other couples"):
        answer(mine, HEAD)


def test_two_at_once_do_not_answer_more_than_one_may(tmp_path: Path) -> None:
    """Both saw that one question was left; the one that wrote later finds two, and nobody answers."""
    memory = Memory(tmp_path / "clinic")
    memory.open("one", "cohort")
    seen = memory.asked("one")
    memory.count("one", "cohort", most=1)

    class Late(Memory):
        def asked(self, analysis: str) -> int:
            found = super().asked(analysis)
            return seen if found == 1 else found

    with pytest.raises(Unfit, match="no more"):
        Late(memory.path).count("one", "cohort", most=1)


def test_a_line_that_a_crash_cut_short_spoils_none(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "clinic")
    secret = memory.secret()
    memory.open("one", "cohort")
    with memory.path.open("a") as file:
        file.write('\n{"analysis": "one", "ask')
    memory.count("one", "cohort", most=5)
    assert (memory.asked("one"), memory.secret()) == (1, secret)


def test_a_clinics_file_is_for_its_owner_and_holds_no_answer(tmp_path: Path) -> None:
    frame = replace(frames.pairs(40), couples=tuple(f"Couple {c}" for c in range(40)))
    mine = Clinic("one", frame, tmp_path / "clinic")
    answer(mine, HEAD)
    assert mine.memory.path.stat().st_mode & 0o077 == 0
    keys = [set(json.loads(line)) for line in mine.memory.path.read_text().split("\n") if line]
    assert keys == [{"secret"}, {"analysis", "cohort"}, {"analysis", "asked"}]
    assert "Couple" not in mine.memory.path.read_text()


def test_the_cohorts_mark_confirms_no_guess(tmp_path: Path) -> None:
    """The right guess of all numbers has another mark in every other clinic, and in another analysis of this one."""
    frame = frames.pairs(40)
    marks = set()
    for file, analysis in (("mine", "one"), ("mine", "two"), ("guess", "one")):
        clinic = Clinic(analysis, frame, tmp_path / file)
        told = answer(clinic, json.dumps({"analysis": analysis, "asks": "head"}))
        assert frame.data_hash not in told or not frame.data_hash
        marks.add(json.loads(told)["cohort"])
        assert json.loads(told)["data_hash"] in marks and json.loads(told)["answers_hash"] == ""
    assert len(marks) == 3
    refuse_few(frame)


def test_a_cohort_that_changes_on_the_way_ends_the_analysis(clinic: Callable[..., Clinic]) -> None:
    clinics = [clinic(frames.growth(40, 4)), clinic(frames.growth(41, 4))]
    asked = []

    def send(question: str) -> str:
        asked.append(question)
        return answer(clinics[len(asked) > 2], question)

    with pytest.raises(Unfit, match="changed during"):
        fit_clinics(REML, "one", [send])  # type: ignore[arg-type]
