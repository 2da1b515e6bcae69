"""What monitors send is read exactly or not at all; two independent readers agree with ours."""

import itertools
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import hl7
import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from hypothesis import given
from hypothesis import strategies as st

from bothwell.codes import QUANTITIES
from bothwell.demo.monitor import oru
from bothwell.demo.signals import Shown
from bothwell.devices.er7 import STANDARD, AckCode, Delimiters, Refusal, escape, unescape
from bothwell.devices.hl7v2 import Message, ProblemKind, Reading, Status, ack, read, read_time, refuse

NOW = datetime(2026, 3, 5, 14, 30, 5, tzinfo=UTC)
CHICAGO = ZoneInfo("America/Chicago")
DEVICE = "00A0B0FFFEC0D001"
HEADER = "MSH|^~\\&|GATE|WARD|||20260305143005+0000||ORU^R01^ORU_R01|id-7|P|2.6||||||UNICODE UTF-8"
ORDER = "OBR|1||||||20260305143000+0000"
SYSTOLIC = "150021^MDC_PRESS_BLD_NONINV_SYS^MDC"
MMHG = "266016^MDC_DIM_MMHG^MDC"


def obx(
    value: str = "164",
    code: str = SYSTOLIC,
    unit: str = MMHG,
    *,
    kind: str = "NM",
    place: str = "1.1.1.1",
    flags: str = "",
    status: str = "F",
    at: str = "20260305143001+0000",
    device: str = f"{DEVICE}^^{DEVICE}^EUI-64",
    site: str = "",
) -> str:
    return f"OBX|1|{kind}|{code}|{place}|{value}|{unit}||{flags}|||{status}|||{at}||||{device}||{site}"


def lines(*segments: str) -> bytes:
    return ("\r".join(segments) + "\r").encode()


def taken(*segments: str) -> Message:
    message = read(lines(*segments), NOW, CHICAGO)
    assert isinstance(message, Message)
    return message


def only_reading(segment: str, order: str = ORDER) -> Reading:
    message = taken(HEADER, order, segment)
    assert message.problems == ()
    (reading,) = message.readings
    return reading


def only_problem(segment: str, order: str = ORDER) -> ProblemKind:
    message = taken(HEADER, order, segment)
    assert message.readings == ()
    (problem,) = message.problems
    return problem.kind


def refused(message: bytes) -> Refusal:
    refusal = read(message, NOW, CHICAGO)
    assert isinstance(refusal, Refusal)
    return refusal


# ── what is read ──


def test_a_reading_carries_its_value_unit_time_device_and_place() -> None:
    assert only_reading(obx(site="368209003^Right upper arm^SCT")) == Reading(
        code="systolic",
        value=Decimal("164.00"),
        unit="mmHg",
        observed_at=datetime(2026, 3, 5, 14, 30, 1, tzinfo=UTC),
        status=Status.FINAL,
        device_id=DEVICE,
        body_site="Right upper arm",
        containment="1.1.1.1",
        is_questionable=False,
        source_ref="id-7#1",
        source="150021@1.1.1.1",
    )


EVERY_DEVICE_CODE = [
    (quantity.code, term, unit.term)
    for quantity in QUANTITIES
    for term in quantity.terms
    for unit in quantity.units
]


@pytest.mark.parametrize(("code", "term", "unit"), EVERY_DEVICE_CODE)
def test_every_device_code_we_speak_is_read_in_every_unit_we_accept(code, term, unit) -> None:
    reading = only_reading(obx("10", f"{term.code}^{term.name}^MDC", f"{unit.code}^{unit.name}^MDC"))
    assert reading.code == code
    assert reading.value == (Decimal("75.01") if unit.name == "MDC_DIM_KILO_PASCAL" else Decimal(10))


def test_the_codes_are_those_of_the_reference_table() -> None:
    spoken = {(term.code, quantity.code) for quantity in QUANTITIES for term in quantity.terms}
    assert spoken == {
        (150021, "systolic"), (150022, "diastolic"), (150023, "mean_pressure"), (150456, "spo2"),
        (149530, "heart_rate"), (149546, "heart_rate"), (147842, "heart_rate"),
        (151594, "respiratory_rate"), (151578, "respiratory_rate"), (151562, "respiratory_rate"),
        (151708, "etco2"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "code",
    [
        "150020^MDC_PRESS_BLD_NONINV_SYS^MDC",
        "150021^MDC_PRESS_BLD_NONINV_DIA^MDC",
        "150022^MDC_PRESS_BLD_NONINV_MEAN^MDC",
        "150021^MDC_PRESS_BLD_NONINV_DIA^MDC^8480-6^Systolic^LN",
    ],
)
def test_a_sender_that_counts_from_150020_is_not_believed(code: str) -> None:
    assert only_problem(obx(code=code)) == ProblemKind.CODE_DISAGREES


def test_loinc_is_read_as_first_or_as_alternate_code() -> None:
    assert only_reading(obx(code="8480-6^Systolic blood pressure^LN", unit="mm[Hg]^^UCUM")).code == "systolic"
    assert only_reading(obx("97", code="SAT^Saturation^LOCAL^59408-5^SpO2^LN", unit="%")).code == "spo2"


def test_end_tidal_carbon_dioxide_is_converted_by_its_unit_and_refused_as_a_share() -> None:
    code = "151708^MDC_CONC_AWAY_CO2_ET^MDC"
    assert only_reading(obx("38", code, MMHG)).value == 38
    assert only_reading(obx("5.1", code, "265987^MDC_DIM_KILO_PASCAL^MDC")).value == Decimal("38.25")
    assert only_problem(obx("5.0", code, "262688^MDC_DIM_PERCENT^MDC")) == ProblemKind.UNIT


@pytest.mark.parametrize(
    ("segment", "kind"),
    [
        (obx(code="68480^MDC_TEMP^MDC"), ProblemKind.CODE_UNKNOWN),
        (obx(code="150021^MDC_PRESS_BLD_NONINV_SYS^OTHER"), ProblemKind.CODE_UNKNOWN),
        (obx(unit=""), ProblemKind.UNIT),
        (obx(unit="262688^MDC_DIM_PERCENT^MDC"), ProblemKind.UNIT),
        (obx(unit="266016^MDC_DIM_PERCENT^MDC"), ProblemKind.UNIT),
        (obx(kind="ST"), ProblemKind.TYPE),
        (obx(value=""), ProblemKind.VALUE),
        (obx(value='""'), ProblemKind.VALUE),
        (obx(value="120~124"), ProblemKind.VALUE),
        (obx(value="1e3"), ProblemKind.VALUE),
        (obx(value="NaN"), ProblemKind.VALUE),
        (obx(value=">160"), ProblemKind.VALUE),
        (obx(value="١٢٠"), ProblemKind.VALUE),
        (obx(status="X", value=""), ProblemKind.NOT_OBTAINED),
        (obx(status="W"), ProblemKind.STATUS),
        (obx(status="D"), ProblemKind.STATUS),
        (obx(flags="INV"), ProblemKind.VALIDITY),
        (obx(flags="QUES~TEST"), ProblemKind.VALIDITY),
        (obx(at="20260305"), ProblemKind.TIME),
        (obx(at="2026030514"), ProblemKind.TIME),
        (obx(at="20260230120000+0000"), ProblemKind.TIME),
        (obx(at="20260305143300+0000"), ProblemKind.AHEAD),
    ],
)
def test_what_cannot_be_kept_is_named_by_its_reason(segment: str, kind: ProblemKind) -> None:
    assert only_problem(segment) == kind


@pytest.mark.parametrize(
    ("sent", "status"),
    [("F", Status.FINAL), ("R", Status.RAW), ("P", Status.RAW), ("", Status.RAW), ("C", Status.CORRECTED)],
)
def test_statuses_that_leave_a_value(sent: str, status: Status) -> None:
    assert only_reading(obx(status=sent)).status == status


def test_a_questionable_value_is_kept_and_marked() -> None:
    assert only_reading(obx(flags="QUES")).is_questionable


def test_one_bad_observation_does_not_take_the_others_with_it() -> None:
    message = taken(HEADER, ORDER, obx("119"), obx(value="?"), obx("121"))
    assert [(reading.value, reading.source_ref) for reading in message.readings] == [
        (119, "id-7#1"),
        (121, "id-7#3"),
    ]
    assert [(problem.observation, problem.code) for problem in message.problems] == [(2, "systolic")]


# ── times ──


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("20260305143001+0000", datetime(2026, 3, 5, 14, 30, 1, tzinfo=UTC)),
        ("20260305083001.25-0600", datetime(2026, 3, 5, 14, 30, 1, 250000, tzinfo=UTC)),
        ("202603050830", datetime(2026, 3, 5, 14, 30, tzinfo=UTC)),
        ("20260705083000", datetime(2026, 7, 5, 13, 30, tzinfo=UTC)),
        ("20260305200001+0530", datetime(2026, 3, 5, 14, 30, 1, tzinfo=UTC)),
        ("20260305143001+9999", None),
        ("00010101000000+1200", None),
        ("20260305146001", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times_with_and_without_zone(text: str, seen: datetime | None) -> None:
    assert read_time(text, CHICAGO) == seen


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_a_time_written_with_its_zone_comes_back_the_same(local: datetime, offset_minutes: int) -> None:
    at = local.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    assert read_time(at.strftime("%Y%m%d%H%M%S.%f%z"), CHICAGO) == at


def test_the_time_of_the_group_stands_in_only_for_a_missing_one() -> None:
    assert only_reading(obx(at="")).observed_at == datetime(2026, 3, 5, 14, 30, tzinfo=UTC)
    assert only_problem(obx(at="soon")) == ProblemKind.TIME
    assert only_problem(obx(at=""), order="OBR|1") == ProblemKind.TIME


# ── which device ──


def test_a_metric_without_device_takes_that_of_its_part_of_the_tree() -> None:
    other = "00A0B0FFFEC0D002"
    message = taken(
        HEADER,
        ORDER,
        obx("", "69837^MDC_DEV_METER_PHYSIO_MULTI_PARAM_MDS^MDC", "", kind="", place="1.0.0.0"),
        obx(
            "",
            "69837^MDC_DEV_METER_PHYSIO_MULTI_PARAM_MDS^MDC",
            "",
            kind="",
            place="2.0.0.0",
            device=f"{other}^^{other}^EUI-64",
        ),
        obx("120", place="1.1.1.1", device=""),
        obx("130", place="2.1.1.1", device=""),
        obx("140", place="3.1.1.1", device=""),
    )
    assert [reading.device_id for reading in message.readings] == [DEVICE, other, "sender:GATE/WARD"]


@pytest.mark.parametrize(
    "sent", ["00-a0-b0-ff-fe-c0-d0-01", f"MON^X^{DEVICE}^EUI-64", f"{DEVICE}^^^EUI-64", DEVICE]
)
def test_an_eui64_is_found_where_senders_put_it(sent: str) -> None:
    assert only_reading(obx(device=sent)).device_id == DEVICE


def test_without_any_device_the_sender_stands_in_and_says_so() -> None:
    assert taken(HEADER, ORDER, obx(device="BED4")).device_id == "sender:GATE/WARD"


def test_the_location_is_where_the_monitor_says_it_stands() -> None:
    assert taken(HEADER, "PV1||E|ICU^Room 2^Bed 1", ORDER, obx()).location == "ICU Room 2 Bed 1"


# ── two of a kind, and the clock ──


def test_a_reading_names_the_code_and_the_place_it_came_from() -> None:
    ecg = obx("71", "147842^MDC_ECG_HEART_RATE^MDC", "264864^MDC_DIM_BEAT_PER_MIN^MDC", place="1.1.1.7")
    pulse = obx(
        "75", "149530^MDC_PULS_OXIM_PULS_RATE^MDC", "264864^MDC_DIM_BEAT_PER_MIN^MDC", place="1.2.1.1"
    )
    left, right = (
        obx("97", "150456^MDC_PULS_OXIM_SAT_O2^MDC", "262688^MDC_DIM_PERCENT^MDC", place=place)
        for place in ("1.2.1.2", "1.3.1.2")
    )
    message = taken(HEADER, ORDER, ecg, pulse, left, right)
    assert [(reading.code, reading.source) for reading in message.readings] == [
        ("heart_rate", "147842@1.1.1.7"),
        ("heart_rate", "149530@1.2.1.1"),
        ("spo2", "150456@1.2.1.2"),
        ("spo2", "150456@1.3.1.2"),
    ]
    assert len({(reading.code, reading.source, reading.observed_at) for reading in message.readings}) == 4


def test_the_code_believed_is_the_one_named_as_source() -> None:
    assert (
        only_reading(obx("97", code="SAT^Saturation^LOCAL^59408-5^SpO2^LN", unit="%", place="")).source
        == "59408-5"
    )


@pytest.mark.parametrize("place", ["1.2.1.1.0.3", "1", "1.2", "0.0.0.1"])
def test_containment_paths_of_any_depth_are_kept(place: str) -> None:
    assert only_reading(obx(place=place)).containment == place


@pytest.mark.parametrize("place", ["1.2.x", "a", "1..2", ".1", "1.2.3.4.5.6.7.8.9", "12345678901"])
def test_what_is_no_containment_path_is_no_place(place: str) -> None:
    reading = only_reading(obx(place=place))
    assert (reading.containment, reading.source) == ("", "150021")


def test_what_the_clock_shows_is_said_also_when_every_reading_is_refused_for_it() -> None:
    ahead = taken(HEADER, ORDER, obx(at="20260305150000+0000"), obx("80", at="20260305145900+0000"))
    assert ahead.readings == ()
    assert ahead.newest == {DEVICE: datetime(2026, 3, 5, 15, 0, tzinfo=UTC)}
    assert taken(HEADER, ORDER, obx(value="?"), obx(at="soon")).newest == {}
    both = taken(HEADER, ORDER, obx(), obx("80", at="20260305142000+0000"))
    assert both.newest == {DEVICE: datetime(2026, 3, 5, 14, 30, 1, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        # The hour that comes twice: without a zone the first is meant, with one the zone says which.
        ("20261101013000", datetime(2026, 11, 1, 6, 30, tzinfo=UTC)),
        ("20261101013000-0500", datetime(2026, 11, 1, 6, 30, tzinfo=UTC)),
        ("20261101013000-0600", datetime(2026, 11, 1, 7, 30, tzinfo=UTC)),
    ],
)
def test_the_hour_that_comes_twice(sent: str, seen: datetime) -> None:
    assert read_time(sent, CHICAGO) == seen


# ── the text form ──


def test_declared_delimiters_are_used() -> None:
    odd = (
        lines(HEADER, ORDER, obx(site="1^Arm \\T\\ hand^SCT"))
        .decode()
        .translate(str.maketrans("|^~\\&", "#!;$%"))
    )
    message = read(odd.encode(), NOW, CHICAGO)
    assert isinstance(message, Message)
    assert message.readings[0].body_site == "Arm % hand"


def test_a_delimiter_inside_a_value_makes_it_several_values() -> None:
    """A sign that is also a delimiter must not be read as a sign."""
    segments = [HEADER, ORDER, obx("+120", at="20260305083001")]
    assert len(taken(*segments).readings) == 1
    message = taken(*(segment.replace("^", "+") for segment in segments))
    assert [problem.kind for problem in message.problems] == [ProblemKind.VALUE]


def test_the_declared_character_set_is_used() -> None:
    latin = (
        lines(HEADER.replace("UNICODE UTF-8", "8859/1"), ORDER, obx(site="1^Höhe^L"))
        .decode()
        .encode("latin-1")
    )
    message = read(latin, NOW, CHICAGO)
    assert isinstance(message, Message)
    assert message.readings[0].body_site == "Höhe"


def test_bytes_outside_the_declared_character_set_are_refused_not_guessed() -> None:
    latin = lines(HEADER, ORDER, obx(site="1^Höhe^L")).decode().encode("latin-1")
    assert refused(latin).error_code == "102"


@given(st.text(), st.permutations("|^~\\&#!;$%").map(lambda marks: Delimiters(*marks[:5])))
def test_what_is_escaped_comes_back_the_same(text: str, marks: Delimiters) -> None:
    written = escape(text, marks)
    assert not set(written) & {marks.field, marks.component, marks.repetition, marks.subcomponent, "\r", "\n"}
    assert unescape(written, marks) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", "a|b^c&d~e\\f"),
        (r"\X48C3B6\he", "Höhe"),
        (r"\H\bold\N\ text", "bold text"),
        (r"one\.br\two", "one\ntwo"),
        (r"50\% of", r"50\% of"),
        (r"\Xzz\x", r"\Xzz\x"),
    ],
)
def test_escape_sequences(text: str, plain: str) -> None:
    assert unescape(text, STANDARD) == plain


# ── what is refused ──


@pytest.mark.parametrize(
    ("message", "code", "error"),
    [
        (b"", AckCode.REFUSED, "100"),
        (b"hello", AckCode.REFUSED, "100"),
        (b"MSH||||||", AckCode.REFUSED, "100"),
        (b"MSH|^^\\&|a|b", AckCode.REFUSED, "100"),
        (lines(HEADER.replace("|id-7|", "||"), ORDER, obx()), AckCode.REFUSED, "101"),
        (lines(HEADER.replace("|id-7|", f"|{'x' * 200}|"), ORDER, obx()), AckCode.REFUSED, "101"),
        (lines(HEADER.replace("ORU^R01", "ADT^A01"), ORDER, obx()), AckCode.REFUSED, "200"),
        (lines(HEADER.replace("ORU^R01", "ORU^R30"), ORDER, obx()), AckCode.REFUSED, "201"),
        (lines(HEADER.replace("|P|", "|T|"), ORDER, obx()), AckCode.REFUSED, "202"),
        (lines(HEADER.replace("|2.6|", "|3.0|"), ORDER, obx()), AckCode.REFUSED, "203"),
        (lines(HEADER.replace("UNICODE UTF-8", "UNICODE UTF-16"), ORDER, obx()), AckCode.REFUSED, "103"),
        (lines(HEADER, ORDER), AckCode.ERROR, "100"),
        (lines(HEADER, "PID|1", ORDER, obx(), "PID|2", ORDER, obx()), AckCode.ERROR, "100"),
        (lines(HEADER, ORDER, obx(), HEADER, ORDER, obx()), AckCode.ERROR, "100"),
    ],
)
def test_what_is_refused_and_how(message: bytes, code: AckCode, error: str) -> None:
    refusal = refused(message)
    assert (refusal.ack_code, refusal.error_code) == (code, error)


def test_the_patient_is_never_read_out() -> None:
    patient = "PID|1||4711^^^H^MR||Quixotic^Zebedee||19700101|M|||9 Hidden Lane"
    message = taken(HEADER, patient, "PV1||I|W^1^1||||Drfoo", ORDER, obx(), obx(value="?"))
    refusal = refused(lines(HEADER.replace("|P|", "|D|"), patient, ORDER, obx()))
    for shown in (repr(message), repr(refusal), repr(ack(refusal, at=NOW, control_id="1"))):
        assert not any(
            secret in shown for secret in ("4711", "Quixotic", "Zebedee", "1970", "Hidden", "Drfoo")
        )


# ── fuzz ──


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise(message: bytes) -> None:
    assert isinstance(read(message, NOW, CHICAGO), Refusal)


pieces = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "|",
                "^",
                "~",
                "\\",
                "&",
                "\r",
                "OBX",
                "OBR",
                "PID",
                "PV1",
                "MSH",
                "NM",
                SYSTOLIC,
                MMHG,
                "X",
                "F",
            ]
        ),
        st.text(max_size=6),
    ),
    max_size=60,
).map("".join)


@given(pieces)
def test_no_body_after_a_good_header_makes_it_raise(body: str) -> None:
    outcome = read(lines(HEADER, ORDER, obx()) + body.encode("utf-8", "surrogatepass"), NOW, CHICAGO)
    assert isinstance(outcome, Message | Refusal)
    assert ack(outcome, at=NOW, control_id="a").startswith(b"MSH|")


@given(st.data())
def test_a_damaged_message_never_makes_it_raise(data: st.DataObject) -> None:
    good = bytearray(lines(HEADER, "PID|1", "PV1||E|A^B", ORDER, obx(), obx(at="")))
    for _ in range(data.draw(st.integers(1, 6))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    outcome = read(bytes(good), NOW, CHICAGO)
    assert ack(outcome, at=NOW, control_id="a").startswith(b"MSH|")


# ── the oracles ──

shown_values = st.lists(
    st.builds(
        Shown,
        st.sampled_from(["systolic", "diastolic", "mean_pressure", "spo2", "heart_rate", "respiratory_rate"]),
        st.just(0.0),
        st.one_of(st.none(), st.decimals(0, 300, places=1)),
    ),
    min_size=1,
    max_size=6,
)


def sent(shown: list[Shown]) -> bytes:
    return oru(control_id="s-1", device_id=DEVICE, at=NOW, shown=shown)


@given(shown_values)
def test_an_independent_reader_sees_what_we_see_in_what_the_simulator_writes(shown: list[Shown]) -> None:
    ours = read(sent(shown), NOW, CHICAGO)
    assert isinstance(ours, Message)
    theirs = hl7.parse(sent(shown).decode())
    observed = [
        (int(str(segment[3][0][0])), Decimal(str(segment[5])), str(segment[18][0][2]))
        for segment in theirs.segments("OBX")
        if str(segment[11]) != "X"
    ]
    terms = {quantity.code: quantity.terms[0].code for quantity in QUANTITIES if quantity.terms}
    assert [(terms[one.code], one.value, one.device_id) for one in ours.readings] == observed
    assert [problem.kind for problem in ours.problems] == [
        ProblemKind.NOT_OBTAINED for one in shown if one.value is None
    ]
    assert str(theirs.segment("MSH")[10]) == ours.control_id


def test_a_strict_validator_accepts_what_the_simulator_writes() -> None:
    shown = [Shown("systolic", 0.0, Decimal(120)), Shown("spo2", 0.0, None)]
    parsed = parse_message(sent(shown).decode(), validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
    assert parsed.validate()


@pytest.mark.parametrize("bad", [False, True])
def test_acknowledgements_echo_the_control_id_and_pass_a_strict_validator(bad: bool) -> None:
    received = taken(HEADER.replace("id-7", "id\\T\\7"), ORDER, obx())
    answer = ack(
        refuse(received, AckCode.ERROR, "204", "No session is bound to this monitor") if bad else received,
        at=NOW,
        control_id="b-1",
    )
    parsed = parse_message(answer.decode(), validation_level=VALIDATION_LEVEL.STRICT)
    assert parsed.validate()
    segments = hl7.parse(answer.decode())
    assert str(segments.segment("MSA")[1]) == ("AE" if bad else "AA")
    assert str(segments.segment("MSA")[2]) == "id\\T\\7"
    assert str(segments.segment("MSH")[5]) == "GATE"
    assert ("ERR" in answer.decode()) is bad


@pytest.mark.parametrize(
    ("segment", "field", "severity"),
    [
        (obx(code="188736^MDC_MASS_BODY_ACTUAL^MDC"), 3, "I"),
        (obx(code="150021^MDC_PRESS_BLD_NONINV_DIA^MDC"), 3, "W"),
        (obx(unit="262688^MDC_DIM_PERCENT^MDC"), 6, "W"),
        (obx(kind="ST"), 2, "W"),
        (obx(value="1^2"), 5, "W"),
        (obx(at="2026"), 14, "W"),
        (obx(at="20260305150001+0000"), 14, "W"),
    ],
)
def test_an_acknowledgement_names_by_its_place_what_was_left_out(
    segment: str, field: int, severity: str
) -> None:
    answer = ack(taken(HEADER, ORDER, obx(), segment), at=NOW, control_id="b-1").decode()
    assert parse_message(answer, validation_level=VALIDATION_LEVEL.STRICT).validate()
    assert "MSA|AA|id-7" in answer
    (error,) = [line.split("|") for line in answer.split("\r") if line.startswith("ERR")]
    assert (error[2], error[4]) == (f"OBX^2^{field}", severity)
    assert error[8]


def test_a_refused_message_names_what_could_not_be_read_too() -> None:
    received = taken(HEADER, ORDER, obx(kind="ST"))
    refused = refuse(received, AckCode.ERROR, "102", "None of the values could be read", received.problems)
    answer = ack(refused, at=NOW, control_id="b-1").decode()
    assert parse_message(answer, validation_level=VALIDATION_LEVEL.STRICT).validate()
    errors = [line.split("|") for line in answer.split("\r") if line.startswith("ERR")]
    assert [(error[2], error[4]) for error in errors] == [("", "E"), ("OBX^1^2", "E")]


def test_a_value_that_is_not_there_is_no_mistake_and_a_ward_of_mistakes_is_no_flood() -> None:
    quiet = taken(HEADER, ORDER, obx(), obx(value="", status="X"), obx(flags="INV"))
    assert len(quiet.problems) == 2
    assert b"ERR" not in ack(quiet, at=NOW, control_id="b-1")
    ward = taken(HEADER, ORDER, *(obx(kind="ST") for _ in range(200)))
    assert ack(ward, at=NOW, control_id="b-1").count(b"\rERR|") == 20


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("150344^MDC_TEMP^MDC", "MDC 150344"),
        ("8310-5^Body temperature^LN", "LOINC 8310-5"),
        ("9999999^Ada Lovelace^MDC", ""),
        ("Ada Lovelace^150344^LN", ""),
        ("150344^MDC_TEMP^OTHER", ""),
        ("068480^MDC_TEMP^MDC", ""),
    ],
)
def test_a_code_that_is_not_read_is_named_if_it_is_a_public_one(code: str, named: str) -> None:
    (problem,) = taken(HEADER, ORDER, obx(code=code)).problems
    assert (problem.kind, problem.named) == (ProblemKind.CODE_UNKNOWN, named)


def test_reading_keeps_up_with_a_ward() -> None:
    """Twenty monitors at one message a second need far less than a second; the bound is loose on purpose."""
    message = sent([Shown("spo2", 0.0, Decimal(97)), Shown("heart_rate", 0.0, Decimal(70))])
    begun = datetime.now(UTC)
    for _ in itertools.repeat(None, 200):
        read(message, NOW, CHICAGO)
    assert datetime.now(UTC) - begun < timedelta(seconds=2)
