"""
What was said of a case as it is: answers, results of a model, a reference.

It holds for the images that the case had, so the case keeps them. Rooms above register here which of their rows
speak of a case; this room knows nothing more of them.
"""

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from readerstudy.studies.models import Case

_registered: dict[type[models.Model], str] = {}


def stands_on_case(words: str, *rows: type[models.Model]) -> None:
    """Tell that rows of these models, by their field ``case``, speak of the case; `words` name them to people."""
    for model in rows:
        _registered[model] = words


def standing_models() -> frozenset[type[models.Model]]:
    """Return every registered model."""
    return frozenset(_registered)


def standing_on(case: "Case") -> list[str]:
    """Return in words what stands on a case, each kind once; empty where nothing does."""
    found = [
        words for model, words in _registered.items() if model._default_manager.filter(case=case).exists()
    ]
    return [_(words) for words in dict.fromkeys(found)]
