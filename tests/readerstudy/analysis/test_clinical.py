"""The coordinator's table names imported cases, states sides and brings clinical data; no reader sees them."""

import pytest
import yaml
from django.core.management import call_command
from django.utils import timezone

from readerstudy.analysis.services.exports.tables import clinical_rows
from readerstudy.analysis.services.imports import ImportRefused, import_clinical
from readerstudy.imaging.services import identity_of
from readerstudy.studies.models import Case, Patient
from readerstudy.studies.services.importing import import_images
from tests import factories
from tests.factories.protocols import AGE, SEX
from tests.factories.studies import make_study, make_team

pytestmark = [pytest.mark.django_db, pytest.mark.shared]
HEAD = "dicom_patient_id,case_id,patient_id,centre,laterality,age,sex\n"


@pytest.fixture
def study(settings, tmp_path, shared_data):
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    study = make_study()
    for folder in ("lumbar_xr_simulated/ts_example", "lumbar_mr/vb2_05/02_T2_AX_disc_reformat"):
        source = shared_data / folder
        import_images(study=study, source=source, centre_code="1", actor=None, at=timezone.now())
    study.state, study.opened_at, study.asks_before_reading = "open", timezone.now(), False
    study.save()
    return study


def numbers(study) -> list[str]:
    return [
        identity_of(case.image_set).patient_id for case in Case.objects.filter(study=study).order_by("pk")
    ]


def take(study, text: str) -> int:
    return import_clinical(study=study, text=text, actor=None, at=timezone.now(), source="cases.csv")


def test_cases_get_their_names_centre_sides_and_values(study):
    first, second = numbers(study)
    text = f"{HEAD}{first},C01,P01,PKU,established,63,F\n{second},C02,P01,PKU,by-convention,,\n"
    assert take(study, text) == 2
    one, two = Case.objects.filter(study=study).order_by("pk")
    assert (one.pseudonym, two.pseudonym) == ("C01", "C02")
    # One patient of two numbers: one partition, one cluster.
    assert one.patient == two.patient
    assert one.patient.pseudonym == "P01"
    assert one.patient.centre.code == "PKU"
    assert Patient.objects.filter(study=study).count() == 1
    assert set(one.image_set.imaging_studies.values_list("laterality", flat=True)) == {"established"}
    assert one.clinical == {"age": "63", "sex": "F"}
    assert two.clinical == {}
    assert list(clinical_rows(study)) == [("C01", "P01", "age", "63"), ("C01", "P01", "sex", "F")]
    assert take(study, text) == 2, "the same table once more changes nothing"


def test_a_clinical_value_is_no_formula_in_the_export(study):
    take(study, f"{HEAD}{numbers(study)[0]},C01,P01,PKU,established,=1+1,-3\n")
    assert list(clinical_rows(study)) == [("C01", "P01", "age", "'=1+1"), ("C01", "P01", "sex", "-3")]


ONE = "dicom_patient_id,case_id,patient_id,centre,laterality,one_case,age\n"


def test_two_numbers_that_the_table_calls_one_case_become_one(study):
    first, second = numbers(study)
    # The second row leaves to the first what both share; sides are said of the images of its own number.
    text = f"{ONE}{first},C01,P01,PKU,established,yes,63\n{second},C01,P01,,by-convention,yes,\n"
    assert take(study, text) == 2
    case = Case.objects.get(study=study)
    assert (case.pseudonym, case.patient.pseudonym, case.patient.centre.code) == ("C01", "P01", "PKU")
    assert case.clinical == {"age": "63"}
    sides = case.image_set.imaging_studies.values_list("modalities", "laterality")
    assert set(sides) == {("DX", "established"), ("MR", "by-convention")}
    assert Patient.objects.filter(study=study).count() == 1
    before = list(Case.objects.values())
    assert take(study, text) == 2
    assert list(Case.objects.values()) == before, "the same table once more changes nothing"
    # A row of either number speaks of the one case.
    assert take(study, f"{HEAD}{second},C01,P01,,,64,F\n") == 1
    assert Case.objects.get(study=study).clinical == {"age": "64", "sex": "F"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("{0},C01,P01,,,yes,63\n{1},C01,P01,,,no,\n", "say one_case yes in both"),
        ("{0},C01,P01,,,,63\n{1},C01,P01,,,yes,\n", "say one_case yes in both"),
        ("{0},C01,P01,,,perhaps,63\n", "not allowed"),
        ("{0},C01,P01,,,yes,63\n{1},C01,P02,,,yes,\n", "P01 in another row"),
        ("{0},C01,P01,A,,yes,63\n{1},C01,P01,B,,yes,\n", "A in another row"),
        ("{0},C01,P01,,,yes,63\n{1},C01,P01,,,yes,36\n", "63 in another row"),
    ],
)
def test_rows_of_one_case_that_differ_join_nothing(study, rows, said):
    before = list(Case.objects.order_by("pk").values())
    with pytest.raises(ImportRefused, match=said):
        take(study, ONE + rows.format(*numbers(study)))
    assert list(Case.objects.order_by("pk").values()) == before


def test_a_table_joins_nothing_that_a_page_would_refuse(study):
    first, second = numbers(study)
    Case.objects.filter(pk=Case.objects.earliest("pk").pk).update(status="included")
    with pytest.raises(ImportRefused, match="screened differently"):
        take(study, f"{ONE}{first},C01,P01,,,yes,\n{second},C01,P01,,,yes,\n")
    assert Case.objects.filter(study=study).count() == 2


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (f"{HEAD}{{0}},C01,P01,,,63,F\nNOBODY,C02,P02,,,,\n", "no image that was taken in"),
        (f"{HEAD}{{0}},C01,P01,,sideways,63,F\n", "sideways"),
        (f"{HEAD}{{0}},C01,P01,,,,\n{{1}},C01,P01,,,,\n", "two case_id"),
        ("dicom_patient_id,case_id,patient_id,patient_name\n{0},C01,P01,Doe\n", "stay outside"),
        ("dicom_patient_id,case_id,patient_id,date_of_birth\n{0},C01,P01,19600101\n", "stay outside"),
        ("dicom_patient_id,case_id\n{0},C01\n", "missing"),
    ],
)
def test_a_table_enters_whole_or_not_at_all(study, table, said):
    before = list(Case.objects.values_list("pseudonym", "patient__pseudonym").order_by("pk"))
    with pytest.raises(ImportRefused, match=said):
        take(study, table.format(*numbers(study)))
    assert list(Case.objects.values_list("pseudonym", "patient__pseudonym").order_by("pk")) == before


def test_names_and_sides_stand_once_a_case_is_assigned_and_values_may_still_come(study, client):
    first = numbers(study)[0]
    case = Case.objects.filter(study=study).order_by("pk")[0]
    case.status = Case.Status.INCLUDED
    case.save()
    reader = factories.study_role("reader", study=study, person=factories.user("reads")).user
    assignment = factories.assignment(of=case, person=reader)
    with pytest.raises(ImportRefused, match="assigned already"):
        take(study, f"{HEAD}{first},C01,P01,,,63,F\n")
    take(study, f"{HEAD}{first},{case.pseudonym},{case.patient.pseudonym},,,63-canary,F\n")
    case.refresh_from_db()
    assert case.clinical["age"] == "63-canary"
    client.force_login(reader)
    page = client.get(f"/read/{assignment.public_id}/")
    assert page.status_code == 200
    assert "63-canary" not in page.content.decode()


@pytest.mark.parametrize("value", ["63 y", "230", "Jane Doe"])
def test_a_value_that_readers_see_is_as_the_protocol_says(study, value):
    protocol = study.protocols.get()
    content = yaml.safe_load(protocol.source)
    content["reading"]["clinical_context"] = [AGE, SEX]
    protocol.source, protocol.digest = yaml.safe_dump(content, allow_unicode=True), "0" * 64
    protocol.save()
    first = numbers(study)[0]
    with pytest.raises(ImportRefused, match="numbers from 0 to 120") as caught:
        take(study, f"{HEAD}{first},C01,P01,,,{value},woman\n")
    assert (caught.value.problems[0].line, caught.value.problems[0].column) == (2, "age")
    with pytest.raises(ImportRefused, match=r"F \(female\), M \(male\)"):
        take(study, f"{HEAD}{first},C01,P01,,,63,woman\n")
    assert take(study, f"{HEAD}{first},C01,P01,,,63,F\n") == 1


def test_by_command_by_page_and_gone_with_the_patient(study, tmp_path, client, capsys):
    first = numbers(study)[0]
    table = tmp_path / "cases.csv"
    table.write_text(f"{HEAD}{first},C01,P01,,,63,F\n")
    call_command("import_clinical", study.slug, table)
    assert "1 rows taken in" in capsys.readouterr().out
    client.force_login(make_team(study)["coordinator"])
    assert "age 63, sex F" in client.get(f"/studies/{study.slug}/cases/").content.decode()

    page = f"/studies/{study.slug}/tables/"
    text = f"Number,case_id,patient_id,age\n{first},C01,P01,64\n"
    given = {
        "kind": "clinical",
        "text": text,
        "source": "t.csv",
        "column-dicom_patient_id": "Number",
        "take": "1",
    }
    assert client.post(page, given).status_code == 302
    case = Case.objects.get(study=study, pseudonym="C01")
    assert case.clinical == {"age": "64", "sex": "F"}

    call_command("withdraw_case", study.slug, "C01", yes=True)
    case.refresh_from_db()
    assert case.clinical == {}
