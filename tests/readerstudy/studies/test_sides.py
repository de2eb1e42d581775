"""A coordinator states left and right of each imaging study, sees first what readers will see, and in time."""

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from grading.blinding import viewer_words
from readerstudy.core.models import AuditEvent
from readerstudy.imaging.models import ImagingStudy
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.sides import state_sides
from tests import factories
from tests.factories.protocols import small_source

pytestmark = pytest.mark.django_db


@pytest.fixture
def study():
    study = factories.reader_study(slug="mine", source=small_source())
    factories.study_role("coordinator", study=study, person=factories.user("coordinator"))
    return study


@pytest.fixture
def case(study):
    """A case of two imaging studies, of which nothing is known."""
    images = factories.image_set(scope=study.public_id)
    for modality in ("MR", "CT"):
        imaging = factories.imaging_study(of=images, laterality="unknown")
        factories.instance(of=factories.series(of=imaging, modality=modality, label=f"Axial {modality}"))
    return factories.case(
        study=study, image_set=images, status="imported", sides_accepted_by_convention=False
    )


def uids(case):
    return list(case.image_set.imaging_studies.order_by("pk").values_list("blinded_uid", flat=True))


def stated(case):
    return list(case.image_set.imaging_studies.order_by("pk").values_list("laterality", "laterality_source"))


def address(case):
    return reverse("studies:case_sides", kwargs={"slug": "mine", "case": case.public_id})


def given(case, *sides, shown=("unknown", "unknown"), source="compared with the report", **more):
    both = uids(case)
    return (
        {f"sides-{uid}": value for uid, value in zip(both, sides, strict=False)}
        | {f"shown-{uid}": value for uid, value in zip(both, shown, strict=True)}
        | {"source": source, **more}
    )


@pytest.fixture
def coordinator(client, study):
    client.force_login(study.roles.get().user)
    return client


def test_what_readers_will_see_is_shown_before_it_is_stated(coordinator, case):
    page = coordinator.get(address(case)).content.decode()
    assert page.count("Sides unknown") == 2
    assert "State it" not in page
    tried = coordinator.post(address(case), given(case, "by-convention", "established")).content.decode()
    assert "Nothing is stated yet." in tried
    assert (tried.count("<span>Sides by convention"), tried.count("Sides unknown")) == (1, 0)
    assert "Stated: not established. Chosen: established." in tried
    assert stated(case) == [("unknown", "")] * 2
    done = coordinator.post(
        address(case), given(case, "by-convention", "established", state="1"), follow=True
    ).content.decode()
    assert "Left and right are stated of 2 imaging studies." in done
    source = "compared with the report"
    assert stated(case) == [("by-convention", source), ("established", source)]
    told = AuditEvent.objects.filter(event="imaging.laterality.stated").order_by("pk")
    assert [(each.detail["laterality"], each.actor_name) for each in told] == [
        ("by-convention", "Dr coordinator"),
        ("established", "Dr coordinator"),
    ]
    assert AuditEvent.objects.get(event="studies.case.stated").detail["changed"] == "sides"
    # And that is what a reader's viewports say.
    case.status = "included"
    case.save()
    reader = factories.study_role("reader", study=case.study).user
    words = viewer_words(
        factories.assignment(of=case, person=reader), case.study.protocols.get().document, {}
    )
    assert [each["laterality"] for each in words["series"]] == ["by-convention", "established"]


def test_pictures_open_for_the_coordinator(coordinator, case):
    answer = coordinator.get(address(case))
    assert "/thumbnail?viewport=" in answer.content.decode()
    assert any("/dicomweb/" in morsel["path"] for morsel in answer.cookies.values())


def test_once_reading_is_assigned_nothing_is_stated(coordinator, case):
    case.status = "included"
    case.save()
    factories.assignment(of=case, person=factories.study_role("reader", study=case.study).user)
    page = coordinator.get(address(case)).content.decode()
    assert "is assigned already; what it shows cannot change" in page
    assert "<select" not in page.split('id="content"')[1]
    coordinator.post(address(case), given(case, "established", "established", state="1"))
    assert stated(case) == [("unknown", "")] * 2
    assert not AuditEvent.objects.filter(event="imaging.laterality.stated").exists()


def test_what_changed_meanwhile_is_looked_at_first(coordinator, case):
    ImagingStudy.objects.filter(blinded_uid=uids(case)[0]).update(laterality="established")
    answer = coordinator.post(address(case), given(case, "by-convention", state="1"), follow=True)
    assert "changed since this page was shown" in answer.content.decode()
    assert stated(case)[0] == ("established", "")


@pytest.mark.parametrize(
    ("sides", "source", "said"),
    [
        ({0: "established"}, "  ", "Say how left and right are known"),
        ({0: "established"}, "x" * 81, "longer than 80"),
        ({0: "sideways"}, "seen", "Sides are established, by-convention, unknown"),
        ({"2.25.1": "established"}, "seen", "no such imaging study"),
    ],
)
def test_a_statement_without_ground_is_refused(case, sides, source, said):
    chosen = {uids(case)[key] if isinstance(key, int) else key: value for key, value in sides.items()}
    with pytest.raises(StudyRefused, match=said):
        state_sides(case=case, sides=chosen, source=source, actor=None, at=factories.AT)
    assert stated(case) == [("unknown", "")] * 2


def test_what_stands_already_changes_nothing(coordinator, case):
    answer = coordinator.post(address(case), given(case, "unknown", "unknown", state="1"), follow=True)
    assert "Nothing was changed." in answer.content.decode()
    assert stated(case) == [("unknown", "")] * 2


def test_by_command(case, capsys):
    call_command("state_sides", "mine", case.pseudonym, "established", source="marker", imaging_study=2)
    assert stated(case) == [("unknown", ""), ("established", "marker")]
    call_command("state_sides", "mine", case.pseudonym, "established", source="marker")
    assert "1 imaging studies" in capsys.readouterr().out
    with pytest.raises(CommandError, match="has 2 imaging studies"):
        call_command("state_sides", "mine", case.pseudonym, "established", source="marker", imaging_study=3)


@pytest.mark.parametrize(
    "role",
    ["reader", "adjudicator", "panel", "investigator", "auditor", "screener", "coordinator of another study"],
)
def test_nobody_else_states_them(client, study, case, role):
    other = factories.reader_study(slug="other") if role.endswith("study") else study
    client.force_login(factories.study_role(role.split()[0], study=other).user)
    assert client.get(address(case)).status_code == 404
    assert client.post(address(case), given(case, "established", state="1")).status_code == 404
    assert stated(case) == [("unknown", "")] * 2


def test_a_case_without_images_says_so(coordinator, study):
    assert "No images" in coordinator.get(address(factories.case(study=study))).content.decode()
