"""A coordinator takes imaging studies out of a case to which they do not belong."""

import uuid

import pytest
import yaml

from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import Case, Landmark, Patient
from readerstudy.studies.pages import case_rows
from readerstudy.studies.services.copies import archive_path
from readerstudy.studies.services.errors import StudyRefused
from tests import factories
from tests.readerstudy.studies.joining import states
from tests.readerstudy.studies.joining.acts import everything, join, take_out

pytestmark = pytest.mark.django_db


@pytest.mark.both_databases
def test_what_came_under_another_number_leaves_with_it_into_the_same_partition(study, pair):
    _stays, comes = pair
    Patient.objects.filter(study=study).update(partition="train", partition_draw=factories.draw(study=study))
    Landmark.objects.create(
        case=comes, structure="L4-5-right", frame_of_reference_uid="CT", x_mm=1, y_mm=2, z_mm=3,
        source="imported", set_at=factories.AT,
    )  # fmt: skip
    images = comes.image_set
    uid = images.imaging_studies.get().blinded_uid
    case = join(pair)

    new = take_out(case, uid)

    assert new.image_set == images
    assert (new.status, new.patient.partition) == ("imported", "train")
    assert new.patient != case.patient
    assert new.patient.centre == case.patient.centre
    assert new.landmarks.count() == 1
    assert [row.modalities for row in case_rows(study, [case.pk])] == ["MR"]
    event = AuditEvent.objects.get(event="studies.case.taken_out")
    assert (event.detail["case"], event.detail["new"], event.detail["n"]) == (
        case.pseudonym,
        new.pseudonym,
        1,
    )
    with pytest.raises(StudyRefused, match="cannot leave"):
        take_out(new, uid)


def test_the_same_patient_may_have_one_case_more(study, pair):
    uid = pair[1].image_set.imaging_studies.get().blinded_uid
    case = join(pair)
    new = take_out(case, uid, is_other_patient=False)
    assert new.patient == case.patient


@pytest.fixture
def wants_both(study) -> None:
    """The protocol requires MR and CT."""
    version = study.protocols.get()
    content = yaml.safe_load(version.source)
    content["reading"]["required_modalities"] = ["MR", "CT"]
    type(version).objects.filter(pk=version.pk).update(source=yaml.safe_dump(content), digest="0" * 64)


def test_what_the_other_case_brings_is_not_lacked_any_more(study, pair, wants_both):
    for case, kind in zip(pair, ("CT", "MR"), strict=True):
        Case.objects.filter(pk=case.pk).update(included_lacking={"kinds": [kind], "reason": "none was made"})
    assert join(pair).included_lacking is None


def test_what_leaves_is_lacked_from_then_on_and_said_on_the_list(study, pair, wants_both):
    case = join(pair)
    assert case.included_lacking is None
    ct = case.image_set.imaging_studies.get(series__modality="CT").blinded_uid
    take_out(case, ct)
    case.refresh_from_db()
    assert case.included_lacking["kinds"] == ["CT"]
    assert "taken out" in case.included_lacking["reason"]
    (row,) = [row for row in case_rows(study) if row.pseudonym == case.pseudonym]
    assert "CT" in row.included_lacking


@pytest.mark.django_db(transaction=True)
def test_copies_under_the_names_of_before_are_removed(study, pair, settings, tmp_path):
    settings.READERSTUDY_DATA_ROOT = tmp_path
    made = archive_path(study.public_id, uuid.uuid4())
    for act in (lambda: join(pair), lambda: take_out(*_joined_with_ct(pair))):
        made.write_bytes(b"PK")
        act()
        assert not made.exists()


def _joined_with_ct(pair: list[Case]) -> tuple[Case, str]:
    pair[0].refresh_from_db()
    return pair[0], pair[0].image_set.imaging_studies.get(series__modality="CT").blinded_uid


@pytest.mark.parametrize(
    "state",
    [states.locked, states.opened, states.referenced, states.deviating],
    ids=lambda each: each.__name__,
)
def test_nothing_is_taken_out_of_a_case_of_which_something_was_said(study, pair, state):
    _stays, comes = pair
    uid = comes.image_set.imaging_studies.get().blinded_uid
    case = join(pair)
    state(case, case)
    case = Case.objects.select_related("study", "patient", "image_set").get(pk=case.pk)
    before = everything(study)
    with pytest.raises(StudyRefused):
        take_out(case, uid)
    assert everything(study) == before
