"""Work for a real worker: units recorded one by one under the fence, with gates for a test to stand at."""

from pathlib import Path
from uuid import UUID

from django.utils import timezone

from readerstudy.core.audit import record, register_events
from readerstudy.core.jobs.engine import JobContext
from readerstudy.core.jobs.registry import JobKind, job_handler
from readerstudy.core.models import AuditEvent

register_events({"core.unit_counted": "counted unit {unit} in attempt {attempt}"})
COUNT = JobKind("tests.count", max_attempts=4)


def counted(study: UUID) -> list[tuple[int, int]]:
    """Return (unit, attempt that committed it) of every unit in the order committed."""
    events = AuditEvent.objects.filter(study_id=study, event="core.unit_counted").order_by("number")
    return [(event.detail["unit"], event.detail["attempt"]) for event in events]


def pass_gate(path: str) -> None:
    with Path(path).open("wb", buffering=0) as gate:
        gate.write(b"x")


@job_handler(COUNT)
def count(
    context: JobContext,
    *,
    study: str,
    units: int,
    stop_at: int,
    where: str,
    arrived: str,
    go_on: str,
    done: str,
) -> None:
    """Count the units that are not counted yet; the first attempt stops at one of them, `where` it is told."""
    before = {unit for unit, _ in counted(UUID(study))}
    for unit in [unit for unit in range(units) if unit not in before]:
        stops = context.attempt == 1 and unit == stop_at
        if stops and where == "between units":
            _stand_still(arrived, go_on)
        with context.commit():
            record(
                event="core.unit_counted",
                at=timezone.now(),
                actor=None,
                study_id=UUID(study),
                unit=unit,
                attempt=context.attempt,
            )
            if stops and where == "inside a unit":
                _stand_still(arrived, go_on)
        context.progress(unit + 1, units)
    pass_gate(done)


def _stand_still(arrived: str, go_on: str) -> None:
    pass_gate(arrived)
    with Path(go_on).open("rb") as gate:
        gate.read(1)
