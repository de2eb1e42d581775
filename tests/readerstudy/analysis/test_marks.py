"""Lesions and marks: what is refused, what a place in millimetres hits, and what is not compared."""

from uuid import uuid4

import numpy as np
import pytest

from grading.matching import Place
from grading.models import Mark, Read, ReferenceMark
from readerstudy.analysis.datasets import CaseEntry, Dataset, MarkData, freeze, thaw
from readerstudy.analysis.models import ImportedLesion, ImportedMark
from readerstudy.analysis.results.marks import compute_marks
from readerstudy.analysis.selectors.hits import LesionFinder
from readerstudy.analysis.services.imports import ImportRefused, import_cases, import_lesions, import_marks
from readerstudy.studies.models import Centre
from readerstudy.studies.protocols.loading import load_protocol
from tests.factories.protocols import LESION, small_source
from tests.readerstudy.analysis.conftest import NOW
from tests.readerstudy.analysis.test_exchange import empty_study

CASES = "case_id,patient_id,centre,centre_is_external,partition,status,exclusion_reason,sides\n"
LESIONS = "case_id,patient_id,lesion_id,class,weight,frame_of_reference,x_mm,y_mm,z_mm,dx_mm,dy_mm,dz_mm\n"
MARKS = "case_id,patient_id,reader_id,condition,mark_id,shape,class,confidence,value,unit,"
PLACED = MARKS + "frame_of_reference,x_mm,y_mm,z_mm\n"
SCORED = MARKS + "lesion_id\n"


@pytest.fixture
def enrolled(db):
    """An open study with two cases; the first has a box of 10 mm around (5, 5, 5) and one beside it."""
    study = empty_study("marked")
    given = {"study": study, "actor": None, "at": NOW, "source": "a test"}
    text = CASES + "C1,P1,A,no,test,included,,established\nC2,P2,B,yes,external,included,,by convention\n"
    import_cases(text=text, **given)
    import_lesions(
        text=LESIONS + "C1,P1,L1,node,0.75,F,5,5,5,10,10,10\nC1,P1,L2,cyst,0.25,F,30,5,5,10,10,10\n", **given
    )
    return given


def test_the_list_of_cases_enters_with_its_centres(enrolled):
    study = enrolled["study"]
    assert dict(Centre.objects.filter(study=study).values_list("code", "is_external")) == {
        "A": False,
        "B": True,
    }
    assert study.cases.get(pseudonym="C2").sides_accepted_by_convention
    with pytest.raises(ImportRefused, match="has a case C1 already"):
        import_cases(text=CASES + "C1,P1,A,no,test,included,,established\n", **enrolled)
    with pytest.raises(ImportRefused, match="exclusion_reason"):
        import_cases(text=CASES + "C3,P3,A,no,test,excluded,because,established\n", **enrolled)
    assert study.cases.count() == 2


def test_places_in_millimetres_find_their_lesions(enrolled):
    import_marks(
        text=PLACED
        + "C1,P1,R1,unaided,a,point,node,80,,,F,9.9,5,5\n"
        + "C1,P1,R1,unaided,b,point,node,70,,,F,31,5,5\n"  # in the cyst's box, and called a node
        + "C1,P1,R1,unaided,c,point,node,60,,,F,10.1,5,5\n"
        + "C2,P2,R1,unaided,a,point,node,50,,,F,5,5,5\n",
        **enrolled,
    )
    marks = ImportedMark.objects.order_by("case__pseudonym", "mark").values_list("lesion", flat=True)
    assert list(marks) == ["L1", "", "", ""]


@pytest.mark.parametrize(
    ("text", "column"),
    [
        (PLACED + "C1,P1,R1,unaided,a,point,node,80,,,F,,5,5\n", "x_mm"),
        (PLACED + "C1,P1,R1,unaided,a,point,node,80,,,G,5,5,5\n", "frame_of_reference"),
        (PLACED + "C1,P1,R1,unaided,a,point,node,,,,F,5,5,5\n", "confidence"),
        (PLACED + "C1,P1,R1,unaided,a,circle,node,80,,,F,5,5,5\n", "shape"),
        (PLACED + "C1,P1,R1,unaided,a,line,,,,,F,5,5,5\n", "value"),
        (PLACED + "C1,P1,,unaided,a,point,node,80,,,F,5,5,5\n", "reader_id, model"),
        (PLACED + "C9,P9,R1,unaided,a,point,node,80,,,F,5,5,5\n", "case_id"),
        (SCORED + "C1,P1,R1,unaided,a,point,node,80,,,L9\n", "lesion_id"),
        (SCORED + 2 * "C1,P1,R1,unaided,a,point,node,80,,,L1\n", "mark_id"),
    ],
)
def test_a_bad_mark_is_named_and_nothing_enters(enrolled, text, column):
    with pytest.raises(ImportRefused) as refusal:
        import_marks(text=text, **enrolled)
    assert refusal.value.problems[0].column == column
    assert not ImportedMark.objects.exists()


@pytest.mark.parametrize(
    ("rows", "column"),
    [
        ("C2,P2,L1,,0.5,,,,,,,\nC2,P2,L2,,0.4,,,,,,,\n", "weight"),
        ("C2,P2,L1,,0.5,,,,,,,\nC2,P2,L2,,,,,,,,,\n", "weight"),
        ("C2,P2,L1,,2,,,,,,,\n", "weight"),
        ("C1,P1,L1,,,,,,,,,\n", "lesion_id"),
        ("C2,P2,L1,,,F,5,5,5,-1,1,1\n", "dx_mm"),
    ],
)
def test_a_bad_lesion_is_named_and_nothing_enters(enrolled, rows, column):
    with pytest.raises(ImportRefused) as refusal:
        import_lesions(text=LESIONS + rows, **enrolled)
    assert refusal.value.problems[0].column == column
    assert ImportedLesion.objects.count() == 2


def marked(n_cases=12, n_patients=12, people=4, with_model=True, n_diseased=6):
    """Marks without a study: one mark per case of everyone, right on about two of three lesions."""
    rng = np.random.default_rng(3)
    cases = tuple(CaseEntry(f"C{k}", k % n_patients, 0, 3) for k in range(n_cases))
    case, by = np.tile(np.arange(n_cases), people), np.repeat(np.arange(people), n_cases)
    marks = MarkData(
        conditions=("unaided",),
        people=tuple(f"R{k}" for k in range(people)),
        is_model=tuple(with_model and k == people - 1 for k in range(people)),
        lesion_case=np.arange(n_diseased),
        weights=np.full(n_diseased, np.nan),
        mark_case=case,
        mark_by=by,
        mark_condition=np.zeros_like(case),
        rating=rng.integers(1, 6, size=case.size) + 2.0 * (case < n_diseased),
        hit=((case < n_diseased) & (rng.random(case.size) < 0.7)).astype(np.int64),
    )
    return Dataset(
        ("s",), ("",), ("",), tuple(f"P{k}" for k in range(n_patients)), ("A",), (), cases, (), None, {},
        marks=marks,
    )  # fmt: skip


def test_frozen_marks_come_back_as_they_were():
    dataset = marked()
    again = thaw(freeze(dataset)).marks
    for name, value in vars(dataset.marks).items():
        assert np.array_equal(getattr(again, name), value, equal_nan=name == "weights"), name
    assert compute_marks(thaw(freeze(dataset)), 0.95) == compute_marks(dataset, 0.95)


def test_precision_and_recall_are_those_of_the_marks():
    dataset = marked()
    figures = compute_marks(dataset, 0.95)["test"]
    own = dataset.marks.mark_by == 1
    hits = int((own & (dataset.marks.hit > 0)).sum())
    row = figures["people"][1]
    assert (row["hits"], row["false_marks"], row["misses"]) == (hits, 12 - hits, 6 - hits)
    assert row["precision"]["value"] == pytest.approx(hits / 12)
    assert row["recall"]["value"] == pytest.approx(hits / 6)


def test_comparisons_that_the_design_does_not_allow_say_why():
    of = {
        "several cases of a patient": (marked(n_patients=6), "several_cases_of_a_patient"),
        "two readers": (marked(people=3), "few_readers"),
    }
    for what, (dataset, code) in of.items():
        assert compute_marks(dataset, 0.95)["test"]["model"]["refused"] == code, what
    assert compute_marks(marked(), 0.95)["test"]["conditions"]["refused"] == "one_condition"
    none_diseased = compute_marks(marked(n_diseased=0), 0.95)["test"]
    assert none_diseased["people"][0]["figures"]["wAFROC"]["value"] is None
    assert none_diseased["people"][0]["recall"]["undefined_because"] == "no lesion"
    assert none_diseased["model"]["conditions"][0]["figures"]["LROC"]["refused"] == "one_class"


def test_marks_without_one_place_per_case_get_no_lroc():
    from dataclasses import replace

    dataset = marked()
    kept = np.arange(dataset.marks.mark_case.size) != 2
    arrays = ("mark_case", "mark_by", "mark_condition", "rating", "hit")
    fewer = replace(dataset.marks, **{name: getattr(dataset.marks, name)[kept] for name in arrays})
    found = compute_marks(replace(dataset, marks=fewer), 0.95)["test"]["model"]["conditions"][0]["figures"]
    assert found["LROC"]["refused"] == "not_one_mark_per_case"
    assert found["wAFROC"]["rows"]


def test_the_page_looks_at_a_table_maps_its_columns_and_explains_refusals(client, enrolled):
    from django.core.files.uploadedfile import SimpleUploadedFile

    from readerstudy.studies.services.studies import grant_roles
    from tests.factories.finished_study import person

    study = enrolled["study"]
    investigator = person("table_investigator")
    grant_roles(study=study, user=investigator, roles=["is_investigator"], actor=None, at=NOW)
    client.force_login(investigator)
    text = "Case ID,patient,Lesion-ID,class,weight\nC2,P2,L1,node,\nC2,P9,L2,node,\n"
    given = SimpleUploadedFile("from elsewhere.csv", text.encode())
    page = client.post("/studies/marked/tables/", {"kind": "lesions", "file": given}).content.decode()
    assert '<option value="Case ID" selected>' in page  # by its name
    assert "2 rows; the first ones" in page
    second = {"kind": "lesions", "text": text, "source": "from elsewhere.csv", "take": "yes"}
    page = client.post("/studies/marked/tables/", second).content.decode()
    assert "patient_id" in page
    assert "missing; the table has" in page
    page = client.post("/studies/marked/tables/", second | {"column-patient_id": "patient"}).content.decode()
    assert "case C2 is of patient P2" in page
    assert "1 row refused. Nothing was changed." in page
    assert ImportedLesion.objects.count() == 2
    good = second | {"column-patient_id": "patient", "text": text.replace("P9", "P2")}
    answer = client.post("/studies/marked/tables/", good)
    assert answer.status_code == 302
    assert ImportedLesion.objects.count() == 4
    twice = second | {"column-patient_id": "Case ID"}
    assert (
        "stands for case_id and for patient_id"
        in client.post("/studies/marked/tables/", twice).content.decode()
    )
    wrong = SimpleUploadedFile("latin.csv", "case_id\né".encode("latin-1"))
    assert (
        "is not UTF-8"
        in client.post("/studies/marked/tables/", {"kind": "reads", "file": wrong}).content.decode()
    )


def _box(low, high, *, cls="bulge", frame="F"):
    return {
        "kind": "lesion", "mark_class": cls, "shape": "box3d", "series_uid": "1", "sop_uid": "1.1",
        "frame_of_reference_uid": frame, "points_px": [[0, 0], [1, 1]], "box": {"min_mm": low, "max_mm": high},
    }  # fmt: skip


def test_marks_of_readers_outside_the_reference_are_scored_by_the_rule():
    """
    Only the mark that made a lesion is tied to it; a further reader's marks are matched by their place.

    The rule is an overlap of a tenth of the union: boxes of 10 mm, shifted by 8 mm, share 2 of 18.
    """
    document = load_protocol(small_source(findings=(), marks=[LESION], case_questions=None))
    first = ReferenceMark(case_id=1, lesion_id=uuid4(), sources=[11], **_box([0, 0, 0], [10, 10, 10]))
    second = ReferenceMark(case_id=1, lesion_id=uuid4(), sources=[12], **_box([6, 0, 0], [16, 10, 10]))
    elsewhere = ReferenceMark(case_id=2, lesion_id=uuid4(), sources=[13], **_box([0, 0, 0], [10, 10, 10]))
    given = {
        11: _box([90, 0, 0], [99, 9, 9], cls="herniation"),  # settled by people, whatever its place and class
        20: _box([0, 0, 0], [10, 10, 10]),
        21: _box([5, 0, 0], [15, 10, 10]),  # in both; nearer to the second
        22: _box([-8, 0, 0], [2, 10, 10]),
        23: _box([-9, 0, 0], [1, 10, 10]),  # shares 1 of 19
        24: _box([0, 0, 0], [10, 10, 10], cls="herniation"),
        25: _box([0, 0, 0], [10, 10, 10], frame="another"),
    }
    marks = [Mark(pk=key, read=Read(case_id=1), mark_id=uuid4(), **place) for key, place in given.items()]
    finder = LesionFinder(document, [first, second, elsewhere], [])
    found = {mark.pk: name for mark in marks if (name := finder.hit_of(mark))}
    assert found == {
        11: str(first.lesion_id), 20: str(first.lesion_id), 21: str(second.lesion_id), 22: str(first.lesion_id)
    }  # fmt: skip

    table = [
        ImportedLesion(
            case_id=1, lesion="L1", lesion_class="bulge",
            place={
                "frame_of_reference": "F", "x_mm": "5", "y_mm": "5", "z_mm": "5", "dx_mm": "10", "dy_mm": "10",
                "dz_mm": "10",
            },
        ),
        ImportedLesion(case_id=1, lesion="L2", lesion_class="bulge", place={"x_mm": "5"}),
    ]  # fmt: skip
    finder = LesionFinder(document, [], table)
    assert {mark.pk for mark in marks if finder.hit_of(mark) == "L1"} == {20, 21, 22}

    # A model's mark names no kind: the class tells it.
    assert finder.hit(1, Place(1, "bulge", (0, 0, 0), (10, 10, 10), "F")) == "L1"
    assert finder.hit(1, Place(1, "tumour", (0, 0, 0), (10, 10, 10), "F")) == ""
    assert finder.hit(2, Place(1, "bulge", (0, 0, 0), (10, 10, 10), "F")) == ""
