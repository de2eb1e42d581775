"""The card of a model that was trained on a study's reference standard."""

from __future__ import annotations

from typing import Any

from inference.engine.manifest import Manifest


def study_card(manifest: Manifest) -> str:
    """
    A model card in Markdown.

    Parameters
    ----------
    manifest : Manifest
        As `train_on_study` writes it.
    """
    content = manifest.content
    training, material = content["training"], content["material"]
    lines = [f"# {manifest.name} {manifest.version}", ""]
    if manifest.is_synthetic:
        lines += [
            "**Synthetic.** The study holds synthetic patients only; these figures say nothing about patients.",
            "",
        ]
    lines += [
        "For the study that it was trained in; not a medical device.",
        "",
        f"- Identity (SHA-256 of the manifest): `{manifest.digest}`",
        f"- Study: {material['study']}, protocol `{material['protocol_digest']}`",
        f"- Training set {material['training_set']}, `{material['training_set_digest']}`: "
        f"{material['train_patients']} patients with {training['joints']} joints for training, "
        f"{material['validation_patients']} with {training['validation_joints']} for validation",
        f"- The {material['test_patients']} patients of the test partition and of external centres were not seen.",
        f"- Started from {content['started_from']['model']}, `{content['started_from']['digest']}`; "
        f"{content['weights_taken_over']} tensors taken over",
        f"- {len(training['epochs'])} epochs, best {training['best_epoch'] + 1}, seed {content['plan']['seed']}, "
        f"device {training['device']}, torch {training['torch']}, {training['minutes']} minutes",
        f"- Parameters: {training['parameters']:,}",
    ]
    left_out = material["left_out"]
    lines.append(f"- Cases left out: {len(left_out)}")
    lines += [f"  - {case}: {why}" for case, why in sorted(left_out.items())]
    lines += ["", "## Validation patients", "", *_table(content["validation"]), ""]
    lines += [
        "These patients chose the epoch and the temperatures: the figures are optimistic. The test partition is the "
        "measure, and it is opened once.",
        "",
        "The co-occurrence baseline sees the other findings' reference grades of the same joint and no image.",
    ]
    return "\n".join(lines) + "\n"


def small_card(manifest: Manifest) -> str:
    """
    A card of a model whose heads were fitted to few patients.

    Parameters
    ----------
    manifest : Manifest
        As `train_small_sample` writes it.
    """
    content = manifest.content
    material, plan = content["material"], content["plan"]
    how = {
        "prototypes": "class means of the frozen features (prototypes)",
        "anil": "a few steps of gradient descent from the earlier model's heads (ANIL)",
    }[plan["head"]]
    lines = [f"# {manifest.name} {manifest.version}", ""]
    if manifest.is_synthetic:
        lines += [
            "**Synthetic.** The study holds synthetic patients only; these figures say nothing about patients.",
            "",
        ]
    lines += [
        "For the study that it was trained in; not a medical device. **Few patients:** only the last layer was fitted.",
        "",
        f"- Identity (SHA-256 of the manifest): `{manifest.digest}`",
        f"- Study: {material['study']}, protocol `{material['protocol_digest']}`",
        f"- Training set {material['training_set']}, `{material['training_set_digest']}`: "
        f"{material['train_patients'] + material['validation_patients']} patients of the training and validation "
        f"partitions together, {content['training']['joints']} joints",
        f"- The {material['test_patients']} patients of the test partition and of external centres were not seen.",
        f"- Encoder and attention of {content['started_from']['model']}, `{content['started_from']['digest']}`, "
        "unchanged",
        f"- Heads: {how}; seed {plan['seed']}",
        f"- Cases left out: {len(material['left_out'])}",
    ]
    lines += [f"  - {case}: {why}" for case, why in sorted(material["left_out"].items())]
    lines += [
        "",
        "## Repeated cross-validation, patients whole",
        "",
        "| finding | cut | positive / joints | patients below, at or above | AUC (95 %, by patient) | repeats |",
        "|---|---|---|---|---|---|",
    ]
    for finding, row in content["small_sample"].items():
        interval = f"{_number(row['auc'])} ({_number(row['auc_low'])} to {_number(row['auc_high'])})"
        lines.append(
            f"| {finding} | >= {row['cut']} | {row['n_positive']} / {row['n']} | "
            f"{row['patients_below']}, {row['patients_above']} | {interval} | {row['repeats']} |"
        )
    lines += [
        "",
        "Every figure is of patients that the head did not see. The model that is given out learnt from all of them. "
        "The test partition is the measure, and it is opened once.",
    ]
    return "\n".join(lines) + "\n"


def _table(rows: dict[str, Any]) -> list[str]:
    lines = [
        "| finding | cut | positive / joints | AUC (95 %, by patient) | exact grade | within one | co-occurrence AUC |",
        "|---|---|---|---|---|---|---|",
    ]
    for finding, row in rows.items():
        interval = f"{_number(row['auc'])} ({_number(row['auc_low'])} to {_number(row['auc_high'])})"
        lines.append(
            f"| {finding} | >= {row['cut']} | {row['n_positive']} / {row['n']} | {interval} | "
            f"{_number(row['exact'])} | {_number(row['within_one'])} | {_number(row['co_occurrence_auc'])} |"
        )
    return lines


def _number(value: float | None) -> str:
    return "not estimable" if value is None else f"{value:.3f}"
