"""``manage.py make_key``: say where the key file is; it was written by starting the command."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Writes the installation's key file where it is missing, and says where it is."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        # Settings create a missing file outside production mode; an existing one is never changed.
        self.stdout.write(
            f"Key file: {settings.READERSTUDY_KEY_FILE} (mode 0600). Keep a copy apart from the data."
        )
