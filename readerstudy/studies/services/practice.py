"""Taking cases for training and calibration, with the reference that they are judged by."""

import csv
import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from readerstudy.core.audit import Actor, record
from readerstudy.studies.models import Case, Patient, PracticeCase, ReaderStudy
from readerstudy.studies.protocols.document import ProtocolDocument
from readerstudy.studies.services.errors import StudyRefused, WrongState
from readerstudy.studies.services.studies import current_protocol
from readerstudy.studies.wording import partition_words, state_words

COLUMNS = ("case_id", "use", "structure", "finding", "answer")
TYPED = ("not_assessable", "absent", "fused")
MOST_PROBLEMS = 10
HELD_OUT = (Patient.Partition.TEST, Patient.Partition.EXTERNAL)


@transaction.atomic
def take_practice_cases(*, study: ReaderStudy, table: str, actor: Actor | None, at: datetime) -> int:
    """
    Take cases for practice from a table: one row per case and item, with the answer of the reference.

    Parameters
    ----------
    table : str
        CSV with the columns ``case_id, use, structure, finding, answer``. `use` is ``training`` or
        ``calibration``; an answer is a grade, a measured value, or ``not_assessable``, ``absent``, ``fused``.

    Returns
    -------
    int
        How many cases were taken.

    Raises
    ------
    WrongState
        If the study is locked or unblinded.
    StudyRefused
        With the line of every problem: an unknown case or item, an answer that the scale has not, a case without
        an answer to every item, a case that is read for the study, a patient of whom a case is or who is held out.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    if study.state in {ReaderStudy.State.LOCKED, ReaderStudy.State.UNBLINDED}:
        raise WrongState(
            _("The study is %(state)s. Nothing was changed.") % {"state": state_words(study.state)}
        )
    uses, references = _read(table, current_protocol(study).document)
    cases = {
        case.pseudonym: case
        for case in Case.objects.select_for_update(of=("self",))
        .filter(study=study, pseudonym__in=uses)
        .select_related("patient")
    }
    problems = [problem for name in uses for problem in [_why_not(cases.get(name), name)] if problem]
    if problems:
        raise _refused(problems)
    for name, use in uses.items():
        case = cases[name]
        Case.objects.filter(pk=case.pk).update(status=Case.Status.PRACTICE, exclusion_reason="")
        PracticeCase.objects.create(case=case, use=use, reference=references[name], taken_at=at)
    record(
        event="studies.practice.taken",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="study",
        subject_id=study.public_id,
        n_training=sum(use == PracticeCase.Use.TRAINING for use in uses.values()),
        n_calibration=sum(use == PracticeCase.Use.CALIBRATION for use in uses.values()),
    )
    return len(uses)


def _refused(problems: list[str]) -> StudyRefused:
    told, n_more = "; ".join(problems[:MOST_PROBLEMS]), len(problems) - MOST_PROBLEMS
    if n_more > 0:
        return StudyRefused(
            _("%(problems)s; and %(n)s more. Nothing was changed.") % {"problems": told, "n": n_more}
        )
    return StudyRefused(_("%(problems)s. Nothing was changed.") % {"problems": told})


def _why_not(case: Case | None, name: str) -> str:
    """Say why a case cannot be practised on; "" where it can."""
    if case is None:
        return _("there is no case %(case)s") % {"case": name}
    if case.status not in {Case.Status.IMPORTED, Case.Status.EXCLUDED}:
        return _("case %(case)s is %(status)s; practice takes cases that are not read for the study") % {
            "case": name,
            "status": case.status,
        }
    if case.assignments.exists():
        return _("case %(case)s is assigned") % {"case": name}
    if case.patient.partition in HELD_OUT:
        return _("the patient of case %(case)s is held out (%(partition)s)") % {
            "case": name,
            "partition": partition_words(case.patient.partition),
        }
    if case.patient.cases.filter(status=Case.Status.INCLUDED).exists():
        return _("another case of the patient of case %(case)s is read for the study") % {"case": name}
    return ""


def _read(
    table: str, document: ProtocolDocument
) -> tuple[dict[str, str], dict[str, dict[str, dict[str, Any]]]]:
    reader = csv.DictReader(io.StringIO(table.removeprefix("\ufeff"), newline=""))
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise StudyRefused(
            _("The table lacks %(missing)s; it needs %(columns)s. Nothing was changed.")
            % {"missing": ", ".join(missing), "columns": ", ".join(COLUMNS)}
        )
    uses: dict[str, str] = {}
    references: dict[str, dict[str, dict[str, Any]]] = {}
    problems: list[str] = []
    for row in reader:
        name, use = row["case_id"], row["use"]
        line = _("line %(n)s") % {"n": reader.line_num}
        if use not in PracticeCase.Use.values:
            problems.append(
                _("%(line)s, use: training or calibration, not %(use)s") % {"line": line, "use": repr(use)}
            )
        elif uses.setdefault(name, use) != use:
            problems.append(
                _("%(line)s, use: case %(case)s is %(use)s above; a case has one use")
                % {"line": line, "case": name, "use": uses[name]}
            )
        answer = _answer(row, document)
        item = f"{row['structure']}|{row['finding']}"
        if isinstance(answer, str):
            problems.append(", ".join((line, answer)))
        elif item in references.setdefault(name, {}):
            problems.append(
                _("%(line)s: %(item)s of case %(case)s has an answer above")
                % {"line": line, "item": item.replace("|", ", "), "case": name}
            )
        else:
            references[name][item] = answer
    for name, given in references.items():
        n = sum("|".join(item.key) not in given for item in document.items)
        if n and not problems:
            problems.append(_("case %(case)s lacks the reference of %(n)s items") % {"case": name, "n": n})
    if not uses and not problems:
        problems.append(_("the table has no row"))
    if problems:
        raise _refused(problems)
    return uses, references


def _answer(row: Mapping[str, str], document: ProtocolDocument) -> dict[str, Any] | str:
    """Return the answer of a row, or what is wrong with it."""
    if not document.has_item(row["structure"], row["finding"]):
        return _("structure, finding: the protocol has no %(finding)s at %(structure)s") % {
            "finding": repr(row["finding"]),
            "structure": repr(row["structure"]),
        }
    finding, text = document.finding(row["finding"]), (row["answer"] or "").strip()
    if text in TYPED:
        return {"kind": text, "grade": None, "value": None}
    if finding.kind == "continuous":
        try:
            value = float(text)
        except ValueError:
            return _("answer: a number in %(unit)s, not %(given)s") % {
                "unit": finding.unit,
                "given": repr(text),
            }
        return {"kind": "value", "grade": None, "value": value}
    if not text.isascii() or not text.isdigit() or int(text) >= finding.n_grades:
        return _("answer: 0 to %(highest)s or %(typed)s, not %(given)s") % {
            "highest": finding.n_grades - 1,
            "typed": ", ".join(TYPED),
            "given": repr(text),
        }
    return {"kind": "grade", "grade": int(text), "value": None}
