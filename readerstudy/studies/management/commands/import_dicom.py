"""``manage.py import_dicom S PATH [--centre C]``, or ``import_dicom S --archive NAME [--patient-id ...]``"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from readerstudy.imaging.archive import Archive, ArchiveStudies, ArchiveUnavailable, ArchiveUnknown
from readerstudy.imaging.selectors import import_report
from readerstudy.studies.management.support import actor_named, plain_refusals, study_named
from readerstudy.studies.services.importing import LATERALITIES, import_images

CRITERIA = ("patient_id", "patient_name", "study_date", "modality", "description")


class Command(BaseCommand):
    help = "Imports a folder or archive file of DICOM images into a study and says what became of each file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study")
        parser.add_argument("path", type=Path, nargs="?", help="folder, DICOM file or ZIP archive")
        parser.add_argument("--archive", help="name of a DICOMweb archive of the server's configuration")
        for criterion in CRITERIA:
            parser.add_argument(
                f"--{criterion.replace('_', '-')}", default="", help="criterion of the search"
            )
        parser.add_argument("--list", action="store_true", help="only list what the archive holds")
        parser.add_argument("--centre", default="1")
        parser.add_argument("--laterality", choices=LATERALITIES, default="unknown")
        parser.add_argument("--table", type=Path, help="cases.csv with pseudonyms and sides")
        parser.add_argument("--places", type=Path, help="joints.csv with places fixed before reading")
        parser.add_argument("--by", help="account in whose name this is done")

    def _found(self, options: dict[str, Any]) -> ArchiveStudies | None:
        """Search the archive; return its studies as a source, None where they were only to be listed."""
        try:
            found = Archive(options["archive"]).search(**{name: options[name] for name in CRITERIA})
        except (ArchiveUnknown, ArchiveUnavailable) as error:
            raise CommandError(str(error)) from error
        for each in found:
            self.stdout.write(
                f"{each.study_date} {'/'.join(each.modalities):8} {each.n_instances:5} images  {each.patient_id}  "
                f"{each.description}"
            )
        self.stdout.write(f"{len(found)} imaging studies")
        if options["list"] or not found:
            return None
        return ArchiveStudies(options["archive"], tuple(each.study_uid for each in found))

    def handle(self, *args: Any, **options: Any) -> None:
        if (options["path"] is None) == (options["archive"] is None):
            raise CommandError("Give a folder or file, or --archive NAME with criteria; one of the two.")
        study = study_named(options["study"])
        source = options["path"] if options["archive"] is None else self._found(options)
        if source is None:
            return
        with plain_refusals():
            imported = import_images(
                study=study,
                source=source,
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
