"""The coordinator joins two cases of one patient in a real Chromium, and takes out what was joined."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from readerstudy.studies.models import Case
from readerstudy.studies.services.importing import import_images
from tests.browser.office_desk import coordinator_page, need_the_front_end
from tests.factories.studies import make_study, make_team

pytestmark = [pytest.mark.browser, pytest.mark.shared, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def study(settings, tmp_path, shared_data):
    need_the_front_end()
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    study = make_study()
    make_team(study)
    for folder in ("lumbar_xr_simulated/ts_example", "lumbar_mr/vb2_05/02_T2_AX_disc_reformat"):
        import_images(
            study=study, source=shared_data / folder, centre_code="1", actor=None, at=timezone.now()
        )
    return study


@pytest.fixture
def page(study, live_server, browser):
    yield from coordinator_page(live_server, browser)


def test_two_cases_become_one_and_two_again(study, page):
    first, second = Case.objects.order_by("pk")
    page.goto(f"/studies/{study.slug}/cases/")
    page.get_by_role("link", name=first.pseudonym, exact=True).click()
    page.get_by_role("link", name="Join with another case").click()
    expect(page.get_by_label("The case that stays")).to_have_value(first.pseudonym)
    page.get_by_label("The cases that come to it").fill(second.pseudonym)
    page.get_by_role("button", name="Show what will be").click()
    will_be = page.locator("section", has=page.get_by_role("heading", name="What will be"))
    expect(will_be).to_contain_text("2 imaging studies, 3 series, 17 images")
    expect(will_be).to_contain_text("Missing, optional: CT")

    page.get_by_role("button", name="Join into one case").click()

    expect(page.get_by_role("status")).to_contain_text(f"{first.pseudonym} is one case now.")
    assert list(Case.objects.all()) == [first]
    came = page.locator("section", has=page.get_by_role("heading", name="Under patient number 2"))
    came.get_by_label("Axial T2").check()
    page.get_by_label("another person").check()
    page.get_by_role("button", name="Take out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Images of {second.pseudonym}")
    assert set(Case.objects.values_list("pseudonym", flat=True)) == {first.pseudonym, second.pseudonym}


def test_what_forbids_it_is_said_in_the_language_of_the_page(study, page):
    first, second = Case.objects.order_by("pk")
    Case.objects.filter(pk=first.pk).update(clinical={"age": "63"})
    Case.objects.filter(pk=second.pk).update(clinical={"age": "36"})
    page.goto(f"/studies/{study.slug}/cases/join/?stays={first.pseudonym}&comes={second.pseudonym}")
    expect(page.get_by_role("alert")).to_contain_text("age is 63 on one case and 36")
    expect(page.get_by_role("button", name="Join into one case")).to_have_count(0)
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("alert")).to_contain_text("这些病例按现状无法合并")
    expect(page.get_by_role("alert")).to_contain_text("36")
