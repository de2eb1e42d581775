"""Training of a grader on joint crops: epochs, early stopping, checkpoints, exact resume, experiment record."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from inference.engine.crops import CropSpec
from inference.engine.networks.grader import Grader, GraderConfig
from inference.engine.networks.ordinal import balanced_weights, corn_loss, corn_probabilities
from inference.engine.stacks import Array
from inference.engine.training.augment import centred, changed, drop_series
from inference.engine.training.checkpoint import load_checkpoint, save_checkpoint
from inference.engine.training.lesion_maps import lesion_loss, lesion_targets
from inference.engine.training.phantom_joints import JointCrops


@dataclass(frozen=True)
class TrainSettings:
    """
    How to train.

    Parameters
    ----------
    epochs : int
        Length of the plan of learning rates.
    stop_after : int
        Epochs after which training ends all the same; 0 = all.
    batch : int
        Joints per step.
    learning_rate, weight_decay : float
        Of AdamW; the rate rises over the first tenth and falls as a cosine.
    drop_share : float
        Probability that a series is withheld from a joint.
    finding_weights : mapping of finding to float
        Weight of each finding's loss; 1 where not named.
    balance_grades : bool
        Whether both answers of each step of a scale get equal say in training, see `ordinal.balanced_weights`.
    lesion_weight : float
        Weight of the loss of the encoder's side branch, which learns the places of small lesions.
    patience : int
        Epochs without a better validation loss after which training stops; 0 = never.
    seed : int
    device : str
    mixed_precision : bool
        bfloat16 where it is safe; on a CPU with AVX-512 BF16 it takes two thirds of the time.
    """

    epochs: int = 8
    stop_after: int = 0
    batch: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    drop_share: float = 0.2
    finding_weights: Mapping[str, float] = field(default_factory=dict)
    balance_grades: bool = False
    lesion_weight: float = 0.5
    patience: int = 0
    seed: int = 1
    device: str = "cpu"
    mixed_precision: bool = False


@dataclass
class EpochRecord:
    """What one epoch did."""

    epoch: int
    train_loss: float
    validation_loss: float
    auc: dict[str, float]
    seconds: float


@dataclass
class Training:
    """The trained network and its record."""

    model: Grader
    epochs: list[EpochRecord]
    best_epoch: int


def train_grader(
    config: GraderConfig,
    specs: Mapping[str, CropSpec],
    findings: tuple[str, ...],
    train: JointCrops,
    validation: JointCrops,
    settings: TrainSettings,
    *,
    cuts: Mapping[str, int],
    checkpoint: Path | None = None,
    after_epoch: Callable[[EpochRecord], None] | None = None,
    initial: Mapping[str, Tensor] | None = None,
    frozen: tuple[str, ...] = (),
) -> Training:
    """
    Train a grader.

    Parameters
    ----------
    config : GraderConfig
    specs : mapping of kind to CropSpec
    findings : tuple of str
        Names of the columns of the grades.
    train, validation : JointCrops
        Of different patients; an overlap is refused.
    settings : TrainSettings
    cuts : mapping of finding to int
        Grade from which a joint counts as positive in the record's AUC.
    checkpoint : Path, optional
        Written after each epoch; when it is there, training goes on from it.
    after_epoch : callable, optional
        Called with each epoch's record; raising ends the training, the checkpoint stays.
    initial : mapping of name to Tensor, optional
        Weights to start from; what is not named starts at random.
    frozen : tuple of str
        Names of weights that do not change.

    Returns
    -------
    Training
        With the weights of the best epoch (all epochs count where ``patience`` is 0: then the last).

    Raises
    ------
    ValueError
        If a patient or an image is in both sets.
    """
    check_leakage(train, validation)
    torch.manual_seed(settings.seed)
    # Channels last is for graphics cards alone: on CPUs without AVX-512 the backward pass of oneDNN (torch 2.13.0)
    # then writes past its buffers with few channels, and the process hangs or dies.
    layout = torch.channels_last if settings.device.startswith("cuda") else torch.contiguous_format
    model = Grader(config).to(settings.device, memory_format=layout)  # type: ignore[call-overload]
    if initial:
        model.load_state_dict(dict(initial), strict=False)
    for name, parameter in model.named_parameters():
        if name in frozen:
            parameter.requires_grad_(False)
    optimiser = torch.optim.AdamW(
        [parameter for parameter in model.parameters() if parameter.requires_grad],
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
    )
    steps = math.ceil(len(train) / settings.batch)
    balance = {
        finding: balanced_weights(torch.from_numpy(train.grades[:, i].copy()), config.n_grades[finding])
        for i, finding in enumerate(findings)
        if settings.balance_grades
    }
    records: list[EpochRecord] = []
    best_loss, best_epoch, first = math.inf, -1, 0
    best: dict[str, Tensor] = {}
    if checkpoint is not None and checkpoint.exists():
        progress = load_checkpoint(checkpoint, model=model, optimiser=optimiser)
        records = [EpochRecord(**entry) for entry in progress["records"]]
        best_loss, best_epoch, first = progress["best_loss"], progress["best_epoch"], len(records)
        if settings.patience and best_epoch >= 0:
            kept = Grader(config)
            load_checkpoint(
                _best_path(checkpoint), model=kept, optimiser=torch.optim.AdamW(kept.parameters())
            )
            best = kept.state_dict()
    for epoch in range(first, min(settings.epochs, settings.stop_after or settings.epochs)):
        if settings.patience and best_epoch >= 0 and epoch - 1 - best_epoch >= settings.patience:
            break
        started = time.perf_counter()
        model.train()
        total, seen = 0.0, 0
        generator = torch.Generator().manual_seed(settings.seed * 100_003 + epoch)
        for step, chosen in enumerate(_batches(len(train), settings.batch, generator)):
            for group in optimiser.param_groups:
                group["lr"] = _rate(settings, epoch * steps + step, settings.epochs * steps)
            crops, present, shifts = {}, {}, {}
            for kind, spec in specs.items():
                values = torch.from_numpy(np.ascontiguousarray(train.crops[kind][chosen]))
                windows, shifts[kind] = changed(kind, values, spec, generator)
                crops[kind] = windows[:, None].to(settings.device)
                present[kind] = values.flatten(1).amax(dim=1) > 0
            present = drop_series(present, settings.drop_share, generator)
            there = {kind: known[:, None].to(settings.device) for kind, known in present.items()}
            grades = torch.from_numpy(train.grades[chosen]).to(settings.device)
            amp = settings.mixed_precision
            with torch.autocast(settings.device.split(":")[0], dtype=torch.bfloat16, enabled=amp):
                marks: dict[str, Tensor] = {}
                logits = model(crops, there, lesions=marks)
            loss = _loss(logits, grades, findings, settings.finding_weights, balance)
            for kind, value in marks.items():
                known = present[kind]
                places = torch.from_numpy(train.lesions[chosen])[known]
                cells = (value.shape[-2], value.shape[-1])
                target = lesion_targets(places, shifts[kind][known], specs[kind], cells, kind)
                loss = loss + settings.lesion_weight * lesion_loss(value.float(), target.to(value.device))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimiser.step()
            total, seen = total + float(loss.detach()) * len(chosen), seen + len(chosen)
        logits = predict_logits(model, specs, validation, device=settings.device)
        truth = torch.from_numpy(validation.grades)
        validation_loss = float(_loss(logits, truth, findings, settings.finding_weights))
        record = EpochRecord(
            epoch,
            total / seen,
            validation_loss,
            {
                name: auc_at(logits[name], validation.grades[:, i], cuts[name])
                for i, name in enumerate(findings)
            },
            time.perf_counter() - started,
        )
        records.append(record)
        if validation_loss < best_loss:
            best_loss, best_epoch = validation_loss, epoch
            if settings.patience:
                best = {name: value.detach().clone() for name, value in model.state_dict().items()}
                if checkpoint is not None:
                    save_checkpoint(
                        _best_path(checkpoint), model=model, optimiser=optimiser, progress={"epoch": epoch}
                    )
        if checkpoint is not None:
            progress = {
                "records": [asdict(entry) for entry in records],
                "best_loss": best_loss,
                "best_epoch": best_epoch,
            }
            save_checkpoint(checkpoint, model=model, optimiser=optimiser, progress=progress)
        if after_epoch is not None:
            after_epoch(record)
    if settings.patience and best:
        model.load_state_dict(best)
    else:
        best_epoch = len(records) - 1
    model.eval()
    return Training(model, records, best_epoch)


def _best_path(checkpoint: Path) -> Path:
    return checkpoint.with_name(f"{checkpoint.stem}-best{checkpoint.suffix}")


def _batches(n: int, batch: int, generator: torch.Generator) -> Iterator[Array]:
    order = torch.randperm(n, generator=generator).numpy()
    for start in range(0, n, batch):
        # Sorted, because reading a mapped file forwards is faster; the batch is the same set.
        yield np.sort(order[start : start + batch])


def _rate(settings: TrainSettings, step: int, steps: int) -> float:
    warm = max(1, steps // 10)
    if step < warm:
        return settings.learning_rate * (step + 1) / warm
    share = (step - warm) / max(1, steps - warm)
    return settings.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))


def _loss(
    logits: Mapping[str, Tensor],
    grades: Tensor,
    findings: tuple[str, ...],
    weights: Mapping[str, float],
    balance: Mapping[str, Tensor] | None = None,
) -> Tensor:
    total = grades.new_zeros((), dtype=torch.float32)
    for number, finding in enumerate(findings):
        values = logits[finding].reshape(-1, logits[finding].shape[-1]).float()
        own = (balance or {}).get(finding)
        own = own.to(values.device) if own is not None else None
        total = total + weights.get(finding, 1.0) * corn_loss(values, grades[:, number], own)
    return total / len(findings)


@torch.no_grad()
def predict_logits(
    model: Grader,
    specs: Mapping[str, CropSpec],
    joints: JointCrops,
    *,
    kinds: tuple[str, ...] | None = None,
    batch: int = 64,
    device: str = "cpu",
) -> dict[str, Tensor]:
    """
    Logits of joints, without random changes.

    Parameters
    ----------
    model : Grader
    specs : mapping of kind to CropSpec
    joints : JointCrops
    kinds : tuple of str, optional
        Only these series; all by default.
    batch : int
    device : str

    Returns
    -------
    dict of finding to Tensor, shape (n, n_grades - 1)
    """
    model.eval()
    parts: dict[str, list[Tensor]] = {}
    for start in range(0, len(joints), batch):
        crops, present = {}, {}
        for kind, spec in specs.items():
            values = torch.from_numpy(np.array(joints.crops[kind][start : start + batch]))
            crops[kind] = centred(kind, values, spec)[:, None].to(device)
            there = values.flatten(1).amax(dim=1) > 0
            if kinds is not None and kind not in kinds:
                there = torch.zeros_like(there)
            present[kind] = there[:, None].to(device)
        for finding, value in model(crops, present).items():
            parts.setdefault(finding, []).append(value[:, 0].float().cpu())
    return {finding: torch.cat(values) for finding, values in parts.items()}


def auc_at(logits: Tensor, grades: Array, cut: int) -> float:
    """Area under the ROC curve of ``P(grade >= cut)``; NaN where one class is missing. Unknown grades are left out."""
    known = np.asarray(grades) >= 0
    score = corn_probabilities(logits)[:, cut:].sum(dim=-1).double().numpy()[known]
    positive = np.asarray(grades)[known] >= cut
    n_pos, n_neg = int(positive.sum()), int((~positive).sum())
    if not n_pos or not n_neg:
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[positive].sum() - n_pos * (n_pos + 1) / 2) / (n_pos * n_neg))


def check_leakage(train: JointCrops, validation: JointCrops) -> None:
    """
    Refuse sets that share images.

    Body numbers of two phantom sets are independent, so the pixels are compared.

    Raises
    ------
    ValueError
        If a crop of one set is in the other.
    """
    kind = next(iter(train.crops))

    def digests(joints: JointCrops) -> set[bytes]:
        # Every tenth row of every crop is enough to tell two crops apart.
        return {
            hashlib.sha256(np.ascontiguousarray(crop[:, ::10]).tobytes()).digest()
            for crop in joints.crops[kind]
            if crop.any()
        }

    shared = digests(train) & digests(validation)
    if shared:
        raise ValueError(f"{len(shared)} images are in both the training and the validation set")


def experiment_record(
    settings: TrainSettings, training: Training, extra: Mapping[str, Any]
) -> dict[str, Any]:
    """The facts of a training as JSON values."""
    return {
        "settings": {**asdict(settings), "finding_weights": dict(settings.finding_weights)},
        "epochs": [asdict(record) for record in training.epochs],
        "best_epoch": training.best_epoch,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        **extra,
    }
