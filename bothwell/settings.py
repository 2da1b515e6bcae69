"""Every setting of Bothwell, read from the environment; `docs/running.md` explains each."""

import os
from importlib.util import find_spec
from pathlib import Path

from csp.constants import NONE, SELF
from psycopg.conninfo import conninfo_to_dict

PACKAGE = Path(__file__).parent
HOME = Path(os.environ.get("BOTHWELL_HOME", "var")).resolve()
# Where the pages hear the listener while the database is away; a short path, as sockets need.
HEARD = Path(os.environ.get("BOTHWELL_HEARD", HOME / "run" / "heard"))

# Which role this process plays: web (pages and streams), work (jobs, feeds), owner (migrations, loading).
RUNS_AS = os.environ.get("BOTHWELL_AS", "web")
DEMO = os.environ.get("BOTHWELL_DEMO") == "1"
# Plain http is for a browser on this very machine; everything else stands behind TLS.
PLAIN_HTTP = os.environ.get("BOTHWELL_PLAIN_HTTP") == "1"

# No default: a process without a key of its own must not start. Tools that only read the code get a throw-away one.
SECRET_KEY = os.environ.get("BOTHWELL_SECRET_KEY") or os.urandom(32).hex()
SECRET_KEY_IS_SET = "BOTHWELL_SECRET_KEY" in os.environ


def _process_notes_key() -> str:
    """What seals therapists' own notes: from a file beside the database, never in it. Jobs have no need of it."""
    if RUNS_AS == "work":
        return ""
    if told := os.environ.get("BOTHWELL_PROCESS_NOTES_KEY"):
        return told.strip()
    path = HOME / "process-notes.key"
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


PROCESS_NOTES_KEY = _process_notes_key()
# Calls to a browser that is shut: only with the extra `push`, and a key that outlives this process.
PUSH = SECRET_KEY_IS_SET and find_spec("pywebpush") is not None
DEBUG = False
ALLOWED_HOSTS = [
    host.strip() for host in os.environ.get("BOTHWELL_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
]
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS if host not in ("*", "")]
SITE_ADDRESS = os.environ.get("BOTHWELL_ADDRESS", "http://localhost:8000")

INSTALLED_APPS = [
    "bothwell",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_htmx",
    "template_partials",
    "procrastinate.contrib.django",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "bothwell.web.guard.SessionGuard",
    "bothwell.web.cosign.CosignMiddleware",
    "bothwell.web.door.DoorMiddleware",
]

FORM_RENDERER = "bothwell.web.form_drawing.Drawing"  # no control that cuts a pasted text in silence
ROOT_URLCONF = "bothwell.urls"
WSGI_APPLICATION = "bothwell.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PACKAGE / "web" / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "bothwell.web.context.frame",
            ],
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    [
                        (
                            "django.template.loaders.cached.Loader",
                            [
                                "django.template.loaders.filesystem.Loader",
                                "django.template.loaders.app_directories.Loader",
                            ],
                        )
                    ],
                )
            ],
            "builtins": [
                "template_partials.templatetags.partials",
                "bothwell.web.templatetags.words",
                "bothwell.web.templatetags.volumes",
            ],
            "libraries": {},
        },
    }
]


# A page or job that hangs in the middle of a transaction must not hold what a monitor's readings wait for: the
# database ends it. A feed that waits longer than this for a lock takes the database for away, and keeps what it hears.
# Technical, ours: a wait and one more are less than the eight seconds after which a signal is missed.
PATIENCE_OF_THE_DATABASE = {
    "web": {"idle_in_transaction_session_timeout": "20s"},
    "work": {"idle_in_transaction_session_timeout": "60s", "lock_timeout": "2s"},
}


def _database() -> dict[str, object]:
    given = conninfo_to_dict(os.environ.get("BOTHWELL_DSN", "dbname=bothwell"))
    known = {"dbname", "user", "password", "host", "port"}
    options: dict[str, object] = {key: value for key, value in given.items() if key not in known}
    patience = [f"-c {name}={length}" for name, length in PATIENCE_OF_THE_DATABASE.get(RUNS_AS, {}).items()]
    options["options"] = " ".join([str(given.get("options") or ""), *patience]).strip()
    options["pool"] = {"min_size": 2, "max_size": 24, "timeout": 10} if RUNS_AS != "owner" else False
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": given.get("dbname", "bothwell"),
        "USER": given.get("user", ""),
        "PASSWORD": given.get("password", ""),
        "HOST": given.get("host", ""),
        "PORT": given.get("port", ""),
        "CONN_MAX_AGE": 0,  # the pool keeps connections
        "ATOMIC_REQUESTS": True,  # a failed view leaves nothing behind, inside the door's own transaction
        "OPTIONS": options,
    }


DATABASES = {"default": _database()}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

AUTH_USER_MODEL = "bothwell.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "bothwell.web.passwords.PlainWordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email",)},
    },
]

LOGIN_URL = "/account/login/"
LOGIN_REDIRECT_URL = "/today"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "bothwell.web.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # an address is proved by the invitation that reached it
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_RATE_LIMITS = {
    "login_failed": "5/5m/key,20/5m/ip",
    "reset_password": "5/h/key,20/h/ip",
    "ask_for_address": "5/h/user",
    "mail_new_address": "3/h/key",
}
ALLAUTH_TRUSTED_PROXY_COUNT = (
    0 if PLAIN_HTTP else 1
)  # else all the world is one address, and locked out as one
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
MFA_ADAPTER = "bothwell.web.adapter.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Bothwell"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = PLAIN_HTTP

SESSION_ENGINE = "bothwell.web.sessions"
# __Host-: no neighbour under the same domain can plant one.
SESSION_COOKIE_NAME = "session" if PLAIN_HTTP else "__Host-session"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = not PLAIN_HTTP
CSRF_COOKIE_SECURE = not PLAIN_HTTP
CSRF_COOKIE_HTTPONLY = True
CSRF_USE_SESSIONS = True
CSRF_FAILURE_VIEW = "bothwell.web.errors.stale_form"
# In the session, so that signing out forgets them, and no cookie holds words.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
IDLE_LOCK_SECONDS = int(float(os.environ.get("BOTHWELL_IDLE_LOCK_MINUTES", "20")) * 60)

SECURE_SSL_REDIRECT = False  # the proxy redirects; see docs/running.md
# Only a proxy may say so; without one anybody could.
SECURE_PROXY_SSL_HEADER = None if PLAIN_HTTP else ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 0 if PLAIN_HTTP else 31_536_000
SECURE_REFERRER_POLICY = (
    "same-origin"  # with no-referrer a browser sends Origin: null, and every form is refused
)
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
        "worker-src": [SELF],
    }
}

DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 400
# A questionnaire's file may have 2 MB; somewhat more comes in, so that the page can say what is too large about it.
LARGEST_UPLOAD = 3_000_000
# As large, so that no upload is ever written to a temporary file.
FILE_UPLOAD_MAX_MEMORY_SIZE = LARGEST_UPLOAD
LONGEST_TEXT = 20_000

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
STATICFILES_DIRS = [PACKAGE / "web" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if (HOME / "static" / "staticfiles.json").exists() or os.environ.get("BOTHWELL_COLLECTING")
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not (HOME / "static" / "staticfiles.json").exists()

EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if os.environ.get("BOTHWELL_SMTP_HOST")
    else "django.core.mail.backends.filebased.EmailBackend"
)
EMAIL_FILE_PATH = HOME / "mail"
EMAIL_HOST = os.environ.get("BOTHWELL_SMTP_HOST", "localhost")
EMAIL_PORT = int(os.environ.get("BOTHWELL_SMTP_PORT", "587"))
EMAIL_HOST_USER = os.environ.get("BOTHWELL_SMTP_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("BOTHWELL_SMTP_PASSWORD", "")
EMAIL_USE_TLS = True
DEFAULT_FROM_EMAIL = os.environ.get("BOTHWELL_MAIL_FROM", "appointments@localhost")

PROCRASTINATE_ON_APP_READY = None
PROCRASTINATE_IMPORT_PATHS = [
    "bothwell.jobs.mail",
    "bothwell.jobs.safety",
    "bothwell.jobs.calls",
    "bothwell.jobs.measures",
    "bothwell.jobs.push",
    "bothwell.jobs.outcomes",
]

# Nothing a person wrote and nobody's name goes into a log: requests by path pattern only, errors by type.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"no_content": {"()": "bothwell.web.quiet.NoContent"}},
    "formatters": {"line": {"format": "{levelname} {name} {message}", "style": "{"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["no_content"]},
    },
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "bothwell": {"level": "INFO"},
        "django.request": {"level": "ERROR"},
        "django.security.csrf": {"level": "ERROR"},
        "procrastinate": {"level": "WARNING"},
        "granian": {"level": "WARNING"},
        "weasyprint": {"level": "ERROR"},
    },
}

SILENCED_SYSTEM_CHECKS = ["security.W008"]  # SECURE_SSL_REDIRECT: the proxy's work
