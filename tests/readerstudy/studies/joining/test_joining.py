"""A coordinator makes one case of several before reading."""

import pytest

from readerstudy.analysis.selectors.readiness import flow
from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import Assignment, Case, CaseDuty, Deviation, Landmark, Patient
from readerstudy.studies.pages import case_rows
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.joining_plan import plan_joining
from readerstudy.studies.services.partition import draw_partition
from tests import factories
from tests.readerstudy.studies.joining import states
from tests.readerstudy.studies.joining.acts import everything, join

pytestmark = pytest.mark.django_db


@pytest.mark.both_databases
def test_one_case_stays_with_the_images_and_the_knowledge_of_both(study, pair):
    stays, comes = pair
    Case.objects.filter(pk=stays.pk).update(clinical={"age": "63"})
    Case.objects.filter(pk=comes.pk).update(clinical={"age": "63", "sex": "F"})
    Landmark.objects.create(
        case=comes, structure="L4-5-right", frame_of_reference_uid="CT", x_mm=1, y_mm=2, z_mm=3,
        source="imported", set_at=factories.AT,
    )  # fmt: skip
    before = flow(study)

    case = join(pair)

    assert list(Case.objects.filter(study=study)) == [stays]
    assert list(Patient.objects.filter(study=study)) == [stays.patient]
    assert case.clinical == {"age": "63", "sex": "F"}
    assert list(case.landmarks.values_list("x_mm", flat=True)) == [1]
    (row,) = case_rows(study)
    assert (row.modalities, row.n_series) == ("MR, CT", 2)
    assert row.missing_optional == "X-ray"
    after = flow(study)
    assert (before["cases"], before["included_patients"]) == (2, 2)
    assert (after["cases"], after["included"], after["included_patients"]) == (1, 1, 1)
    event = AuditEvent.objects.get(event="studies.case.joined")
    assert (event.detail["case"], event.detail["joined"]) == (stays.pseudonym, comes.pseudonym)


def test_several_cases_come_at_once(study, pair):
    images = factories.image_set(scope=study.public_id)
    factories.series(of=factories.imaging_study(of=images), modality="DX", label="AP X-ray")
    # Two of them were one patient's already.
    pair.append(factories.case(study=study, image_set=images, patient=pair[1].patient))
    join(pair)
    (row,) = case_rows(study)
    assert (row.pseudonym, row.modalities, row.n_series) == (pair[0].pseudonym, "MR, CT, X-ray", 3)
    assert Patient.objects.get() == pair[0].patient
    assert AuditEvent.objects.filter(event="studies.case.joined").count() == 2


def test_unopened_reads_of_the_case_that_stays_stay_and_the_others_are_taken_back(study, pair):
    stays, comes = pair
    readers = [factories.user(name) for name in ("first", "second", "third")]
    for reader in readers:
        factories.study_role("reader", study=study, person=reader)
    kept = [factories.assignment(of=stays, person=reader) for reader in readers[:2]]
    gone = [factories.assignment(of=comes, person=reader) for reader in readers[1:]]
    plan = plan_joining(study=study, stays=stays, comes=[comes])
    assert (list(plan.kept), list(plan.taken_back)) == (kept, gone)

    join(pair)

    assert list(Assignment.objects.order_by("pk")) == kept
    assert set(CaseDuty.objects.values_list("case", flat=True)) == {stays.pk}
    assert AuditEvent.objects.get(event="studies.case.joined").detail["n_taken_back"] == 2


def test_a_drawn_partition_stays_and_every_case_of_both_patients_is_in_it(study, pair):
    stays, comes = pair
    other = factories.case(study=study, patient=comes.patient)
    Patient.objects.filter(pk=comes.patient.pk).update(
        partition="test", partition_draw=factories.draw(study=study)
    )
    join(pair)
    patient = Patient.objects.get()
    assert (patient, patient.partition) == (stays.patient, "test")
    assert patient.partition_draw is not None
    other.refresh_from_db()
    assert other.patient == patient
    draw_partition(study=study, seed=1, actor=None, at=factories.AT)
    assert Patient.objects.get().partition == "test"


REFUSED = [
    (states.locked, "The study is locked; its cases stay as they are."),
    (states.withdrawn, "is withdrawn; its images are erased."),
    (states.practised, "is one that readers train or are calibrated on."),
    (states.opened, "has answers of readers, given for the images that it shows now."),
    (states.opened_and_taken_back, "has answers of readers"),
    (states.referenced, "has reference, lesions or marks from a table"),
    (states.deviating, "A deviation is noted for case"),
    (states.asked, "let it be the case that stays"),
    (states.aided, "let it be the case that stays"),
    (states.screened, "are screened differently. Decide on each alike first."),
    (states.excluded, "are screened differently."),
    (states.numbered, "are numbered differently"),
    (states.numbered_once, "or not on each"),
    (states.sides, "The sides are open on some"),
    (states.centre, "are of different centres"),
    (states.drawn, "were drawn into different partitions (training, test)."),
    (states.clinical, "age is 63 on one case and 36 on case"),
    (states.placed, "The place of L4-5-right is another on each"),
    (states.without_images, "has no images. There is nothing to join."),
]


@pytest.mark.parametrize(("state", "said"), REFUSED, ids=lambda each: getattr(each, "__name__", ""))
def test_what_was_said_or_decided_otherwise_forbids_it_and_changes_nothing(study, pair, state, said):
    state(*pair)
    pair = [Case.objects.select_related("study", "patient", "image_set").get(pk=case.pk) for case in pair]
    before = everything(study)
    study.refresh_from_db()
    # Who looks before joining is told the same.
    assert said in " ".join(plan_joining(study=study, stays=pair[0], comes=pair[1:]).problems)
    with pytest.raises(StudyRefused) as refusal:
        join(pair)
    assert said in str(refusal.value)
    assert str(refusal.value).endswith("Nothing was changed.")
    assert everything(study) == before
    assert not AuditEvent.objects.filter(event__in=["studies.case.joined", "imaging.images.joined"]).exists()


def test_every_row_that_speaks_of_a_case_forbids_it_or_is_carried_over():
    """A model that is added with a relation to a case must say which."""
    from django.apps import apps

    from readerstudy.studies.models import AccidentalUnblinding, PracticeCase
    from readerstudy.studies.standing import standing_models

    handled = {CaseDuty, Assignment, Landmark, Deviation, AccidentalUnblinding, PracticeCase}
    speaking = {
        model
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.local_fields
        if field.remote_field is not None and field.remote_field.model is Case
    }
    assert Case.objects.model not in speaking
    assert speaking - handled - standing_models() == set()
