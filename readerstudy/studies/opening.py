"""What a draft has and lacks before it is opened for reading."""

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from readerstudy.studies.models import Case, ReaderStudy, StudyRole
from readerstudy.studies.protocols.document import ClinicalDatum, ProtocolDocument
from readerstudy.studies.services.studies import current_protocol
from readerstudy.studies.wording import spoken


@dataclass(frozen=True)
class OpeningFact:
    """One thing that reading needs; all of them may also come after the opening."""

    label: str
    have: int
    wanted: int

    @property
    def is_there(self) -> bool:
        return self.have >= self.wanted


@dataclass(frozen=True)
class Opening:
    """What is frozen by opening, and what stands ready."""

    version: int
    digest: str
    facts: tuple[OpeningFact, ...]

    @property
    def is_complete(self) -> bool:
        return all(each.is_there for each in self.facts)


def _people_wanted(document: ProtocolDocument) -> list[tuple[str, str, int]]:
    """Return (label, role, how many) of the people without whom no reference standard arises."""
    wanted = [(_("Readers"), "is_reader", document.readers_per_case)]
    if document.adjudication["by"] == "adjudicator":
        wanted.append((_("Adjudicators"), "is_adjudicator", 1))
    if document.reference["from"] in {"adjudicated+panel", "panel-read"}:
        wanted.append((_("Panel members"), "is_panel", int(document.reference.get("quorum", 1))))
    return wanted


def _stated(cases: QuerySet[Case], document: ProtocolDocument) -> list[tuple[ClinicalDatum, list[str]]]:
    """Return the clinical data that readers see, each with what the cases have of it."""
    if not document.clinical_context:
        return []
    known = list(cases.exclude(clinical={}).order_by().values_list("clinical", flat=True))
    return [
        (datum, [case[datum.id] for case in known if datum.id in case]) for datum in document.clinical_context
    ]


def opening_of(study: ReaderStudy) -> Opening:
    """Return what opening a draft would freeze, and what stands ready."""
    protocol = current_protocol(study)
    wanted = _people_wanted(protocol.document)
    here = StudyRole.objects.filter(study=study, left_at__isnull=True).aggregate(
        **{role: Count("pk", filter=Q(**{role: True})) for __, role, __ in wanted}
    )
    included = Case.objects.filter(study=study, status=Case.Status.INCLUDED)
    n_included = included.count()
    return Opening(
        version=protocol.version,
        digest=protocol.digest,
        facts=(
            *(OpeningFact(label, here[role], n) for label, role, n in wanted),
            OpeningFact(_("Included cases"), n_included, 1),
            *(
                OpeningFact(
                    _("Clinical data shown to readers: %(name)s") % {"name": spoken(datum.label)},
                    sum(datum.value_of(given) is not None for given in values),
                    n_included,
                )
                for datum, values in _stated(included, protocol.document)
            ),
        ),
    )
