"""Finished multi-reader studies enter by import and show their published results."""

import csv
import os
from pathlib import Path

import pytest

from readerstudy.analysis.selectors import data_hash, predictions_hash
from readerstudy.analysis.services.imports import import_predictions, import_reads, import_reference
from readerstudy.analysis.services.locking import lock, unblind
from readerstudy.analysis.services.snapshots import latest_snapshot
from readerstudy.core.jobs import run_job
from readerstudy.core.models import Job
from readerstudy.studies.services.studies import create_study, grant_roles, open_study
from tests.factories.finished_study import person
from tests.readerstudy.analysis.conftest import NOW

SHARED = Path(os.environ.get("READERSTUDY_SHARED", Path(__file__).resolve().parents[4] / "shared"))
STATS = SHARED / "reference" / "stats"

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.shared,
    pytest.mark.skipif(
        not STATS.is_dir(), reason="the reference results are not beside the repository (../shared)"
    ),
]

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


def test_vandyke_shows_its_published_multireader_analysis(client):
    """Van Dyke 1993 as in Obuchowski-Rockette's papers: F 4.46 on 1 and 15.26 df, p .0517."""
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
    study = finish(study, investigator)
    figures = latest_snapshot(study).results["views"]["disease|1|test|all"]
    aided = figures["multireader"]["aided"]
    assert aided["covariance"] == "jackknife"
    assert (aided["items"], aided["left_out"]) == (114, 0)
    by_claim = {row["claim"]: row for row in aided["rows"]}
    random = by_claim["random_readers_random_cases"]
    assert random["difference"]["value"] == pytest.approx(-0.0438003220611916, abs=1e-12)
    assert random["difference"]["se"] == pytest.approx(0.0207486183789449, abs=1e-12)
    test = random["global_test"]
    assert (test["statistic"], test["df"], test["df2"], test["p"]) == (
        pytest.approx(4.45631869315726, abs=1e-8),
        1,
        pytest.approx(15.2596745891416, abs=1e-8),
        pytest.approx(0.0516656858192944, abs=1e-10),
    )
    fixed = by_claim["fixed_readers_random_cases"]
    assert fixed["difference"]["se"] == pytest.approx(0.01872, abs=5e-6)
    assert fixed["global_test"]["statistic"] == pytest.approx(5.47595, abs=5e-6)
    assert fixed["global_test"]["p"] == pytest.approx(0.0193, abs=5e-5)
    client.force_login(investigator)
    page = client.get("/studies/vandyke/results/").content.decode()
    assert "−0.0438" in page
    assert "F(1, 15.26) = 4.46, p = 0.0517" in page
    assert "χ²(1) = 5.48, p = 0.0193" in page


def test_hupse_algorithm_against_nine_radiologists(client):
    """Hupse et al. 2013, ROC part: mean radiologist minus algorithm 0.0317, p .321."""
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
    study = finish(study, investigator)
    figures = latest_snapshot(study).results["views"]["disease|1|test|all"]
    by_claim = {row["claim"]: row for row in figures["multireader"]["model"]["rows"]}
    random = by_claim["random_readers_random_cases"]
    assert random["fom_model"] == pytest.approx(0.816927083333333, abs=1e-12)
    assert random["difference"]["value"] == pytest.approx(0.0317361111111111, abs=1e-12)
    assert random["test"]["p"] == pytest.approx(0.321047434257322, abs=1e-9)
    assert by_claim["random_readers_fixed_cases"]["test"]["p"] == pytest.approx(0.0123590876277494, abs=1e-9)
    client.force_login(investigator)
    page = client.get("/studies/hupse/results/").content.decode()
    assert "+0.0317" in page
    assert "p = 0.3210" in page
