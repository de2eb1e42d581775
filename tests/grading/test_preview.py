"""A study begins in the browser; its reading page can be tried out, and trying leaves no trace."""

import pytest
from django.apps import apps
from django.urls import reverse

from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import ReaderStudy, StudyRole
from tests import factories
from tests.factories.protocols import small_source

pytestmark = pytest.mark.django_db
CREATE = "studies:create"


def rows():
    """Count the rows of every table but those of sign-in sessions."""
    return {
        model._meta.label: model.objects.count()
        for model in apps.get_models()
        if model._meta.label != "sessions.Session"
    }


@pytest.fixture
def coordinator(db):
    study = factories.reader_study(slug="old", state="draft")
    return factories.study_role("coordinator", study=study, person=factories.user("coordinator")).user


class TestCreating:
    def test_who_makes_a_study_coordinates_it(self, client, coordinator):
        client.force_login(coordinator)
        page = client.get(reverse(CREATE)).content.decode()
        for name in ("facet-joint-degeneration", "lumbar-degeneration-detection", "study/old"):
            assert f"from={name}" in page or f"/{name}" in page
        shown = client.get(reverse(CREATE), {"from": "shipped/cervical-spine-tumour"})
        source = shown.context["source"]
        assert "cervical-spine-tumour" in source
        answer = client.post(reverse(CREATE), {"slug": "mine", "title": "", "source": source})
        assert answer.url == reverse("studies:protocol", kwargs={"slug": "mine"})
        study = ReaderStudy.objects.get(slug="mine")
        assert (study.state, study.protocols.get().document.id) == ("draft", "cervical-spine-tumour")
        assert StudyRole.objects.get(study=study).is_coordinator
        assert AuditEvent.objects.filter(event="studies.study.created").get().actor_name == str(coordinator)

    def test_a_copy_of_ones_own_study_and_of_no_other(self, client, coordinator):
        factories.reader_study(slug="foreign", source=small_source())
        client.force_login(coordinator)
        own = client.get(reverse(CREATE), {"from": "study/old"})
        assert own.context["source"] == ReaderStudy.objects.get(slug="old").protocols.get().source
        for absent in ("study/foreign", "shipped/nothing", "shipped/../pyproject", "x"):
            assert client.get(reverse(CREATE), {"from": absent}).status_code == 404, absent

    def test_a_bad_file_and_a_taken_name_make_nothing(self, client, coordinator):
        client.force_login(coordinator)
        before = rows()
        for given, words in (
            ({"slug": "mine", "source": "protocol: x"}, "line 1"),
            ({"slug": "old", "source": small_source()}, "There is a study named"),
            ({"slug": "Not a slug", "source": small_source()}, "slug"),
        ):
            page = client.post(reverse(CREATE), given)
            assert page.status_code == 200
            assert words in page.content.decode()
        assert rows() == before
        checked = client.post(reverse("studies:check_new"), {"source": small_source()}).json()
        assert (checked["problems"], checked["n_items"]) == ([], 2)

    @pytest.mark.parametrize("role", ["reader", "adjudicator", "panel", "investigator", "auditor"])
    def test_nobody_else_makes_one(self, client, db, role):
        person = factories.study_role(role, study=factories.reader_study()).user
        client.force_login(person)
        assert client.get(reverse(CREATE)).status_code == 404
        assert client.post(reverse(CREATE), {"slug": "x", "source": small_source()}).status_code == 404
        assert client.post(reverse("studies:check_new"), {"source": "x"}).status_code == 404


class TestPreview:
    def test_it_shows_the_stored_protocol_and_a_file_that_is_not_stored(self, client, coordinator):
        client.force_login(coordinator)
        address = reverse("grading:preview", kwargs={"slug": "old"})
        before = rows()
        stored = client.get(address).content.decode()
        assert '"is_preview": true' in stored
        assert "osteophytes" in stored
        written = client.post(address, {"source": small_source(findings=("cyst",))}).content.decode()
        assert "osteophytes" not in written
        assert "cyst" in written
        refused = client.post(address, {"source": "protocol: x"}, follow=True)
        assert "cannot be shown yet" in refused.content.decode()
        assert rows() == before

    @pytest.mark.parametrize("role", ["reader", "investigator", "auditor"])
    def test_the_coordinator_alone(self, client, db, role):
        study = factories.reader_study(slug="seen")
        client.force_login(factories.study_role(role, study=study).user)
        assert client.get(reverse("grading:preview", kwargs={"slug": "seen"})).status_code == 404
