"""The model card: the manifest's facts as a page for people."""

from __future__ import annotations

from typing import Any

from inference.engine.manifest import Manifest
from inference.engine.specification import KIND_WORDS, RADIOGRAPHS


def model_card(manifest: Manifest) -> str:
    """
    A model card in Markdown.

    Parameters
    ----------
    manifest : Manifest
        Of a demonstration model: with ``purpose``, ``training``, ``test`` and ``localiser_test``.
    """
    content = manifest.content
    training, tests = content["training"], content["test"]
    minutes = training["minutes"]
    lines = [
        f"# {manifest.name} {manifest.version}",
        "",
        "**Synthetic.** Trained on phantoms only. It has never seen a patient, and its figures say nothing "
        "about patients. For demonstration; not a medical device.",
        "",
        f"- Identity (SHA-256 of the manifest): `{manifest.digest}`",
        f"- Made by: `{training['command']}`",
        f"- On: {training['machine']}, torch {training['torch']}; minutes: material {minutes['material']}, "
        f"grader {minutes['grader']}, localiser {minutes['localiser']}",
        f"- Training material: {training['bodies']} bodies, {training['joints']} joints, independent findings, "
        "three fictional scanners",
        *[f"- {text}" for text in content.get("remarks", [])],
        f"- Parameters: grader {training['parameters']:,}, localiser {training['localiser_parameters']:,}",
        "",
        "## Input specification",
        "",
    ]
    for kind, rule in manifest.inputs.requirements.items():
        if kind in RADIOGRAPHS:
            lines.append(
                f"- {KIND_WORDS[kind]}: pixels {rule.max_in_plane_mm:g} mm or finer, with view, spacing and the "
                "patient's directions"
            )
            continue
        lines.append(
            f"- {KIND_WORDS[kind]}: pixels {rule.max_in_plane_mm:g} mm or finer, slices {rule.max_slice_mm:g} mm "
            f"or less apart, at least {rule.min_slices} slices, with place and spacing"
        )
    needs = " or ".join(" with ".join(KIND_WORDS[k] for k in group) for group in manifest.inputs.needs)
    lines += [f"- At least: {needs}. Anything else is refused with the reason.", "", "## Output", ""]
    outputs = manifest.outputs
    grades = ", ".join(f"{name} ({n} grades)" for name, n in outputs.given.items())
    lines.append(f"- {len(outputs.structures)} structures x {grades}; a probability per grade (CORN).")
    for finding, kinds in outputs.seen_on.items():
        if set(kinds) != set(manifest.inputs.requirements):
            lines.append(
                f"- {finding} is given only where there is {' or '.join(KIND_WORDS[k] for k in kinds)}."
            )
    for finding, why in outputs.switched_off.items():
        lines.append(f"- **{finding} is switched off**: {why}.")
    for name, rows in tests.items():
        lines += ["", f"## Unseen phantoms, {name} findings", ""]
        lines += _table(rows)
    lines += [
        "",
        "The co-occurrence baseline sees the other findings' true grades of the same joint and no image: what "
        "it reaches on correlated findings is no merit of a model.",
        "",
        "## Places of the joints",
        "",
        "| images | joints | median error mm | 95 % mm | within 5 mm |",
        "|---|---|---|---|---|",
    ]
    for name, row in content["localiser_test"].items():
        lines.append(
            f"| {name} | {row['n']} | {row['median_mm']} | {row['p95_mm']} | {row['share_within_5_mm']:.1%} |"
        )
    remedies = content.get("remedies", [])
    if remedies:
        lines += ["", "## Remedies tried for erosion and cyst", ""]
        lines += [f"- {text}" for text in remedies]
    return "\n".join(lines) + "\n"


def _table(rows: dict[str, Any]) -> list[str]:
    first = next(iter(rows.values()))
    kinds = [key.removeprefix("auc_").removesuffix("_alone") for key in first if key.endswith("_alone")]
    head = [
        "finding",
        "cut",
        "positive / joints",
        "AUC (95 %, by body)",
        *[f"AUC, {KIND_WORDS[kind]} alone" for kind in kinds],
        "exact grade",
        "within one",
        "co-occurrence AUC",
    ]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for finding, row in rows.items():
        cells = [
            finding,
            f">= {row['cut']}",
            f"{row['n_positive']} / {row['n']}",
            f"{row['auc']:.3f} ({row['auc_low']:.3f} to {row['auc_high']:.3f})",
            *[f"{row[f'auc_{kind}_alone']:.3f}" for kind in kinds],
            f"{row['exact']:.1%}",
            f"{row['within_one']:.1%}",
            f"{row['co_occurrence_auc']:.3f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines
