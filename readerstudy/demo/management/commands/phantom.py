"""``manage.py phantom OUT --cases N --seed S``: write synthetic cases with their truth tables."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from readerstudy.phantom.command import add_arguments, run


class Command(BaseCommand):
    help = "Write synthetic cases (DICOM and truth tables)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(run(options))
