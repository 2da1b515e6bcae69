"""`bothwell listen`: take readings from bedside monitors until stopped. It keeps nothing in memory only."""

import asyncio
import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bothwell.devices.listen import Listener


class Command(BaseCommand):
    help = "Take readings from bedside monitors (HL7 v2 over MLLP)."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen at")
        parser.add_argument(
            "--port",
            type=int,
            default=int(os.environ.get("BOTHWELL_DEVICE_PORT", "2575")),
            help="0: any free one",
        )

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        try:
            asyncio.run(Listener(host, port).run(self._ready))
        except OSError as error:
            raise CommandError(f"Cannot listen at {host}:{port} ({error.strerror}).") from None

    def _ready(self, host: str, port: int) -> None:
        self.stdout.write(f"listening for bedside monitors at {host}:{port}")
        self.stdout.flush()
