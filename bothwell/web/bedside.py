"""One session as a clinician beside it needs it now, gathered for the two screens that show it: the room and the board.

It only reads, and only rows the viewer may see. However many sessions are shown, it asks equally often.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from bothwell.couples.models import Membership
from bothwell.dosing import flowsheet, giving_actions, under_way
from bothwell.dosing.models import Administration, DosingSession
from bothwell.dosing.order_actions import as_corrected
from bothwell.monitoring import clocks
from bothwell.monitoring.models import Binding
from bothwell.monitoring.months import Within, around, looked_for
from bothwell.pathway import protocol_actions
from bothwell.pathway.eligibility import Pressure
from bothwell.pathway.protocol import Protocol, Route
from bothwell.pathway.schema import RoutePlan
from bothwell.web.bedside_alarms import Standing, standing, told
from bothwell.web.bedside_values import Value, newest, pressures
from bothwell.web.quieted import Quiet, off_or_paused

# Ours, technical, as in `monitoring.limits`: a monitor that has not spoken for so long is not heard now.
FEED_SECONDS = 12


@dataclass(frozen=True)
class Bedside:
    """One session as a clinician beside it needs it now."""

    session: DosingSession
    side: str
    now: datetime
    protocol: Protocol
    values: Mapping[str, Value]
    alarms: Sequence[Standing]
    quiet: Sequence[Quiet]
    binding: Binding | None
    infused: under_way.Infusion | None
    parts: under_way.Parts | None
    progress: under_way.Progress
    next: flowsheet.NextCheck | None

    @property
    def name(self) -> str:
        return str(self.session.subject.name_used)

    @property
    def pressure(self) -> Pressure | None:
        """The newest whole pressure: parts of different times are not put together."""
        found = pressures(value for code, value in self.values.items() if code in flowsheet.PRESSURE)
        return found[-1] if found else None

    @property
    def foremost(self) -> Standing | None:
        return self.alarms[0] if self.alarms else None

    @property
    def look(self) -> str:
        """The gravest alarm nobody has acknowledged, as a colour; empty when calm."""
        return self.alarms[0].look if self.alarms and self.alarms[0].acknowledged_at is None else ""

    @property
    def heard_at(self) -> datetime | None:
        """When the monitor was heard last."""
        return max((one.recorded_at for one in self.values.values() if one.is_from_device), default=None)

    @property
    def is_feed_lost(self) -> bool:
        """A monitor is bound and says nothing now."""
        if self.binding is None:
            return False
        heard = self.heard_at
        return heard is None or (self.now - heard).total_seconds() > FEED_SECONDS

    @property
    def within(self) -> Within | None:
        """Where its readings lie; everywhere once it is over, so that the record is whole."""
        if self.session.ended_at is not None:
            return None
        return _looked_for(self.session, self.binding, self.now)

    @property
    def clock_trouble(self) -> str:
        """What is wrong with the clock of the monitor on this person; empty if nothing is known to be."""
        return self.binding.device.clock_trouble if self.binding else ""

    @property
    def feed_words(self) -> str:
        heard = self.heard_at
        if self.binding is None:
            return "No monitor"
        if heard is None:
            return "Nothing heard yet"
        seconds = max(0, int((self.now - heard).total_seconds()))
        if seconds <= FEED_SECONDS:
            return f"Monitor {seconds} s ago"
        return f"No feed for {_span(seconds)}"

    def is_stale(self, code: str) -> bool:
        """A value a monitor should be saying all the time, and is not."""
        value = self.values.get(code)
        return (
            value is not None
            and code in flowsheet.CONTINUOUS
            and value.is_from_device
            and (self.now - value.recorded_at).total_seconds() > FEED_SECONDS
        )

    def hot(self, *codes: str) -> str:
        """The look of the gravest alarm on these quantities, seen or not; empty where there is none."""
        for alarm in self.alarms:
            if (
                alarm.code in codes
                and not alarm.is_over
                and not alarm.is_signal
                and alarm.acknowledged_at is None
            ):
                return alarm.look
        return ""


def _span(seconds: int) -> str:
    return f"{seconds} s" if seconds < 90 else f"{seconds // 60} min"


def gather(sessions: Sequence[DosingSession], now: datetime) -> dict[UUID, Bedside]:
    """The sessions as they stand now, by id; the number of statements does not depend on how many."""
    ids = [session.id for session in sessions]
    quiet = off_or_paused(ids, now)
    alarms = told(standing(ids), quiet)
    sides = sides_of([session.subject_id for session in sessions])
    bindings = {
        bound.session_id: bound
        for bound in Binding.objects.select_related("device").filter(session_id__in=ids, until__isnull=True)
    }
    are_open = all(each.ended_at is None for each in sessions)
    spans = [_looked_for(each, bindings.get(each.id), now) for each in sessions] if are_open else []
    values = newest(ids, within=around(spans))
    given: dict[UUID, list[Administration]] = {}
    for each in Administration.objects.filter(session_id__in=ids).order_by("at", "recorded_at"):
        given.setdefault(each.session_id, []).append(each)
    return {
        session.id: _bedside(
            session,
            sides.get(session.subject_id, ""),
            now,
            values.get(session.id, {}),
            alarms.get(session.id, []),
            quiet.get(session.id, []),
            bindings.get(session.id),
            as_corrected(given.get(session.id, [])),
        )
        for session in sessions
    }


def _looked_for(session: DosingSession, binding: Binding | None, now: datetime) -> Within:
    clock = clocks.from_json(binding.device.clock) if binding and binding.device.clock_trouble else None
    return looked_for(
        arrived_at=session.arrived_at,
        ended_at=session.ended_at,
        now=now,
        monitor_shows=clock.last.observed_at if clock and clock.last else None,
    )


def _bedside(
    session: DosingSession,
    side: str,
    now: datetime,
    values: Mapping[str, Value],
    alarms: Sequence[Standing],
    quiet: Sequence[Quiet],
    binding: Binding | None,
    given: Sequence[Administration],
) -> Bedside:
    protocol = protocol_actions.protocol_of(session.course.protocol)
    infused = giving_actions.infusion_of(session, now, given)
    parts = giving_actions.parts_of(session, now, given)
    plan = protocol.routes.get(Route(session.course.route)) if session.course.route else None
    is_open = session.started_at is not None and session.ended_at is None
    return Bedside(
        session=session,
        side=side,
        now=now,
        protocol=protocol,
        values=values,
        alarms=alarms if session.ended_at is None else (),
        quiet=quiet if session.ended_at is None else (),
        binding=binding,
        infused=infused,
        parts=parts,
        progress=under_way.progress(
            arrived_at=session.arrived_at,
            started_at=session.started_at,
            ended_at=session.ended_at,
            infused=infused,
            parts=parts,
            now=now,
            until_minutes=_until_minutes(session, plan, given) if plan else None,
            active_minutes=plan.active_minutes.value if plan and not _is_infusion(session) else None,
        ),
        next=flowsheet.next_check(
            protocol,
            Route(session.course.route),
            started_at=session.started_at,
            active_minutes=_active_minutes(session, infused),
            last={code: value.observed_at for code, value in values.items()},
            now=now,
        )
        if is_open and plan
        else None,
    )


def _until_minutes(session: DosingSession, plan: RoutePlan, given: Sequence[Administration]) -> int:
    """The least time (min) before going home, counted from the first dose: a further dose begins it anew."""
    last, began = giving_actions.last_dose_at(session, given), session.started_at
    further = under_way.minutes_in(last - began) if last and began else 0
    return further + int(plan.minutes_before_discharge.value)


def _active_minutes(session: DosingSession, infused: under_way.Infusion | None) -> Decimal | None:
    """How long (min) the infusion is at work as it runs; as ordered, where its start is not charted. None of another dose."""
    if infused and session.started_at:
        return infused.active_minutes(session.started_at)
    return Decimal(session.order.minutes) if session.order and session.order.minutes else None


def _is_infusion(session: DosingSession) -> bool:
    return session.order is not None and bool(session.order.minutes)


def sides_of(people: Collection[UUID]) -> dict[UUID, str]:
    """The letter of each person in their couple, for the chip: nothing of the other one."""
    members = Membership.objects.filter(person_id__in=people, until__isnull=True)
    return dict(members.values_list("person_id", "side"))
