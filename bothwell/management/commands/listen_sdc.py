"""`bothwell listen-sdc`: follow SDC devices (IEEE 11073) until stopped. It needs the extra `sdc`."""

import os
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bothwell.devices import encryption


class Command(BaseCommand):
    help = "Take readings from SDC devices (IEEE 11073)."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--adapter",
            default=os.environ.get("BOTHWELL_SDC_ADAPTER", ""),
            help="this machine's address in the devices' network: known devices found there are followed",
        )
        parser.add_argument(
            "--device",
            action="append",
            default=os.environ.get("BOTHWELL_SDC_DEVICES", "").split(),
            metavar="ADDRESS",
            help="http(s)://... of a device to follow without looking for it; may be repeated",
        )
        parser.add_argument(
            "--find", action="store_true", help="name the devices beside the adapter, and end"
        )

    def handle(self, *args: Any, adapter: str, device: list[str], find: bool, **options: Any) -> None:
        try:
            # Here and nowhere else: no other command, and no page, loads the library.
            from bothwell.devices import sdc
        except ModuleNotFoundError as missing:
            raise CommandError(
                f"SDC needs the extra `sdc` ({missing.name} is missing): pip install 'bothwell[sdc]'."
            ) from None
        if not adapter and not device:
            raise CommandError("Say where to look: --adapter ADDRESS, or --device ADDRESS.")
        try:
            if find:
                for name in sdc.found_beside(adapter):
                    self.stdout.write(name)
                return
            listening = sdc.Listening(adapter, device, encryption.papers(os.environ))
        except encryption.CannotEncrypt as trouble:
            raise CommandError(str(trouble)) from None
        except OSError as error:
            raise CommandError(f"Cannot look for devices at {adapter} ({error.strerror}).") from None
        stopping = threading.Event()
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: stopping.set())
        lost = listening.run(self._ready, stopping)
        if lost:
            raise CommandError(f"{lost} reports had not reached the database and are lost.")

    def _ready(self) -> None:
        self.stdout.write("following SDC devices")
        self.stdout.flush()
