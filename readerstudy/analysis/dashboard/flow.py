"""The flow diagram: how many cases and items went where."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from readerstudy.analysis import wording
from readerstudy.analysis.dashboard.names import language
from readerstudy.studies.protocols.document import ProtocolDocument


def criterion_names(document: ProtocolDocument) -> dict[str, str]:
    """Return the label of each criterion of exclusion in the page's language."""
    return {name: label.in_language(language()) for name, label in document.exclusion_criteria}


def _lacking(flow: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return how many included cases lack what the protocol requires; a snapshot of earlier days does not say."""
    n = flow.get("included_lacking", 0)
    return [(_("without a required kind of image"), wording.count(n))] if n else []


def flow_steps(summary: Mapping[str, Any], document: ProtocolDocument) -> list[dict[str, Any]]:
    """Return the steps of the flow diagram: how many cases and items went where."""
    flow, criteria = summary["flow"], criterion_names(document)
    partitions, provenance = wording.partition_names(), wording.provenance_names()
    settled = [(provenance[name], wording.count(n)) for name, n in flow["basis"].items() if n]
    return [
        {
            "title": _("Enrolled"),
            "n": wording.count(flow["cases"]),
            "unit": _("cases"),
            "parts": [
                (criteria.get(reason, reason), wording.count(n)) for reason, n in flow["excluded"].items()
            ]
            + ([(_("withdrawn"), wording.count(flow["withdrawn"]))] if flow["withdrawn"] else []),
            "parts_title": _("left out"),
        },
        {
            "title": _("Included"),
            "n": wording.count(flow["included"]),
            "unit": _("cases"),
            "parts": [(partitions[name], wording.count(n)) for name, n in flow["partition_cases"].items()]
            + _lacking(flow),
            "parts_title": _("partition"),
        },
        {
            "title": _("Read"),
            "n": wording.count(flow["reads_submitted"]),
            "unit": _("first reads"),
            "parts": [],
            "parts_title": "",
        },
        {
            "title": _("Settled"),
            "n": wording.count(flow["items"]),
            "unit": _("items"),
            "parts": settled,
            "parts_title": _("how they arose"),
        },
        {
            "title": _("Analysed"),
            "n": wording.count(flow["analysed"]),
            "unit": _("cases"),
            "parts": [(_("unfinished"), wording.count(flow["unfinished"]))] if flow["unfinished"] else [],
            "parts_title": _("left out"),
        },
    ]
