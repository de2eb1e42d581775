"""Every page of every role, in both languages: axe finds no serious fault, and nothing is wider than the window."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.urls import reverse

from readerstudy.studies.services.coordination import ask, note_deviation
from tests import factories
from tests.complete_studies import two_complete_studies

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
AXE = django_settings.BASE_DIR / "node_modules" / "axe-core" / "axe.min.js"
LAPTOP = {"width": 1440, "height": 900}
# A screen turned upright, as it stands in reading rooms.
UPRIGHT = {"width": 1200, "height": 1920}

# role -> pages of the study (by name) and of an assignment (name, case).
STUDY_PAGES = {
    "first_reader": ["grading:worklist", "grading:session_start", "grading:charter", "grading:messages"],
    "adjudicator": ["grading:adjudication_list", "grading:charter", "grading:messages"],
    "panel_member": ["grading:panel_list", "grading:charter", "grading:messages"],
    "coordinator": [
        "grading:overview", "studies:cases", "studies:images", "studies:text_in_pixels", "studies:copies",
        "studies:assignments",
        "grading:monitor", "studies:queries", "studies:deviations", "studies:invitations", "studies:protocol",
        "studies:edit_protocol", "grading:dry_run", "studies:team", "inference:runs", "analysis:results",
        "analysis:lock", "analysis:audit", "studies:open",
    ],
    "investigator": [
        "grading:overview", "studies:cases", "analysis:results", "analysis:lock", "analysis:unblind",
        "analysis:audit", "studies:deviations",
    ],
    "auditor": ["grading:overview", "studies:protocol", "studies:team", "analysis:audit", "grading:monitor"],
}  # fmt: skip
# Pages of no study.
SITE_PAGES = {"coordinator": ["studies:create", "grading:try_file"]}
CASE_PAGES = {
    "first_reader": [("grading:read_case", "in_progress")],
    "adjudicator": [("grading:adjudicate_case", "disputed")],
    "panel_member": [("grading:confirm_case", "to_confirm")],
}


def pages_of(one: Any, role: str) -> Iterator[str]:
    yield reverse("home")
    for name in SITE_PAGES.get(role, []):
        yield reverse(name)
    for name in STUDY_PAGES[role]:
        yield reverse(name, kwargs={"slug": one.study.slug})
    for name, case in CASE_PAGES.get(role, []):
        yield one.page(name, role, case)
    if role == "coordinator":
        showing = one.assignment("first_reader", "unread")
        study, code = one.study.slug, one.study.roles.get(user=showing.user).code
        yield reverse("studies:withdraw_case", kwargs={"slug": study, "case": showing.case.public_id})
        yield reverse("studies:case_images", kwargs={"slug": study, "case": showing.case.public_id})
        yield reverse("studies:join_cases", kwargs={"slug": study})
        yield reverse("studies:case_sides", kwargs={"slug": study, "case": showing.case.public_id})
        yield reverse("grading:reader_reads", kwargs={"slug": study, "code": code})
        yield reverse("grading:withdraw_read", kwargs={"slug": study, "assignment": showing.public_id})


def faults(page: Any) -> list[str]:
    """Return the serious and critical faults of a page, each with the first element that has it."""
    page.evaluate(AXE.read_text())
    found = page.evaluate(
        """async () => {
          const { violations } = await axe.run(document, { resultTypes: ["violations"] });
          return violations
            .filter((each) => ["serious", "critical"].includes(each.impact))
            .map((each) => `${each.id}: ${each.help} (${each.nodes.length}): ${each.nodes[0].html.slice(0, 160)}`);
        }"""
    )
    return list(found)


def too_wide(page: Any) -> list[str]:
    """
    Say by how much a page is wider than its window, and what of its bars and grid stands beyond: that cannot be seen.

    The bars and grids of the reading pages hide what does not fit, so that it widens nothing; they are looked at
    word by word and cell by cell.
    """
    beyond = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    cut = page.evaluate(
        """() => [...document.querySelectorAll(":is(.top-bar, .status-bar) :is(a, button, span, summary, kbd, code)")]
          .filter((each) => each.checkVisibility() && each.getClientRects().length)
          .filter((each) => {
            const { left, right, bottom } = each.getBoundingClientRect();
            return left < 0 || right > window.innerWidth + 0.5 || bottom > window.innerHeight + 0.5;
          })
          .filter((each) => !each.closest(".skip-link, details:not([open]) > :not(summary)"))
          .map((each) => each.textContent.trim().slice(0, 40))"""
    )
    cut += page.evaluate(
        """() => [...document.querySelectorAll(":is(.grading-panel, .panel-grid) .cell")]
          .filter((each) => each.getBoundingClientRect().right
            > each.closest(".grading-panel, .panel-grid").getBoundingClientRect().right)
          .map((each) => `cell ${each.ariaLabel ?? each.title}`)"""
    )
    wide = [f"{beyond} px wider than its window"] if beyond > 0 else []
    return [*wide, *(f"{words!r} stands outside the window" for words in cut)]


@pytest.fixture
def one(transactional_db: None) -> Any:
    made = two_complete_studies().one
    made.study.asks_before_reading = False
    made.study.title = "Degeneration of the lumbar facet joints on radiographs, CT and MR (demonstration)"
    made.study.save()
    ask(study=made.study, user=made.first_reader, kind="question", text="Which one is L5?", at=factories.AT)
    note_deviation(
        study=made.study, text="Read on another screen.", happened_on=factories.AT.date(),
        actor=made.coordinator, at=factories.AT, case=made.cases["unread"], leaves_per_protocol_set=True,
    )  # fmt: skip
    return made


@pytest.mark.parametrize("role", STUDY_PAGES)
@pytest.mark.parametrize("language", ["en", pytest.param("zh-hans", marks=pytest.mark.full)])
def test_no_serious_fault_on_any_page(one, live_server, contexts, role, language):
    if not AXE.exists():
        pytest.skip("axe-core is absent: npm ci")
    person = one.people[role]
    person.language = language
    person.save()
    context = contexts(bypass_csp=True)
    page = context.new_page()
    page.goto(live_server.url + reverse("accounts:sign_in"))
    wrong = [f"sign in: {fault}" for fault in faults(page)]
    page.fill("input[name=username]", person.username)
    page.fill("input[name=password]", factories.PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/sign-in/" not in url)
    for address in pages_of(one, role):
        answer = page.goto(live_server.url + address)
        assert answer.status == 200, address
        page.wait_for_load_state("load")
        found = [*faults(page), *too_wide(page)]
        page.set_viewport_size(UPRIGHT)
        found += [f"on an upright screen: {fault}" for fault in too_wide(page)]
        page.set_viewport_size(LAPTOP)
        wrong += [f"{address}: {fault}" for fault in found]
    assert not wrong, "\n".join(wrong)


def test_a_fault_would_be_found(one, live_server, contexts):
    """A field without a name and a text too faint, planted in a page: axe is no mere form here."""
    page = contexts(bypass_csp=True).new_page()
    page.goto(live_server.url + reverse("accounts:sign_in"))
    page.evaluate(
        """() => {
          const text = document.createElement("p");
          text.textContent = "faint words";
          text.style.cssText = "color: #333; background: #222";
          document.querySelector("main").append(document.createElement("select"), text);
        }"""
    )
    found = " ".join(faults(page))
    assert "select-name" in found
    assert "color-contrast" in found
