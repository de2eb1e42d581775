"""``manage.py join_cases S STAYS COMES...``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from readerstudy.studies.joining import joining_page
from readerstudy.studies.management.support import actor_named, plain_refusals, study_named
from readerstudy.studies.models import Case
from readerstudy.studies.services.joining import join_cases
from readerstudy.studies.services.joining_plan import plan_joining


class Command(BaseCommand):
    help = (
        "Makes one case of several that are of one patient under different patient numbers; later images under any "
        "of them come into it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study")
        parser.add_argument("stays", help="pseudonym of the case that stays")
        parser.add_argument("comes", nargs="+", help="pseudonyms of the cases that come to it")
        parser.add_argument("--by", help="account in whose name this is done")
        parser.add_argument("--yes", action="store_true", help="do it; without, only say what would be")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["study"])
        names = [options["stays"], *options["comes"]]
        cases = {
            case.pseudonym: case
            for case in Case.objects.select_related("study", "patient__centre", "image_set").filter(
                study=study, pseudonym__in=names
            )
        }
        unknown = [name for name in names if name not in cases]
        if unknown:
            raise CommandError(f"The study has no case {', '.join(map(repr, unknown))}.")
        chosen = {"study": study, "stays": cases[names[0]], "comes": [cases[name] for name in names[1:]]}
        if not options["yes"]:
            page = joining_page(study, plan_joining(**chosen))
            if page.problems:
                raise CommandError(" ".join(page.problems))
            self.stdout.write(
                f"Would be case {page.case} of patient {page.patient}: {page.modalities}; {page.n_studies} imaging "
                f"studies, {page.n_series} series, {page.n_images} images. Unopened reads that stay: "
                f"{page.kept or 'none'}; that are taken back: {page.taken_back or 'none'}. Add --yes to do it."
            )
            return
        with plain_refusals():
            case = join_cases(actor=actor_named(options["by"]), at=timezone.now(), **chosen)
        self.stdout.write(f"Case {case.pseudonym} holds the images of {', '.join(names)}.")
