"""``manage.py export_dicom S FOLDER``"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from readerstudy.imaging.services import OriginalsNotKept, export_deidentified
from readerstudy.studies.management.support import actor_named, study_named
from readerstudy.studies.models import Case


class Command(BaseCommand):
    help = (
        "Writes de-identified DICOM copies of a study's cases (PS3.15 Basic Application Level Confidentiality "
        "Profile), one folder per pseudonym. Text burned into pixels is not removed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study")
        parser.add_argument("folder", type=Path)
        parser.add_argument("--by", help="account in whose name this is done")

    def handle(self, *args: Any, **options: Any) -> None:
        study, actor = study_named(options["study"]), actor_named(options["by"])
        cases = Case.objects.filter(study=study, image_set__isnull=False).select_related(
            "image_set", "patient"
        )
        total = 0
        for case in cases.exclude(status=Case.Status.WITHDRAWN).order_by("pseudonym"):
            try:
                total += export_deidentified(
                    image_set=case.image_set,
                    folder=options["folder"] / case.pseudonym,
                    patient_id=case.patient.pseudonym,
                    at=timezone.now(),
                    actor=actor,
                )
            except OriginalsNotKept as refusal:
                raise CommandError(f"Case {case.pseudonym}: {refusal}") from None
        self.stdout.write(f"{total} images written below {options['folder']}.")
