"""The alarms of those who are here now, as the real rules raise them from the invented readings.

It raises none itself and silences none: a nurse of the story acknowledged each, as nurses do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from bothwell.demo.sheaf import Sheaf
from bothwell.models import Alarm, AlarmEvent, Channel, DosingSession, Person, Sample
from bothwell.monitoring import alarms
from bothwell.monitoring.channel import to_json
from bothwell.pathway.protocol import Protocol

ACKNOWLEDGED_AFTER = timedelta(seconds=38)
ESCALATE_AFTER_SECONDS = 120


def watch(
    sheaf: Sheaf, session: DosingSession, samples: Iterable[Sample], nurse: Person, protocol: Protocol
) -> None:
    """Carry the readings through the real alarm fold, so that the live feed goes on where they end."""
    known = alarms.default_limits(protocol.limits_values())
    by_code: dict[str, list[Sample]] = {}
    for sample in sorted(samples, key=lambda one: one.observed_at):
        by_code.setdefault(sample.code, []).append(sample)
    for code, listed in by_code.items():
        limits = known.get(code) or alarms.default_limits({code: {}})[code]
        start = session.started_at
        before = [one.value for one in listed if start is not None and one.observed_at <= start]
        limits = replace(
            limits, baseline=before[-1] if before else None, escalate_after_seconds=ESCALATE_AFTER_SECONDS
        )
        _fold(sheaf, session, code, listed, limits, nurse)


def _fold(
    sheaf: Sheaf,
    session: DosingSession,
    code: str,
    listed: Sequence[Sample],
    limits: alarms.Limits,
    nurse: Person,
) -> None:
    state, raised = alarms.ChannelState(), dict[int, Alarm]()
    about = {"subject_id": session.subject_id, "couple_id": session.couple_id}
    for sample in listed:
        reading = alarms.AlarmReading(
            sample.value, sample.observed_at, sample.observed_at, sample.id.hex[-12:]
        )
        state, events = alarms.step(limits, state, reading)
        seen: tuple[alarms.AlarmEvent, ...] = ()
        for event in events:
            if event.kind is alarms.Kind.RAISED:
                at = event.at + ACKNOWLEDGED_AFTER
                state, seen = alarms.acknowledge(state, number=event.number, by=str(nurse.id), at=at)
        for event in (*events, *seen):
            key = f"{session.id} {code} {event.number}"
            if event.kind is alarms.Kind.RAISED:
                raised[event.number] = sheaf.add(
                    Alarm,
                    key,
                    **about,
                    session=session,
                    code=code,
                    number=event.number,
                    priority=event.priority.value,
                    text=event.text[:200],
                    raised_at=event.at,
                    recorded_at=event.at,
                )
            else:
                sheaf.add(
                    AlarmEvent,
                    key,
                    event.kind.value,
                    **about,
                    alarm=raised[event.number],
                    at=event.at,
                    kind=event.kind.value,
                    recorded_at=event.at,
                    author=nurse if event.by else None,
                )
    sheaf.add(
        Channel,
        f"{session.id} {code}",
        **about,
        session=session,
        code=code,
        state=to_json(state),
        recorded_at=listed[-1].observed_at,
    )
