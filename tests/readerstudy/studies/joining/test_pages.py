"""The pages on which cases are joined and imaging studies taken out."""

import uuid

import pytest
from django.urls import reverse

from readerstudy.studies.models import Case
from tests import factories
from tests.readerstudy.studies.joining import states
from tests.readerstudy.studies.joining.acts import join, said

pytestmark = pytest.mark.django_db


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
    states.clinical(*pair)
    page = said(coordinator.get(joining_address(stays=pair[0].pseudonym, comes=pair[1].pseudonym)))
    assert "These cases cannot be joined as they are." in page
    assert "age is 63 on one case and 36" in page
    assert 'name="digest"' not in page


def test_a_case_of_which_something_was_said_offers_nothing_to_take_out(coordinator, study, pair):
    case = join(pair)
    assert "<button" in said_part(coordinator, case)
    states.referenced(case, case)
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
