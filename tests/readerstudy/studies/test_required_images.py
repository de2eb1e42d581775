"""A case that lacks an image which the protocol requires is included for a recorded reason, or not at all."""

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from grading.progress import study_progress
from readerstudy.analysis.dashboard.flow import flow_steps
from readerstudy.analysis.report.contents import _flow
from readerstudy.analysis.selectors.readiness import flow
from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import Case
from readerstudy.studies.services.cases import exclude_case, include_case
from readerstudy.studies.services.errors import StudyRefused
from tests import factories
from tests.factories.protocols import small_source

pytestmark = pytest.mark.django_db
WHY = "MR was not possible: pacemaker"


@pytest.fixture
def study():
    source = small_source(reading={"required_modalities": ["MR", "XR"]})
    study = factories.reader_study(slug="mine", source=source)
    factories.study_role("coordinator", study=study, person=factories.user("coordinator"))
    return study


def waiting(study, *modalities):
    """Return a case that waits for screening, with a series of each kind; without any, no images at all."""
    images = factories.image_set(scope=study.public_id) if modalities else None
    for modality in modalities:
        factories.series(of=factories.imaging_study(of=images), modality=modality)
    return factories.case(study=study, image_set=images, status="imported")


def include(case, **more):
    include_case(case=case, actor=None, at=factories.AT, **more)
    case.refresh_from_db()


def test_what_has_every_required_kind_is_included_without_a_word(study):
    case = waiting(study, "MR", "DX", "CT")
    include(case, lacking_reason="not asked for")
    assert (case.status, case.included_lacking) == ("included", None)


@pytest.mark.parametrize(
    ("there", "kinds"), [(("DX",), "MR"), (("CT", "MR"), "X-ray"), ((), "MR, X-ray"), (("CT",), "MR, X-ray")]
)
def test_what_lacks_one_is_refused_and_the_kinds_are_named(study, there, kinds):
    case = waiting(study, *there)
    for reason in ("", "   "):
        with pytest.raises(
            StudyRefused, match=f"lacks {kinds}, which the protocol requires. Nothing was changed"
        ):
            include(case, lacking_reason=reason)
    with pytest.raises(StudyRefused, match="longer than 300"):
        include(case, lacking_reason="x" * 301)
    case.refresh_from_db()
    assert case.status == "imported"
    assert not AuditEvent.objects.filter(event__startswith="studies.case.included").exists()


def test_a_reason_includes_it_and_stays_on_record(study):
    case = waiting(study, "DX")
    include(case, lacking_reason=f" {WHY} ")
    assert case.status == "included"
    assert case.included_lacking == {"kinds": ["MR"], "reason": WHY, "by": "", "at": factories.AT.isoformat()}
    event = AuditEvent.objects.get(event="studies.case.included_lacking")
    assert (event.detail["kinds"], event.detail["reason"]) == ("MR", WHY)
    # Excluded afterwards, it is no exception any more.
    exclude_case(case=case, reason="poor-image-quality", actor=None, at=factories.AT)
    case.refresh_from_db()
    assert case.included_lacking is None


def test_a_protocol_that_requires_none_asks_for_none():
    study = factories.reader_study()
    case = waiting(study)
    include(case)
    assert case.status == "included"


def test_a_withdrawn_case_does_not_come_back(client, study):
    case = waiting(study, "MR", "DX")
    Case.objects.filter(pk=case.pk).update(status="withdrawn")
    case.refresh_from_db()
    for act in (
        include,
        lambda each: exclude_case(case=each, reason="poor-image-quality", actor=None, at=factories.AT),
    ):
        with pytest.raises(StudyRefused, match="is withdrawn; it cannot come back"):
            act(case)
    client.force_login(study.roles.get().user)
    assert (
        ">Decide<"
        not in client.get(reverse("studies:cases", kwargs={"slug": "mine"}))
        .content.decode()
        .split("</thead>")[1]
    )


def test_on_the_page(client, study):
    case = waiting(study, "DX")
    client.force_login(study.roles.get().user)
    page = reverse("studies:cases", kwargs={"slug": "mine"})
    screen = reverse("studies:screen_case", kwargs={"slug": "mine", "case": case.public_id})
    text = client.get(page).content.decode()
    assert "Missing, required: MR" in text
    assert "Why it is included without MR" in text
    told = client.post(screen, {"act": "include"}, follow=True).content.decode()
    assert "lacks MR, which the protocol requires. Nothing was changed." in told
    assert Case.objects.get().status == "imported"
    told = client.post(screen, {"act": "include", "lacking_reason": WHY}, follow=True).content.decode()
    assert f"Without MR, which the protocol requires: {WHY}" in told
    assert Case.objects.get().status == "included"
    overview = client.get(reverse("grading:overview", kwargs={"slug": "mine"})).content.decode()
    assert "1 without a required kind of image" in overview


def test_by_command(study, capsys):
    whole, half = waiting(study, "MR", "CR"), waiting(study, "MR")
    with pytest.raises(CommandError, match=rf"1 cases go on waiting.*{half.pseudonym} \(X-ray\)"):
        call_command("screen_cases", "mine", include_all=True)
    half.refresh_from_db()
    whole.refresh_from_db()
    assert (whole.status, half.status) == ("included", "imported")
    call_command("screen_cases", "mine", include_all=True, lacking=WHY)
    half.refresh_from_db()
    assert half.included_lacking["reason"] == WHY


def test_the_flow_counts_it(study):
    include(waiting(study, "MR", "DX"))
    include(waiting(study, "DX"), lacking_reason=WHY)
    assert study_progress(study, "en").lacking == 1
    counts = flow(study)
    assert counts["included_lacking"] == 1
    document = study.protocols.get().document
    summary = {"flow": counts | {"analysed": 0, "unfinished": 0, "provenance": {}}}
    included = next(each for each in flow_steps(summary, document) if each["title"] == "Included")
    assert included["parts"][-1] == ("without a required kind of image", "1")
    assert ["Included without a required kind of image", "1"] in _flow(summary, document).rows
    # A snapshot of earlier days says nothing of it.
    del counts["included_lacking"]
    assert flow_steps({"flow": counts | {"analysed": 0, "unfinished": 0}}, document)


def decide(tmp_path, *rows):
    table = tmp_path / "decisions.csv"
    table.write_text("\n".join(("case_id,decision,reason", *rows)) + "\n")
    call_command("screen_cases", "mine", table=table)


def test_by_table(study, tmp_path, capsys):
    whole, half, poor = waiting(study, "MR", "CR"), waiting(study, "MR"), waiting(study, "MR", "CR")
    decide(
        tmp_path,
        f"{whole.pseudonym},include,",
        f"{half.pseudonym},include,{WHY}",
        f"{poor.pseudonym},exclude,poor-image-quality",
    )
    assert "3 cases are decided." in capsys.readouterr().out
    for each in (whole, half, poor):
        each.refresh_from_db()
    assert [each.status for each in (whole, half, poor)] == ["included", "included", "excluded"]
    assert (whole.included_lacking, half.included_lacking["reason"]) == (None, WHY)


def test_a_table_is_followed_whole_or_not_at_all(study, tmp_path):
    whole, half = waiting(study, "MR", "CR"), waiting(study, "MR")
    with pytest.raises(CommandError) as caught:
        decide(
            tmp_path,
            f"{whole.pseudonym},include,",
            f"{half.pseudonym},include,",
            "NOBODY,include,",
            f"{whole.pseudonym},include,",
            f"{half.pseudonym},maybe,",
        )
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["line 3", "line 4", "line 5", "line 6"]
    assert "lacks X-ray, which the protocol requires" in lines[0]
    assert set(Case.objects.values_list("status", flat=True)) == {"imported"}
    assert not AuditEvent.objects.filter(event__startswith="studies.case.").exists()
    table = tmp_path / "short.csv"
    table.write_text("case_id,decision\nX,include\n")
    with pytest.raises(CommandError, match="reason is missing"):
        call_command("screen_cases", "mine", table=table)
    with pytest.raises(CommandError, match="no rows"):
        decide(tmp_path)
