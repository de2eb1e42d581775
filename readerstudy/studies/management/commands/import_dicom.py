"""``manage.py import_dicom S PATH [--centre C]``"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from readerstudy.imaging.selectors import import_report
from readerstudy.studies.management.support import actor_named, plain_refusals, study_named
from readerstudy.studies.services.importing import LATERALITIES, import_images


class Command(BaseCommand):
    help = "Imports a folder or archive file of DICOM images into a study and says what became of each file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study")
        parser.add_argument("path", type=Path)
        parser.add_argument("--centre", default="1")
        parser.add_argument("--laterality", choices=LATERALITIES, default="unknown")
        parser.add_argument("--table", type=Path, help="cases.csv with pseudonyms and sides")
        parser.add_argument("--places", type=Path, help="joints.csv with places fixed before reading")
        parser.add_argument("--by", help="account in whose name this is done")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["study"])
        with plain_refusals():
            imported = import_images(
                study=study,
                source=options["path"],
                centre_code=options["centre"],
                laterality=options["laterality"],
                table=options["table"],
                places=options["places"],
                actor=actor_named(options["by"]),
                at=timezone.now(),
            )
        batch = imported.batch
        for row in import_report(batch, only_problems=True):
            self.stdout.write(f"{row.outcome}: {row.name}: {row.reason}")
        self.stdout.write(
            f"{batch.n_stored} stored, {batch.n_duplicate} duplicate, {batch.n_conflict} conflict, "
            f"{batch.n_refused} refused; {len(imported.cases)} new cases."
        )
