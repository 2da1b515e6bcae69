"""Who is in the demonstration: two invented clinics, their staff, and the couples in their care.

Nobody here was ever a patient, and no name is taken from anyone. It knows when things happened only
as days and weeks ago; `story` turns that into records.
"""

from __future__ import annotations

from bothwell.demo.people import DOMAIN, PASSWORD, Bed, House, Pair, Partner, Plan, Staff
from bothwell.pathway.steps import Phase, State

CRISIS_LINES = (
    {"label": "Emergency", "number": "911", "href": "tel:911"},
    {"label": "988 Suicide & Crisis Lifeline", "number": "988", "href": "tel:988"},
    {
        "label": "National Domestic Violence Hotline",
        "number": "1-800-799-7233",
        "href": "tel:+18007997233",
    },
)
"""Whom a partner can call, shown on every page of theirs."""

SCORES = ("individual_scores", "relationship_scores")
ALL = (*SCORES, "dosing_summary")
_P, _S = Phase, State


def _p(
    key: str, full_name: str, pronouns: str, born: int, *, pregnant: bool = False, login: bool = True
) -> Partner:
    return Partner(key, full_name.split()[0], full_name, pronouns, born, pregnant, login)


def _gabriel(phase: Phase, doses: tuple[int, ...] = (), **more: object) -> Plan:
    """A plan in the care of the clinic's other prescriber, nurse and therapist."""
    return Plan(phase, doses, **{"prescriber": "gabriel", "nurse": "imani", "therapist": "noor", **more})  # type: ignore[arg-type]


_ALDER_STAFF = (
    Staff("helen", "Helen Sato", "MD", ("prescriber",), "she/her"),
    Staff("gabriel", "Gabriel Ibarra", "MD", ("prescriber",), "he/him"),
    Staff("luis", "Luis Ferrer", "RN", ("nurse",), "he/him"),
    Staff("imani", "Imani Clarke", "RN", ("nurse",), "she/her"),
    Staff("tessa", "Tessa Brandvold", "RN", ("nurse",), "she/her"),
    Staff("priya", "Priya Raman", "PhD", ("individual_therapist",), "she/her"),
    Staff("noor", "Noor Vasquez", "LCSW", ("individual_therapist",), "they/them"),
    Staff("callum", "Callum Reid", "PsyD", ("individual_therapist",), "he/him"),
    Staff("dana", "Dana Whitlock", "LMFT", ("couples_therapist",), "she/her"),
    Staff("emeka", "Emeka Obi", "LMFT", ("couples_therapist",), "he/him"),
    Staff("margaret", "Margaret Achterberg", "MD", ("lead",), "she/her"),
    Staff("joy", "Joy Castellan", "", ("coordinator",), "she/her"),
    Staff("sol", "Sol Abara", "LCSW", ("safety", "individual_therapist"), "they/them"),
    Staff("ada", "Ada Krause", "PhD", ("researcher",), "she/her"),
)

_ALDER_PAIRS = (
    Pair(
        "nwosu-halloran",
        _p("amara", "Amara Nwosu", "she/her", 1986),
        _p("ben", "Ben Halloran", "he/him", 1984),
        20,
        a_plan=Plan(_P.DOSING_SERIES, (51, 47, 40, 30)),
        b_plan=Plan(_P.PREPARATION, (23, 16, 9), next_in_days=5, therapist="callum"),
        held=5,
        next_session_hours=26,
        a_releases=ALL,
        b_releases=ALL,
        weekly=True,
    ),
    Pair(
        "lindqvist-varela",
        _p("ruth", "Ruth Lindqvist", "she/her", 1979),
        _p("tomas", "Tomás Varela", "he/him", 1977),
        5,
        b_plan=Plan(_P.JOINT_DECISION, signed_by=("prescriber", "couples_therapist")),
        held=2,
        b_releases=("relationship_scores",),
    ),
    Pair(
        "solberg-asante",
        _p("ingrid", "Ingrid Solberg", "she/her", 1990, pregnant=True),
        _p("kofi", "Kofi Asante", "he/him", 1988),
        14,
        mode="confidential",
        a_plan=Plan(_P.PREPARATION, (15, 11, 7)),
        held=4,
        next_session_hours=75,
        a_releases=SCORES,
        b_releases=SCORES,
    ),
    Pair(
        "haddad-karim",
        _p("leila", "Leila Haddad", "she/her", 1983),
        _p("yusuf", "Yusuf Karim", "he/him", 1981),
        18,
        therapist="emeka",
        modality="gottman",
        a_plan=_gabriel(_P.COUPLE_INTEGRATION, (80, 76, 70, 66)),
        b_plan=Plan(_P.DOSING_SERIES, (12, 8), therapist="callum"),
        held=5,
        next_session_hours=100,
        a_releases=ALL,
        b_releases=("relationship_scores",),
    ),
    Pair(
        "chou-okafor",
        _p("meilin", "Mei-Lin Chou", "she/her", 1992),
        _p("daniel", "Daniel Okafor", "he/him", 1989),
        12,
        b_plan=Plan(_P.DOSING_SERIES, (20, 16, 10, 6)),
        held=3,
        next_session_hours=50,
        b_releases=ALL,
        a_releases=("relationship_scores",),
    ),
    Pair(
        "fischer-brandt",
        _p("leonie", "Leonie Fischer", "she/her", 1987),
        _p("hannah", "Hannah Brandt", "she/her", 1985),
        22,
        a_plan=Plan(_P.REVIEW, (60, 56, 52, 48, 41, 37)),
        held=6,
        next_session_hours=2,
        a_releases=ALL,
        b_releases=SCORES,
    ),
    Pair(
        "amadi-oyelaran",
        _p("priscilla", "Priscilla Amadi", "she/her", 1991),
        _p("grace", "Grace Oyelaran", "she/her", 1993),
        13,
        a_plan=Plan(_P.PREPARATION, (21, 17), _S.ON_HOLD),
        held=3,
        a_releases=SCORES,
        safety=("a",),
    ),
    Pair(
        "duval-reyes",
        _p("marguerite", "Marguerite Duval", "she/her", 1975),
        _p("anton", "Anton Reyes", "he/him", 1973),
        20,
        therapist="emeka",
        modality="gottman",
        a_plan=Plan(_P.PREPARATION, (14, 10)),
        b_plan=_gabriel(_P.COUPLE_INTEGRATION, (51, 47, 43, 36, 32, 28)),
        held=6,
        next_session_hours=28,
        a_releases=ALL,
        b_releases=ALL,
    ),
    Pair(
        "okonkwo-mercer",
        _p("samuel", "Samuel Okonkwo", "he/him", 1980),
        _p("dean", "Dean Mercer", "he/him", 1982),
        4,
        a_plan=Plan(_P.JOINT_DECISION, signed_by=("prescriber",)),
        held=1,
        next_session_hours=52,
        a_releases=("individual_scores",),
    ),
    Pair(
        "petrova-marchenko",
        _p("nadia", "Nadia Petrova", "she/her", 1984),
        _p("oleg", "Oleg Marchenko", "he/him", 1980),
        24,
        therapist="emeka",
        modality="other",
        a_plan=_gabriel(_P.INDIVIDUAL_INTEGRATION, (110, 106, 100), state=_S.STOPPED),
        parted_weeks=8,
        held=5,
        a_releases=SCORES,
    ),
    Pair(
        "rahimi-weber",
        _p("farida", "Farida Rahimi", "she/her", 1978),
        _p("jonas", "Jonas Weber", "he/him", 1976),
        9,
        therapist="emeka",
        modality="gottman",
        a_plan=_gabriel(_P.ENDED, state=_S.ENDED),
        held=3,
        next_session_hours=124,
    ),
    Pair(
        "menon-rao",
        _p("anjali", "Anjali Menon", "she/her", 1988),
        _p("vikram", "Vikram Rao", "he/him", 1986),
        7,
        b_plan=Plan(_P.JOINT_DECISION, state=_S.ON_HOLD, therapist="callum"),
        held=2,
        next_session_hours=98,
        b_releases=SCORES,
    ),
    Pair(
        "tanabe-ishikawa",
        _p("keiko", "Keiko Tanabe", "she/her", 1970),
        _p("hiro", "Hiro Ishikawa", "he/him", 1968),
        25,
        therapist="emeka",
        modality="gottman",
        a_plan=_gabriel(_P.MAINTENANCE, (148, 144, 140, 134, 130, 126)),
        held=7,
        next_session_hours=170,
        a_releases=ALL,
        b_releases=SCORES,
    ),
    Pair(
        "ferrando-quiroga",
        _p("lucia", "Lucía Ferrando", "she/her", 1989, pregnant=True),
        _p("mateo", "Mateo Quiroga", "he/him", 1987),
        4,
        a_plan=Plan(_P.CONSENT),
        held=1,
        unsigned="a",
        next_session_hours=120,
    ),
    Pair(
        "jensen-dahl",
        _p("sofie", "Sofie Jensen", "she/her", 1994),
        _p("mikkel", "Mikkel Dahl", "he/him", 1992),
        2,
        b_plan=Plan(_P.EVALUATION, therapist="callum"),
        held=1,
        unsigned="b",
        next_session_hours=76,
    ),
    Pair(
        "ngata-paki",
        _p("aroha", "Aroha Ngata", "she/her", 1985, login=False),
        _p("wiremu", "Wiremu Paki", "he/him", 1983, login=False),
        0,
        a_plan=Plan(_P.REFERRAL),
        held=0,
        unsigned="ab",
    ),
    Pair(
        "dlamini-mokoena",
        _p("nomsa", "Nomsa Dlamini", "she/her", 1990),
        _p("thabo", "Thabo Mokoena", "he/him", 1988),
        5,
        mode="confidential",
        b_plan=Plan(_P.PREPARATION, next_in_days=3, therapist="callum"),
        held=2,
        next_session_hours=148,
        b_releases=("individual_scores",),
    ),
    Pair(
        "yildiz-demir",
        _p("elif", "Elif Yıldız", "she/her", 1987),
        _p("can", "Can Demir", "he/him", 1985),
        8,
        a_plan=Plan(_P.INDIVIDUAL_INTEGRATION, (10, 6, 2)),
        held=3,
        next_session_hours=30,
        a_releases=ALL,
        b_releases=("relationship_scores",),
    ),
    Pair(
        "bianchi-neri",
        _p("rosa", "Rosa Bianchi", "she/her", 1982),
        _p("carla", "Carla Neri", "she/her", 1984),
        16,
        therapist="emeka",
        modality="eft",
        a_plan=_gabriel(_P.COUPLE_INTEGRATION, (35, 31, 27, 21, 14, 8)),
        held=5,
        next_session_hours=55,
        a_releases=SCORES,
        b_releases=SCORES,
    ),
    Pair(
        "pham-vo",
        _p("tuan", "Tuan Pham", "he/him", 1981),
        _p("linh", "Linh Vo", "she/her", 1983),
        25,
        a_plan=Plan(_P.ENDED, (121, 117, 113, 107, 103, 99), _S.ENDED),
        b_plan=_gabriel(_P.ENDED, (85, 81, 77, 71, 67, 64), state=_S.ENDED),
        held=7,
        next_session_hours=194,
        a_releases=ALL,
        b_releases=ALL,
    ),
    Pair(
        "kowalczyk-zielinski",
        _p("ewa", "Ewa Kowalczyk", "she/her", 1976),
        _p("piotr", "Piotr Zieliński", "he/him", 1974),
        11,
        therapist="emeka",
        a_plan=_gabriel(_P.PREPARATION, (25, 21, 16), state=_S.ON_HOLD, turned_back=(9,)),
        held=3,
        next_session_hours=146,
        a_releases=SCORES,
    ),
    Pair(
        "kahale-torres",
        _p("malia", "Malia Kahale", "she/her", 1993),
        _p("jesse", "Jesse Torres", "they/them", 1991),
        11,
        b_plan=Plan(_P.INDIVIDUAL_INTEGRATION, (42,), _S.STOPPED),
        held=4,
        next_session_hours=101,
    ),
    Pair(
        "siddiqui-aziz",
        _p("omar", "Omar Siddiqui", "he/him", 1972),
        _p("zainab", "Zainab Aziz", "she/her", 1974),
        26,
        therapist="emeka",
        modality="gottman",
        a_plan=_gabriel(_P.MAINTENANCE, (150, 146, 142, 136, 132, 128)),
        b_plan=_gabriel(_P.REVIEW, (72, 68, 64, 58, 54, 50), route="in", planned=8),
        held=8,
        next_session_hours=79,
        a_releases=ALL,
        b_releases=ALL,
    ),
    Pair(
        "feldman-brandvold",
        _p("isaac", "Isaac Feldman", "he/him", 1984),
        None,
        10,
        staff_b="tessa",
        therapist="emeka",
        a_plan=_gabriel(_P.COUPLE_INTEGRATION, (30, 26, 20, 13)),
        held=3,
        next_session_hours=102,
        a_releases=SCORES,
    ),
)

_ALDER_BEDS = (
    Bed("nwosu-halloran", "a", "Room 2", "00A0B0FFFEC0D001", 7, minutes=25),
    Bed("solberg-asante", "a", "Room 3", "00A0B0FFFEC0D002", 12, minutes=None),
    Bed("haddad-karim", "b", "Room 4", "00A0B0FFFEC0D003", 22, minutes=68, scenario="pressure"),
    Bed("chou-okafor", "b", "Room 6", "00A0B0FFFEC0D004", 31, minutes=47, silent_minutes=6),
)
"""Never two of one couple: the database would refuse the second."""

ALDER = House(
    "alder",
    "Alder House (invented)",
    _ALDER_STAFF,
    _ALDER_PAIRS,
    tuple(f"Room {number}" for number in range(1, 9)),
    _ALDER_BEDS,
    later_today=("duval-reyes", "a", "Room 5"),
)

_QUAY_STAFF = (
    Staff("olivia", "Olivia Penhale", "MD", ("prescriber",), "she/her"),
    Staff("rhys", "Rhys Talbot", "RN", ("nurse",), "he/him"),
    Staff("sunita", "Sunita Deol", "LMFT", ("couples_therapist",), "she/her"),
    Staff("marek", "Marek Novotny", "PsyD", ("individual_therapist",), "he/him"),
    Staff("catrin", "Catrin Bowen", "MD", ("lead", "coordinator"), "she/her"),
)


def _quay(phase: Phase, doses: tuple[int, ...] = ()) -> Plan:
    return Plan(phase, doses, prescriber="olivia", nurse="rhys", therapist="marek")


QUAY = House(
    "quay",
    "Quay Street (invented)",
    _QUAY_STAFF,
    (
        Pair(
            "tessema-kassa",
            _p("abel", "Abel Tessema", "he/him", 1983),
            _p("miriam", "Miriam Kassa", "she/her", 1985),
            10,
            therapist="sunita",
            a_plan=_quay(_P.PREPARATION, (18, 14)),
            held=3,
            next_session_hours=54,
            a_releases=ALL,
        ),
        Pair(
            "holm-nystrom",
            _p("greta", "Greta Holm", "she/her", 1990),
            _p("saga", "Saga Nyström", "she/her", 1991),
            4,
            therapist="sunita",
            b_plan=_quay(_P.CONSENT),
            held=1,
            unsigned="b",
            next_session_hours=30,
        ),
        Pair(
            "mendes-cardoso",
            _p("paulo", "Paulo Mendes", "he/him", 1977),
            _p("ines", "Inês Cardoso", "she/her", 1979),
            18,
            therapist="sunita",
            a_plan=_quay(_P.REVIEW, (70, 66, 62, 56, 52, 48)),
            held=5,
            next_session_hours=80,
            a_releases=SCORES,
            b_releases=SCORES,
        ),
    ),
    ("Room 1", "Room 2"),
)

HOUSES = (ALDER, QUAY)

SHOWN = {
    "amara": "partner, in a session now",
    "ben": "partner, a check-in is due",
    "lucia": "partner, consents to sign",
    "tomas": "partner, a decision to sign",
    "nadia": "partner, parted",
    "dana": "couples therapist",
    "luis": "nurse, four rooms",
    "helen": "prescriber",
    "gabriel": "prescriber",
    "priya": "individual therapist",
    "margaret": "clinic lead",
    "joy": "coordinator",
    "sol": "safety circle",
    "tessa": "nurse, and partner of a patient",
    "ada": "researcher",
    "catrin": "lead of the other clinic",
}
"""The logins worth a first look, in words."""


def table(address: str) -> list[str]:
    """Who may log in as whom, a line each, for the terminal."""
    rows = [(_name_of(key), what, f"{key}@{DOMAIN}", PASSWORD) for key, what in SHOWN.items()]
    heads = ("who", "as", "e-mail", "password")
    widths = [max(len(row[place]) for row in [heads, *rows]) for place in range(4)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [heads, *rows]
    ]
    return [
        f"Two invented clinics, at {address}. Nobody here was ever a patient.",
        *lines,
        f"Everybody else logs in with their first name, e.g. kofi@{DOMAIN}, and the same password.",
    ]


def _name_of(key: str) -> str:
    for house in HOUSES:
        for one in house.staff:
            if one.key == key:
                return f"{one.name}, {one.title}" if one.title else one.name
        for pair in house.pairs:
            for _, partner, _, _ in pair.sides:
                if partner is not None and partner.key == key:
                    return partner.full_name
    raise KeyError(key)
