"""Published multi-reader studies from the reference results beside the repository, as the tables they enter by."""

import csv
import os
from pathlib import Path

from readerstudy.analysis.selectors import data_hash, predictions_hash
from readerstudy.analysis.services.imports import (
    import_cases,
    import_lesions,
    import_marks,
    import_predictions,
    import_reads,
    import_reference,
)
from readerstudy.analysis.services.locking import lock, unblind
from readerstudy.core.jobs import run_job
from readerstudy.core.models import Job
from readerstudy.studies.services.studies import create_study, grant_roles, open_study
from tests.factories.finished_study import person
from tests.readerstudy.analysis.conftest import NOW

SHARED = Path(os.environ.get("READERSTUDY_SHARED", Path(__file__).resolve().parents[4] / "shared"))
STATS = SHARED / "reference" / "stats"
MISSING = "the reference results are not beside the repository (../shared)"

PROTOCOL = """
protocol: {name}
version: 1
title: {{en: "{title}"}}
structures:
  list:
    - {{id: patient, label: {{en: Patient}}}}
numbering: {{scheme: none, set_by: none}}
findings:
  - id: disease
    label: {{en: Disease}}
    definition: {{en: as in the published study}}
    kind: ordinal
    cut: 1
    agreement: exact
    assessable_on: [CT, MR]
    typed: [not-assessable]
    scale:
{scale}
not_assessable_reasons: [{{id: other, label: {{en: Other}}}}]
adjudication_reasons: [{{id: other, label: {{en: Other}}}}]
reading: {{readers_per_case: {readers}, present: together, conditions: [unaided, aided], order: random,
          order_enforced: true}}
adjudication: {{by: none, may_choose: any, third_read_first: false, audit_fraction: 0}}
reference: {{from: external}}
partition: {{train: 0, validation: 0, test: 1, unit: patient}}
display: {{hanging: [{{name: one, viewports: [{{modality: MR, plane: sagittal, area: main}}]}}]}}
analysis: {{unit: item, cluster: patient, primary_model: null, model_grade: argmax, endpoints: [],
           margin: 0.05, alpha: 0.05, multiplicity: none, bootstrap: 2000, seed: 1}}
"""


def published_study(slug, n_grades, n_readers):
    scale = "\n".join(f"      - {{value: {k}, label: {{en: '{k}'}}}}" for k in range(n_grades))
    source = PROTOCOL.format(name=slug, title=slug, scale=scale, readers=min(n_readers, 12))
    study = create_study(source=source, slug=slug, actor=None, at=NOW)
    investigator = person(f"{slug}_investigator")
    grant_roles(study=study, user=investigator, roles=["is_investigator"], actor=None, at=NOW)
    return open_study(study=study, actor=None, at=NOW), investigator


def finish(study, investigator):
    study = lock(study=study, actor=investigator, signed_digest=data_hash(study), reason="", at=NOW)
    study = unblind(study=study, actor=investigator, signed_digest=predictions_hash(study), reason="", at=NOW)
    for job in Job.objects.filter(kind="analysis.snapshot", state=Job.State.QUEUED):
        done = run_job(job.pk)
        assert done.state == Job.State.DONE, done.error
    return study


READ_HEAD = (
    "case_id,patient_id,centre,partition,presentation,structure,finding,reader_id,reader_role,condition,session,"
    "occasion,read_version,protocol_version,kind,grade,value,unit,reason,confidence,status,submitted_at\n"
)
REFERENCE_HEAD = (
    "case_id,patient_id,structure,finding,kind,grade,value,provenance,decided_by_roles,reader_contributed\n"
)


def read_line(case, reader, condition, grade):
    return (
        f"C{case},P{case},A,test,together,patient,disease,{reader},comparison,{condition},1,1,1,1,grade,{grade},"
        ",,,,final,2026-03-04T08:00:00Z\n"
    )


def reference_text(truth):
    """The reference is 0 or the highest place of the cut: positive from grade 1 on."""
    return REFERENCE_HEAD + "".join(
        f"C{case},P{case},patient,disease,grade,{value},,external,external,\n"
        for case, value in sorted(truth.items())
    )


def rows_of(name):
    with (STATS / name).open() as stream:
        return list(csv.DictReader(stream))


def vandyke():
    """Van Dyke 1993: five readers, two imaging techniques (entered as unaided and aided), 114 patients."""
    rows = rows_of("vandyke.csv")
    study, investigator = published_study("vandyke", 5, 5)
    condition = {"1": "unaided", "2": "aided"}
    reads = READ_HEAD + "".join(
        read_line(row["case"], f"R{row['reader']}", condition[row["treatment"]], int(row["rating"]) - 1)
        for row in rows
    )
    given = {"study": study, "actor": None, "at": NOW, "source": "vandyke.csv"}
    import_reads(text=reads, **given)
    import_reference(text=reference_text({row["case"]: int(row["truth"]) for row in rows}), **given)
    return finish(study, investigator), investigator


MARK_HEAD = (
    "case_id,patient_id,reader_id,model,condition,mark_id,shape,class,confidence,value,unit,lesion_id\n"
)
LESION_HEAD = "case_id,patient_id,lesion_id,class,weight\n"


def hupse():
    """Hupse et al. 2013: an algorithm and nine radiologists, one rating and one place per mammogram."""
    rows = rows_of("nico_cad_roc.csv")
    n_grades = max(int(float(row["rating"])) for row in rows) + 1
    study, investigator = published_study("hupse", n_grades, 9)
    given = {"study": study, "actor": None, "at": NOW, "source": "nico_cad_roc.csv"}
    reads = READ_HEAD + "".join(
        read_line(row["case"], f"R{row['reader']}", "unaided", row["rating"])
        for row in rows
        if row["reader"] != "1"
    )
    import_reads(text=reads, **given)
    import_reference(text=reference_text({row["case"]: int(row["truth"]) for row in rows}), **given)
    head = "case_id,patient_id,structure,finding,model,version,input_points," + ",".join(
        f"p_{k}" for k in range(n_grades)
    )
    lines = [head]
    for row in rows:
        if row["reader"] == "1":
            certain = ["1.0" if k == int(row["rating"]) else "0.0" for k in range(n_grades)]
            lines.append(f"C{row['case']},P{row['case']},patient,disease,CAD,1,automatic,{','.join(certain)}")
    import_predictions(text="\n".join(lines) + "\n", **given)
    located = rows_of("nico_cad_lroc.csv")
    diseased = sorted({row["case"] for row in located if row["diseased"] == "1"})
    import_lesions(text=LESION_HEAD + "".join(f"C{case},P{case},1,,\n" for case in diseased), **given)
    marks = MARK_HEAD
    for row in located:
        who = ",CAD 1" if row["reader"] == "1" else f"R{row['reader']},"
        hit = "1" if row["location_correct"] == "1" else ""
        marks += f"C{row['case']},P{row['case']},{who},unaided,m1,point,,{row['rating']},,,{hit}\n"
    import_marks(text=marks, **given)
    return finish(study, investigator), investigator


def tomosynthesis():
    """Chakraborty and Svahn 2011: breast tomosynthesis and mammography, five readers, 185 cases, free marks."""
    cases, marks = rows_of("tony_froc_cases.csv"), rows_of("tony_froc_marks.csv")
    study, investigator = published_study("tomosynthesis", 2, 5)
    given = {"study": study, "actor": None, "at": NOW, "source": "tony_froc"}
    import_cases(
        text="case_id,patient_id,centre,centre_is_external,partition,status,exclusion_reason,sides\n"
        + "".join(f"C{row['case']},P{row['case']},A,no,test,included,,established\n" for row in cases),
        **given,
    )
    import_reference(text=reference_text({row["case"]: int(row["diseased"]) for row in cases}), **given)
    lesions = LESION_HEAD
    for row in cases:
        weights = [weight for weight in row["lesion_weights"].split(";") if weight]
        for number in range(int(row["n_lesions"])):
            lesions += f"C{row['case']},P{row['case']},{number + 1},,{weights[number] if weights else ''}\n"
    import_lesions(text=lesions, **given)
    text = MARK_HEAD
    for number, row in enumerate(marks):
        hit = row["index"] if row["kind"] == "LL" else ""
        text += (
            f"C{row['case']},P{row['case']},R{row['reader']},,{row['modality']},m{number},point,,{row['rating']}"
            f",,,{hit}\n"
        )
    import_marks(text=text, **given)
    return finish(study, investigator), investigator
