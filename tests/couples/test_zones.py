"""Where a clinic can be, and by which clock it goes."""

from zoneinfo import ZoneInfo

import pytest

from bothwell.couples import zones
from bothwell.couples.crisis import lines_by_country


def test_every_zone_offered_is_a_place_with_a_clock() -> None:
    found = zones.places()
    assert {"Europe/London", "America/New_York", "Pacific/Auckland"} <= set(found)
    assert not {"Factory", "localtime", "UTC", "Etc/GMT+5", "US/Eastern", "GB"} & set(found)
    assert all(ZoneInfo(name) for name in found)


def test_they_are_grouped_by_part_of_the_world_and_none_is_lost() -> None:
    groups = dict(zones.grouped(zones.places()))
    assert ("America/Argentina/Buenos_Aires", "Argentina, Buenos Aires") in groups["America"]
    assert sorted(name for places in groups.values() for name, _ in places) == zones.places()


@pytest.mark.parametrize(
    ("country", "zone"), [("GB", "Europe/London"), ("ie", "Europe/Dublin"), ("US", ""), ("ZZ", ""), ("", "")]
)
def test_a_zone_is_given_only_where_a_country_has_one_alone(country: str, zone: str) -> None:
    assert zones.only_zone_of(country) == zone
    assert not zone or zones.country_of(zone) == country.upper()


def test_every_country_with_lines_on_file_has_a_name_and_zones() -> None:
    for country in lines_by_country():
        assert zones.country_names()[country]
        assert set(zones.by_country()[country]) <= set(zones.places())
