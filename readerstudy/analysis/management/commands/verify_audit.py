"""``manage.py verify_audit S``: whether the audit chain of a study holds, event by event."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from readerstudy.core.audit import verify_chain
from readerstudy.core.models import AuditChain
from readerstudy.studies.models import ReaderStudy


class Command(BaseCommand):
    help = "Recompute the hash chain of a study's audit log and name every fault in it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="short name of the study")

    def handle(self, *args: Any, **options: Any) -> None:
        study = ReaderStudy.objects.filter(slug=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study named {options['study']!r}.")
        name = str(study.public_id)
        faults = list(verify_chain(name))
        for fault in faults:
            self.stderr.write(f"event {fault.number} {fault.problem}")
        if faults:
            raise CommandError(f"The audit log of {study.slug} has {len(faults)} faults.")
        chain = AuditChain.objects.filter(name=name).first()
        self.stdout.write(f"{chain.length if chain else 0} events, every one as it was written.")
