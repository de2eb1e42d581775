"""The filter row, and the sentence that says on whom the page speaks."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from readerstudy.analysis import wording
from readerstudy.analysis.dashboard.names import finding_names
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.results import View
from readerstudy.studies.protocols.document import ProtocolDocument


def filters(
    document: ProtocolDocument, summary: Mapping[str, Any], view: View, plan: AnalysisPlan
) -> list[dict[str, Any]]:
    """Return the filter row: one select each."""
    names = finding_names(document)
    partitions = wording.partition_names()
    result = [
        {
            "name": "finding",
            "label": _("Finding"),
            "choices": [(key, names[key], key == view.finding) for key in summary["findings"]],
        },
        {
            "name": "cut",
            "label": _("Positive from grade"),
            "choices": [
                (str(cut), str(cut), cut == view.cut) for cut in range(1, summary["findings"][view.finding])
            ],
        },
        {
            "name": "partition",
            "label": _("Partition"),
            "choices": [(key, partitions[key], key == view.partition) for key in summary["partitions"]],
        },
    ]
    if len(summary["centres"]) > 1:
        everyone = _("all %(n)s") % {"n": len(summary["centres"])}
        result.append(
            {
                "name": "centre",
                "label": _("Centre"),
                "choices": [("all", everyone, view.centre == "all")]
                + [(code, code, view.centre == code) for code in summary["centres"]],
            }
        )
    if len(summary.get("sets", ())) > 1:
        sets = wording.set_names()
        result.append(
            {
                "name": "set",
                "label": _("Reads"),
                "choices": [(name, sets[name], view.analysis_set == name) for name in summary["sets"]],
            }
        )
    return result


def fact(figures: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """Return the sentence below the title: on whom, and what was left out."""
    population = figures["population"]
    partition = wording.partition_names()[figures["view"]["partition"]]
    left_out = population["items_in_view"] - population["items"]
    sentence = _("%(partition)s: %(whom)s with a reference grade") % {
        "partition": partition,
        "whom": wording.patients_and_items(population["patients"], population["items"]),
    }
    if left_out:
        sentence += _(", %(n)s not assessable or missing and left out") % {"n": wording.count(left_out)}
    chosen = figures["view"].get("set", "primary")
    if chosen != "primary" or len(summary.get("sets", ())) > 1:
        sentence += "; " + wording.set_names()[chosen]
    readers = len(figures["compared_readers"])
    if figures["reference_readers"]:
        sentence += ". " + ngettext(
            "%(n)s reader who took no part in the reference standard.",
            "%(n)s readers who took no part in the reference standard.",
            readers,
        ) % {"n": readers}
    else:
        sentence += ". " + ngettext(
            "%(n)s reader, whose own grades helped to make the reference standard.",
            "%(n)s readers, whose own grades helped to make the reference standard.",
            readers,
        ) % {"n": readers}
    return sentence
