"""Real expert disc grades as a reference standard, with two simulated readers and a simulated model."""

import csv

import numpy as np

from readerstudy.analysis.services.imports import (
    import_cases,
    import_predictions,
    import_reads,
    import_reference,
)
from readerstudy.studies.services.studies import create_study, grant_roles, open_study
from tests.factories.finished_study import person
from tests.readerstudy.analysis.conftest import NOW
from tests.readerstudy.analysis.published import READ_HEAD, REFERENCE_HEAD, SHARED, finish

LABELS = SHARED / "data" / "labels" / "spider_gradings.csv"
IMAGES = SHARED / "data" / "spider_midsag"
DISCS = ("L5-S1", "L4-5", "L3-4", "L2-3", "L1-2", "T12-L1", "T11-12", "T10-11", "T9-10")  # 1 is the lowest
# finding: column, number of grades, cut, first value of the column
FINDINGS = {
    "pfirrmann": ("Pfirrman grade", 5, 3, 1),
    "modic": ("Modic", 4, 1, 0),
    "narrowing": ("Disc narrowing", 2, 1, 0),
    "herniation": ("Disc herniation", 2, 1, 0),
}
SCALES = {name: n_grades for name, (_, n_grades, _, _) in FINDINGS.items()}

_FINDING = """
  - id: {name}
    label: {{en: {label}}}
    definition: {{en: as graded by the dataset's expert}}
    kind: {kind}
    cut: {cut}
    agreement: exact
    assessable_on: [MR]
    typed: [not-assessable]
    scale: [{scale}]"""
_PROTOCOL = """
protocol: lumbar-discs
version: 1
title: {{en: Lumbar discs on MR against expert grades}}
structures: {{list: [{structures}]}}
numbering: {{scheme: none, set_by: none}}
findings:{findings}
not_assessable_reasons: [{{id: artefact, label: {{en: Artefact}}}}]
adjudication_reasons: [{{id: other, label: {{en: Other}}}}]
reading: {{readers_per_case: 2, present: together, conditions: [unaided], order: random, order_enforced: true}}
adjudication: {{by: none, may_choose: any, third_read_first: false, audit_fraction: 0}}
reference: {{from: external}}
partition: {{train: 0, validation: 0, test: 1, unit: patient}}
display: {{hanging: [{{name: one, viewports: [{{modality: MR, plane: sagittal, area: main}}]}}]}}
analysis: {{unit: item, cluster: patient, primary_model: null, model_grade: argmax, endpoints: [],
           margin: 0.05, alpha: 0.05, multiplicity: none, bootstrap: 2000, seed: 20260401}}
"""


def protocol():
    """A lumbar protocol: discs from the sacrum up, four findings."""
    return _PROTOCOL.format(
        structures=", ".join(f"{{id: {disc}, label: {{en: {disc}}}}}" for disc in DISCS),
        findings="".join(
            _FINDING.format(
                name=name,
                label=name.capitalize(),
                kind="ordinal" if n_grades > 2 else "binary",
                cut=cut,
                scale=", ".join(f"{{value: {g}, label: {{en: '{g + first}'}}}}" for g in range(n_grades)),
            )
            for name, (_, n_grades, cut, first) in FINDINGS.items()
        ),
    )


def expert_grades():
    """Grades of the 24 imaged patients: (patient, disc) -> finding -> grade."""
    imaged = {folder.name for folder in IMAGES.iterdir() if folder.is_dir()}
    grades = {}
    with LABELS.open() as stream:
        for row in csv.DictReader(stream):
            name, label = f"{int(row['Patient']):03d}", int(row["IVD label"])
            if name in imaged and 1 <= label <= len(DISCS):
                grades[name, DISCS[label - 1]] = {
                    finding: int(row[column]) - first for finding, (column, _, _, first) in FINDINGS.items()
                }
    return grades


def spider_study():
    """An unblinded study with a snapshot; every sixth patient stands for an external centre."""
    grades = expert_grades()
    rng = np.random.default_rng(20260401)
    patients = sorted({patient for patient, _ in grades})
    study = create_study(source=protocol(), slug="lumbar-discs", actor=None, at=NOW)
    investigator = person("discs_investigator")
    grant_roles(study=study, user=investigator, roles=["is_investigator"], actor=None, at=NOW)
    study = open_study(study=study, actor=None, at=NOW)
    given = {"study": study, "actor": None, "at": NOW, "source": "a test"}
    place = {name: ("B", "external") if k % 6 == 5 else ("A", "test") for k, name in enumerate(patients)}
    import_cases(
        text="case_id,patient_id,centre,centre_is_external,partition,status,exclusion_reason,sides\n"
        + "".join(
            f"C{name},P{name},{place[name][0]},{'yes' if place[name][0] == 'B' else 'no'},{place[name][1]},"
            "included,,established\n"
            for name in patients
        ),
        **given,
    )
    reads, reference, predictions = [READ_HEAD], [REFERENCE_HEAD], [_prediction_head()]
    for (name, disc), own in grades.items():
        for finding, grade in own.items():
            reference.append(f"C{name},P{name},{disc},{finding},grade,{grade},,external,external,\n")
            for reader in ("R1", "R2"):
                occasions = (1, 2) if name in patients[:6] else (1,)
                for occasion in occasions:
                    reads.append(_read(name, place[name], disc, finding, reader, occasion, grade, rng))
            predictions.append(_prediction(name, disc, finding, grade, rng))
    import_reads(text="".join(reads), **given)
    import_reference(text="".join(reference), **given)
    import_predictions(text="".join(predictions), **given)
    return finish(study, investigator), investigator


def _read(name, place, disc, finding, reader, occasion, grade, rng):
    n_grades = SCALES[finding]
    seen = grade
    if rng.random() < 0.25:
        seen = int(np.clip(grade + rng.choice([-1, 1]), 0, n_grades - 1))
    answer = "not_assessable,,,,artefact" if rng.random() < 0.02 else f"grade,{seen},,,"
    return (
        f"C{name},P{name},{place[0]},{place[1]},together,{disc},{finding},{reader},comparison,unaided,{occasion},"
        f"{occasion},1,1,{answer},,final,2026-03-0{3 + occasion}T08:00:00Z\n"
    )


def _prediction_head():
    return "case_id,patient_id,structure,finding,model,version,input_points,p_0,p_1,p_2,p_3,p_4\n"


def _prediction(name, disc, finding, grade, rng):
    """Probabilities in 64ths, so that every sum of them is exact."""
    n_grades = SCALES[finding]
    weights = np.exp(-0.9 * (np.arange(n_grades) - grade - rng.normal(0, 0.9)) ** 2)
    parts = rng.multinomial(64, weights / weights.sum()) / 64
    cells = [repr(float(p)) for p in parts] + [""] * (5 - n_grades)
    return f"C{name},P{name},{disc},{finding},simulated,1,automatic,{','.join(cells)}\n"
