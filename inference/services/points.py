"""
Joint points of a run: handed out as a table, corrected by a person, published to the study.

What a model found stays in its run. A coordinator's act makes it a place of the study, fixed before anybody reads the
case: viewports then move there, and later runs and trainings take it as given.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite

from django.db import transaction
from django.utils.translation import gettext as _

from inference.models import InferenceRun, StudyRun
from inference.services.errors import InferenceRefused
from readerstudy.core.audit import Actor, record
from readerstudy.studies.models import Landmark
from readerstudy.studies.services.cases import Place, import_landmarks
from readerstudy.studies.services.errors import StudyRefused

COLUMNS = ("case_id", "structure", "frame_of_reference", "x_mm", "y_mm", "z_mm")
#: A correction moves a point within the spine; what lies farther off is a slip of the pen or another patient's line.
FARTHEST_MM = 100.0
MAX_TEXT = 20 << 20


@dataclass(frozen=True)
class Point:
    """One line of the table; LPS millimetres."""

    line: int
    case: str
    structure: str
    frame: str
    point_mm: tuple[float, float, float]


def _located(study_run: StudyRun) -> list[InferenceRun]:
    runs = study_run.runs.select_related("case__study").exclude(points={})
    return list(runs.order_by("case__pseudonym", "pk"))


def points_of(study_run: StudyRun) -> Iterator[tuple[Point, float, str]]:
    """Every point of a run with the certainty of its place and whence it came, by case, frame and structure."""
    line = 1
    for run in _located(study_run):
        for frame, points in sorted(run.points.items()):
            for structure, (x, y, z, certainty, source) in sorted(points.items()):
                line += 1
                yield Point(line, run.case.pseudonym, structure, frame, (x, y, z)), certainty, source


def write_points(study_run: StudyRun) -> str:
    """A run's points as CSV, to be corrected and handed back."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow([*COLUMNS, "certainty", "source"])
    for point, certainty, source in points_of(study_run):
        x, y, z = (f"{value:.2f}" for value in point.point_mm)
        table.writerow([point.case, point.structure, point.frame, x, y, z, f"{certainty:.3f}", source])
    return out.getvalue()


def read_points(text: str) -> list[Point]:
    """
    Read a table as `write_points` writes it; further columns are ignored.

    Raises
    ------
    InferenceRefused
        With the line and the column.
    """
    if len(text) > MAX_TEXT:
        raise InferenceRefused(
            _("The table is larger than %(limit)s MiB. Nothing was published.") % {"limit": MAX_TEXT >> 20}
        )
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise InferenceRefused(
            _("The table lacks the column %(names)s. Nothing was published.") % {"names": ", ".join(missing)}
        )
    found: list[Point] = []
    seen: set[tuple[str, str, str]] = set()
    for line, row in enumerate(rows, start=2):
        values = []
        for column in ("x_mm", "y_mm", "z_mm"):
            try:
                value = float(row[column] or "")
            except ValueError:
                value = float("nan")
            if not isfinite(value):
                raise InferenceRefused(
                    _("Line %(line)s, %(column)s: %(value)s is no number. Nothing was published.")
                    % {"line": line, "column": column, "value": repr(row[column])}
                )
            values.append(value)
        key = (row["case_id"] or "", row["frame_of_reference"] or "", row["structure"] or "")
        if key in seen:
            raise InferenceRefused(
                _("Line %(line)s: %(structure)s of case %(case)s stands twice. Nothing was published.")
                % {"line": line, "structure": key[2], "case": key[0]}
            )
        seen.add(key)
        found.append(Point(line, key[0], key[2], key[1], (values[0], values[1], values[2])))
    return found


@transaction.atomic
def publish_points(
    *, study_run: StudyRun, points: Sequence[Point] | None, actor: Actor | None, at: datetime
) -> int:
    """
    Make points of a run places of the study, as found or as corrected. All of them or none.

    Parameters
    ----------
    points : sequence of Point, optional
        The corrected table; all points of the run, as they were found, where absent. A table may hold fewer.

    Returns
    -------
    int
        Number of cases whose places were set.

    Raises
    ------
    InferenceRefused
        If a line names a case, frame or structure that the run did not locate, moves a point farther than 10 cm,
        or a case is assigned already: what it shows cannot change.
    """
    if points is None:
        points = [found[0] for found in points_of(study_run)]
    if not points:
        raise InferenceRefused(_("There is no point to publish. Nothing was published."))
    runs = {run.case.pseudonym: run for run in _located(study_run)}
    by_case: dict[str, list[Place]] = defaultdict(list)
    for point in points:
        run = runs.get(point.case)
        own = run.points.get(point.frame) if run else None
        if own is None or point.structure not in own:
            raise InferenceRefused(
                _(
                    "Line %(line)s: run %(number)s located no %(structure)s in case %(case)s in this "
                    "frame of reference. Nothing was published."
                )
                % {
                    "line": point.line,
                    "number": study_run.number,
                    "structure": point.structure or _("structure"),
                    "case": point.case,
                }
            )
        moved = (
            sum((a - b) ** 2 for a, b in zip(point.point_mm, own[point.structure][:3], strict=True)) ** 0.5
        )
        if moved > FARTHEST_MM:
            raise InferenceRefused(
                _(
                    "Line %(line)s: %(structure)s of case %(case)s is moved by %(moved)s mm; at most "
                    "%(farthest)s mm is a correction. Nothing was published."
                )
                % {
                    "line": point.line,
                    "structure": point.structure,
                    "case": point.case,
                    "moved": f"{moved:.0f}",
                    "farthest": f"{FARTHEST_MM:.0f}",
                }
            )
        by_case[point.case].append(Place(point.structure, point.frame, point.point_mm))
    for name, places in sorted(by_case.items()):
        try:
            import_landmarks(
                case=runs[name].case, places=places, actor=actor, at=at, source=Landmark.Source.CONFIRMED
            )
        except StudyRefused as refusal:
            raise InferenceRefused(str(refusal)) from refusal
    record(
        event="inference.points.published",
        at=at,
        actor=actor,
        study_id=study_run.study.public_id,
        subject_type="run",
        subject_id=f"run {study_run.number}",
        number=study_run.number,
        n=len(by_case),
    )
    return len(by_case)
