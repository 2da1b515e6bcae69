"""`bothwell listen`: take readings from bedside monitors until stopped. It keeps nothing in memory only."""

import asyncio
import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bothwell.devices import encryption
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
            papers = encryption.papers(os.environ)
            self.is_encrypted = papers is not None
            context = encryption.server_context(papers) if papers else None
            asyncio.run(Listener(host, port, context).run(self._ready))
        except encryption.CannotEncrypt as trouble:
            raise CommandError(str(trouble)) from None
        except OSError as error:
            raise CommandError(f"Cannot listen at {host}:{port} ({error.strerror}).") from None

    def _ready(self, host: str, port: int) -> None:
        how = ", encrypted" if self.is_encrypted else ""
        self.stdout.write(f"listening for bedside monitors at {host}:{port}{how}")
        self.stdout.flush()
