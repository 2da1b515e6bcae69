"""`bothwell outcomes`: an answer on standard output, or one sentence and exit code 2."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bothwell.outcomes.command import main
from bothwell.outcomes.notebook import as_toml
from tests.outcomes.golden.cases import CASES, HERE

DATA = HERE / "data"
APIM = 'model = "two_intercept"\noutcome = "y"\npredictors = ["x"]\npartner = "role"\n'


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return written(tmp_path, APIM)


def written(folder: Path, text: str) -> Path:
    path = folder / "question.toml"
    path.write_text(text)
    return path


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_a_fit_is_printed_with_its_table_its_sentences_and_the_caution(
    spec: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("fit", spec, DATA / "apim_roles.csv") == 0
    said = capsys.readouterr().out
    assert "100 couples, 100 occasions, 200 answers" in said
    assert "treated: actor x     0.52699" in said
    assert "treated: one more of one’s own x goes with 0.527 more of y" in said
    assert said.rstrip().endswith(
        "This says what goes together; it does not say that one brought the other about."
    )


def test_json_has_every_digit(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", spec, DATA / "apim_roles.csv", "--json", "--df", "normal") == 0
    said = json.loads(capsys.readouterr().out)
    r = next(a for a in CASES["apim_roles"].answers() if a["method"] == "REML")
    row = next(row for row in said["tables"]["effects"] if row["name"] == "treated: partner x")
    assert row["estimate"] == pytest.approx(r["estimates"]["two:x_partner"], abs=1e-6)
    assert row["df"] == "inf"
    assert said["n_couples"] == 100 and len(said["data_hash"]) == 64


def test_files_beside_the_answer(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    options = {
        name: tmp_path / f"out.{ending}"
        for name, ending in (("csv", "csv"), ("plot", "svg"), ("r", "R"), ("notebook", "ipynb"))
    }
    words = [word for name, path in options.items() for word in (f"--{name}", path)]
    assert run("fit", spec, DATA / "apim_roles.csv", *words) == 0
    capsys.readouterr()
    with options["csv"].open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows][:2] == ["other: intercept", "other: actor x"]
    assert float(rows[1]["estimate"]) == pytest.approx(0.39159, abs=1e-5)
    assert options["plot"].read_text().startswith("<?xml")
    assert "gls(answer ~ 0 + role + role:x + role:x.partner" in options["r"].read_text()
    assert json.loads(options["notebook"].read_text())["nbformat"] == 4


@pytest.mark.parametrize(
    "name", ["mediation_alike", "following", "common_roles", "growth_missing", "icc_complete", "halves_roles"]
)
def test_every_kind_of_answer_can_be_printed(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = CASES[name].spec
    lines = [
        f'model = "{spec.model}"',
        'outcome = "y"',
        'partner = "role"',
        f"distinguished = {str(spec.distinguished).lower()}",
    ]
    lines += ['predictors = ["x"]'] if spec.predictors else []
    lines += [f'{key} = "{value}"' for key in ("mediator", "wave", "time") if (value := getattr(spec, key))]
    question = written(tmp_path, "\n".join(lines))
    assert run("check", question, DATA / f"{CASES[name].data}.csv") == 0
    assert run("fit", question, DATA / f"{CASES[name].data}.csv") == 0
    said = capsys.readouterr()
    assert "it does not say that one brought the other about" in said.out
    assert run("fit", question, DATA / f"{CASES[name].data}.csv", "--json") == 0
    assert json.loads(capsys.readouterr().out)["tables"]


def test_a_check_says_what_would_enter(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", spec, DATA / "apim_roles_missing.csv") == 0
    said = capsys.readouterr().out
    assert said.startswith("y: 113 couples, 113 occasions, 181 answers\npartners: other and treated\n")
    assert "7 of 120 couples have no answer that can be used" in said


def test_with_few_couples_no_p_is_printed_but_kept(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few.csv"
    few.write_text("".join((DATA / "apim_roles.csv").read_text().splitlines(keepends=True)[:41]))
    assert run("fit", spec, few, "--csv", tmp_path / "out.csv") == 0
    said = capsys.readouterr().out
    assert "  p  " not in said and "statistic" not in said and "Fewer than 30 couples" in said
    assert ",p," in (tmp_path / "out.csv").read_text()


@pytest.mark.parametrize(
    ("question", "data", "why"),
    [
        (APIM, "nowhere.csv", "there is no file"),
        (APIM.replace("x", "shoes"), "apim_roles.csv", "column shoes: the table has no such column"),
        ("model = 3", "apim_roles.csv", "outcome"),
        ("not toml at all", "apim_roles.csv", "not TOML"),
        (APIM + 'mediation = "m"', "apim_roles.csv", "knows no 'mediation'"),
        (APIM, "../make.R", "neither .csv nor .parquet"),
    ],
)
def test_what_will_not_do_is_one_sentence_and_exit_code_2(
    question: str, data: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("fit", written(tmp_path, question), DATA / data) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("bothwell outcomes: ") and why in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"couple,couple\n1,2\n", "two columns of one name"),
        ("a.csv", b"couple,role,x,y\n1,a,2\n", "line 2 has 3 cells, the header 4"),
        ("a.csv", b"\xff\xfe\x00\xd8", "cannot be read as CSV"),
        ("a.parquet", b"not parquet", "cannot be read as Parquet"),
    ],
)
def test_a_broken_file_is_named_and_no_cell_of_it_is(
    name: str, content: bytes, why: str, spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    assert run("fit", spec, tmp_path / name) == 2
    assert why in capsys.readouterr().err


def test_parquet_gives_the_digits_of_csv(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    parquet.write_table(arrow_csv.read_csv(DATA / "apim_roles_missing.csv"), tmp_path / "a.parquet")
    answers = []
    for path in (tmp_path / "a.parquet", DATA / "apim_roles_missing.csv"):
        assert run("fit", spec, path, "--json") == 0
        answers.append(json.loads(capsys.readouterr().out))
    first, second = (
        answer["tables"]["effects"] for answer in answers
    )  # couples stand in another order: rounding
    assert [row["name"] for row in first] == [row["name"] for row in second]
    assert [row["p"] for row in first] == pytest.approx([row["p"] for row in second], rel=1e-9)
    assert answers[0]["data_hash"] == answers[1]["data_hash"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mediation_alike", ("--errors", "robust")),
        ("mediation_alike", ("--df", "normal")),
        ("following", ("--errors", "observed")),
        ("following", ("--seed", "3")),
        ("common_roles", ("--df", "residual")),
        ("apim_roles", ("--seed", "3")),
    ],
)
def test_a_setting_that_would_not_be_heeded_is_refused(
    name: str, words: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = CASES[name].spec
    lines = [f'model = "{spec.model}"\noutcome = "y"\npartner = "role"\npredictors = ["x"]'] + [
        f'{key} = "{value}"' for key in ("mediator", "wave") if (value := getattr(spec, key))
    ]
    question = written(tmp_path, "\n".join(lines))
    assert run("fit", question, DATA / f"{CASES[name].data}.csv", *words) == 2
    assert f"{words[0]} does not go with this model" in capsys.readouterr().err


def test_a_role_that_enters_as_a_deviation_is_told_who_is_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("fit", written(tmp_path, APIM.replace("two_intercept", "apim")), DATA / "apim_roles.csv") == 0
    said = capsys.readouterr().out
    assert "role is +1 for other and −1 for treated" in said and "residual variance of treated" in said


@pytest.mark.parametrize("option", ["plot", "r"])
def test_an_option_that_a_model_has_not_is_refused_before_anything_is_written(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question = written(tmp_path, APIM.replace("two_intercept", "common_fate"))
    assert run("fit", question, DATA / "common_roles.csv", f"--{option}", tmp_path / "out") == 2
    assert f"--{option} does not go with this model" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_bytes((DATA / "apim_roles.csv").read_bytes())
    return path


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The one sentence; nothing was fitted and printed."""
    assert run("fit", *words) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    return said.err


def test_neither_the_data_nor_the_question_nor_another_file_is_written_over(
    spec: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in (spec, data)}
    (tmp_path / "linked.csv").symlink_to(data)
    (tmp_path / "hard.csv").hardlink_to(data)
    for other in (data, tmp_path / "linked.csv", tmp_path / "hard.csv", tmp_path / "." / "data.csv"):
        for options in ((), ("--overwrite",)):
            assert "would be written over the data" in refused(capsys, spec, data, "--csv", other, *options)
    assert "over the question" in refused(capsys, spec, data, "--r", spec, "--overwrite")
    both = ("--csv", tmp_path / "out.csv", "--plot", tmp_path / "." / "out.csv")
    assert "over --csv" in refused(capsys, spec, data, *both)
    (tmp_path / "kept.R").write_text("mine")
    assert "--overwrite writes over it" in refused(capsys, spec, data, "--r", tmp_path / "kept.R")
    assert (tmp_path / "kept.R").read_text() == "mine"
    assert run("fit", spec, data, "--r", tmp_path / "kept.R", "--overwrite") == 0
    assert "library(nlme)" in (tmp_path / "kept.R").read_text()
    assert before == {path: path.read_bytes() for path in (spec, data)}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--csv", "out.xlsx"), "--csv writes a file that ends in .csv"),
        (("--plot", "out.doc"), ".svg or .png or .pdf"),
        (("--notebook", "nowhere/out.ipynb"), "there is no such folder"),
        (("--level", "95"), "a share between 0 and 1"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_fitted(
    words: tuple[str, str], why: str, spec: Path, data: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert why in refused(capsys, spec, data, *words)


def test_a_file_that_fails_does_not_take_the_answer_with_it(
    spec: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_text", full)
    assert run("fit", spec, data, "--csv", tmp_path / "out.csv") == 2
    said = capsys.readouterr()
    assert "treated: actor x" in said.out and "no space left" in said.err


def test_a_choice_that_is_none_is_told_the_choices(
    spec: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        run("fit", "--df", "kr", spec, data)
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert all(word in said for word in ("residual", "couples", "satterthwaite", "normal"))


def test_a_question_with_a_mark_at_its_beginning_is_read(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check", written(tmp_path, "\ufeff" + APIM), data) == 0
    assert "values: y " in capsys.readouterr().out


def test_how_sure_it_was_taken_to_be_is_told(
    spec: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = tmp_path / "out.ipynb"
    how = ("--errors", "robust", "--df", "couples", "--level", "0.9")
    assert run("fit", spec, data, *how, "--notebook", book) == 0
    printed = capsys.readouterr().out
    assert (
        "Standard errors by couples’ own scatter (robust); degrees of freedom couples less effects" in printed
    )
    assert "90 % intervals" in printed
    assert 'summary(found, df=\\"couples\\", errors=\\"robust\\", level=0.9)' in book.read_text()
    assert run("fit", spec, data, *how, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    (model,) = said["models"]
    assert (model["errors"], model["df"], model["level"]) == ("robust", "couples", 0.9)
    assert {"log_likelihood", "aic", "bic", "n_answers", "converged", "n_parameters"} <= model.keys()
    assert said["question"]["model"] == "two_intercept" and said["question"]["method"] == "reml"


@pytest.mark.parametrize(("name", "words"), [("mediation_alike", ("The mediator: m", "The outcome: y")),
                                             ("following", ("The change in y", "The change in m"))])  # fmt: skip
def test_both_models_of_an_answer_are_written_for_r(
    name: str, words: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = CASES[name].spec
    question = written(tmp_path, as_toml(spec))
    script, book = tmp_path / "out.R", tmp_path / "out.ipynb"
    outputs = ("--r", script, "--notebook", book)
    assert run("fit", question, DATA / f"{CASES[name].data}.csv", *outputs) == 0
    said = script.read_text()
    assert said.count("summary(fit)") == 2 and book.read_text().count("summary(fit)") == 2
    assert all(f"# {word}" in said for word in words)
    assert len(json.loads(run_json(question, CASES[name].data, capsys))["models"]) == 2


def run_json(question: Path, name: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert run("fit", question, DATA / f"{name}.csv", "--json") == 0
    return capsys.readouterr().out


def test_the_command_needs_neither_django_nor_a_database(spec: Path) -> None:
    """The library alone, and through `bothwell` without any setting."""
    code = (
        "import sys; from bothwell.outcomes.command import main; code = main(sys.argv[1:]);"
        "assert not {'django', 'psycopg', 'matplotlib', 'pandas'} & set(sys.modules); sys.exit(code)"
    )
    words = ["check", str(spec), str(DATA / "apim_roles.csv")]
    bare = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(HERE.parents[2])}
    first = subprocess.run([sys.executable, "-c", code, *words], env=bare, capture_output=True, text=True)
    assert (first.returncode, first.stderr) == (0, "")
    second = subprocess.run(
        [sys.executable, "-m", "bothwell", "outcomes", *words], env=bare, capture_output=True, text=True
    )
    assert (second.returncode, second.stdout) == (0, first.stdout)
