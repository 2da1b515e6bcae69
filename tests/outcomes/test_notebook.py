"""A notebook says the question again and runs; a specification written down is read back the same."""

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.outcomes.equivalent import equivalent
from bothwell.outcomes.frame import frame
from bothwell.outcomes.notebook import as_toml, notebook
from bothwell.outcomes.spec import Method, Model, Spec
from bothwell.outcomes.unfit import Unfit
from tests.outcomes.golden.cases import CASES, HERE

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f"), min_size=1, max_size=8)


@pytest.mark.parametrize("name", CASES)
def test_a_specification_written_down_is_read_back_the_same(name: str) -> None:
    assert Spec.from_toml(as_toml(CASES[name].spec)) == CASES[name].spec


@given(st.lists(NAMES, min_size=5, max_size=5, unique=True), st.booleans(), st.sampled_from(Method))
def test_so_is_one_with_any_names(names: list[str], flag: bool, method: Method) -> None:
    outcome, predictor, covariate, couple, partner = names
    spec = Spec(
        Model.APIM, outcome, (predictor,), covariates=(covariate,), couple=couple, partner=partner,
        distinguished=flag, product=not flag, method=method,
    )  # fmt: skip
    assert Spec.from_toml(as_toml(spec)) == spec


def written(name: str, **options: str) -> dict:
    case = CASES[name]
    names = () if case.spec.model is Model.COMMON_FATE else frame(case.spec, case.table()).fixed
    return json.loads(notebook(case.spec, names, **options))


def run(book: dict, folder: Path) -> str:
    room: dict = {}
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as out:
        for cell in book["cells"]:
            if cell["cell_type"] == "code":
                exec("".join(cell["source"]), room)
    return out.getvalue()


@pytest.mark.parametrize(
    "name", ["apim_roles", "growth_alike", "mediation_roles", "following", "icc_missing", "common_roles"]
)
def test_a_notebook_runs_from_its_first_cell_to_its_last(name: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "data.csv").write_text((HERE / "data" / f"{CASES[name].data}.csv").read_text())
    assert "it does not say that one brought the other about" in run(written(name), tmp_path)


def test_common_fate_has_no_call_in_r() -> None:
    assert "library(nlme)" not in json.dumps(written("common_roles"))
    with pytest.raises(Unfit, match="no regression"):
        equivalent(CASES["common_roles"].spec, ())


def test_a_notebook_finds_out_that_the_data_are_others(tmp_path: Path) -> None:
    case = CASES["apim_roles"]
    book = written("apim_roles", data_hash=frame(case.spec, case.table()).data_hash)
    same, other = ((HERE / "data" / f"{name}.csv").read_text() for name in ("apim_roles", "apim_small"))
    (tmp_path / "data.csv").write_text(same)
    run(book, tmp_path)
    (tmp_path / "data.csv").write_text(other)
    with pytest.raises(AssertionError):
        run(book, tmp_path)


def test_a_notebook_has_the_form_of_nbformat_4_5() -> None:
    book = written("apim_roles", title="Two", sentence="One more goes with more.")
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in book["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in book["cells"]:
        keys = {"id", "cell_type", "metadata", "source"}
        assert set(cell) == (keys | {"execution_count", "outputs"} if cell["cell_type"] == "code" else keys)
    assert book["cells"][0]["source"] == ["# Two\n", "\n", "One more goes with more."]
    assert any("```r\n" in line for line in book["cells"][-1]["source"])


def test_a_name_cannot_break_out_of_its_quotation_marks(tmp_path: Path) -> None:
    nasty = 'y"""\nraise SystemExit\n"""\\'
    spec = replace(CASES["icc_complete"].spec, outcome=nasty)
    book = json.loads(notebook(spec, ("intercept",)))
    question = next(cell for cell in book["cells"] if cell["cell_type"] == "code")
    first = "".join(question["source"]).rpartition("table = ")[0]
    room: dict = {}
    exec(first, room)
    assert room["spec"] == spec
