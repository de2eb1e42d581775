"""The two demonstration studies: one open and partly read, one finished and unblinded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from readerstudy.accounts.models import User
from readerstudy.analysis.selectors import data_hash, predictions_hash
from readerstudy.analysis.services.locking import lock, unblind
from readerstudy.demo.building.jobs import run_waiting
from readerstudy.demo.building.people import PEOPLE
from readerstudy.demo.building.simulation import (
    READERS,
    Truth,
    confirm_cases,
    read_cases,
    read_truth,
    settle_cases,
)
from readerstudy.phantom import kept_folder
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.services.assignment import assign_reads
from readerstudy.studies.services.cases import exclude_case, fix_numbering, include_case
from readerstudy.studies.services.importing import import_images
from readerstudy.studies.services.partition import draw_partition
from readerstudy.studies.services.studies import create_study, grant_roles, open_study

OPEN, FINISHED = "facet-demo", "facet-finished"
PROTOCOL = "facet-joint-degeneration.yaml"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Made:
    """A demonstration study on phantoms, with the grades that they were made with."""

    study: ReaderStudy
    truth: Truth


def make_study(
    *,
    slug: str,
    title: str,
    n_cases: int,
    seed: int,
    people: Mapping[str, User],
    phantoms: Path,
    say: Say,
    n_excluded: int = 0,
) -> Made:
    """
    Make a study of phantoms that is open and assigned: protocol, roles, images, screening, draws.

    Parameters
    ----------
    phantoms : Path
        Where the drawn patients are kept; what is there already is not drawn again.
    n_excluded : int
        How many of the cases the coordinator leaves out while screening.
    """
    coordinator = people["coordinator"]
    source = (Path(settings.BASE_DIR) / "protocols" / PROTOCOL).read_text()
    study = create_study(
        source=source,
        slug=slug,
        title=title,
        actor=coordinator,
        at=timezone.now(),
        is_demonstration=True,
        name=PROTOCOL,
    )
    for person in PEOPLE:
        if person.roles:
            grant_roles(
                study=study,
                user=people[person.name],
                roles=person.roles,
                actor=coordinator,
                at=timezone.now(),
            )
    say(f"{slug}: drawing {n_cases} synthetic patients")
    folder = kept_folder(phantoms, cases=n_cases, seed=seed, centres=("A",), variants=False, workers=2)
    say(f"{slug}: importing their images")
    import_images(study=study, source=folder, centre_code="A", actor=coordinator, at=timezone.now())
    truth = read_truth(folder, seed=seed)
    cases = list(study.cases.select_related("study", "image_set").order_by("pseudonym"))
    for number, case in enumerate(cases):
        common = {"case": case, "actor": coordinator, "at": timezone.now()}
        if number >= len(cases) - n_excluded:
            exclude_case(reason="poor-image-quality", **common)
            continue
        fix_numbering(variant="5", **common)
        include_case(**common)
    open_study(study=study, actor=coordinator, at=timezone.now())
    draw_partition(study=study, seed=seed, actor=coordinator, at=timezone.now())
    assign_reads(study=study, seed=seed, actor=coordinator, at=timezone.now())
    study.refresh_from_db()
    return Made(study, truth)


@transaction.atomic
def make_open_study(
    *, people: Mapping[str, User], n_cases: int, seed: int, phantoms: Path, say: Say
) -> ReaderStudy:
    """Make the study that is open for reading: two doctors part of the way, something for everyone to do."""
    made = make_study(
        slug=OPEN,
        title="Facet joint degeneration (demonstration)",
        n_cases=n_cases,
        seed=seed,
        people=people,
        phantoms=phantoms,
        say=say,
    )
    say(f"{OPEN}: two simulated doctors read part of it")
    study, truth, rng = made.study, made.truth, np.random.default_rng([seed, 1])
    # More than half each, so that some cases are read twice whatever the two orders are.
    read = {"reader1": ceil(0.6 * n_cases), "reader2": ceil(0.7 * n_cases)}
    for name, n in read.items():
        read_cases(
            study=study,
            reader=people[name],
            truth=truth,
            model=READERS[name],
            rng=rng,
            n_cases=n,
            begin_next_with=22 if name == "reader1" else 0,
        )
    settle_cases(
        study=study, adjudicator=people["senior"], truth=truth, rng=rng, n_cases=1, begin_next_with=3
    )
    return study


@transaction.atomic
def make_finished_study(
    *, people: Mapping[str, User], n_cases: int, seed: int, phantoms: Path, say: Say
) -> ReaderStudy:
    """Make the study that simulated people carried to a confirmed reference standard of every case."""
    made = make_study(
        slug=FINISHED,
        title="Facet joint degeneration, finished (demonstration)",
        n_cases=n_cases,
        seed=seed,
        people=people,
        phantoms=phantoms,
        say=say,
        n_excluded=1,
    )
    say(f"{FINISHED}: simulated doctors read, settle and confirm every case")
    rng = np.random.default_rng([seed, 2])
    common = {"study": made.study, "truth": made.truth, "rng": rng}
    for name, model in READERS.items():
        read_cases(reader=people[name], model=model, **common)
    settle_cases(adjudicator=people["senior"], **common)
    confirm_cases(member=people["panel"], **common)
    return made.study


def lock_and_unblind(*, study: ReaderStudy, people: Mapping[str, User], say: Say) -> None:
    """Lock the finished study and unblind it, and compute its first snapshot, as its investigator would ask."""
    say(f"{FINISHED}: locking, unblinding, computing the results")
    signer = people["pi"]
    locked = lock(
        study=study, actor=signer, signed_digest=data_hash(study), reason="Demonstration.", at=timezone.now()
    )
    unblind(
        study=locked,
        actor=signer,
        signed_digest=predictions_hash(locked),
        reason="Demonstration.",
        at=timezone.now(),
    )
    run_waiting(study)
