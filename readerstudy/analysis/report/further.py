"""The further questions of a report: precision, calibration, aided reading, readers as a sample, subgroups, marks."""

from collections.abc import Iterator, Mapping
from typing import Any

from readerstudy.analysis import dashboard, wording
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.report.blocks import Block, Figure, Heading, Paragraph, Table
from readerstudy.analysis.report.figures import (
    INK,
    calibration_figure,
    free_response_figure,
    intervals_figure,
    precision_recall_figure,
)
from readerstudy.studies.protocols.document import ProtocolDocument

#: A forest of more rows than this does not fit on a page beside its caption.
MOST_ROWS = 34


def further_blocks(
    document: ProtocolDocument, figures: Mapping[str, Any], plan: AnalysisPlan
) -> Iterator[Block]:
    """
    Yield what a finding's section says beyond the comparison that the plan asks for.

    Parameters
    ----------
    document : ProtocolDocument
    figures : mapping
        One view of a snapshot's results.
    plan : AnalysisPlan

    Yields
    ------
    Block
        Nothing for a question that the study cannot ask: no model, no aided reads, no subgroup.
    """
    name = dashboard.finding_names(document)[figures["view"]["finding"]].lower()
    yield from _model_alone(figures, name)
    yield from _aided(figures)
    yield from _readers_as_a_sample(figures)
    yield from _subgroups(document, figures, plan, name)


def _model_alone(figures: Mapping[str, Any], name: str) -> Iterator[Block]:
    resampled = dashboard.resampled(figures.get("resampled"))
    drawing = precision_recall_figure(figures)
    if drawing is not None:
        caption = f"Precision and recall of the model for {name}; readers as points with 95 % intervals."
        if resampled:
            caption += f" Average precision {resampled['average_precision']['words']}."
        yield Figure(drawing, caption)
    if resampled and resampled["matched"]:
        yield Table(
            [
                "Reader",
                "Specificity",
                "Reader's sensitivity",
                "Model's sensitivity there",
                "Model minus reader",
            ],
            [
                [
                    row["code"],
                    row["specificity"],
                    row["sensitivity"],
                    row["model"],
                    f"{row['difference']}\n{row['test']}",
                ]
                for row in resampled["matched"]
            ],
            "The model at each reader's own specificity; percentile bootstrap over patients, the threshold "
            "matched anew in each resample.",
            widths=(0.14, 0.14, 0.18, 0.26, 0.28),
        )
    drawing = calibration_figure(figures)
    if drawing is not None:
        caption = (
            "Calibration: observed share of items at the cut by the model's probability, in ten groups of alike "
            f"size, with 95 % intervals. Brier score {wording.estimate(figures['calibration']['brier'])['words']}."
        )
        if resampled:
            caption += f" Calibration error {resampled['calibration_error']['words']}."
        yield Figure(drawing, caption)


def _aided(figures: Mapping[str, Any]) -> Iterator[Block]:
    measures = wording.measure_names()
    rows = figures.get("aided") or ()
    if not rows:
        return
    yield Table(
        ["Reader", *[measures[name] for name in dashboard.HEADLINE], "Grades changed"],
        [
            [
                row["code"],
                *[wording.estimate(row[name], with_sign=True)["words"] for name in dashboard.HEADLINE],
                f"{wording.count(row['changed'])} of {wording.count(row['items'])}",
            ]
            for row in rows
        ],
        "With the aid minus without it, on the items that a reader graded both ways, with 95 % intervals.",
        widths=(0.13, 0.24, 0.24, 0.24, 0.15),
    )


def _readers_as_a_sample(figures: Mapping[str, Any]) -> Iterator[Block]:
    for part in dashboard.multireader(figures):
        if part["refused"]:
            yield Paragraph(f"{part['title']}, readers as a sample: {part['refused']}")
            continue
        rows = [
            [row["claim"], row["refused"], "", "", ""]
            if "refused" in row
            else [
                row["claim"],
                ", ".join(row["means"]),
                row["difference"]["value"] or row["difference"]["words"],
                row["difference"]["interval"],
                row["test"],
            ]
            for row in part["rows"]
        ]
        yield Table(
            ["The claim is on", "Mean AUC", "Difference", "95 % interval", "Test of no difference"],
            rows,
            f"{part['title']}: {part['fact']}. Obuchowski and Rockette with Hillis' degrees of freedom.",
            numbers_from=2,
            widths=(0.25, 0.27, 0.12, 0.16, 0.2),
        )


def _subgroups(
    document: ProtocolDocument, figures: Mapping[str, Any], plan: AnalysisPlan, name: str
) -> Iterator[Block]:
    measures = wording.measure_names()
    for measure in ("sensitivity", "specificity"):
        rows = [
            (dashboard.subgroup_label(row, document), row[measure]["difference"], INK)
            for row in figures["subgroups"]
            if measure in row
        ][:MOST_ROWS]
        if rows:
            limits = [
                value for _, each, _ in rows for value in (each["low"], each["high"]) if value is not None
            ]
            edge = max([abs(value) for value in limits] + [2 * plan.margin])
            yield Figure(
                intervals_figure(rows, low=-edge, high=edge, margin=plan.margin, digits=3),
                f"{measures[measure]} for {name} by subgroup: model minus mean reader, 95 % intervals. "
                "Exploratory; of many subgroups some stand apart by chance.",
            )


def reader_blocks(document: ProtocolDocument, given: Mapping[str, Any]) -> Iterator[Block]:
    """
    Yield how the readers read: time, agreement with their own repeats, and the audit of agreed items.

    Parameters
    ----------
    document : ProtocolDocument
    given : mapping
        The readers' part of a snapshot's results.
    """
    yield Heading("Readers")
    yield Table(
        ["Reader", "Reads", "Median time", "Quartiles", "Change with the order", "Cases with a dispute"],
        [
            [
                row["code"],
                row["reads"],
                row["median"],
                row["quartiles"],
                row["trend"]["words"],
                row["by_case"]["words"],
            ]
            for row in dashboard.reader_times(given)
        ],
        "Active time per case, its rank correlation with the place in the reader's own order, and the share of "
        "cases in which the reader differed from another on some item, with 95 % intervals.",
        widths=(0.12, 0.08, 0.15, 0.17, 0.24, 0.24),
    )
    repeated = [row for row in dashboard.reader_findings(given, document) if row["repeats"] != "0"]
    if repeated:
        yield Table(
            ["Finding", "Reader", "Items read twice", "Weighted kappa", "Same grade"],
            [
                [row["finding"], row["code"], row["repeats"], row["kappa"]["words"], row["exact"]["words"]]
                for row in repeated
            ],
            "Agreement of each reader with the own hidden repeats; quadratic weights, 95 % intervals.",
            numbers_from=2,
            widths=(0.26, 0.12, 0.14, 0.24, 0.24),
        )
    audit = [row for row in dashboard.audit_rows(given, document) if row["audited"] != "0"]
    if audit:
        yield Table(
            ["Finding", "Agreed items", "Audited", "Changed", "Rate", "Expected among all agreed items"],
            [
                [
                    row["finding"],
                    row["agreed"],
                    row["audited"],
                    row["wrong"],
                    row["rate"]["words"],
                    row["expected"],
                ]
                for row in audit
            ],
            "Audit of items on which both readers agreed.",
            widths=(0.26, 0.12, 0.1, 0.1, 0.22, 0.2),
        )


def mark_blocks(figures: Mapping[str, Any], partition: str, summary: Mapping[str, Any]) -> Iterator[Block]:
    """
    Yield the free-response part: figures of merit of everyone, curves, and the comparisons the design allows.

    Parameters
    ----------
    figures : mapping
        The marks' results of one partition, of the primary set.
    partition : str
    summary : mapping
        The snapshot's summary: which sets differ.
    """
    yield Heading("Marks")
    yield Paragraph(dashboard.marks_fact(figures, partition, summary))
    table = dashboard.marks_rows(figures)
    yield Table(
        ["Who", "Condition", "Marks", *table["heads"], "Precision", "Recall", "F1"],
        [
            [
                row["who"],
                row["condition"],
                row["marks"],
                *row["values"],
                *[each["words"].replace(" (", "\n(") for each in row["estimates"]],
            ]
            for row in table["rows"]
        ],
        "Figures of merit of free-response reading, and accuracy of marks with 95 % intervals.",
        numbers_from=2,
        widths=(0.1, 0.1, 0.07, 0.1, 0.1, 0.1, 0.1, 0.11, 0.11, 0.11),
    )
    for condition in dict.fromkeys(row["condition"] for row in figures["people"]):
        drawing = free_response_figure([row for row in figures["people"] if row["condition"] == condition])
        if drawing is not None:
            yield Figure(
                drawing, f"FROC curves, {condition}: share of lesions marked against false marks per case."
            )
    for part in dashboard.marks_comparisons(figures):
        if part["refused"]:
            yield Paragraph(f"{part['title']}: {part['refused']}")
        for each in part["figures"]:
            if each["refused"]:
                yield Paragraph(f"{part['title']}, {each['title']}: {each['refused']}")
                continue
            yield Table(
                ["The claim is on", "Pair", "Difference", "Test of no difference"],
                [
                    [row["claim"], row["refused"], "", ""]
                    if "refused" in row
                    else [
                        row["claim"],
                        row["pair"],
                        row["difference"]["words"] if "difference" in row else "",
                        row["test"],
                    ]
                    for row in each["rows"]
                ],
                f"{part['title']}: {each['title']}.",
                numbers_from=2,
                widths=(0.24, 0.32, 0.24, 0.2),
            )
