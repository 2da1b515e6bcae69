"""An SDC device that is not one: the library's own provider, in a process of its own, saying what it is told.

    python -m tests.devices.sdc_device --epr UUID [--tls certificate key authorities]

Each line of standard input is a JSON object `{handle: value, ..., "at": seconds}`; it is said at once. `bye` ends it
orderly. When it can be reached it writes its address.
"""

import argparse
import json
import logging
import sys
import uuid
from decimal import Decimal
from pathlib import Path

from sdc11073.certloader import mk_ssl_contexts
from sdc11073.location import SdcLocation
from sdc11073.mdib import ProviderMdib
from sdc11073.provider import SdcProvider
from sdc11073.wsdiscovery import WSDiscovery
from sdc11073.xml_types import pm_types
from sdc11073.xml_types.dpws_types import ThisDeviceType, ThisModelType

SECRET = "Quillfeather"
METRICS = {
    # handle: type, its name, unit, unit's name, category
    "spo2": ("150456", "MDC_PULS_OXIM_SAT_O2", "262688", "MDC_DIM_PERCENT", "Msrmt"),
    "pulse": ("149530", "", "264864", "", "Msrmt"),
    "ecg": ("147842", "", "264864", "", "Msrmt"),
    "systolic": ("150021", "", "266016", "", "Msrmt"),
    "mean": ("150023", "", "266016", "", "Clc"),
    "etco2_mmhg": ("151708", "", "266016", "", "Msrmt"),
    "etco2_kpa": ("151708", "", "265987", "", "Msrmt"),
    "etco2_percent": ("151708", "", "262688", "", "Msrmt"),
    "limit": ("150456", "", "262688", "", "Set"),
    "temperature": ("150344", "", "268192", "", "Msrmt"),
}
PM = "http://standards.ieee.org/downloads/11073/11073-10207-2017/participant"
MSG = "http://standards.ieee.org/downloads/11073/11073-10207-2017/message"


def metric(handle: str) -> str:
    code, name, unit, unit_name, category = METRICS[handle]

    def coded(tag: str, value: str, symbol: str) -> str:
        named = f' SymbolicCodeName="{symbol}"' if symbol else ""
        return f'<pm:{tag} Code="{value}"{named}/>'

    return (
        f'<pm:Metric Handle="{handle}" xsi:type="pm:NumericMetricDescriptor" MetricCategory="{category}" '
        f'MetricAvailability="Cont" Resolution="0.1">{coded("Type", code, name)}{coded("Unit", unit, unit_name)}'
        "</pm:Metric>"
    )


def mdib(parts: int) -> bytes:
    """The description: one device, or several behind one provider, each with its own oximeter."""
    devices = [("mds0", "".join(map(metric, METRICS)))]
    extra = metric("spo2").replace('Handle="spo2"', 'Handle="spo2_b"')
    devices += [("mds1", extra)][: parts - 1]
    context = (
        '<pm:SystemContext Handle="sc.mds0"><pm:PatientContext Handle="pc.mds0"/>'
        '<pm:LocationContext Handle="lc.mds0"/></pm:SystemContext>'
    )
    described = "".join(
        f'<pm:Mds Handle="{mds}">{context if mds == "mds0" else ""}<pm:Clock Handle="clock.{mds}"/>'
        f'<pm:Vmd Handle="vmd.{mds}"><pm:Channel Handle="channel.{mds}">{metrics}</pm:Channel></pm:Vmd></pm:Mds>'
        for mds, metrics in devices
    )
    return (
        f'<msg:GetMdibResponse xmlns:msg="{MSG}" xmlns:pm="{PM}" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" SequenceId="urn:uuid:'
        f'{uuid.uuid4()}"><msg:Mdib SequenceId="urn:uuid:{uuid.uuid4()}"><pm:MdDescription>{described}'
        "</pm:MdDescription></msg:Mdib></msg:GetMdibResponse>"
    ).encode()


def admit(device: SdcProvider) -> None:
    """The device knows a patient, by name; nobody here must."""
    with device.mdib.context_state_transaction() as transaction:
        patient = transaction.mk_context_state("pc.mds0", set_associated=True)
        patient.CoreData = pm_types.PatientDemographicsCoreData()
        patient.CoreData.Familyname = SECRET


def say(device: SdcProvider, told: dict[str, float]) -> None:
    """Change the metrics as told; their time is now, or `at`."""
    at, quality = told.pop("at", None), told.pop("quality", None)
    with device.mdib.metric_state_transaction(set_determination_time=at is None) as transaction:
        for handle, value in told.items():
            state = transaction.get_state(handle)
            if state.MetricValue is None:
                state.mk_metric_value()
            state.MetricValue.Value = None if value is None else Decimal(str(value))
            state.MetricValue.MetricQuality.Validity = pm_types.MeasurementValidity(quality or "Vld")
            if at is not None:
                state.MetricValue.DeterminationTime = at


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--epr", type=uuid.UUID, required=True)
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--tls", nargs=3, type=Path)
    asked = parser.parse_args()
    logging.getLogger("sdc").setLevel(logging.CRITICAL)
    tls = mk_ssl_contexts(asked.tls[1], asked.tls[0], asked.tls[2]) if asked.tls else None
    discovery = WSDiscovery("127.0.0.1")
    discovery.start()
    device = SdcProvider(
        ws_discovery=discovery,
        this_model=ThisModelType(manufacturer="Nobody", model_name="Not a monitor", model_number="0"),
        this_device=ThisDeviceType(friendly_name="Test", serial_number="1"),
        device_mdib_container=ProviderMdib.from_string(mdib(asked.parts)),
        epr=asked.epr,
        ssl_context_container=tls,
    )
    device.start_all(start_rtsample_loop=False)
    device.set_location(SdcLocation(fac="Clinic", poc="Ward", bed=SECRET))
    admit(device)
    print(device.get_xaddrs()[0], flush=True)
    for line in sys.stdin:
        if line.strip() == "bye":
            device.stop_all()
            discovery.stop()
            return
        say(device, json.loads(line))


if __name__ == "__main__":
    main()
