"""Encryption on the way from a monitor to us: our certificate, and which monitors may call.

It never falls back to plain text, never answers with anything older than TLS 1.2, and repeats no key in an error.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CERTIFICATE, KEY, CLIENTS = (
    "BOTHWELL_DEVICE_CERTIFICATE",
    "BOTHWELL_DEVICE_KEY",
    "BOTHWELL_DEVICE_CLIENTS",
)


class CannotEncrypt(Exception):
    """Encryption was asked for and cannot be had; its text is for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Papers:
    """Three files in PEM form: our certificate (with what leads up to its authority), its key, and the
    authorities whose certificates a monitor must show; without these, none is asked for.
    """

    certificate: Path
    key: Path
    clients: Path | None = None


def papers(environment: Mapping[str, str]) -> Papers | None:
    """What the settings name; none if they name nothing. Raises CannotEncrypt when they are incomplete."""
    given = {name: environment.get(name, "").strip() for name in (CERTIFICATE, KEY, CLIENTS)}
    if not any(given.values()):
        return None
    for name in (CERTIFICATE, KEY):
        if not given[name]:
            raise CannotEncrypt(f"{name} is missing: encryption needs a certificate and its key.")
    for name, path in given.items():
        if path and not Path(path).is_file():
            raise CannotEncrypt(f"{name} names no file that can be read.")
    clients = Path(given[CLIENTS]) if given[CLIENTS] else None
    return Papers(Path(given[CERTIFICATE]), Path(given[KEY]), clients)


def server_context(papers: Papers) -> ssl.SSLContext:
    """How calls of monitors are answered. Raises CannotEncrypt when the files do not fit together."""
    return _loaded(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), papers)


def client_context(papers: Papers) -> ssl.SSLContext:
    """How devices are called: with our certificate, and theirs must be of the same authorities.

    Devices go by addresses, not by names, so the name in a certificate is not compared; the authority is.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if papers.clients is None:
        raise CannotEncrypt(f"{CLIENTS} is missing: without it no device could be told from another program.")
    return _loaded(context, papers)


def _loaded(context: ssl.SSLContext, papers: Papers) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(papers.certificate, papers.key)
        if papers.clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(papers.clients)
    except (OSError, ssl.SSLError) as error:
        raise CannotEncrypt(
            f"The certificate, key or authorities for monitors cannot be used ({type(error).__name__}). "
            f"Look at {CERTIFICATE}, {KEY} and {CLIENTS}: PEM files, the key without a password."
        ) from None
    return context
