"""Files as spreadsheets and statistics programs write them are read as they were meant, or told what to do."""

from pathlib import Path

import pytest

from bothwell.outcomes.columns import Writing
from bothwell.outcomes.equivalent import equivalent
from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.spec import Model, Spec
from bothwell.outcomes.tables import read_table
from bothwell.outcomes.unfit import Unfit

SPEC = Spec(Model.APIM, "y", ("x",), distinguished=False)
ROWS = [
    (couple, partner, f"{(couple * 7 + partner * 3) % 11 + 0.5}", f"{(couple * 5 + partner) % 13 - 0.25}")
    for couple in range(8)
    for partner in (1, 2)
]


def written(separator: str = ",", header: str = "couple,partner,x,y") -> str:
    lines = [header, *(",".join(map(str, row)) for row in ROWS)]
    return "\n".join(lines).replace(",", separator) + "\n"


def read(folder: Path, content: str | bytes, name: str = "a.csv") -> Frame:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return frame(SPEC, read_table(path))


SEMICOLONS = written(";").replace(".", ",")


@pytest.mark.parametrize(
    "content",
    [
        written(";"),
        SEMICOLONS,
        written("\t"),
        written("\t").replace(".", ","),
        written().encode("utf-16"),
        written().encode("utf-8-sig"),
        written().replace("\n", "\r\n"),
        written(header='couple, partner ,"x ", y'),
        "\n" + written() + "\n,,,\n , ,,\n",
        written().replace("\n", ",,\n"),
        written().replace("\n", ",7\n").replace("y,7", "y,"),
    ],
)
def test_however_a_spreadsheet_writes_it_the_table_is_the_same(content: str | bytes, tmp_path: Path) -> None:
    assert read(tmp_path, content).data_hash == read(tmp_path, written()).data_hash


@pytest.mark.parametrize("name", ["a.tsv", "a.txt", "A.CSV"])
def test_endings_of_text_files(name: str, tmp_path: Path) -> None:
    assert read(tmp_path, written("\t"), name).n_couples == 8


@pytest.mark.parametrize("word", ["", "NA", "N/A", "#N/A", "NULL", "#NULL!", "-", ".", "NaN"])
def test_words_for_not_answered(word: str, tmp_path: Path) -> None:
    made = read(tmp_path, written().replace(ROWS[5][3], word))
    assert made.left_out == () and made.n_couples == 8
    assert sum(map(len, made.y)) - 1 == int((made.y == made.y).sum())


def test_a_decimal_comma_beside_commas_is_no_thousand_and_no_guess(tmp_path: Path) -> None:
    quoted = written().replace(ROWS[2][3], '"1,5"')
    with pytest.raises(Unfit, match=r"line 4 of the file, partner 1\); write a decimal point, or save"):
        read(tmp_path, quoted)
    both = SEMICOLONS.replace(ROWS[2][2].replace(".", ",") + ";", "1.5;", 1)
    with pytest.raises(Unfit, match="column x: not a number"):
        read(tmp_path, both)


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (written().replace("partner", "pärtner").encode("cp1252"), "a.csv", "not|save it as “CSV UTF-8”"),
        (b"", "a.xlsx", "save the sheet as “CSV UTF-8”"),
        (b"", "a.sav", "save the data as CSV from SPSS"),
        ("\n\n", "a.csv", "is empty"),
    ],
)
def test_what_cannot_be_read_is_told_the_cure(
    content: str | bytes, name: str, why: str, tmp_path: Path
) -> None:
    with pytest.raises(Unfit, match=why):
        read(tmp_path, content, name)


def test_a_row_is_told_by_its_line_in_the_file(tmp_path: Path) -> None:
    lines = written().splitlines()
    lines.insert(3, ",,,")
    lines.insert(3, "")
    lines[8] = lines[8].rpartition(",")[0] + ",much"
    with pytest.raises(Unfit, match="line 9 of the file"):
        read(tmp_path, "\n".join(lines))
    lines[8] = lines[8].replace(",", ",,", 1)
    with pytest.raises(Unfit, match="line 9 has 5 cells, the header 4"):
        read(tmp_path, "\n".join(lines))


def test_r_is_told_how_the_file_is_written(tmp_path: Path) -> None:
    for content, said in {
        SEMICOLONS: 'read.csv("a.csv", sep = ";", dec = ",", check.names',
        written("\t"): 'read.csv("a.csv", sep = "\t", check.names',
        written(): 'read.csv("a.csv", check.names',
        "\ufeff" + written(): 'read.csv("a.csv", fileEncoding = "UTF-8-BOM", check.names',
    }.items():
        (tmp_path / "a.csv").write_text(content)
        assert said in equivalent(SPEC, ("intercept",), "a.csv", read_table(tmp_path / "a.csv").writing)
    parquet = equivalent(SPEC, ("intercept",), "a.parquet", Writing())
    assert 'as.data.frame(arrow::read_parquet("a.parquet"))' in parquet
