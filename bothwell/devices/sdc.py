"""Follows SDC devices (IEEE 11073): finds them, asks for what they measure, and calls again when they go.

It never asks a device who its patient is or where it stands, sets nothing on a device, and writes nothing a
device said into a log. Which monitor is on which patient is confirmed by a person. It is a program of its own:
the only one that loads the library that speaks SDC.

A device does not send again what it said. So what it said waits here, in order, until the database has it; while that
is away, what is of devices on somebody lies in a journal of this process's own, and alarms go on (`standby`). What
was determined before we called is asked for once, at each call, and what is known already changes nothing.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from django.db import connection, connections
from sdc11073.certloader import SSLContextContainer
from sdc11073.consumer.consumerimpl import SdcConsumer, default_components_factory
from sdc11073.consumer.request_handler_deferred import DispatchKeyRegistryDeferred
from sdc11073.definitions_sdc import SdcV1Definitions
from sdc11073.observableproperties import strongbind
from sdc11073.wsdiscovery import WSDiscovery
from sdc11073.xml_types.actions import Actions

from bothwell.devices import metrics
from bothwell.devices.encryption import Papers, client_context, server_context
from bothwell.devices.keeping import AWAY, Calm, Clocks, Sites, kind_of
from bothwell.devices.metrics import Coded, Metric, Said
from bothwell.devices.outbox import Outbox
from bothwell.devices.reading import HARMLESS
from bothwell.devices.standby import Standby, speaks_sdc
from bothwell.monitoring import feed, ticking

WANTED = {Actions.EpisodicMetricReport, Actions.DescriptionModificationReport}
LOOK_EVERY_S = 5.0
SEARCH_S = 1
CALL_S = 2.0
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
TICK_EVERY_S = 1.0
# After a start every device gets time to be found before its silence counts.
GRACE_S = 15.0
STOP_PATIENCE_S = 3.0
# The name of this process's journal: each has its own.
JOURNAL = "standby-sdc"


class CannotFollow(Exception):
    """This device cannot be followed now; why, without a word of what it said."""


# ── what a device says of itself ──────────────────────────────────────────────────────────────────────────


def described(description: Any, provider: str) -> dict[str, Metric]:
    """The metrics that are ours, by handle, in a description as BICEPS writes it (an XML element).

    Where it speaks of several devices, each is named by its handle behind the provider's own name.
    """
    devices = [child for child in description if _local(child) == "Mds"]
    found = {}
    for device in devices:
        name = provider if len(devices) == 1 else f"{provider}#{device.get('Handle')}"
        for node in device.iter():
            if _local(node) == "Metric" and _kind(node) == "NumericMetricDescriptor":
                metric = _metric(node, name)
                if metrics.is_ours(metric):
                    found[metric.handle] = metric
    return found


def _metric(node: Any, device_id: str) -> Metric:
    parts = {_local(child): child for child in node}
    site = parts.get("BodySite")
    return Metric(
        handle=node.get("Handle", ""),
        device_id=device_id,
        types=tuple(_codes(parts.get("Type"))),
        units=tuple(_codes(parts.get("Unit"))),
        category=node.get("MetricCategory", ""),
        body_site=next((coded.name for coded in _codes(site)), ""),
    )


def _codes(node: Any) -> Iterator[Coded]:
    """A coded value and its translations."""
    if node is None:
        return
    yield Coded(node.get("Code", ""), node.get("CodingSystem", ""), node.get("SymbolicCodeName", ""))
    for child in node:
        if _local(child) == "Translation":
            yield Coded(child.get("Code", ""), child.get("CodingSystem", ""))


def _local(node: Any) -> str:
    """The name of an element without its namespace; of a comment, nothing."""
    return node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""


def _kind(node: Any) -> str:
    return str(node.get("{http://www.w3.org/2001/XMLSchema-instance}type", "")).rpartition(":")[2]


def said(state: Any, ref: str) -> Said:
    """What one metric state holds."""
    value = state.MetricValue
    quality = value.MetricQuality if value is not None else None
    return Said(
        value=value.Value if value is not None else None,
        determined_at_s=value.DeterminationTime if value is not None else None,
        validity=str(quality.Validity.value) if quality is not None else "NA",
        mode=str(quality.Mode.value) if quality is not None and quality.Mode is not None else "Real",
        activation=str(state.ActivationState.value) if state.ActivationState is not None else "On",
        ref=ref,
    )


# ── one device ────────────────────────────────────────────────────────────────────────────────────────────


class _Dispatcher(DispatchKeyRegistryDeferred):
    """The library's, but for one thing: its thread ends with the conversation."""

    def _read_queue(self) -> None:
        while (waiting := self._queue.get()) is not None:
            func, request, _ = waiting
            try:
                func(request)
            except Exception as error:
                logging.getLogger("bothwell.devices").warning(
                    "a report could not be read: %s", kind_of(error)
                )

    def end(self) -> None:
        self._queue.put(None)


@dataclass
class Desk:
    """Where all devices' reports go."""

    calm: Calm
    outbox: Outbox
    clocks: Clocks
    sites: Sites = field(default_factory=Sites)
    standby: Standby | None = None

    def take(self, heard: Sequence[tuple[Metric, Said]], received_at: datetime) -> None:
        """Read one report; what is in it waits for the database, in order."""
        report = metrics.report(heard, received_at, self._ambient(heard))
        for kind in {problem.kind for problem in report.problems} - HARMLESS:
            self.calm.say(f"a value of a device was left out: {kind}")
        if report.readings and not self._waiting_behind(report, received_at):
            self.outbox.put(report, received_at)
        self.clocks.heard(report.newest, received_at)

    def _waiting_behind(self, report: metrics.Report, received_at: datetime) -> bool:
        """Whether it lies in the journal now, because what came before does so too."""
        standby = self.standby
        return standby is not None and standby.waits and standby.keep(report.readings, received_at)

    def _ambient(self, heard: Sequence[tuple[Metric, Said]]) -> dict[str, int | None]:
        """The pressure of the air where these devices stand; as last known while the database is away."""
        identifiers = {metric.device_id for metric, _ in heard}
        try:
            known = self.sites.of(identifiers)
        except Exception as error:
            connection.close()
            self.calm.say(f"where a device stands could not be looked up: {kind_of(error)}")
            known = self.sites.last_known(identifiers)
        return {identifier: site.ambient_mmhg for identifier, site in known.items()}


class Call:
    """One conversation with one device, from its first word until either side ends it."""

    def __init__(self, address: str, tls: SSLContextContainer | None, desk: Desk) -> None:
        self._desk = desk
        self._metrics: dict[str, Metric] = {}
        self._is_described = threading.Event()
        self._sequence = ""
        self._has_changed = False
        self._dispatchers = dispatchers = list[_Dispatcher]()

        def dispatcher(log_prefix: str) -> _Dispatcher:
            dispatchers.append(_Dispatcher(log_prefix))
            return dispatchers[-1]

        components = default_components_factory()
        # A plain function: the library copies its components deeply.
        components.action_dispatcher_class = dispatcher  # type: ignore[assignment]
        self._consumer = SdcConsumer(
            address,
            SdcV1Definitions,
            ssl_context_container=tls,
            components=components,
            force_ssl_connect=tls is not None,
        )
        strongbind(self._consumer, episodic_metric_report=self._reported)
        strongbind(self._consumer, description_modification_report=self._changed)

    def begin(self) -> None:
        """Subscribe first and then ask for the description and the present values, so that nothing falls in
        between. Raises whatever the network and the library raise.
        """
        self._consumer.start_all(not_subscribed_actions=set(Actions) - WANTED)
        self._describe()
        self._take_present()
        self._is_described.set()
        if not self._consumer.is_connected:
            raise CannotFollow("no subscription")

    @property
    def is_alive(self) -> bool:
        """Whether the device still renews what we asked for, and is the same as when we called."""
        return bool(self._consumer.is_connected) and not self._has_changed

    def end(self) -> None:
        """Hang up; a device that still answers is told."""
        self._is_described.set()
        self._consumer.stop_all(unsubscribe=bool(self._consumer.is_connected))
        for dispatcher in self._dispatchers:
            dispatcher.end()

    def _describe(self) -> None:
        answer = self._consumer.get_service_client.get_md_description()
        host = self._consumer.host_description
        provider = str(host.relationship.Host.EndpointReference.Address)
        self._sequence = answer.mdib_version_group.sequence_id
        (description,) = (node for node in answer.p_msg.msg_node if _local(node) == "MdDescription")
        self._metrics = described(description, provider)

    def _take_present(self) -> None:
        if not self._metrics:
            return
        answer = self._consumer.get_service_client.get_md_state(list(self._metrics))
        self._take(answer.result.MdState.State, answer.mdib_version_group.mdib_version, datetime.now(UTC))

    def _reported(self, message: Any) -> None:
        """A report of changed metrics; in the order they were sent, on a thread of the library's."""
        received_at = datetime.now(UTC)
        self._is_described.wait()
        if message.mdib_version_group.sequence_id != self._sequence:
            self._has_changed = True
            return
        types = message.msg_reader.msg_types
        report = types.EpisodicMetricReport.from_node(message.p_msg.msg_node)
        states = [state for part in report.ReportPart for state in part.values_list]
        self._take(states, message.mdib_version_group.mdib_version, received_at)

    def _take(self, states: Sequence[Any], version: int, received_at: datetime) -> None:
        heard = [
            (metric, said(state, f"v{version}#{metric.handle}"))
            for state in states
            if (metric := self._metrics.get(state.DescriptorHandle)) is not None
        ]
        if heard:
            self._desk.take(heard, received_at)

    def _changed(self, message: Any) -> None:
        """The device describes itself anew: its units may be others now."""
        self._is_described.wait()
        self._describe()


class Line(threading.Thread):
    """Keeps one device followed: calls, and calls again, after 1, 2, 4 … 30 seconds."""

    def __init__(self, find: Callable[[], str | None], tls: SSLContextContainer | None, desk: Desk) -> None:
        super().__init__(name="line", daemon=True)
        self._find = find
        self._tls = tls
        self._desk = desk
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Hang up soon."""
        self._stopping.set()

    def run(self) -> None:
        wait_s = FIRST_WAIT_S
        while not self._stopping.is_set():
            try:
                address = self._find()
                if address is not None and self._converse(address):
                    wait_s = FIRST_WAIT_S
            except Exception as error:
                self._desk.calm.say(f"a device could not be followed: {kind_of(error)}")
            self._stopping.wait(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _converse(self, address: str) -> bool:
        """Follow the device until it goes; whether it was there at all."""
        _must_answer(address)
        call = Call(address, self._tls, self._desk)
        try:
            call.begin()
            self._desk.calm.say("a device is followed")
            while call.is_alive and not self._stopping.wait(0.5):
                pass
        finally:
            call.end()
        if not self._stopping.is_set():
            self._desk.calm.say("a device has gone; calling it again")
        return True


def _must_answer(address: str) -> None:
    """Raise OSError when nobody is there: far cheaper than a whole conversation that fails."""
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    socket.create_connection((parts.hostname or "", port), CALL_S).close()


# ── all devices ───────────────────────────────────────────────────────────────────────────────────────────


class Listening:
    """Follows the devices at given addresses, and those known here that are found beside `adapter`."""

    def __init__(self, adapter: str, addresses: Sequence[str], papers: Papers | None) -> None:
        self._adapter = adapter
        self._addresses = addresses
        self._tls = SSLContextContainer(client_context(papers), server_context(papers)) if papers else None
        calm = Calm()
        self.desk = Desk(calm, Outbox(calm), Clocks(calm))
        self._lines: dict[str, Line] = {}
        self._found: dict[str, str] = {}

    def run(self, ready: Callable[[], None], stopping: threading.Event) -> int:
        """Follow until told to stop; how many reports were lost with the end."""
        be_quiet()
        # Threads here live as long as the process: each keeps one connection of its own.
        connections["default"].settings_dict["OPTIONS"]["pool"] = False
        self.desk.standby = self.desk.outbox.standby = Standby.at_home(self.desk.calm, JOURNAL, speaks_sdc)
        self.desk.outbox.start()
        for address in self._addresses:
            self._follow(address, lambda address=address: address)  # type: ignore[misc]
        looking = threading.Thread(target=self._look, args=(stopping,), name="look", daemon=True)
        if self._adapter:
            looking.start()
        ready()
        self._tick(stopping)
        for line in self._lines.values():
            line.stop()
        for line in self._lines.values():
            line.join(STOP_PATIENCE_S)
        lost = self.desk.outbox.stop(STOP_PATIENCE_S)
        if self.desk.standby:
            self.desk.standby.close()
        return lost

    def _follow(self, name: str, find: Callable[[], str | None]) -> None:
        self._lines[name] = Line(find, self._tls, self.desk)
        self._lines[name].start()

    def _tick(self, stopping: threading.Event) -> None:
        """Each second, look around, and whether a signal has gone, as the listener for HL7 does; both may run."""
        begun_s = time.monotonic()
        while not stopping.is_set():
            self._look_around(may_miss=time.monotonic() - begun_s >= GRACE_S)
            stopping.wait(TICK_EVERY_S)

    def _look_around(self, may_miss: bool) -> None:
        now = datetime.now(UTC)
        try:
            # While the journal holds what the database has not got, a silence there means nothing.
            is_well = self.desk.standby is None or self.desk.standby.look(now)
            if is_well and may_miss:
                ticking.tick(now)
        except Exception as error:
            connection.close()
            self.desk.calm.say(f"the watch for lost signals paused: {kind_of(error)}")

    def _look(self, stopping: threading.Event) -> None:
        """Every few seconds, look which devices are there; of these only those known here are called."""
        discovery = WSDiscovery(self._adapter)
        discovery.start()
        try:
            while not stopping.is_set():
                self._look_once(discovery)
                stopping.wait(LOOK_EVERY_S)
        finally:
            discovery.stop()

    def _look_once(self, discovery: WSDiscovery) -> None:
        try:
            self._found = search(discovery)
            known = feed.known_among(list(self._found))
        except AWAY as error:
            connection.close()
            self.desk.calm.say(f"the database is away, nobody new is called: {kind_of(error)}")
            return
        except Exception as error:
            self.desk.calm.say(f"looking for devices failed: {kind_of(error)}")
            return
        for provider in sorted(known - self._lines.keys()):
            self._follow(provider, lambda provider=provider: self._found.get(provider))  # type: ignore[misc]
        if self._found.keys() - known:
            self.desk.calm.say("a device that is not known here was found, and not called")


def search(discovery: WSDiscovery) -> dict[str, str]:
    """The address of each SDC device that answers now, by the name it is known by."""
    # A device that came back under another address is not told from the old by the library.
    discovery.clear_remote_services()
    services = discovery.search_sdc_services(timeout=SEARCH_S, repeat_probe_interval=SEARCH_S)
    return {service.epr: service.x_addrs[0] for service in services if service.x_addrs}


def found_beside(adapter: str) -> list[str]:
    """The names of the devices that answer beside this adapter: what the clinic enters as identifier."""
    be_quiet()
    discovery = WSDiscovery(adapter)
    discovery.start()
    try:
        return sorted(search(discovery))
    finally:
        discovery.stop()


def be_quiet() -> None:
    """The library's own log lines may quote what a device said, a patient's name among it: none is written."""
    for name in ("sdc", "sdc_comm"):
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(logging.CRITICAL + 1)
