"""Nobody reads a case of the study before training and calibration; what is practised never enters the study."""

import json

import pytest
from django.core.management import call_command
from django.http import Http404
from django.urls import reverse

from grading.access import access_assignment, open_to
from grading.models import CaseComparison, Rating, Read, ReferenceGrade
from grading.practice import next_showing, practice_state, showings_of
from grading.services.practising import PracticeRefused, begin_practice
from grading.services.reading import ReadRefused, open_read, reopen_read, submit_read
from readerstudy.accounts.models import User
from readerstudy.analysis.selectors.readiness import flow
from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import Assignment, Case, Patient, PracticeCase, PracticeTry
from readerstudy.studies.services.cases import include_case
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.partition import draw_partition
from readerstudy.studies.services.practice import take_practice_cases
from tests import factories
from tests.factories.practice import practice_study, table, truth_of

pytestmark = pytest.mark.django_db
AT = factories.AT


@pytest.fixture
def study():
    return practice_study(slug="practice")


@pytest.fixture
def reader(study):
    return User.objects.get(username="practice-first-reader")


def go_through(study, reader, use, answer=None):
    """Begin, and read every case with the answers given for its reference: those of the reference by default."""
    begin_practice(study=study, reader=reader, use=use, at=AT)
    running = practice_state(study, reader).running
    while (showing := next_showing(running)) is not None:
        grades = truth_of(showing.case)
        grades = {item: answer(item, grade) if answer else grade for item, grade in grades.items()}
        factories.read(of=showing, grades=grades)
        submit_read(read_id=Read.objects.get(assignment=showing).pk, at=AT)
    return PracticeTry.objects.get(pk=running.pk)


def wrong(item, grade):
    return 1 - grade


class TestTheDoor:
    def test_a_reader_who_has_not_passed_cannot_start(self, study, reader):
        own = Assignment.objects.get(user=reader, case__pseudonym="own-case")

        def closed():
            with pytest.raises(Http404):
                access_assignment(reader=reader, assignment=own.public_id, now=AT)
            return open_to(reader, study, AT) == set()

        assert closed()
        go_through(study, reader, "training")
        assert closed()
        assert go_through(study, reader, "calibration", wrong).passed is False
        assert closed()
        assert go_through(study, reader, "calibration").passed is True
        assert access_assignment(reader=reader, assignment=own.public_id, now=AT) == own
        assert open_to(reader, study, AT) == {own.public_id}

    def test_every_call_is_closed_until_then(self, client, study, reader):
        own = Assignment.objects.get(user=reader, case__pseudonym="own-case")
        client.force_login(reader)
        place = {"assignment": own.public_id}
        assert client.get(reverse("grading:read_case", kwargs=place)).status_code == 404
        for name in ("api:read-answers", "api:read-submit"):
            answer = client.post(reverse(name, kwargs=place), {"answers": [{"key": "x"}]}, "application/json")
            assert answer.status_code == 404
        assert not Read.objects.exists()

    def test_tries_end(self, study, reader):
        go_through(study, reader, "training")
        for _ in range(2):
            go_through(study, reader, "calibration", wrong)
        with pytest.raises(PracticeRefused):
            begin_practice(study=study, reader=reader, use="calibration", at=AT)
        assert practice_state(study, reader).tries_left == 0

    def test_calibration_comes_after_training_and_one_at_a_time(self, study, reader):
        with pytest.raises(PracticeRefused):
            begin_practice(study=study, reader=reader, use="calibration", at=AT)
        begin_practice(study=study, reader=reader, use="training", at=AT)
        with pytest.raises(PracticeRefused, match="Finish what you have begun"):
            begin_practice(study=study, reader=reader, use="training", at=AT)

    def test_cases_come_one_after_the_other_and_are_ones_own(self, study, reader):
        first = begin_practice(study=study, reader=reader, use="training", at=AT)
        second = showings_of(practice_state(study, reader).running)[1]
        assert access_assignment(reader=reader, assignment=first.public_id) == first
        other = User.objects.get(username="practice-second-reader")
        for person, showing in ((reader, second), (other, first)):
            with pytest.raises(Http404):
                access_assignment(reader=person, assignment=showing.public_id)

    def test_nothing_begins_where_the_protocol_asks_for_nothing(self, client):
        plain = factories.reader_study(slug="plain")
        person = factories.study_role("reader", study=plain).user
        client.force_login(person)
        for use in ("", "training", "calibration", "x"):
            with pytest.raises(PracticeRefused):
                begin_practice(study=plain, reader=person, use=use, at=AT)
            address = reverse("grading:practice", kwargs={"slug": "plain"})
            assert client.post(address, {"use": use}).status_code == 302
        assert not PracticeTry.objects.exists()

    def test_too_few_cases_are_said(self, reader, study):
        PracticeCase.objects.filter(use="training").first().delete()
        with pytest.raises(PracticeRefused, match="not prepared enough cases"):
            begin_practice(study=study, reader=reader, use="training", at=AT)
        assert not PracticeTry.objects.exists()


class TestJudging:
    def test_the_figures_are_kappa_by_finding(self, study, reader):
        go_through(study, reader, "training")
        # One cyst of six wrong: kappa 2/3; one of six narrowings not assessable: left out, and counted.
        seen = {"cyst": 0}

        def answer(item, grade):
            if item[1] == "cyst" and grade == 0:
                seen["cyst"] += 1
                return 1 if seen["cyst"] == 1 else grade
            return grade

        given = go_through(study, reader, "calibration", answer)
        rows = {row["finding"]: row for row in given.figures}
        assert rows["narrowing"] == {
            "finding": "narrowing", "kappa": 1.0, "same": 6, "n": 6, "not_compared": 0, "passed": True,
        }  # fmt: skip
        assert (rows["cyst"]["same"], rows["cyst"]["n"]) == (5, 6)
        assert rows["cyst"]["kappa"] == pytest.approx(2 / 3, abs=1e-4)
        assert given.passed is True

    def test_answering_not_assessable_everywhere_does_not_pass(self, study, reader):
        go_through(study, reader, "training")
        given = go_through(
            study, reader, "calibration", lambda *_: {"kind": "not_assessable", "reason": "quality"}
        )
        assert given.passed is False
        assert {row["kappa"] for row in given.figures} == {None}

    def test_tries_are_on_record(self, study, reader):
        go_through(study, reader, "training")
        go_through(study, reader, "calibration", wrong)
        go_through(study, reader, "calibration")
        tries = PracticeTry.objects.filter(use="calibration").order_by("number")
        assert [(each.number, each.passed) for each in tries] == [(1, False), (2, True)]
        events = AuditEvent.objects.filter(event="grading.practice.ended").order_by("pk")
        assert [each.detail["result"] for each in events] == ["done", "not passed", "passed"]
        # Each try shows the images at addresses of its own.
        shown = Assignment.objects.filter(user=reader, case__pseudonym="K1")
        assert len({each.presentation for each in shown}) == 2


class TestNothingEntersTheStudy:
    def test_no_reference_no_comparison_no_count(self, client, study, reader):
        before = flow(study)
        for person in (reader, User.objects.get(username="practice-second-reader")):
            go_through(study, person, "training")
            go_through(study, person, "calibration")
        assert not ReferenceGrade.objects.exists()
        assert not CaseComparison.objects.exists()
        assert flow(study) == before
        assert before["cases"] == 1
        # The reader's own numbers of the study's cases count from 1.
        client.force_login(reader)
        page = client.get(reverse("grading:worklist", kwargs={"slug": "practice"})).content.decode()
        assert "0</span> of 1 cases submitted" in page
        assert Rating.objects.count() == 2 * 5 * 4

    def test_a_practice_read_is_not_reopened(self, study, reader):
        go_through(study, reader, "training")
        with pytest.raises(ReadRefused, match="stands as submitted"):
            reopen_read(read=Read.objects.first(), reason="x", actor=reader, at=AT)

    def test_never_a_patient_of_the_study_and_never_the_other_way_round(self, study):
        mine = Case.objects.get(pseudonym="own-case")
        other = factories.case(study=study, pseudonym="more", status="imported", patient=mine.patient)
        held = factories.patient(study=study, partition="test")
        factories.case(study=study, pseudonym="held", status="imported", patient=held)
        for name, why in (
            ("more", "another case of the patient"),
            ("held", "held out"),
            ("own-case", "included"),
        ):
            with pytest.raises(StudyRefused, match=why):
                take_practice_cases(study=study, table=table(study, {name: "training"}), actor=None, at=AT)
        assert other.status == "imported"
        late = factories.case(
            study=study, status="imported", patient=Case.objects.get(pseudonym="T1").patient
        )
        with pytest.raises(StudyRefused, match="train or are calibrated on"):
            include_case(case=late, actor=None, at=AT)

    def test_practice_patients_are_in_no_partition(self, study):
        draw_partition(study=study, seed=1, actor=None, at=AT)
        practised = Patient.objects.filter(cases__status="practice")
        assert set(practised.values_list("partition", flat=True)) == {""}
        assert Patient.objects.exclude(partition="").count() == 1


class TestPages:
    def test_the_reference_is_shown_after_a_training_case_and_never_of_a_calibration(
        self, client, study, reader
    ):
        client.force_login(reader)
        first = begin_practice(study=study, reader=reader, use="training", at=AT)
        feedback = reverse("grading:practice_feedback", kwargs={"assignment": first.public_id})
        assert client.get(feedback).status_code == 404
        factories.read(of=first, grades=truth_of(first.case))
        place = {"assignment": first.public_id}
        answer = client.post(reverse("api:read-submit", kwargs=place), {}, "application/json")
        assert answer.json()["next"] == feedback
        page = client.get(feedback).content.decode()
        assert "4 of 4 answers as in the reference" in page
        second = next_showing(practice_state(study, reader).running)
        factories.read(of=second, grades={item: wrong(item, g) for item, g in truth_of(second.case).items()})
        place = {"assignment": second.public_id}
        client.post(reverse("api:read-submit", kwargs=place), {}, "application/json")
        page = client.get(reverse("grading:practice_feedback", kwargs=place)).content.decode()
        assert "0 of 4 answers as in the reference" in page

        given = begin_practice(study=study, reader=reader, use="calibration", at=AT)
        factories.read(of=given, grades=truth_of(given.case))
        place = {"assignment": given.public_id}
        answer = client.post(reverse("api:read-submit", kwargs=place), {}, "application/json")
        assert "/read/" in answer.json()["next"]
        assert "feedback" not in answer.json()["next"]
        assert client.get(reverse("grading:practice_feedback", kwargs=place)).status_code == 404
        page = client.get(reverse("grading:practice", kwargs={"slug": "practice"})).content.decode()
        assert "1 of 3 cases read" in page
        assert "kappa" in page
        assert "reached</td>" not in page

    def test_what_a_reader_is_told_is_the_same_whatever_the_reference_says(self, client, study, reader):
        go_through(study, reader, "training")
        begin_practice(study=study, reader=reader, use="calibration", at=AT)
        running = practice_state(study, reader).running
        first = next_showing(running)
        factories.read(of=first, grades=1)
        open_read(assignment=first, at=AT)
        client.force_login(reader)

        def told():
            pages = [
                reverse("grading:read_case", kwargs={"assignment": first.public_id}),
                reverse("grading:practice", kwargs={"slug": "practice"}),
                reverse("grading:worklist", kwargs={"slug": "practice"}),
            ]
            texts = []
            for address in pages:
                text = client.get(address).content.decode()
                if 'id="grading-config"' in text:
                    text = text.split('id="grading-config" type="application/json">')[1].split("</script>")[0]
                    texts.append(json.loads(text))
                else:
                    texts.append(text.split("<main")[1].split("csrfmiddlewaretoken")[0])
            return texts

        before = told()
        for row in PracticeCase.objects.all():
            changed = {key: {**said, "grade": 1 - said["grade"]} for key, said in row.reference.items()}
            PracticeCase.objects.filter(pk=row.pk).update(reference=changed)
        assert told() == before

    def test_the_coordinator_sees_who_passed(self, client, study, reader):
        go_through(study, reader, "training")
        go_through(study, reader, "calibration")
        client.force_login(User.objects.get(username="practice-coordinator"))
        page = client.get(reverse("grading:practice_desk", kwargs={"slug": "practice"})).content.decode()
        for words in (
            "2 taken, at least 2 asked",
            "T1, T2",
            "K1, K2, K3",
            "Try 1:",
            "passed",
            "closed until passed",
        ):
            assert words in page, words

    @pytest.mark.parametrize("who", ["practice-first-reader", "nobody-here"])
    def test_nobody_else_does(self, client, study, who):
        client.force_login(User.objects.filter(username=who).first() or factories.user(who))
        address = reverse("grading:practice_desk", kwargs={"slug": "practice"})
        assert (client.get(address).status_code, client.post(address, {}).status_code) == (404, 404)


class TestTheTable:
    def test_every_problem_is_named_with_its_line(self, study):
        factories.case(study=study, pseudonym="N1", status="imported")
        text = (
            "case_id,use,structure,finding,answer\nN1,practice,L4-5-right,narrowing,1\n"
            "N1,training,L9,narrowing,1\nN1,training,L4-5-right,cyst,2\nN1,training,L4-5-left,cyst,1\n"
            "N1,calibration,L4-5-left,cyst,1\n"
        )
        with pytest.raises(StudyRefused) as refusal:
            take_practice_cases(study=study, table=text, actor=None, at=AT)
        told = str(refusal.value)
        for words in ("line 2, use", "line 3, structure", "line 4, answer: 0 to 1", "line 6, use"):
            assert words in told
        with pytest.raises(StudyRefused, match="lacks the reference of 3 items"):
            take_practice_cases(
                study=study,
                table="case_id,use,structure,finding,answer\nN1,training,L4-5-right,cyst,1\n",
                actor=None,
                at=AT,
            )
        with pytest.raises(StudyRefused, match="lacks use"):
            take_practice_cases(study=study, table="case_id,structure,finding,answer\n", actor=None, at=AT)

    def test_the_command(self, study, tmp_path, capsys):
        factories.case(study=study, pseudonym="N1", status="imported")
        file = tmp_path / "practice.csv"
        file.write_text(table(study, {"N1": "training"}))
        call_command("import_practice", "practice", str(file))
        assert "1 cases were taken" in capsys.readouterr().out
        assert Case.objects.get(pseudonym="N1").status == "practice"
