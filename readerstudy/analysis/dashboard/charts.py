"""What the charts draw: numbers, and every text that they show."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from readerstudy.analysis import wording
from readerstudy.analysis.dashboard.names import finding_names, language, subgroup_label
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.studies.protocols.document import ProtocolDocument


def chart_data(figures: Mapping[str, Any], document: ProtocolDocument, plan: AnalysisPlan) -> dict[str, Any]:
    """Return what the charts draw: numbers, and every text that they show."""
    names = finding_names(document)
    finding = document.finding(figures["view"]["finding"])
    return {
        "figures": {
            key: figures[key]
            for key in ("view", "headline", "model", "readers", "curve", "agreement", "forest", "calibration")
        }
        | {"subgroups": [row | {"label": subgroup_label(row, document)} for row in figures["subgroups"]]}
        | {"precisionRecall": figures.get("precision_recall")}
        | {"confusion": {key: figures["confusion"][key] for key in ("model", "readers")}},
        "margin": plan.margin,
        "findingNames": names,
        "grades": [
            {"value": grade.value, "label": grade.label.in_language(language())} for grade in finding.scale
        ],
        "text": {
            "sensitivity": _("Sensitivity"),
            "specificity": _("Specificity"),
            "oneMinusSpecificity": _("1 − specificity"),
            "to": _("%(low)s to %(high)s") % {"low": "{low}", "high": "{high}"},
            "margin": _("margin"),
            "modelCurve": _("Model: AUC {value}"),
            "ci": _("from probabilities, {interval}"),
            "model": _("Model"),
            "readersTogether": _("Readers {codes} together"),
            "reference": _("Reference"),
            "givenByModel": _("Grade given by the model"),
            "givenByReaders": _("Grade given by the readers"),
            "betweenReaders": _("Between readers"),
            "withReference": _("With the reference standard"),
            "and": _("{first} and {second}"),
            "notEstimable": _("Not estimable"),
            "differentCases": _("not one pair on every case"),
            "same": _("same grade"),
            "oneApart": _("one apart"),
            "further": _("two or more"),
            "distance": _("Distance from the reference"),
            "gradeAtLeast": _("grade ≥ {cut}: {positive} of {items}"),
            "sensitivityDifference": _("Sensitivity, model minus mean reader"),
            "specificityDifference": _("Specificity, model minus mean reader"),
            "noInterval": _("no interval"),
            "recall": _("Recall (sensitivity)"),
            "precision": _("Precision (PPV)"),
            "prevalence": _("share of positive items"),
            "predicted": _("Predicted probability"),
            "observed": _("Observed share"),
            "oneGroup": _("The items shown are of one group only."),
            "noModel": _("No model was run on these cases."),
            "noCurve": _("No curve: {reason}"),
            "reasons": {
                reason: _(reason)
                for reason in ("no positive items", "no negative items")
            },
            "decisions": {
                code: wording.position_words(code)
                for code in (
                    "non_inferior", "inferior", "not_shown", "not_tested", "described", "not_estimable",
                    "no_variability",
                )
            },
        },
    }  # fmt: skip
