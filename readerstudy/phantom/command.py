"""The options shared by ``python -m readerstudy.phantom`` and ``manage.py phantom``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from readerstudy.phantom.files.case import MODALITIES, Form
from readerstudy.phantom.files.encode import SYNTAXES
from readerstudy.phantom.files.folder import PROTOCOLS, write_folder
from readerstudy.phantom.files.readings import write_readings
from readerstudy.phantom.scanner import SCANNERS
from readerstudy.phantom.sheets import write_sheets, write_tiles


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options on a parser."""
    parser.add_argument("out", type=Path, help="folder to write to")
    parser.add_argument("--cases", type=int, default=12, help="0 for pictures only")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--protocol", choices=PROTOCOLS, default=PROTOCOLS[0])
    parser.add_argument("--centre", action="append", choices=sorted(SCANNERS), help="may be given again")
    parser.add_argument("--modality", action="append", choices=MODALITIES, help="may be given again")
    parser.add_argument("--independent", action="store_true", help="draw the findings independently")
    parser.add_argument("--no-variants", action="store_true", help="five lumbar vertebrae in every body")
    parser.add_argument("--bar-code", action="store_true", help="draw the slice number into each picture")
    parser.add_argument("--multi-frame", action="store_true", help="one object per CT or MR series")
    parser.add_argument("--transfer-syntax", choices=list(SYNTAXES), default="explicit-le")
    parser.add_argument("--soft-ct", action="store_true", help="add a CT series with a soft kernel")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--readings", action="store_true", help="also write simulated reads and predictions")
    parser.add_argument("--sheets", type=Path, help="also write contact sheets and atlases to this folder")
    parser.add_argument("--tiles", type=Path, help="also write the reading grid's atlas tiles to this folder")


def run(options: dict[str, Any]) -> str:
    """
    Do what the options say.

    Parameters
    ----------
    options : dict
        As parsed from `add_arguments`.

    Returns
    -------
    str
        One sentence for the person who asked.
    """
    out: Path = options["out"]
    if options["cases"]:
        write_folder(
            out,
            cases=options["cases"],
            seed=options["seed"],
            protocol=options["protocol"],
            centres=options["centre"] or ("A",),
            modalities=options["modality"] or MODALITIES,
            correlation="independent" if options["independent"] else "correlated",
            variants=not options["no_variants"],
            form=Form(
                bar_code=options["bar_code"],
                multiframe=options["multi_frame"],
                syntax=options["transfer_syntax"],
                soft_ct=options["soft_ct"],
            ),
            workers=options["workers"],
        )
    if options["readings"]:
        write_readings(out, seed=options["seed"])
    if options["sheets"]:
        write_sheets(options["sheets"], seed=options["seed"])
    if options["tiles"]:
        write_tiles(options["tiles"])
    return f"Wrote {options['cases']} synthetic cases to {out}."
