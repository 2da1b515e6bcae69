"""What a password may not be, beside what Django refuses: one common word in disguise, or one thing said over again.

The words are Django's own list of common passwords. It measures no strength, and keeps and shows no password.
"""

from typing import Any

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError


class PlainWordValidator(CommonPasswordValidator):
    """Refuses a common password with figures or marks around it, and whatever only repeats itself."""

    def validate(self, password: str, user: Any = None) -> None:
        if password.lower().strip() in self.passwords:
            return  # Django's own rule says so
        letters = "".join(each for each in password.casefold() if each.isalnum())
        for plain in {password.casefold(), letters, letters.strip("0123456789")}:
            if is_repeated(plain):
                raise ValidationError(
                    "This says the same thing over again. Choose a few different words.", code="repeated"
                )
            if plain in self.passwords:
                raise ValidationError(
                    "This is a common password with a little around it. Choose a few different words.",
                    code="common_in_disguise",
                )

    def get_help_text(self) -> str:
        return "One common word is easily guessed, also twice in a row or with figures behind it."


def is_repeated(text: str) -> bool:
    """Whether a text is nothing but a shorter one, again and again."""
    return bool(text) and text in (text + text)[1:-1]
