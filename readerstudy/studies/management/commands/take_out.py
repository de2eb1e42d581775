"""``manage.py take_out S CASE IMAGING_STUDY...``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from readerstudy.studies.joining import imaging_study_rows
from readerstudy.studies.management.support import actor_named, plain_refusals, study_named
from readerstudy.studies.models import Case
from readerstudy.studies.services.joining import take_out_of_case


class Command(BaseCommand):
    help = (
        "Makes a case of its own of imaging studies that do not belong to a case. Without imaging studies it lists "
        "those of the case."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study")
        parser.add_argument("case", help="pseudonym of the case")
        parser.add_argument("imaging_study", nargs="*", help="blinded UIDs, as the list shows them")
        parser.add_argument(
            "--same-patient", action="store_true", help="the patient has one case more; else another patient"
        )
        parser.add_argument("--by", help="account in whose name this is done")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["study"])
        case = (
            Case.objects.select_related("study", "patient", "image_set")
            .filter(study=study, pseudonym=options["case"])
            .first()
        )
        if case is None:
            raise CommandError(f"The study has no case {options['case']!r}.")
        rows = imaging_study_rows(case.image_set)
        if not options["imaging_study"]:
            for row in rows:
                self.stdout.write(f"{row.uid}  number {row.number}  {row.series}  {row.n_images} images")
            return
        unknown = set(options["imaging_study"]) - {row.uid for row in rows}
        if unknown:
            raise CommandError(f"Case {case.pseudonym} has no imaging study {', '.join(sorted(unknown))}.")
        with plain_refusals():
            new = take_out_of_case(
                case=case,
                imaging_studies=options["imaging_study"],
                is_other_patient=not options["same_patient"],
                actor=actor_named(options["by"]),
                at=timezone.now(),
            )
        self.stdout.write(f"Case {new.pseudonym} is made of what was taken out of {case.pseudonym}.")
