"""What a coordinator's table says of imported cases: pseudonyms, centre, left and right, clinical data."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from readerstudy.core.audit import Actor
from readerstudy.imaging.services.subjects import identity_of, patient_numbers, state_laterality
from readerstudy.studies.models import Case, Centre, Patient, ReaderStudy
from readerstudy.studies.services.cases import before_reading, record_case
from readerstudy.studies.services.errors import StudyRefused

#: How left and right are known where a table says it.
IMPORT_TABLE = "import table"


@dataclass(frozen=True)
class Stated:
    """
    What one row says.

    Empty texts leave what stands. `clinical` is added to what is known; it is for the study's office and its
    export. Who reads sees the columns that the protocol names, and no other. `laterality` is said of what came under
    `number`, of all images without.
    """

    case: str
    patient: str
    centre: str = ""
    laterality: str = ""
    number: str = ""
    clinical: Mapping[str, str] = field(default_factory=dict)


def cases_by_patient_number(study: ReaderStudy) -> dict[str, list[Case]]:
    """Return the study's cases by every patient number of their files, which the identity store alone knows."""
    found: dict[str, list[Case]] = defaultdict(list)
    cases = Case.objects.filter(study=study, image_set__isnull=False).exclude(status=Case.Status.WITHDRAWN)
    for case in cases.select_related("study", "image_set", "patient__centre").order_by("pk"):
        if case.image_set is None:
            continue
        for number in dict.fromkeys(patient_numbers(case.image_set)):
            found[number].append(case)
    return dict(found)


@transaction.atomic
def state_case(*, case: Case, stated: Stated, source: str, actor: Actor | None, at: datetime) -> None:
    """
    Name a case and its patient, and write down what is known of them.

    Two cases that are given one patient name become that patient's, so that they stay in one partition.

    Raises
    ------
    StudyRefused
        If a name is in use, the partitions of two patients differ, or names, centre, sides or a clinical value
        that readers see would change after the case was assigned. Nothing was changed.
    WrongState
        If the study is locked.
    """
    changed = []
    if stated.case != case.pseudonym:
        before_reading(case)
        if Case.objects.filter(study=case.study, pseudonym=stated.case).exists():
            raise StudyRefused(_("the case name %(name)s is in use") % {"name": stated.case})
        Case.objects.filter(pk=case.pk).update(pseudonym=stated.case)
        case.pseudonym = stated.case
        changed.append("case")
    if stated.patient != case.patient.pseudonym:
        before_reading(case)
        _name_patient(case, stated.patient)
        changed.append("patient")
    if stated.centre and stated.centre != case.patient.centre.code:
        before_reading(case)
        centre = Centre.objects.get_or_create(study=case.study, code=stated.centre)[0]
        Patient.objects.filter(pk=case.patient.pk).update(centre=centre)
        changed.append("centre")
    if stated.laterality and case.image_set is not None:
        studies = case.image_set.imaging_studies.select_related("image_set", "drawer")
        for imaging_study in studies.exclude(laterality=stated.laterality):
            if stated.number and identity_of(imaging_study.home).patient_id != stated.number:
                continue
            before_reading(case)
            state_laterality(
                imaging_study=imaging_study, laterality=stated.laterality, source=IMPORT_TABLE, at=at,
                actor=actor,
            )  # fmt: skip
            changed.append("sides")
    clinical = {name: value for name, value in stated.clinical.items() if case.clinical.get(name) != value}
    if clinical:
        if not shown_columns(case.study).isdisjoint(clinical):
            before_reading(case)
        case.clinical = {**case.clinical, **clinical}
        Case.objects.filter(pk=case.pk).update(clinical=case.clinical)
        changed += sorted(clinical)
    if changed:
        said = ", ".join(sorted(set(changed)))
        record_case("studies.case.stated", case, actor, at, changed=said, source=source)


def shown_columns(study: ReaderStudy) -> frozenset[str]:
    """Return the clinical columns that any version of the protocol shows: reads stay pinned to theirs."""
    return frozenset(
        datum.id for version in study.protocols.all() for datum in version.document.clinical_context
    )


def _name_patient(case: Case, name: str) -> None:
    old = case.patient
    known = Patient.objects.filter(study=case.study, pseudonym=name).select_related("centre").first()
    if known is None and old.cases.count() == 1:
        Patient.objects.filter(pk=old.pk).update(pseudonym=name)
        old.pseudonym = name
        return
    if known is None:
        known = Patient.objects.create(study=case.study, pseudonym=name, centre=old.centre)
    if known.partition != old.partition:
        raise StudyRefused(
            _("patient %(name)s was drawn into another partition than the patient of this case")
            % {"name": name}
        )
    Case.objects.filter(pk=case.pk).update(patient=known)
    case.patient = known
    if not old.cases.exists():
        old.delete()
