"""Every page of analysis, every role: 404 to whom it does not concern, no number before unblinding."""

import re

import pytest

from readerstudy.analysis.models import UnblindingEvent
from readerstudy.core.models import AuditEvent
from tests.factories.finished_study import finished_study
from tests.readerstudy.analysis.conftest import unblinded, with_marks

pytestmark = pytest.mark.django_db

PEOPLE = (
    "anonymous", "first_reader", "second_reader", "adjudicator", "panel_member", "coordinator",
    "investigator", "auditor", "investigator_of_other_study", "nobody",
)  # fmt: skip
# URL below the study -> who gets 200 before unblinding, who after; everyone else gets 404.
PAGES = {
    "results/": ({"coordinator", "investigator", "auditor"}, {"coordinator", "investigator", "auditor"}),
    "results/figures.json": (set(), {"coordinator", "investigator", "auditor"}),
    "results/progress.json": (set(), {"coordinator", "investigator", "auditor"}),
    "results/report/": (set(), {"coordinator", "investigator", "auditor"}),
    "results/report.pdf": (set(), {"coordinator", "investigator", "auditor"}),
    "export/": (set(), {"investigator", "auditor"}),
    "results/marks/": (set(), {"coordinator", "investigator", "auditor"}),
    "results/marks/figures.csv": (set(), {"coordinator", "investigator", "auditor"}),
    "results/marks/nothing.csv": (set(), set()),
    "results/readers/": (set(), {"coordinator", "investigator", "auditor"}),
    "results/readers/times.csv": (set(), {"coordinator", "investigator", "auditor"}),
    "results/readers/nothing.csv": (set(), set()),
    "results/items/": (set(), {"coordinator", "investigator", "auditor"}),
    "results/items/?who=R1&cell=fn": (set(), {"coordinator", "investigator", "auditor"}),
    "results/items/?who=R9&cell=fn": (set(), set()),
    "results/items.csv": (set(), {"coordinator", "investigator", "auditor"}),
    "results/resampled.json": (set(), {"coordinator", "investigator", "auditor"}),
    "tables/": ({"coordinator", "investigator"}, {"coordinator", "investigator"}),
    "planner/": ({"coordinator", "investigator", "auditor"}, {"coordinator", "investigator", "auditor"}),
    "results/roc.csv": (set(), {"coordinator", "investigator", "auditor"}),
    "results/nothing.csv": (set(), set()),
    "aid/": ({"coordinator"}, {"coordinator"}),
    "lock/": ({"coordinator", "investigator"}, {"coordinator", "investigator"}),
    "unblind/": ({"investigator"}, {"investigator"}),
    "audit/": ({"coordinator", "investigator", "auditor"}, {"coordinator", "investigator", "auditor"}),
}


@pytest.fixture
def people(django_user_model):
    """One open study, one unblinded one, and one more whose investigator has no business here."""
    opened = finished_study(slug="opened", n_patients=3, prefix="opened_")
    done = unblinded(with_marks(finished_study(slug="done", n_patients=6, prefix="done_")))
    other = unblinded(finished_study(slug="other", n_patients=3, prefix="other_", with_model=False))
    return {
        "opened": opened,
        "done": done,
        "other": other.investigator,
        "nobody": django_user_model.objects.create_user("nobody", password="x"),
    }


def _sign_in(client, people, slug, role):
    if role == "anonymous":
        return
    user = {"investigator_of_other_study": people["other"], "nobody": people["nobody"]}.get(role)
    client.force_login(user or getattr(people[slug], role))


def test_pages_by_role(client, people):
    for role in PEOPLE:
        for slug, place in (("opened", 0), ("done", 1)):
            client.logout()
            _sign_in(client, people, slug, role)
            for path, allowed in PAGES.items():
                status = client.get(f"/studies/{slug}/{path}").status_code
                expected = 302 if role == "anonymous" else 200 if role in allowed[place] else 404
                assert status == expected, (slug, path, role)


def _plain(answer):
    """The page without its own address and the form token, which are new with every request."""
    text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", answer.content.decode())
    return re.sub(r'name="next" value="[^"]+"', "", text)


def test_absent_and_forbidden_answer_alike(client, people):
    client.force_login(people["opened"].first_reader)
    for path in PAGES:
        forbidden = client.get(f"/studies/done/{path}")
        absent = client.get(f"/studies/there-is-none/{path}")
        assert (forbidden.status_code, _plain(forbidden)) == (absent.status_code, _plain(absent))
        assert set(forbidden.headers) == set(absent.headers)


def test_page_before_unblinding_holds_no_result_and_is_recorded(client, people):
    client.force_login(people["opened"].investigator)
    page = client.get("/studies/opened/results/").content.decode()
    assert "chart-data" not in page
    # The plan's own numbers are there; no estimate with three decimals is.
    assert "0.05" in page
    assert not re.search(r"\d\.\d{3}", page)
    client.get("/studies/opened/results/")
    assert AuditEvent.objects.filter(event="analysis.results.refused").count() == 1
    assert UnblindingEvent.objects.filter(act="refused", study=people["opened"].study).count() == 1


PAGES_OF_FIGURES = (
        "results/figures.json", "results/resampled.json", "results/roc.csv", "results/marks/",
        "results/marks/figures.csv", "results/readers/", "results/readers/times.csv", "results/items/",
        "results/items.csv", "results/report/", "results/report.pdf", "export/",
)  # fmt: skip


def test_every_page_of_figures_is_refused_before_unblinding_and_the_try_is_recorded(client, people):
    pages = [f"/studies/opened/{path}" for path in PAGES_OF_FIGURES]
    parts = ("", "figures/", "resampled/", "marks/", "readers/", "items/")
    pages += [f"/api/v1/studies/opened/results/{part}" for part in parts]
    for number, page in enumerate(pages, start=1):
        client.logout()
        client.force_login(people["opened"].investigator)  # a session of its own for each
        for _ in range(2):
            assert client.get(page).status_code == 404
        assert AuditEvent.objects.filter(event="analysis.results.refused").count() == number, page
        client.force_login(people["opened"].first_reader)
        assert client.get(page).status_code == 404
        refused = UnblindingEvent.objects.filter(act="refused")
        assert {event.person_id for event in refused} == {people["opened"].investigator.public_id}
        assert refused.count() == number


def test_opening_results_is_recorded_once_per_session(client, people):
    client.force_login(people["done"].investigator)
    client.get("/studies/done/results/")
    client.get("/studies/done/results/?finding=cyst&cut=1")
    assert AuditEvent.objects.filter(event="analysis.results.opened").count() == 1
    event = UnblindingEvent.objects.get(act="results")
    assert event.person_id == people["done"].investigator.public_id


def test_an_unknown_filter_shows_the_plans_view(client, people):
    client.force_login(people["done"].investigator)
    for query in ("finding=none", "cut=9", "cut=x", "partition=moon", "centre=Z"):
        answer = client.get(f"/studies/done/results/?{query}")
        assert answer.status_code == 302
        assert answer.headers["Location"] == "/studies/done/results/"


def test_every_page_marks_demonstration_data(client, people):
    client.force_login(people["done"].investigator)
    for path in ("results/", "lock/", "unblind/", "audit/"):
        assert "Demonstration data" in client.get(f"/studies/done/{path}").content.decode(), path
    table = client.get("/studies/done/results/counts.csv").content.decode()
    assert table.splitlines()[0].endswith("demonstration")
    assert table.splitlines()[1].endswith("yes")
