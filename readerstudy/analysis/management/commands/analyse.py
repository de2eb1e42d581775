"""``manage.py analyse S --json -``: the figures of the newest snapshot, as the page shows them."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from readerstudy.analysis import tasks  # noqa: F401  (this process does the work of the job it asks for)
from readerstudy.analysis.models import Snapshot
from readerstudy.analysis.services.snapshots import latest_snapshot, request_snapshot
from readerstudy.core.jobs import run_job
from readerstudy.core.models import Job
from readerstudy.studies.models import ReaderStudy


class Command(BaseCommand):
    help = "Print the figures of an unblinded study; compute a snapshot first where there is none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="short name of the study")
        parser.add_argument(
            "--json", default="-", metavar="FILE", help="where to write; - is standard output"
        )
        parser.add_argument("--snapshot", type=int, help="number of a snapshot; the newest by default")
        parser.add_argument("--new", action="store_true", help="compute a new snapshot first")

    def handle(self, *args: Any, **options: Any) -> None:
        study = ReaderStudy.objects.filter(slug=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study named {options['study']!r}.")
        if study.state != ReaderStudy.State.UNBLINDED:
            raise CommandError(
                f"The study is {study.state}; figures are shown after unblinding. Nothing was computed."
            )
        text = json.dumps(self._figures(study, options), indent=1, ensure_ascii=False, sort_keys=True)
        if options["json"] == "-":
            self.stdout.write(text)
        else:
            Path(options["json"]).write_text(text + "\n")

    def _figures(self, study: ReaderStudy, options: dict[str, Any]) -> dict[str, Any]:
        if options["snapshot"]:
            snapshot = Snapshot.objects.filter(study=study, number=options["snapshot"]).first()
            if snapshot is None or snapshot.state != Snapshot.State.DONE:
                raise CommandError(f"There is no computed snapshot {options['snapshot']}.")
        else:
            snapshot = None if options["new"] else latest_snapshot(study)
        if snapshot is None:
            asked = request_snapshot(study=study, actor=None, at=timezone.now())
            job = run_job(Job.objects.get(public_id=asked.job_id).pk)
            if job is not None and job.state == Job.State.FAILED:
                raise CommandError(job.error)
            snapshot = latest_snapshot(study)
        if snapshot is None:
            raise CommandError("A worker is computing the snapshot now; ask again when it has finished.")
        return {
            "study": study.slug,
            "is_demonstration": study.is_demonstration,
            "snapshot": snapshot.number,
            "data_hash": snapshot.data_hash,
            "predictions_hash": snapshot.predictions_hash,
            "protocol_digest": snapshot.protocol_digest,
            "code_version": snapshot.code_version,
            "seed": snapshot.seed,
            "results_digest": snapshot.results_digest,
            **snapshot.results,
        }
