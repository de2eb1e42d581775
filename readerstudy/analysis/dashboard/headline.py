"""The headline: a sentence that the plan allows, over three estimates with their difference."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from readerstudy.analysis import wording
from readerstudy.analysis.dashboard.names import HEADLINE
from readerstudy.analysis.methods import method_sentence
from readerstudy.analysis.plan import AnalysisPlan


def _decisions(figures: Mapping[str, Any]) -> dict[str, str]:
    return {name: block["claim"]["decision"] for name, block in figures["headline"].items()}


def _listed(names: list[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return _("%(first)s and in %(last)s") % {"first": ", ".join(names[:-1]), "last": names[-1]}


def _headline_title(figures: Mapping[str, Any], plan: AnalysisPlan) -> str:
    decisions = _decisions(figures)
    if not decisions:
        return _("No model to compare with")
    names = {key: name.lower() for key, name in wording.measure_names().items()}
    planned = [
        name for name in ("sensitivity", "specificity", "auc")
        if name in decisions and decisions[name] != "described"
    ]  # fmt: skip
    if not planned:
        return _("Described, no claim")
    good = [names[name] for name in planned if decisions[name] == "non_inferior"]
    bad = [names[name] for name in planned if decisions[name] == "inferior"]
    open_ = [names[name] for name in planned if decisions[name] not in {"non_inferior", "inferior"}]
    parts = []
    if good:
        parts.append(_("Non-inferior to the mean reader in %(what)s") % {"what": _listed(good)})
    if bad:
        parts.append(_("Inferior to the mean reader in %(what)s") % {"what": _listed(bad)})
    if open_:
        parts.append(_("Non-inferiority not shown in %(what)s") % {"what": _listed(open_)})
    return "; ".join(parts)


def _headline_text(figures: Mapping[str, Any], plan: AnalysisPlan, summary: Mapping[str, Any]) -> str:
    blocks = figures["headline"]
    if not blocks:
        return _("No model version has finished its runs on these cases. The readers are shown alone.")
    confirmatory = [name for name, block in blocks.items() if block["claim"]["is_confirmatory"]]
    margin = wording.number(plan.margin, 2)
    model = summary["model"]
    if confirmatory:
        return _(
            "Margin %(margin)s, fixed in the protocol. %(model)s was approved and its predictions were frozen before "
            "unblinding; patients were held out. This is confirmatory; measures that the plan does not name are "
            "described only."
        ) % {"margin": margin, "model": f"{model['name']} {model['version']}"}
    reasons = list(
        dict.fromkeys(
            code
            for name in ("sensitivity", "specificity")
            if name in blocks
            for code in blocks[name]["claim"]["exploratory_because"]
        )
    )
    return _("Exploratory. %(reasons)s The margin of %(margin)s is drawn for orientation.") % {
        "reasons": " ".join(wording.exploratory_reasons(reasons)),
        "margin": margin,
    }


def headline(figures: Mapping[str, Any], plan: AnalysisPlan, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the headline: a sentence that the plan allows, over three estimates with their difference."""
    names = wording.measure_names()
    readers = len(figures["compared_readers"])
    columns = []
    for name in HEADLINE:
        if name not in figures["headline"] or figures["model"] is None:
            continue
        block = figures["headline"][name]
        own = figures["model"]["auc_on_grades" if name == "auc" else name]
        title = names[name]
        if name == "auc":
            n_grades = summary["findings"][figures["view"]["finding"]]
            title = _("AUC, both on %(n)s grades") % {"n": n_grades}
        columns.append(
            {
                "measure": name,
                "title": title,
                "model": wording.estimate(own),
                "readers": wording.estimate(block["readers"]),
                "difference": wording.estimate(block["difference"], with_sign=True),
                "decision": wording.position_words(block["claim"]["decision"]),
                "is_confirmatory": block["claim"]["is_confirmatory"],
            }
        )
    any_confirmatory = any(column["is_confirmatory"] for column in columns)
    return {
        "title": _headline_title(figures, plan),
        "text": _headline_text(figures, plan, summary),
        "columns": columns,
        "badge": _("Confirmatory") if any_confirmatory else _("Exploratory"),
        "readers_word": ngettext("reader", "readers", readers),
        "is_confirmatory": any_confirmatory,
        "method": method_sentence(figures["headline"]["sensitivity"]["difference"]["method"])
        if columns
        else "",
    }


def incorporation(figures: Mapping[str, Any]) -> list[str]:
    """Return one sentence per compared reader whose own grades made part of the reference."""
    sentences = []
    for row in figures["readers"]:
        if row["own_in_reference"]:
            sentences.append(
                _("%(reader)s: own grade made the reference of %(share)s of the items (%(own)s of %(n)s)")
                % {
                    "reader": row["code"],
                    "share": wording.percent(row["own_share"]),
                    "own": wording.count(row["own_in_reference"]),
                    "n": wording.count(row["missing"]["graded"]),
                }
            )
    return sentences
