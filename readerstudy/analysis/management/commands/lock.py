"""``manage.py lock S --as NAME``: the signed lock, with the same rules as on the page."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from readerstudy.analysis.management.signing import add_signing_arguments, signer_and_study
from readerstudy.analysis.selectors import data_hash, readiness
from readerstudy.analysis.services.locking import LockRefused, lock
from readerstudy.studies.services.errors import StudyRefused


class Command(BaseCommand):
    help = "Lock a study under the hash of its reads and reference. Asks for the signer's password."

    def add_arguments(self, parser: CommandParser) -> None:
        add_signing_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        signer, study = signer_and_study(options, ("is_coordinator", "is_investigator"))
        missing = readiness(study)
        self.stdout.write(f"{missing.n_finished} of {missing.n_cases} cases are finished.")
        for code, n in missing.open_reads:
            self.stdout.write(f"{code} has {n} reads to submit.")
        if missing.open_items:
            self.stdout.write(f"{missing.open_items} items wait for the adjudicator.")
        if missing.cases_without_panel:
            self.stdout.write(f"{missing.cases_without_panel} cases wait for the panel.")
        try:
            locked = lock(
                study=study,
                actor=signer,
                signed_digest=data_hash(study),
                reason=options["reason"],
                at=timezone.now(),
            )
        except (LockRefused, StudyRefused) as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"Locked. Data {locked.data_hash}")
