"""What the report says, in the order of a paper: methods, flow, results per finding, check lists, source."""

from collections.abc import Mapping
from typing import Any

from readerstudy.analysis import dashboard, wording
from readerstudy.analysis.models import Snapshot
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.report.blocks import Block, Facts, Figure, Heading, Paragraph, Table
from readerstudy.analysis.report.checklists import check_lists
from readerstudy.analysis.report.figures import (
    INK,
    MODEL,
    READERS,
    confusion_pair,
    intervals_figure,
    roc_figure,
)
from readerstudy.analysis.report.further import further_blocks, mark_blocks, reader_blocks
from readerstudy.studies.protocols.document import ProtocolDocument

MOST_GRADES_DRAWN = 6
MEASURES = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "f1")


def facts_of(document: ProtocolDocument, plan: AnalysisPlan, snapshot: Snapshot) -> dict[str, str]:
    """Return what the system knows of the methods, one sentence each."""
    summary = snapshot.results["summary"]
    flow, model = summary["flow"], summary["model"]
    criteria = dashboard.criterion_names(document)
    excluded = ", ".join(f"{criteria.get(name, name)}: {n}" for name, n in flow["excluded"].items()) or "none"
    truthers = [each["code"] for each in summary["readers"] if each["is_truther"]]
    others = [each["code"] for each in summary["readers"] if not each["is_truther"]]
    shares = document.partition
    return {
        "registration": document.registration or "not registered in the protocol file",
        "exclusions": f"excluded by criterion: {excluded}; withdrawn: {flow['withdrawn']}",
        "centres": f"{len(summary['centres'])} centres ({', '.join(summary['centres'])}), external: "
        f"{', '.join(summary['external_centres']) or 'none'}; {flow['patients']} patients enrolled",
        "model": f"{model['name']} {model['version']}, digest {model['digest'][:16]}"
        + (", trained on synthetic images" if model["is_synthetic"] else "")
        if model
        else "no model was run",
        "model_grade": {
            "argmax": "the most probable grade, the lower of a tie",
            "median": "the median of the predicted distribution",
            "thresholds": "thresholds fixed on the validation patients (highest sensitivity + specificity)",
        }[plan.model_grade],
        "cuts": "; ".join(f"{name}: grade {plan.cut_of(name)} or more" for name in plan.cuts),
        "reference": f"{document.reference['from']}; first reads settled by {document.adjudication['by']}; "
        f"readers whose grades make it: {', '.join(truthers) or 'none'}",
        "blinding": "readers saw neither each other nor the model; the adjudicator saw the differing grades as A "
        "and B in shuffled order, without names and without the model; order of cases random per reader",
        "partition": f"by patient, drawn once: training {shares['train']:g}, validation {shares['validation']:g}, "
        f"test {shares['test']:g}; external centres kept apart; confirmatory figures from test and external only",
        "missing": "left out of the denominators and counted; a not assessable answer is no negative",
        "statistics": "clustered by patient: Rao-Scott ratio estimator with a Wilson interval for shares, "
        "Obuchowski (1997) for areas, delete-one-patient jackknife for F1, kappa and differences",
        "code": f"ReaderStudy {snapshot.code_version}, snapshot {snapshot.number}, seed {snapshot.seed}",
        "design": f"margin {plan.margin:g}, alpha {plan.alpha:g} two-sided, several end points: "
        f"{plan.multiplicity}; comparator: mean of the readers",
        "readers": f"compared with the model: {', '.join(others or truthers)}"
        + ("" if others else " (their grades make the reference too: see incorporation bias)"),
        "external": ", ".join(summary["external_centres"]) or "no external centre",
        "scales": "; ".join(
            f"{each.label} ({each.n_grades} grades)" for each in document.findings if each.scale
        ),
        "counts": f"{summary['patients']} patients, {summary['cases']} cases, {summary['structures']} structures, "
        f"{len(summary['readers'])} readers",
        "agreement": "quadratic weighted kappa, delete-one-patient jackknife on the arctanh scale",
    }


def _flow(summary: Mapping[str, Any], document: ProtocolDocument) -> Table:
    flow, criteria = summary["flow"], dashboard.criterion_names(document)
    partitions, provenance = wording.partition_names(), wording.provenance_names()
    rows = [
        ["Cases enrolled", wording.count(flow["cases"])],
        *[
            [f"Excluded: {criteria.get(name, name)}", wording.count(n)]
            for name, n in flow["excluded"].items()
        ],
        ["Withdrawn", wording.count(flow["withdrawn"])],
        ["Included", wording.count(flow["included"])],
        *[
            ["Included without a required kind of image", wording.count(n)]
            for n in [flow.get("included_lacking", 0)]
            if n
        ],
        *[
            [f"Partition {partitions[name].lower()}", wording.count(n)]
            for name, n in flow["partition_cases"].items()
        ],
        ["First reads submitted", wording.count(flow["reads_submitted"])],
        ["Items with a reference answer", wording.count(flow["items"])],
        *[[f"Arose as {provenance[name]}", wording.count(n)] for name, n in flow["basis"].items()],
        *[[f"Stands as {provenance[name]}", wording.count(n)] for name, n in flow["provenance"].items()],
        ["Cases analysed", wording.count(flow["analysed"])],
        ["Unfinished cases left out", wording.count(flow["unfinished"])],
    ]
    return Table(["Step", "Number"], rows, "Flow of cases and items.", widths=(0.7, 0.3))


def _two_lines(estimate: Mapping[str, Any]) -> str:
    """An estimate above its interval: the table is wide."""
    words = wording.estimate(estimate)
    return f"{words['value']}\n{words['interval']}" if words["value"] else words["words"]


def _accuracy(figures: Mapping[str, Any]) -> Table:
    names = wording.measure_names()
    rows = []
    for row in dashboard.people_rows(figures):
        counts = row["counts"] or {}
        cells = [wording.count(counts.get(key)) for key in ("tp", "fn", "fp", "tn")]
        rows.append([row["code"], *cells, *[_two_lines(row[name]) for name in MEASURES]])
    return Table(
        ["Who", "TP", "FN", "FP", "TN", *[names[name] for name in MEASURES]],
        rows,
        "Counts at the cut and accuracy with 95 % intervals; recall is sensitivity, precision is PPV.",
        widths=(0.16, 0.045, 0.045, 0.045, 0.045, *([0.11] * 6)),
    )


def _differences(figures: Mapping[str, Any]) -> Table:
    names = wording.measure_names()
    rows = []
    for name, block in figures["headline"].items():
        own = figures["model"]["auc_on_grades" if name == "auc" else name]
        status = "confirmatory" if block["claim"]["is_confirmatory"] else "exploratory"
        rows.append(
            [
                names[name],
                wording.estimate(own)["words"],
                wording.estimate(block["readers"])["words"],
                wording.estimate(block["difference"], with_sign=True)["words"],
                f"{wording.position_words(block['claim']['decision'])} ({status})",
            ]
        )
    return Table(
        ["Measure", "Model", "Mean reader", "Model minus mean reader", "Against the margin"],
        rows,
        "Model and mean reader on the same items and the same scale of grades.",
        widths=(0.14, 0.21, 0.21, 0.24, 0.2),
    )


def _finding(
    document: ProtocolDocument, figures: Mapping[str, Any], plan: AnalysisPlan, summary: Mapping[str, Any]
) -> list[Block]:
    view = figures["view"]
    name = dashboard.finding_names(document)[view["finding"]]
    blocks: list[Block] = [
        Heading(f"{name}, grade {view['cut']} or more", 2),
        Paragraph(dashboard.fact(figures, summary)),
    ]
    headline = dashboard.headline(figures, plan, summary)
    blocks.append(Paragraph(f"{headline['title']}. {headline['text']}"))
    incorporation = dashboard.incorporation(figures)
    if incorporation:
        blocks.append(
            Paragraph(
                "Incorporation bias: the reference standard is made in part of these readers' own grades, so "
                "their accuracy is shown too high and the model's too low. " + "; ".join(incorporation) + "."
            )
        )
    if figures["headline"] and figures["model"]:
        blocks.append(_differences(figures))
    blocks.append(_accuracy(figures))
    blocks.append(
        Figure(
            roc_figure(figures),
            f"ROC of the model for {name.lower()} with the pointwise 95 % interval of its sensitivity; readers "
            "and the model's grade as points with 95 % intervals.",
        )
    )
    matrices = [
        (figures["confusion"][key], title)
        for key, title in (("model", "Model"), ("readers", "Readers together"))
        if figures["confusion"][key] and len(figures["confusion"][key]["table"]) <= MOST_GRADES_DRAWN
    ]
    if matrices:
        blocks.append(
            Figure(
                confusion_pair(matrices, view["cut"]),
                "Items by reference grade (rows) and grade given (columns), with the share of the reference row; "
                "the lines mark the cut.",
            )
        )
    agreement = [
        (f"{row['first']} and {row['second']}", row["kappa"], INK)
        for row in figures["agreement"]["between_readers"]
        if "kappa" in row
    ] + [
        (
            f"{row['code']} with the reference", row["kappa"],
            MODEL if row["kind"] == "model" else READERS,
        )
        for row in figures["agreement"]["with_reference"]
    ]  # fmt: skip
    if agreement:
        values = [row[1]["low"] for row in agreement if row[1]["low"] is not None]
        low = min([0.0, *values])
        blocks.append(
            Figure(
                intervals_figure(agreement, low=-1.0 if low < 0 else 0.0, high=1.0),
                "Quadratic weighted kappa with 95 % intervals.",
            )
        )
    blocks.extend(further_blocks(document, figures, plan))
    return blocks


def report_blocks(*, snapshot: Snapshot, document: ProtocolDocument, title: str) -> list[Block]:
    """
    Return the report of a snapshot.

    Every number comes from the snapshot's stored results and is written by `wording`, as on the page.
    """
    plan = AnalysisPlan.from_dict(snapshot.plan)
    summary = snapshot.results["summary"]
    facts = facts_of(document, plan, snapshot)
    partition = summary["default_partition"]
    blocks: list[Block] = [
        Heading("Methods"),
        Facts(
            [
                ("Study", title),
                ("Registration", facts["registration"]),
                ("Protocol", f"{document.id}, version {document.version}, {document.digest[:16]}"),
                ("Patients", facts["counts"]),
                ("Centres", facts["centres"]),
                ("Reference standard", facts["reference"]),
                ("Blinding", facts["blinding"]),
                ("Partition", facts["partition"]),
                ("Model", facts["model"]),
                ("Model's grade", facts["model_grade"]),
                ("Readers", facts["readers"]),
                ("Plan", facts["design"]),
                ("Missing answers", facts["missing"]),
                ("Statistics", facts["statistics"]),
            ]
        ),
        Heading("Flow"),
        _flow(summary, document),
        Heading("Results"),
        Paragraph(
            f"Shown: {wording.partition_names()[partition].lower()}. Other partitions stand in the export and on "
            "the results page; they are never pooled with it."
            if partition != "all"
            else "The held-out patients are too few for intervals that say anything: all patients are shown. "
            "These figures describe; they claim nothing."
        ),
    ]
    names = dashboard.finding_names(document)
    views = [
        snapshot.results["views"][key]
        for key in snapshot.results["views"]
        if snapshot.results["views"][key]["view"]["partition"] == partition
    ]
    if views and views[0]["model"]:
        for measure in ("sensitivity", "specificity"):
            rows = [
                (f"{names[row['finding']]}, grade {row['cut']}+", row[measure]["difference"], INK)
                for row in views[0]["forest"]
                if measure in row
            ]
            values = [
                limit for _, estimate, _ in rows for limit in (estimate["low"], estimate["high"])
                if limit is not None
            ]  # fmt: skip
            edge = max([abs(value) for value in values] + [2 * plan.margin])
            blocks.append(
                Figure(
                    intervals_figure(rows, low=-edge, high=edge, margin=plan.margin, digits=3),
                    f"{wording.measure_names()[measure]}: model minus mean reader for every finding, 95 % "
                    f"intervals; the shaded side lies beyond the margin of {plan.margin:g}.",
                )
            )
    for figures in views:
        blocks += _finding(document, figures, plan, summary)
    marks = (snapshot.results.get("marks") or {}).get(partition)
    if marks:
        blocks.extend(mark_blocks(marks, partition, summary))
    if "readers" in snapshot.results:
        blocks.extend(reader_blocks(document, snapshot.results["readers"]))
    for name, items in check_lists(facts).items():
        blocks.append(Heading(f"Check list: {name}"))
        blocks.append(Table(["Item", "What stands"], items, numbers_from=9, widths=(0.42, 0.58)))
    return blocks
