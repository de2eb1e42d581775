"""``python -m readerstudy.stats METHOD FILE.csv [--options] [--json]``; ``--list`` names the methods."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .cli.commands import BY_NAME, COMMANDS
from .cli.examples import epilog
from .cli.output import as_json, as_text
from .cli.table import InputError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m readerstudy.stats",
        description="Statistics of reader studies. Errors name file, line, column and what was expected.",
    )
    parser.add_argument("--list", action="store_true", help="list the methods")
    parser.add_argument("--document", action="store_true", help="print docs/statistics.md")
    methods = parser.add_subparsers(dest="command", metavar="METHOD")
    for command in COMMANDS:
        own = methods.add_parser(
            command.name, help=command.summary, description=f"{command.summary} ({command.function})",
            epilog=epilog(command.name), formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        command.options(own)
        own.add_argument("--confidence", type=float, default=0.95, help="coverage of the intervals (0.95)")
        own.add_argument("--json", action="store_true", help="print JSON")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one method; 0 when it ran, 2 when the input is wrong."""
    parser = _parser()
    args = parser.parse_args(arguments)
    write = sys.stdout.write
    if args.list:
        width = max(len(command.name) for command in COMMANDS)
        for command in COMMANDS:
            write(f"{command.name:{width}s}  {command.summary}\n")
        return 0
    if args.document:
        from .registry.document import document

        write(document())
        return 0
    if args.command is None:
        parser.print_usage(sys.stderr)
        sys.stderr.write("name a method; --list names them\n")
        return 2
    try:
        result, notes = BY_NAME[args.command].run(args)
    except (InputError, ValueError) as fault:
        sys.stderr.write(f"{args.command}: {fault}\n")
        return 2
    if args.json:
        write(as_json(args.command, result, notes) + "\n")
        return 0
    write("\n".join([*as_text(result), *(f"note: {note}" for note in notes)]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
