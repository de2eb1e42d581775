"""``manage.py unblind S --as NAME``: the signed unblinding, with the same rules as on the page."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from readerstudy.analysis.management.signing import add_signing_arguments, signer_and_study
from readerstudy.analysis.selectors import predictions_hash
from readerstudy.analysis.services.locking import LockRefused, unblind
from readerstudy.studies.services.errors import StudyRefused


class Command(BaseCommand):
    help = "Unblind a locked study under the hash of its predictions. Asks for the signer's password."

    def add_arguments(self, parser: CommandParser) -> None:
        add_signing_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        signer, study = signer_and_study(options, ("is_investigator",))
        try:
            unblinded = unblind(
                study=study,
                actor=signer,
                signed_digest=predictions_hash(study),
                reason=options["reason"],
                at=timezone.now(),
            )
        except (LockRefused, StudyRefused) as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"Unblinded. Predictions {unblinded.predictions_hash}")
        self.stdout.write(f"A worker computes the first snapshot; `analyse {study.slug} --json -` prints it.")
