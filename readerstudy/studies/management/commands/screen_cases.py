"""``manage.py screen_cases S --include-all [--numbering V] [--accept-sides] [--lacking REASON] | --table FILE``"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from readerstudy.imaging.selectors import lateralities
from readerstudy.studies.management.support import actor_named, plain_refusals, study_named
from readerstudy.studies.selectors import lacked_by
from readerstudy.studies.services.cases import accept_sides_by_convention, fix_numbering, include_case
from readerstudy.studies.services.screening_table import ScreeningTableRefused, decide_by_table
from readerstudy.studies.services.studies import current_protocol
from readerstudy.studies.wording import modality_words


class Command(BaseCommand):
    help = (
        "Screens every case that waits: numbering, sides by convention, inclusion; or decides as a table says, "
        "all rows or none: case_id, decision (include, exclude) and reason (the criterion that excludes, or why a "
        "case is included that lacks a required kind of image)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--include-all", action="store_true")
        what.add_argument("--table", type=Path, help="CSV of decisions")
        parser.add_argument("--numbering", help="variant of the protocol for all these cases")
        parser.add_argument(
            "--accept-sides", action="store_true", help="accept sides that are not established"
        )
        parser.add_argument(
            "--lacking",
            default="",
            metavar="REASON",
            help="include also cases that lack a kind of image which the protocol requires, for this reason; "
            "without it they go on waiting",
        )
        parser.add_argument("--by", help="account in whose name this is done")

    def handle(self, *args: Any, **options: Any) -> None:
        study, actor, at = study_named(options["study"]), actor_named(options["by"]), timezone.now()
        if options["table"]:
            try:
                text = options["table"].read_text(encoding="utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                raise CommandError(f"{options['table']} cannot be read: {error}") from None
            try:
                n = decide_by_table(study=study, text=text, actor=actor, at=at)
            except ScreeningTableRefused as refusal:
                raise CommandError("\n".join(refusal.problems)) from None
            self.stdout.write(f"{n} cases are decided.")
            return
        waiting = (
            study.cases.filter(status="imported").select_related("study", "image_set").order_by("pseudonym")
        )
        document, left = current_protocol(study).document, []
        with plain_refusals():
            for case in waiting:
                if not options["lacking"] and (kinds := lacked_by(case, document)):
                    left.append(f"{case.pseudonym} ({modality_words(kinds)})")
                    continue
                if options["numbering"]:
                    fix_numbering(case=case, variant=options["numbering"], actor=actor, at=at)
                if (
                    options["accept_sides"]
                    and case.image_set
                    and set(lateralities(case.image_set)) != {"established"}
                ):
                    accept_sides_by_convention(case=case, actor=actor, at=at)
                include_case(case=case, actor=actor, at=at, lacking_reason=options["lacking"])
        self.stdout.write(f"{study.cases.filter(status='included').count()} cases are included.")
        if left:
            raise CommandError(
                f"{len(left)} cases go on waiting: they lack what the protocol requires. Exclude them, add the images, "
                f"or say with --lacking why they are included all the same: {', '.join(left)}"
            )
