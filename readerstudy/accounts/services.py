"""Acts on accounts."""

from readerstudy.accounts.models import User


def choose_language(*, user: User, language: str) -> None:
    """Keep the person's language on the account, so that it follows them to another computer."""
    User.objects.filter(pk=user.pk).update(language=language)
