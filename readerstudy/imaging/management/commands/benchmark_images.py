"""``manage.py benchmark_images``: the gateway against Orthanc and plain nginx, on this machine."""

import json
import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from readerstudy.imaging.benchmark import runs, servers


class Command(BaseCommand):
    """Measure and print."""

    help = (
        "Measure frames, metadata and ingest against Orthanc and plain nginx (medians of interleaved runs)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=5)
        parser.add_argument("--count", type=int, default=600, help="Requests a run.")
        parser.add_argument("--files", type=int, default=2000, help="Files of the ingest measurement.")
        parser.add_argument("--json", action="store_true")
        parser.add_argument("--only", choices=["frames", "ingest"])

    def handle(self, *args: Any, **options: Any) -> None:
        load = os.getloadavg()[0]
        rows: list[runs.Row] = []
        with servers.scratch("benchmark") as folder:
            try:
                if options["only"] != "ingest":
                    rows += runs.frames_and_metadata(folder, rounds=options["rounds"], count=options["count"])
            except servers.ServerMissing as missing:
                raise CommandError(str(missing)) from missing
            if options["only"] != "frames":
                rows += runs.ingest(folder, rounds=options["rounds"], count=options["files"])
        if options["json"]:
            report = {"load_before": load, "cores": os.cpu_count(), "rows": [row.as_json() for row in rows]}
            self.stdout.write(json.dumps(report, indent=2))
            return
        self.stdout.write(
            f"{os.cpu_count()} cores, load before {load:.1f}, medians of {options['rounds']} runs\n"
        )
        for row in rows:
            verdict = "" if row.met is None else ("  met" if row.met else "  NOT met")
            self.stdout.write(
                f"{row.what:32} {row.server:16} {row.per_second:9.0f}/s {row.cpu_ms:8.3f} ms CPU "
                f"{row.body_bytes / 1000:9.1f} kB  {row.limit}{verdict}\n"
            )
