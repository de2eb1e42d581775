"""
The keys of the reading room and what a person may change of them.

A key map is ``{"viewer": {action: [chord, ...]}, "panel": {...}}``; an empty list switches an action off. A chord
names a key by its place on the keyboard (``KeyboardEvent.code``), modifiers before it: ``"Ctrl+Shift+KeyZ"``.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

KeyMap = dict[str, dict[str, list[str]]]

_PLACE = (
    r"(?:Key[A-Z]|Digit\d|Numpad(?:\d|Add|Subtract|Multiply|Divide|Decimal|Equal|Enter)|F(?:[2-46-9]|10)"
    r"|Arrow(?:Up|Down|Left|Right)|Home|End|PageUp|PageDown|Insert|Delete|Backspace|Space|Enter|Escape"
    r"|Minus|Equal|BracketLeft|BracketRight|Backslash|Semicolon|Quote|Backquote|Comma|Period|Slash|IntlBackslash)"
)
_VIEWER_CHORD = re.compile(rf"(?:Ctrl\+)?(?:Alt\+)?(?:Shift\+)?{_PLACE}")
# On the panel's side digits grade, arrows move, and what goes with Ctrl is fixed.
_PANEL_CHORD = re.compile(
    r"(?:Key[A-Z]|BracketLeft|BracketRight|Backslash|Semicolon|Quote|Backquote|Comma|Period|Slash|Minus|Equal"
    r"|IntlBackslash|Insert|Home|End|PageUp|PageDown)"
)
# What browsers keep for themselves: a page never hears of it, or loses its reader.
_BROWSERS = frozenset(
    {f"Ctrl+Key{letter}" for letter in "LNRTW"} | {"Ctrl+Shift+KeyN", "Ctrl+Shift+KeyT", "Ctrl+Shift+KeyW"}
    | {"Alt+ArrowLeft", "Alt+ArrowRight", "Alt+KeyL", "Alt+KeyP"}
)  # fmt: skip
MOST_CHORDS = 4
#: Without these one could not leave a side by the keyboard.
NEVER_OFF = {"viewer": frozenset({"to-panel"}), "panel": frozenset({"to-images"})}


class KeyMapRefused(Exception):
    """Keys that cannot be kept; the message says why. Nothing was changed."""


@cache
def default_keys() -> KeyMap:
    """Return the product's keys by side; the scripts read the same file."""
    keys: KeyMap = json.loads((settings.BASE_DIR / "static" / "js" / "keymap.json").read_text())
    return keys


def checked_key_map(given: Any) -> KeyMap:
    """
    Return what of a key map differs from the product's keys.

    Raises
    ------
    KeyMapRefused
        If an action is unknown, a key cannot be chosen, or two actions of one side share one.
    """
    if not isinstance(given, Mapping) or not set(given) <= set(default_keys()):
        raise KeyMapRefused(_("This is no list of keys. Nothing was changed."))
    kept: KeyMap = {}
    for side, defaults in default_keys().items():
        own = given.get(side, {})
        if not isinstance(own, Mapping) or not set(own) <= set(defaults):
            raise KeyMapRefused(_("There is an action that does not exist. Nothing was changed."))
        changed = {action: _chords(side, action, chords) for action, chords in own.items()}
        changed = {action: chords for action, chords in changed.items() if chords != defaults[action]}
        _refuse_shared({**defaults, **changed})
        if changed:
            kept[side] = changed
    return kept


def _chords(side: str, action: str, given: Any) -> list[str]:
    if (
        not isinstance(given, list)
        or len(given) > MOST_CHORDS
        or not all(isinstance(each, str) for each in given)
    ):
        raise KeyMapRefused(_("An action has at most four keys. Nothing was changed."))
    form = _PANEL_CHORD if side == "panel" else _VIEWER_CHORD
    for chord in given:
        if not form.fullmatch(chord) or chord in _BROWSERS:
            raise KeyMapRefused(
                _("{key} cannot be chosen: it is the browser's, or fixed. Nothing was changed.").format(
                    key=chord[:40]
                )
            )
    if not given and action in NEVER_OFF[side]:
        raise KeyMapRefused(_("The key that changes sides cannot be switched off. Nothing was changed."))
    return list(dict.fromkeys(given))


def _refuse_shared(keys: Mapping[str, list[str]]) -> None:
    taken: dict[str, str] = {}
    for action, chords in keys.items():
        for chord in chords:
            if chord in taken:
                raise KeyMapRefused(
                    _("{key} would do two things: {first} and {second}. Nothing was changed.").format(
                        key=chord, first=taken[chord], second=action
                    )
                )
            taken[chord] = action
