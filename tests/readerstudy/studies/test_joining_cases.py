"""A coordinator makes one case of several before reading, and takes imaging studies out again."""

import uuid

import pydicom
import pytest
import yaml
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from grading.services.reading import open_read
from readerstudy.analysis.models import ImportedReference
from readerstudy.analysis.selectors.readiness import flow
from readerstudy.core.models import AuditEvent
from readerstudy.imaging.services import identity_of, patient_numbers
from readerstudy.studies.models import (
    Assignment,
    Case,
    CaseDuty,
    Centre,
    Deviation,
    Landmark,
    Patient,
    ReaderQuery,
    ReaderStudy,
    ReleasedAid,
)
from readerstudy.studies.pages import case_rows
from readerstudy.studies.services.cases import withdraw_case
from readerstudy.studies.services.copies import archive_path
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.importing import import_images
from readerstudy.studies.services.joining import join_cases, take_out_of_case
from readerstudy.studies.services.joining_plan import plan_joining
from readerstudy.studies.services.partition import draw_partition
from tests import factories
from tests.factories.studies import make_study, make_team

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> ReaderStudy:
    study = factories.reader_study(slug="one")
    factories.study_role("coordinator", study=study, person=factories.user("coordinator"), code="K1")
    return study


@pytest.fixture
def pair(study) -> list[Case]:
    """Two included cases of one centre: MR under one number, CT under another."""
    made = []
    for modality in ("MR", "CT"):
        images = factories.image_set(scope=study.public_id)
        imaging_study = factories.imaging_study(of=images)
        factories.series(
            of=imaging_study, modality=modality, label=f"Axial {modality}", frame_of_reference_uid=modality
        )
        made.append(factories.case(study=study, image_set=images))
    return made


@pytest.fixture
def coordinator(client, study):
    client.force_login(study.roles.get(is_coordinator=True).user)
    return client


def join(pair: list[Case]) -> Case:
    stays, *comes = pair
    return join_cases(study=stays.study, stays=stays, comes=comes, actor=None, at=factories.AT)


def take_out(case: Case, *studies: str, is_other_patient: bool = True) -> Case:
    return take_out_of_case(
        case=case,
        imaging_studies=studies,
        is_other_patient=is_other_patient,
        actor=None,
        at=factories.AT,
    )


def everything(study: ReaderStudy) -> list[object]:
    cases = Case.objects.filter(study=study).order_by("pk")
    return [
        list(cases.values()),
        list(Patient.objects.filter(study=study).order_by("pk").values()),
        list(Assignment.objects.filter(study=study).order_by("pk").values()),
        [list(case.image_set.imaging_studies.values()) for case in cases if case.image_set],
    ]


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


def _locked(stays, comes):
    at = factories.AT
    ReaderStudy.objects.filter(pk=stays.study.pk).update(state="locked", opened_at=at, locked_at=at)


def _withdrawn(stays, comes):
    withdraw_case(case=comes, actor=None, at=factories.AT)


def _practised(stays, comes):
    factories.case(study=stays.study, patient=comes.patient, status="practice")


def _opened(stays, comes):
    reader = factories.user("reader")
    factories.study_role("reader", study=stays.study, person=reader)
    open_read(assignment=factories.assignment(of=stays, person=reader), at=factories.AT)


def _opened_and_taken_back(stays, comes):
    reader = factories.user("reader")
    factories.study_role("reader", study=stays.study, person=reader)
    assignment = factories.assignment(of=comes, person=reader)
    open_read(assignment=assignment, at=factories.AT)
    Assignment.objects.update(withdrawn_at=factories.AT)


def _referenced(stays, comes):
    ImportedReference.objects.create(case=comes, structure="L4-5-right", finding="cyst")


def _deviating(stays, comes):
    Deviation.objects.create(
        study=stays.study, case=comes, text="late", happened_on_date=factories.AT.date(),
        noted_at=factories.AT, noted_by="K1",
    )  # fmt: skip


def _asked(stays, comes):
    reader = factories.user("reader")
    factories.study_role("reader", study=stays.study, person=reader)
    ReaderQuery.objects.create(
        study=stays.study, user=reader, assignment=factories.assignment(of=comes, person=reader),
        kind="question", text="?", asked_at=factories.AT,
    )  # fmt: skip


def _aided(stays, comes):
    reader = factories.user("reader")
    factories.study_role("reader", study=stays.study, person=reader)
    ReleasedAid.objects.create(
        assignment=factories.assignment(of=comes, person=reader), payload={}, model_digest="0" * 64,
        released_at=factories.AT,
    )  # fmt: skip


def _screened(stays, comes):
    Case.objects.filter(pk=comes.pk).update(status="imported")


def _excluded(stays, comes):
    for case, reason in ((stays, "fracture"), (comes, "severe-scoliosis")):
        Case.objects.filter(pk=case.pk).update(status="excluded", exclusion_reason=reason)


def _numbered(stays, comes):
    Case.objects.filter(pk=stays.pk).update(numbering={"variant": "5"})
    Case.objects.filter(pk=comes.pk).update(numbering={"variant": "6"})


def _numbered_once(stays, comes):
    Case.objects.filter(pk=stays.pk).update(numbering={"variant": "5"})
    Case.objects.filter(pk=comes.pk).update(numbering={})


def _sides(stays, comes):
    Case.objects.filter(pk=stays.pk).update(sides_accepted_by_convention=True)
    Case.objects.filter(pk=comes.pk).update(sides_accepted_by_convention=False)
    for case in (stays, comes):
        case.image_set.imaging_studies.update(laterality="unknown")


def _centre(stays, comes):
    Patient.objects.filter(pk=comes.patient.pk).update(
        centre=Centre.objects.create(study=stays.study, code="far")
    )


def _drawn(stays, comes):
    for case, partition in ((stays, "train"), (comes, "test")):
        Patient.objects.filter(pk=case.patient.pk).update(partition=partition)


def _clinical(stays, comes):
    Case.objects.filter(pk=stays.pk).update(clinical={"age": "63"})
    Case.objects.filter(pk=comes.pk).update(clinical={"age": "36"})


def _placed(stays, comes):
    for case, x in ((stays, 1.0), (comes, 2.0)):
        Landmark.objects.create(
            case=case, structure="L4-5-right", frame_of_reference_uid="same", x_mm=x, y_mm=0, z_mm=0,
            source="imported", set_at=factories.AT,
        )  # fmt: skip


def _without_images(stays, comes):
    Case.objects.filter(pk=comes.pk).update(image_set=None)


REFUSED = [
    (_locked, "The study is locked; its cases stay as they are."),
    (_withdrawn, "is withdrawn; its images are erased."),
    (_practised, "is one that readers train or are calibrated on."),
    (_opened, "has answers of readers, given for the images that it shows now."),
    (_opened_and_taken_back, "has answers of readers"),
    (_referenced, "has reference, lesions or marks from a table"),
    (_deviating, "A deviation is noted for case"),
    (_asked, "let it be the case that stays"),
    (_aided, "let it be the case that stays"),
    (_screened, "are screened differently. Decide on each alike first."),
    (_excluded, "are screened differently."),
    (_numbered, "are numbered differently"),
    (_numbered_once, "or not on each"),
    (_sides, "The sides are open on some"),
    (_centre, "are of different centres"),
    (_drawn, "were drawn into different partitions (training, test)."),
    (_clinical, "age is 63 on one case and 36 on case"),
    (_placed, "The place of L4-5-right is another on each"),
    (_without_images, "has no images. There is nothing to join."),
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


@pytest.mark.parametrize("state", [_locked, _opened, _referenced, _deviating], ids=lambda each: each.__name__)
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


# --- the pages ------------------------------------------------------------------------------------


def said(answer) -> str:
    return answer.content.decode()


def joining_address(**sent: str) -> str:
    return reverse("studies:join_cases", kwargs={"slug": "one"}, query=sent or None)


def images_address(case: Case) -> str:
    return reverse("studies:case_images", kwargs={"slug": "one", "case": case.public_id})


def test_a_coordinator_sees_what_will_be_and_does_it(coordinator, study, pair):
    stays, comes = pair
    reader = factories.user("reader")
    factories.study_role("reader", study=study, person=reader, code="R7")
    factories.assignment(of=comes, person=reader)
    further = factories.case(study=study, patient=comes.patient)
    assert f'href="{joining_address()}"' in said(
        coordinator.get(reverse("studies:cases", kwargs={"slug": "one"}))
    )
    assert f'value="{stays.pseudonym}"' in said(coordinator.get(joining_address(stays=stays.pseudonym)))
    sent = {"stays": stays.pseudonym, "comes": comes.pseudonym}

    page = said(coordinator.get(joining_address(**sent)))

    assert "2 imaging studies, 2 series, 2 images" in page
    assert "Missing, optional: X-ray" in page
    assert "R7" in page
    assert f"Further cases of this patient</th><td>{further.pseudonym}<" in page
    digest = page.split('name="digest" value="')[1].split('"')[0]
    answer = coordinator.post(joining_address(), {**sent, "digest": digest}, follow=True)
    assert f"{stays.pseudonym} is one case now." in said(answer)
    assert set(Case.objects.filter(patient=stays.patient)) == {stays, further}
    uid = stays.image_set.imaging_studies.latest("pk").blinded_uid
    answer = coordinator.post(images_address(stays), {"study": uid, "patient": "other"}, follow=True)
    assert "It waits for screening." in said(answer)
    assert Case.objects.count() == 3


def test_what_is_done_is_what_was_shown(coordinator, study, pair):
    stays, comes = pair
    sent = {"stays": stays.pseudonym, "comes": comes.pseudonym}
    page = said(coordinator.get(joining_address(**sent)))
    digest = page.split('name="digest" value="')[1].split('"')[0]
    Case.objects.filter(pk=comes.pk).update(clinical={"age": "63"})
    for each in (digest, ""):
        answer = said(coordinator.post(joining_address(), {**sent, "digest": each}))
        assert "The cases have changed since the page was shown." in answer
    assert Case.objects.count() == 2


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ({"stays": "nobody", "comes": "0"}, "The study has no case nobody."),
        ({"stays": "0", "comes": "1, nobody"}, "The study has no case nobody."),
        ({"stays": "0", "comes": "0"}, "Choose different cases"),
        ({"stays": "0", "comes": "other"}, "The study has no case"),
    ],
)
def test_codes_that_do_not_fit_are_told_of(coordinator, study, pair, sent, answered):
    other = factories.case(study=factories.reader_study(slug="other"))
    names = {"0": pair[0].pseudonym, "1": pair[1].pseudonym, "other": other.pseudonym}
    sent = {
        name: ", ".join(names.get(each, each) for each in value.split(", ")) for name, value in sent.items()
    }
    page = said(coordinator.get(joining_address(**sent)))
    assert answered in page
    assert 'name="digest"' not in page


def test_what_forbids_it_stands_on_the_page_without_a_button(coordinator, study, pair):
    _clinical(*pair)
    page = said(coordinator.get(joining_address(stays=pair[0].pseudonym, comes=pair[1].pseudonym)))
    assert "These cases cannot be joined as they are." in page
    assert "age is 63 on one case and 36" in page
    assert 'name="digest"' not in page


def test_a_case_of_which_something_was_said_offers_nothing_to_take_out(coordinator, study, pair):
    case = join(pair)
    assert "<button" in said_part(coordinator, case)
    _referenced(case, case)
    page = said_part(coordinator, case)
    assert "Nothing can be taken out of this case as it is." in page
    assert "given for the images that it shows now" in page
    assert "<button" not in page
    assert 'type="checkbox"' not in page


def said_part(coordinator, case: Case) -> str:
    """Return the page's own part, without the bars around it."""
    return coordinator.get(images_address(case)).content.decode().split("<main", 1)[1].split("</main>")[0]


@pytest.mark.parametrize("sent", [{}, {"study": "2.25.1", "patient": "other"}, {"patient": "same"}])
def test_an_incomplete_page_takes_nothing_out(coordinator, study, pair, sent):
    case = join(pair)
    answer = coordinator.post(images_address(case), sent, follow=True)
    assert "The page was not complete. Nothing was changed." in said(answer)
    assert Case.objects.count() == 1


def test_a_case_of_another_study_has_no_page_here(coordinator, study, pair):
    other = factories.case(study=factories.reader_study(slug="other"))
    for case in (other.public_id, uuid.uuid4()):
        address = reverse("studies:case_images", kwargs={"slug": "one", "case": case})
        assert coordinator.get(address).status_code == 404
        assert coordinator.post(address, {"study": "x", "patient": "other"}).status_code == 404


# --- with real images -----------------------------------------------------------------------------


@pytest.fixture
def archives(settings, tmp_path, shared_data) -> ReaderStudy:
    """Radiographs under one archive's number, MR under another's."""
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    study = make_study()
    for folder in ("lumbar_xr_simulated/ts_example", "lumbar_mr/vb2_05/02_T2_AX_disc_reformat"):
        import_images(
            study=study, source=shared_data / folder, centre_code="1", actor=None, at=timezone.now()
        )
    return study


@pytest.mark.shared
def test_the_commands_join_export_take_out_and_withdraw(archives, tmp_path, shared_data, capsys):
    first, second = Case.objects.order_by("pk")
    with pytest.raises(CommandError, match="no case 'nobody'"):
        call_command("join_cases", archives.slug, first.pseudonym, "nobody")
    call_command("join_cases", archives.slug, first.pseudonym, second.pseudonym)
    assert "MR, X-ray; 2 imaging studies, 3 series, 17 images" in capsys.readouterr().out
    assert Case.objects.count() == 2

    call_command("join_cases", archives.slug, first.pseudonym, second.pseudonym, yes=True)

    case = Case.objects.get()
    assert patient_numbers(case.image_set) == ("RS-CT-TS1", "RS-LT2-05")
    # Later images under either number come into it, and make no case of their own.
    for folder in ("lumbar_mr/vb2_05", "lumbar_ct/ts_example"):
        import_images(
            study=archives, source=shared_data / folder, centre_code="1", actor=None, at=timezone.now()
        )
    assert Case.objects.get() == case
    assert case_rows(archives)[0].modalities == "MR, CT, X-ray"
    call_command("export_dicom", archives.slug, tmp_path / "out")
    copies = list((tmp_path / "out" / case.pseudonym).rglob("*.dcm"))
    assert {pydicom.dcmread(path, stop_before_pixels=True).PatientID for path in copies} == {
        case.patient.pseudonym
    }
    assert {pydicom.dcmread(path, stop_before_pixels=True).Modality for path in copies} >= {"MR", "CT"}
    capsys.readouterr()
    call_command("take_out", archives.slug, case.pseudonym)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[1] for line in lines] == ["number 1", "number 1", "number 2"]
    call_command("take_out", archives.slug, case.pseudonym, lines[2].split()[0])
    assert Case.objects.count() == 2
    new = Case.objects.latest("pk")
    assert identity_of(new.image_set).patient_id == "RS-LT2-05"
    assert new.pseudonym == second.pseudonym
    call_command("withdraw_case", archives.slug, case.pseudonym, yes=True)
    held = {
        path.relative_to(tmp_path / "data").parts[2]
        for store in ("cache", "originals", "identities")
        for path in (tmp_path / "data" / store).rglob("*")
        if path.is_file()
    }
    assert {name.removesuffix(".sealed") for name in held} == {str(new.image_set.public_id)}


@pytest.mark.shared
def test_the_page_names_no_patient_number(archives, client):
    client.force_login(make_team(archives)["coordinator"])
    first, second = Case.objects.order_by("pk")
    sent = {"stays": first.pseudonym, "comes": second.pseudonym}
    pages = [said(client.get(reverse("studies:join_cases", kwargs={"slug": archives.slug}, query=sent)))]
    join([first, second])
    address = reverse("studies:case_images", kwargs={"slug": archives.slug, "case": first.public_id})
    pages.append(said(client.get(address)))
    assert "Under patient number 2" in pages[1]
    for page in pages:
        assert "RS-CT-TS1" not in page
        assert "RS-LT2-05" not in page
    for event in AuditEvent.objects.all():
        assert "RS-" not in str(event.detail)
