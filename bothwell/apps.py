"""The one Django app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class BothwellConfig(AppConfig):
    name = "bothwell"
    label = "bothwell"
    verbose_name = "Bothwell"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from bothwell.privacy import checks, policies  # noqa: F401 - the app registry must be ready
        from bothwell.web import form_words

        form_words.speak()
        from bothwell.web import guard  # noqa: F401 - it hears every login, from the first on

        post_migrate.connect(policies.apply_after_migrate, sender=self, dispatch_uid="bothwell.policies")
