"""An answer to one item as a value, and the check that it fits the protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from grading.models import Answer, Kind
from readerstudy.studies.protocols.document import CaseQuestion, ProtocolDocument
from readerstudy.studies.wording import spoken


class BadAnswer(Exception):
    """An answer that the protocol does not allow. The text says what is allowed."""


@dataclass(frozen=True)
class GivenAnswer:
    """What was answered for one item: a grade, a value, or a typed answer with its reason."""

    kind: str
    grade: int | None = None
    value: float | None = None
    reason: str = ""

    @classmethod
    def of(cls, row: Answer) -> "GivenAnswer":
        return cls(kind=row.kind, grade=row.grade, value=row.value, reason=row.reason)

    def fields(self) -> dict[str, Any]:
        """Return the column values of an `Answer`."""
        return {"kind": self.kind, "grade": self.grade, "value": self.value, "reason": self.reason}

    def same_as(self, other: "GivenAnswer") -> bool:
        """Return whether both say the same; the reason of a typed answer does not count."""
        return (self.kind, self.grade, self.value) == (other.kind, other.grade, other.value)


def read_answer(
    document: ProtocolDocument, structure: str, finding_id: str, given: Mapping[str, Any]
) -> GivenAnswer:
    """
    Check an answer that came from outside.

    Parameters
    ----------
    given : mapping
        ``kind`` and, as the kind asks, ``grade`` (int), ``value`` (number) or ``reason`` (text).

    Raises
    ------
    BadAnswer
        If the item does not exist or the answer does not fit it.
    """
    if not document.has_item(structure, finding_id):
        raise BadAnswer(_("The protocol has no such item."))
    finding = document.finding(finding_id)
    kind = given.get("kind")
    if kind == Kind.GRADE and finding.kind != "continuous":
        grade = given.get("grade")
        if isinstance(grade, bool) or not isinstance(grade, int) or not 0 <= grade < finding.n_grades:
            raise BadAnswer(
                _("The scale of %(label)s runs from 0 to %(n_grades)s.")
                % {"label": spoken(finding.label), "n_grades": finding.n_grades - 1}
            )
        return GivenAnswer(kind=Kind.GRADE, grade=grade)
    if kind == Kind.VALUE and finding.kind == "continuous":
        value = given.get("value")
        low, high = finding.minimum, finding.maximum
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise BadAnswer(
                _("%(label)s runs from %(low)s to %(high)s %(unit)s.")
                % {
                    "label": spoken(finding.label),
                    "low": format(low, "g"),
                    "high": format(high, "g"),
                    "unit": finding.unit,
                }
            )
        return GivenAnswer(kind=Kind.VALUE, value=float(value))
    if isinstance(kind, str) and kind.replace("_", "-") in finding.typed:
        reason = given.get("reason") or ""
        if kind == Kind.NOT_ASSESSABLE:
            known = [name for name, _ in document.not_assessable_reasons]
            if reason not in known:
                raise BadAnswer(_("Not assessable needs a reason: %(known)s.") % {"known": ", ".join(known)})
        else:
            reason = ""
        return GivenAnswer(kind=kind, reason=reason)
    raise BadAnswer(_("%(label)s does not take an answer of this kind.") % {"label": spoken(finding.label)})


TEXT_LENGTH = 2000


def read_question(question: CaseQuestion, given: Any) -> str:
    """
    Check the answer to a question about the whole case; "" answers nothing.

    Raises
    ------
    BadAnswer
        If it is no text of at most `TEXT_LENGTH` characters, or none of the options.
    """
    if not isinstance(given, str) or len(given) > TEXT_LENGTH or "\x00" in given:
        raise BadAnswer(
            _("%(label)s takes at most %(text_length)s characters of text.")
            % {"label": spoken(question.label), "text_length": TEXT_LENGTH}
        )
    options = [name for name, _ in question.options]
    if question.kind != "text" and given and given not in options:
        raise BadAnswer(
            _("%(label)s takes %(options)s.")
            % {"label": spoken(question.label), "options": ", ".join(options)}
        )
    return given
