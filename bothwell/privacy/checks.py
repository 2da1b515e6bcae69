"""What must hold before a process may serve people; a start that fails here prints why and stops."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.db import connection


@register(Tags.database, deploy=True)
def the_web_login_owns_nothing(databases: Any = None, **_: Any) -> list[Error]:
    """Refuse to serve pages as a superuser, as an owner of tables, or with BYPASSRLS: policies would not apply."""
    if settings.RUNS_AS == "owner":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "select rolsuper, rolbypassrls, (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "where n.nspname = 'public' and pg_has_role(current_user, c.relowner, 'USAGE')), "
            "exists (select 1 from pg_roles r where (r.rolsuper or r.rolbypassrls) "
            "and pg_has_role(current_user, r.oid, 'MEMBER')) "
            "from pg_roles where rolname = current_user"
        )
        superuser, bypasses, owns, may_become = cursor.fetchone()
    wrong = [
        why
        for is_so, why in (
            (superuser, "is a superuser"),
            (bypasses, "has BYPASSRLS"),
            (may_become, "may become a role that has either"),
            (owns > 0, f"owns {owns} tables"),
        )
        if is_so
    ]
    if not wrong:
        return []
    return [
        Error(
            f"The database login of this process {', '.join(wrong)}: row-level security would not hold.",
            hint="Use the login bothwell_web (docs/running.md, “Roles”).",
            id="bothwell.E001",
        )
    ]


@register(Tags.security, deploy=True)
def no_demo_in_earnest(**_: Any) -> list[Error]:
    """Refuse the demo's relaxed login outside a machine's own loopback address."""
    if settings.DEMO and not settings.PLAIN_HTTP:
        return [
            Error(
                "The demo clinic's logins are public; they may only be served on this machine itself.",
                hint="Start with `bothwell serve` for real use, or keep the demo on localhost.",
                id="bothwell.E002",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def a_secret_of_its_own(**_: Any) -> list[Error]:
    if settings.SECRET_KEY_IS_SET:
        return []
    return [
        Error(
            "BOTHWELL_SECRET_KEY is not set.",
            hint="`bothwell serve` makes and keeps one.",
            id="bothwell.E003",
        )
    ]


@register(Tags.database, deploy=True)
def no_demo_clinic_in_earnest(databases: Any = None, **_: Any) -> list[Error]:
    """Refuse a real start over a database that holds the invented clinic, whose passwords are public, and the demo's
    relaxed login over one that does not."""
    if settings.RUNS_AS == "owner":
        return []
    with connection.cursor() as cursor:
        cursor.execute("select door.has_demo()")
        (has_demo,) = cursor.fetchone()
    if settings.DEMO and not has_demo:
        return [
            Error(
                "BOTHWELL_DEMO asks nobody for a second factor, and this database holds no demo clinic.",
                hint="Start without it, or fill an empty database with `make demo`.",
                id="bothwell.E005",
            )
        ]
    if settings.DEMO or not has_demo:
        return []
    return [
        Error(
            "This database holds the demo clinic, whose passwords are public.",
            hint="Use another BOTHWELL_HOME or database for real use, or start with `make demo`.",
            id="bothwell.E004",
        )
    ]


@register(Tags.security, deploy=True)
def named_hosts_only(**_: Any) -> list[Error]:
    """Refuse to answer to any name: a link in a mail would lead wherever the asker says."""
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        Error(
            "BOTHWELL_HOSTS is `*`: a link to set a new password could then lead to another site.",
            hint="Name the hosts, as in BOTHWELL_HOSTS=care.example.org.",
            id="bothwell.E006",
        )
    ]
