"""The drawing of a session: every value in its place, no extreme hidden, no pause bridged."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bothwell.web.session_shapes import LEFT, RIGHT, Limit, Mark, Session, Value, draw

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def value(code: str, second: int, number: int, *, device: bool = True) -> Value:
    return Value(code, Decimal(number), START + timedelta(seconds=second), device)


def session(*values: Value, hours: int = 3, **more: object) -> Session:
    return Session(values, START, START + timedelta(hours=hours), **more)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(0, 10_800), st.integers(20, 100)), max_size=60))
def test_the_lowest_and_the_highest_value_stay_in_the_drawing(rows: list[tuple[int, int]]) -> None:
    chart = draw(session(*(value("spo2", at, number) for at, number in rows)), UTC)
    assert len(chart.panels) == bool(rows)
    for panel in chart.panels:
        pairs = [point.split(",") for line in panel.lines for point in line.split()]
        ys = [float(y) for _, y in pairs] + [place.y for place in panel.alone]
        xs = [float(x) for x, _ in pairs] + [place.x for place in panel.alone]
        assert all(LEFT <= x <= RIGHT for x in xs)
        assert all(panel.top <= y <= panel.bottom for y in ys)
        span = max(100, *(n for _, n in rows)) + 2 - (min(88, *(n for _, n in rows)) - 2)
        heights = {round(panel.bottom - (n - min(88, *(m for _, m in rows)) + 2) / span * panel.height, 1)
                   for n in (min(n for _, n in rows), max(n for _, n in rows))}  # fmt: skip
        assert heights <= set(ys)


def test_three_hours_of_a_monitor_are_thinned_but_a_single_fall_stays() -> None:
    rows = [value("spo2", 15 * step, 71 if step == 333 else 97) for step in range(720)]
    (panel,) = draw(session(*rows), UTC).panels
    points = [point for line in panel.lines for point in line.split()]
    assert len(points) < 720
    lowest = max(float(point.split(",")[1]) for point in points)
    assert sum(float(point.split(",")[1]) == lowest for point in points) == 1


def test_a_pause_of_the_monitor_breaks_the_line_and_a_value_alone_is_a_dot() -> None:
    rows = [value("heart_rate", at, 70) for at in (0, 15, 30, 600, 615, 1800)]
    (panel,) = draw(session(*rows), UTC).panels
    assert (len(panel.lines), len(panel.alone)) == (2, 1)


def test_what_a_person_enters_every_quarter_of_an_hour_is_one_line() -> None:
    rows = [value("respiratory_rate", 900 * step, 14, device=False) for step in range(8)]
    (panel,) = draw(session(*rows), UTC).panels
    assert (len(panel.lines), panel.alone) == (1, ())


def test_a_pressure_is_a_bar_and_half_a_pressure_a_foot() -> None:
    rows = [value("systolic", 0, 120), value("diastolic", 0, 80), value("systolic", 900, 130)]
    (panel,) = draw(session(*rows), UTC).panels
    assert panel.bars.count("h7") == 3 and panel.bars.count("V") == 1


def test_limits_doses_marks_and_clock_stand_where_they_belong() -> None:
    hour = START + timedelta(hours=1)
    chart = draw(
        session(
            value("spo2", 0, 97), started_at=hour, ended_at=START + timedelta(hours=3),
            limits={"spo2": [Limit(90, True), Limit(93, False), Limit(40, True)]},
            doses=[(hour, hour + timedelta(minutes=40))], marks=[Mark(hour, "Given"), Mark(hour, "Given")],
            lanes=("Given", "Alarms"),
        ),
        UTC,
    )  # fmt: skip
    (panel,) = chart.panels
    assert [limit.is_alarm for limit in panel.limits] == [True, False]
    assert chart.start == chart.doses[0][0] == chart.lanes[0].marks[0] == 378.7
    assert (chart.end, chart.lanes[1].marks) == (RIGHT, ())
    assert [time.words for time in chart.times][:2] == ["09:00", "09:15"]
    assert "2 marks: given" in chart.description and "SpO₂ 97 to 97 %" in chart.description


@given(st.integers(0, 2_000))
def test_the_hours_never_crowd(hours: int) -> None:
    times = draw(session(hours=hours), UTC).times
    assert len(times) <= 29
    assert all(re.fullmatch(r"[0-2][0-9]:[0-5][0-9]", time.words) for time in times)


def test_nothing_charted_is_an_empty_drawing_with_words() -> None:
    chart = draw(session(), UTC)
    assert chart.panels == () and chart.description.endswith("Nothing was charted.")
