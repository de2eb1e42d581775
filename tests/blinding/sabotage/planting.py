"""How a fault is planted: a few words of a function's source are replaced, wherever the function is held."""

import inspect
import linecache
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import FunctionType
from typing import Any

import pytest

OWN = ("readerstudy", "grading", "inference", "tests")


class StalePlant(Exception):
    """The words that a plant replaces do not stand in the code any more: mend the plant."""


@dataclass(frozen=True)
class Plant:
    """
    One planted leak or fault.

    Parameters
    ----------
    name : str
        Telling and unique.
    what : str
        What somebody would see or lose if the code were like this.
    tests : tuple of str
        Node ids that must be red; every one of them.
    apply : callable
        Called with a `MonkeyPatch`, which undoes it.
    at_call : bool
        Whether it is planted when the test's set-up is done, inside its transaction.
    """

    name: str
    what: str
    tests: tuple[str, ...]
    apply: Callable[[pytest.MonkeyPatch], Callable[[], None] | None]
    at_call: bool = False


def _find(where: str) -> tuple[Any, str, Any]:
    """Return the holder (module or class), the name and the object of ``module:name`` or ``module:Class.name``."""
    module, path = where.split(":")
    holder: Any = import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        holder = getattr(holder, part)
    return holder, name, getattr(holder, name)


def _replace_everywhere(patch: pytest.MonkeyPatch, original: Any, changed: Any) -> None:
    """Put `changed` where any module of ours, tests too, holds `original`."""
    for pattern in _patterns():
        if pattern.callback is original:
            patch.setattr(pattern, "callback", changed)
    for name, module in list(sys.modules.items()):
        if module is None or name.split(".")[0] not in OWN or name.startswith(__package__ or "?"):
            continue
        for attribute, value in list(vars(module).items()):
            if value is original:
                patch.setattr(module, attribute, changed)


def _patterns(resolver: Any = None) -> Iterator[Any]:
    from django.urls import URLPattern, get_resolver

    for each in (resolver or get_resolver()).url_patterns:
        if isinstance(each, URLPattern):
            yield each
        else:
            yield from _patterns(each)


def edited(patch: pytest.MonkeyPatch, where: str, *changes: tuple[str, str]) -> None:
    """
    Compile a function again with words of its source replaced.

    Raises
    ------
    StalePlant
        If the source does not hold the words exactly once.
    """
    holder, name, original = _find(where)
    plain = inspect.unwrap(original)
    source = textwrap.dedent(inspect.getsource(plain))
    for old, new in changes:
        if source.count(old) != 1:
            raise StalePlant(f"{where} holds {old!r} {source.count(old)} times")
        source = source.replace(old, new)
    file = f"<planted {where} {abs(hash(source))}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    made: dict[str, Any] = {}
    held_globals = plain.__globals__
    exec(compile(source, file, "exec", flags=0, dont_inherit=True), held_globals, made)  # noqa: S102
    changed = made[name]
    if isinstance(changed, FunctionType):
        changed.__module__ = plain.__module__
    if inspect.isclass(holder):
        patch.setattr(holder, name, changed)
    else:
        _replace_everywhere(patch, original, changed)


def edit(where: str, *changes: tuple[str, str]) -> Callable[[pytest.MonkeyPatch], None]:
    """Return a plant's `apply`: see `edited`."""
    return lambda patch: edited(patch, where, *changes)


def put(where: str, value: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """Return a plant's `apply` that replaces an object everywhere."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        holder, name, original = _find(where)
        if inspect.isclass(holder):
            patch.setattr(holder, name, value)
        else:
            _replace_everywhere(patch, original, value)

    return apply


def statements(sql: str, *, undone_by: str) -> Callable[[pytest.MonkeyPatch], Callable[[], None]]:
    """Return a plant's `apply` that runs SQL, and what takes it back: a setting outlives the test's transaction."""

    def run(each: str) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(each)

    def apply(patch: pytest.MonkeyPatch) -> Callable[[], None]:
        run(sql)
        return lambda: run(undone_by)

    return apply


@contextmanager
def planted(plant: Plant) -> Iterator[None]:
    """Plant, and take it out again."""
    with pytest.MonkeyPatch.context() as patch:
        take_back = plant.apply(patch)
        try:
            yield
        finally:
            if take_back is not None:
                take_back()
