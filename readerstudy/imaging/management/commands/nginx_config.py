"""``manage.py nginx_config``: the configuration with which nginx sends images itself."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from readerstudy.imaging.nginx import configuration


class Command(BaseCommand):
    """Print the configuration."""

    help = "Print an nginx configuration (http block part) in which nginx sends images itself."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--listen", default="80", help="Where nginx listens (default: 80).")
        parser.add_argument("--upstream", default="127.0.0.1:8000", help="Where the application listens.")
        parser.add_argument("--verdicts", type=Path, default=None, help="Folder for nginx's short memory.")

    def handle(self, *args: Any, **options: Any) -> None:
        verdicts = options["verdicts"] or Path(settings.READERSTUDY_DATA_ROOT) / "verdicts"
        self.stdout.write(
            configuration(listen=options["listen"], upstream=options["upstream"], verdicts=verdicts)
        )
