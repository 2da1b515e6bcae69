"""The crisis lines offered to a new clinic: whole, dialled by their number, each with where it comes from."""

from pathlib import Path

import pytest

from bothwell.couples.crisis import NUMBER, emergency_first, lines_by_country, lines_for


def test_every_line_can_be_dialled_and_says_where_it_comes_from() -> None:
    for country, lines in lines_by_country().items():
        assert lines, country
        for line in lines:
            assert NUMBER.fullmatch(line.number)
            assert line.href.removeprefix("tel:").strip("0123456789") == ""
            assert "[K]" in line.source, "none was confirmed by us"
            assert len(line.label) <= 80


def test_the_emergency_number_comes_first_in_every_country() -> None:
    assert {country: lines[0].number for country, lines in lines_by_country().items()} == {
        "US": "911", "CA": "911", "GB": "999", "IE": "112", "AU": "000", "NZ": "111", "DE": "112", "AT": "112",
        "CH": "144", "FR": "112", "NL": "112", "ES": "112",
    }  # fmt: skip
    for country, lines in lines_by_country().items():
        is_emergency = [line.source.endswith(("emergency number", "for ambulances")) for line in lines]
        assert is_emergency == [True] + [False] * (len(lines) - 1), country


def test_then_the_widely_known_ones() -> None:
    second = {country: lines_for(country)[1].number for country in ("us", "GB", "IE", "AU", "NZ", "DE", "CA")}
    assert second == {
        "us": "988", "GB": "116 123", "IE": "116 123", "AU": "13 11 14", "NZ": "1737", "DE": "0800 111 0 111",
        "CA": "988",
    }  # fmt: skip


def test_a_clinic_keeps_its_own_order_behind_the_emergency_number() -> None:
    own, helpline, emergency = (
        {"label": label, "number": number, "href": f"tel:{number}"}
        for label, number in (("Ours", "0207946"), ("NHS", "111"), ("Emergency", "999"))
    )
    assert emergency_first([own, helpline, emergency], "gb") == [emergency, own, helpline]
    assert emergency_first([own, helpline], "GB") == [own, helpline]
    assert emergency_first([own, emergency], "AQ") == [own, emergency]


def test_a_country_without_a_line_on_file_offers_none() -> None:
    assert lines_for("AQ") == ()


def test_no_clinic_is_offered_more_than_its_form_has_room_for() -> None:
    assert max(len(lines) for lines in lines_by_country().values()) <= 6


@pytest.mark.parametrize(
    "line",
    ['label = "A"\nnumber = "1"', 'label = "A"\nnumber = "call us"\nsource = "x"', 'label = " "\nnumber = "1"\nsource = "x"'],
)  # fmt: skip
def test_half_a_line_gives_none_at_all(tmp_path: Path, line: str) -> None:
    (tmp_path / "lines.toml").write_text(f"[[country.US]]\n{line}\n")
    with pytest.raises(ValueError, match="US"):
        lines_by_country(tmp_path / "lines.toml")
