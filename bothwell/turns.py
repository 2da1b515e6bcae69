"""Two who write the same thing at once wait for each other, so that the second finds what the first did."""

from django.db import connection


def one_after_another(*keys: str) -> None:
    """Hold these keys until the transaction ends; whoever wants one of them waits so long.

    A key says what it is for and whose: "vial <id>". Several are taken in one order by everybody, so nobody waits in a
    circle. `privacy/policies.sql` takes the same locks by the same keys.
    """
    with connection.cursor() as cursor:
        for key in sorted(set(keys)):
            cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
