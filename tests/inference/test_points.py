"""A model's joint points stay in its run until a coordinator publishes them, corrected or as they are."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from inference.models import InferenceRun
from inference.services.errors import InferenceRefused
from inference.services.points import points_of, publish_points, read_points, write_points
from inference.services.runs import given_points
from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import Case, CaseDuty, Landmark

pytestmark = pytest.mark.django_db
POINTS = {
    "1.2.3": {
        "L4-5-left": [21.25, -4.0, 100.5, 0.913, "automatic"],
        "L4-5-right": [-20.0, -4.5, 101.0, 0.42, "automatic"],
    }
}


@pytest.fixture
def located(bare_run):
    InferenceRun.objects.filter(study_run=bare_run).update(points=POINTS)
    return bare_run


def address(name="inference:run_points"):
    return reverse(name, kwargs={"slug": "facets", "number": 1})


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def as_text(rows):
    out = io.StringIO()
    table = csv.DictWriter(out, rows[0])
    table.writeheader()
    table.writerows(rows)
    return out.getvalue()


def publish(located, points=None):
    return publish_points(study_run=located, points=points, actor=None, at=timezone.now())


def test_what_is_written_is_read_back(located):
    text = write_points(located)
    assert read_points(text) == [point for point, _, _ in points_of(located)]
    assert rows_of(text)[0] == {
        "case_id": "C0",
        "structure": "L4-5-left",
        "frame_of_reference": "1.2.3",
        "x_mm": "21.25",
        "y_mm": "-4.00",
        "z_mm": "100.50",
        "certainty": "0.913",
        "source": "automatic",
    }


def test_corrected_points_become_places_that_runs_take_as_given(located, client, people):
    assert not Landmark.objects.exists()
    client.force_login(people.coordinator)
    rows = rows_of(client.get(address()).content.decode())
    assert len(rows) == 4
    rows[0]["x_mm"] = "24.5"
    table = SimpleUploadedFile("points.csv", b"\xef\xbb\xbf" + as_text(rows[:2]).encode(), "text/csv")
    page = client.post(address(), {"points": table}, follow=True).content.decode()
    assert "The places of 1 case were published." in page
    case = Case.objects.get(pseudonym="C0")
    assert given_points(case) == {
        "1.2.3": {"L4-5-left": [24.5, -4.0, 100.5], "L4-5-right": [-20.0, -4.5, 101.0]}
    }
    assert not Landmark.objects.exclude(case=case).exists()
    event = AuditEvent.objects.get(event="inference.points.published")
    assert (event.actor_name, event.detail["n"]) == ("coordinator", 1)
    # The run itself keeps what the model found.
    assert InferenceRun.objects.get(case=case).points == POINTS


def test_without_a_file_they_are_published_as_found(located, client, people):
    client.force_login(people.coordinator)
    assert "The places of 2 cases were published." in client.post(address(), follow=True).content.decode()
    assert set(Landmark.objects.values_list("source", flat=True)) == {"confirmed"}
    assert Landmark.objects.count() == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x_mm": "far"}, "Line 2, x_mm: 'far' is no number"),
        ({"z_mm": "nan"}, "Line 2, z_mm: 'nan' is no number"),
        ({"x_mm": "900"}, "Line 2: L4-5-left of case C0 is moved by 879 mm"),
        ({"case_id": "C9"}, "Line 2: run 1 located no L4-5-left in case C9"),
        ({"structure": "L9-9-left"}, "Line 2: run 1 located no L9-9-left"),
        ({"frame_of_reference": "9"}, "in this frame of reference"),
        ({"structure": "L4-5-right"}, "Line 3: L4-5-right of case C0 stands twice"),
    ],
)
def test_a_table_with_a_fault_publishes_nothing(located, change, words):
    rows = rows_of(write_points(located))
    rows[0] |= change
    with pytest.raises(InferenceRefused, match=words):
        publish(located, read_points(as_text(rows)))
    assert not Landmark.objects.exists()


def test_a_table_without_a_column_says_which(located):
    with pytest.raises(InferenceRefused, match="lacks the column z_mm"):
        read_points("case_id,structure,frame_of_reference,x_mm,y_mm\n")


def test_a_case_that_is_assigned_keeps_its_places_and_no_other_changes(located, people):
    case = Case.objects.get(pseudonym="C1")
    duty = CaseDuty.objects.create(case=case, user=people.first_reader, duty="reader")
    duty.assignments.create(
        case=case, user=people.first_reader, study=case.study, position=1, running_number=1
    )
    with pytest.raises(InferenceRefused, match="Case C1 is assigned already"):
        publish(located)
    assert not Landmark.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("role", ["investigator", "auditor", "first_reader", "adjudicator", "stranger"])
def test_nobody_else_sees_or_publishes_them(located, client, people, role, method):
    client.force_login(getattr(people, role))
    assert getattr(client, method)(address()).status_code == 404
    assert not Landmark.objects.exists()


def test_the_command_writes_and_publishes(located, tmp_path, capsys):
    path = tmp_path / "points.csv"
    call_command("publish_points", "facets", run=1, write=path)
    assert not Landmark.objects.exists()
    call_command("publish_points", "facets", run=1, points=path)
    assert "Published the places of 2 cases." in capsys.readouterr().out
    assert Landmark.objects.count() == 4
    path.write_text("nothing\n")
    with pytest.raises(CommandError, match="lacks the column"):
        call_command("publish_points", "facets", run=1, points=path)
    with pytest.raises(CommandError, match="has no run 7"):
        call_command("publish_points", "facets", run=7)
