"""Sessions in the database, asked only for keys that can be one. It never keeps a person's words."""

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

SHORTEST = 8  # as Django has it


class SessionStore(DatabaseStore):
    """A cookie is a stranger's word: what no key looks like is no session, and no question to the database."""

    def _validate_session_key(self, key: str | None) -> bool:
        return bool(key and len(key) >= SHORTEST and key.isascii() and key.isalnum())
