"""``manage.py collect_texts``: bring the message catalogues up to what the product says."""

from typing import Any

from django.core.management.base import BaseCommand

from readerstudy.core.texts import catalogue_path, collect, root


class Command(BaseCommand):
    help = "Collects what Python, templates and scripts say into locale/ and static/js/texts.json."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        for language, n in collect().items():
            path = catalogue_path(language).relative_to(root())
            self.stdout.write(f"{path}: {n} messages wait for a translation." if n else f"{path}: complete.")
