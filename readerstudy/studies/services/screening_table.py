"""Decisions on many cases by a table, under the rules of the single ones: all rows or none."""

import csv
import io
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from readerstudy.core.audit import Actor
from readerstudy.studies.models import Case, ReaderStudy
from readerstudy.studies.services.cases import exclude_case, include_case
from readerstudy.studies.services.errors import StudyRefused

COLUMNS = ("case_id", "decision", "reason")
INCLUDE, EXCLUDE = "include", "exclude"


class ScreeningTableRefused(StudyRefused):
    """A table that cannot be followed. Nothing was changed; `problems` names every refused row."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems[:3]))


@transaction.atomic
def decide_by_table(*, study: ReaderStudy, text: str, actor: Actor | None, at: datetime) -> int:
    """
    Include and exclude cases as a table says; returns how many.

    Parameters
    ----------
    text : str
        CSV of `COLUMNS`: the reason is the criterion that excludes, or why a case is included that lacks a kind of
        image which the protocol requires.

    Raises
    ------
    ScreeningTableRefused
        With every row that cannot be followed.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise ScreeningTableRefused([_("line 1: %(names)s is missing") % {"names": ", ".join(missing)}])
    cases = {
        each.pseudonym: each for each in Case.objects.filter(study=study).select_related("study", "patient")
    }
    problems: list[str] = []
    seen: set[str] = set()
    for row in reader:
        name, decision = (row["case_id"] or "").strip(), (row["decision"] or "").strip()
        try:
            if name not in cases:
                raise StudyRefused(_("the study has no case %(case)s") % {"case": repr(name)})
            if name in seen:
                raise StudyRefused(_("case %(case)s stands twice") % {"case": name})
            seen.add(name)
            common = {"case": cases[name], "actor": actor, "at": at}
            reason = (row["reason"] or "").strip()
            # One refused row leaves the others to be looked at; nothing of any stays.
            with transaction.atomic():
                if decision == INCLUDE:
                    include_case(**common, lacking_reason=reason)
                elif decision == EXCLUDE:
                    exclude_case(**common, reason=reason)
                else:
                    raise StudyRefused(
                        _("the decision is include or exclude, not %(given)s") % {"given": repr(decision)}
                    )
        except StudyRefused as refusal:
            problems.append(
                _("line %(line)s: %(problem)s") % {"line": reader.line_num, "problem": str(refusal)}
            )
    if not seen and not problems:
        problems.append(_("line 2: the table has no rows"))
    if problems:
        raise ScreeningTableRefused(problems)
    return len(seen)
