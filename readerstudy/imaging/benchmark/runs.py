"""The measurements themselves: medians of interleaved runs."""

import base64
import json
import os
import statistics
import subprocess
import sys
import uuid
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import pydicom
import requests
from django.conf import settings
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGLSLossless

from readerstudy.dicom.pixels import encode_frame
from readerstudy.imaging.benchmark import servers
from readerstudy.imaging.benchmark.load import Load, measure, request
from readerstudy.imaging.benchmark.material import write_series

AS_STORED = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'


@dataclass(frozen=True)
class Row:
    """One line of the report."""

    what: str
    server: str
    per_second: float
    cpu_ms: float
    body_bytes: float
    limit: str = ""
    met: bool | None = None

    def as_json(self) -> dict[str, object]:
        """Return the fields as a JSON object."""
        return asdict(self)


def run_with_data_root(data_root: Path, syntax: str, code: str) -> str:
    """Run a piece of the product with a data root of its own and return what it prints."""
    environment = {
        **os.environ,
        "READERSTUDY_DATA_ROOT": str(data_root),
        "READERSTUDY_DATABASE_URL": f"sqlite://{data_root}/database.sqlite3",
        "READERSTUDY_KEY_FILE": str(data_root / "key"),
        "READERSTUDY_FRAME_SYNTAX": syntax,
        "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
        "PYTHONPATH": str(settings.BASE_DIR),
    }
    run = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup()\n{code}"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return run.stdout.strip().splitlines()[-1]


_PREPARE = """
import sys, uuid
from pathlib import Path
from django.core.management import call_command
from django.utils import timezone
call_command("migrate", verbosity=0)
from readerstudy.imaging.models import ImageSet, Instance
from readerstudy.imaging.nginx import configuration
from readerstudy.imaging.services import open_case, receive
receive(scope=uuid.uuid4(), source=Path({source!r}), at=timezone.now(), keep_originals=False)
presentation = uuid.UUID({presentation!r})
opened = open_case(image_set=ImageSet.objects.get(), presentation=presentation, user_id=1, session_key="",
                   at=timezone.now())
Path({root!r}, "nginx-part.conf").write_text(configuration(
    listen="127.0.0.1:{nginx_port}", upstream="127.0.0.1:APPLICATION", verdicts=Path({root!r}, "verdicts")))
row = Instance.objects.order_by("index").first()
print(opened.token, row.series.imaging_study.blinded_uid, row.series.blinded_uid,
      ",".join(Instance.objects.order_by("index").values_list("blinded_uid", flat=True)),
      Path({root!r}) / "cache" / str(row.series.imaging_study.image_set.scope)
      / str(row.series.imaging_study.image_set.public_id) / "base")
"""


def _as_jpeg_ls(paths: list[Path], folder: Path) -> list[Path]:
    """Write the same objects with JPEG-LS pixels from the encoder of the cache, so that the bytes are equal."""
    folder.mkdir()
    out = []
    for path in paths:
        dataset = pydicom.dcmread(path)
        data = encode_frame(dataset.pixel_array, "jpeg-ls", dataset.BitsStored)
        dataset.PixelData = encapsulate([data])
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = JPEGLSLossless
        target = folder / path.name
        dataset.save_as(target, enforce_file_format=True)
        out.append(target)
    return out


def _median(runs: list[Load]) -> Load:
    return Load(
        *(statistics.median(getattr(run, name) for run in runs) for name in Load.__dataclass_fields__)
    )


def frames_and_metadata(folder: Path, *, rounds: int, count: int) -> list[Row]:
    """
    Measure frames (explicit little endian, JPEG-LS, HTJ2K as information) and series metadata.

    Every round asks each server once, so that a busy moment of the machine meets all of them.
    """
    rows: list[Row] = []
    plain = write_series(folder / "explicit-le", 50)
    files = {"explicit-le": plain, "jpeg-ls": _as_jpeg_ls(plain, folder / "jpeg-ls"), "htj2k": plain}
    for syntax, paths in files.items():
        rows += _one_syntax(folder / f"run-{syntax}", syntax, paths, rounds=rounds, count=count)
    return rows


@dataclass(frozen=True)
class Opened:
    """A data root of its own with one opened image set in it, ready to be served."""

    data_root: Path
    environment: dict[str, str]
    base: str
    token: str
    instances: tuple[str, ...]
    series_folder: Path
    nginx_port: int

    def nginx_part(self, application_port: int) -> str:
        """Return nginx's server part in front of the application on a port."""
        return (self.data_root / "nginx-part.conf").read_text().replace("APPLICATION", str(application_port))


def opened_images(folder: Path, syntax: str, source: Path) -> Opened:
    """Take a folder of images into a new data root below `folder`, and open them for one reader."""
    data_root = folder / "data"
    data_root.mkdir(parents=True)
    presentation, nginx_port = str(uuid.uuid4()), servers.free_port()
    prepare = _PREPARE.format(
        source=str(source), presentation=presentation, root=str(data_root), nginx_port=nginx_port
    )
    token, study, series, instances, view = run_with_data_root(data_root, syntax, prepare).split(" ")
    return Opened(
        data_root=data_root,
        environment={
            "READERSTUDY_DATABASE_URL": f"sqlite://{data_root}/database.sqlite3",
            "READERSTUDY_KEY_FILE": str(data_root / "key"),
        },
        base=f"/dicomweb/{presentation}/studies/{study}/series/{series}",
        token=token,
        instances=tuple(instances.split(",")),
        series_folder=Path(view) / study / series,
        nginx_port=nginx_port,
    )


def _one_syntax(folder: Path, syntax: str, paths: list[Path], *, rounds: int, count: int) -> list[Row]:
    opened = opened_images(folder, syntax, paths[0].parent)
    data_root, nginx_port = opened.data_root, opened.nginx_port
    bearer = {"Authorization": f"Bearer {opened.token}"}
    frame_requests = [
        request(f"{opened.base}/instances/{uid}/frames/1", Accept=AS_STORED, **bearer)
        for uid in opened.instances
    ]
    metadata = request(
        f"{opened.base}/metadata", Accept="application/dicom+json", Accept_Encoding="gzip", **bearer
    )
    with ExitStack() as stack:
        port, pid = stack.enter_context(servers.gateway(folder, data_root, opened.environment))
        targets: dict[str, tuple[int, int, list[bytes], int]] = {
            "gateway, app": (port, pid, frame_requests, 2)
        }
        metadata_targets = {"gateway, app": (port, pid, [metadata], 2)}
        if syntax != "htj2k":
            # Orthanc answers 500 for HTJ2K.
            orthanc_port, orthanc_pid = stack.enter_context(servers.orthanc(folder))
            frames, orthanc_metadata = _fill_orthanc(orthanc_port, paths)
            targets["Orthanc"] = (orthanc_port, orthanc_pid, frames, 2)
            metadata_targets["Orthanc"] = (orthanc_port, orthanc_pid, [orthanc_metadata], 2)
        _, nginx_pid = stack.enter_context(servers.nginx(folder, nginx_port, opened.nginx_part(port)))
        plain_port = servers.free_port()
        inside = (
            f"server {{ listen 127.0.0.1:{plain_port}; root {opened.series_folder}; "
            "types { } default_type image/x; }"
        )
        _, plain_pid = stack.enter_context(servers.nginx(folder, plain_port, inside))
        plain_requests = [request(f"/{uid}_1") for uid in opened.instances]
        targets["gateway, nginx"] = (nginx_port, nginx_pid, frame_requests, 8)
        targets["plain nginx"] = (plain_port, plain_pid, plain_requests, 8)
        found: dict[str, list[Load]] = {name: [] for name in targets}
        found_metadata: dict[str, list[Load]] = {name: [] for name in metadata_targets}
        for one_port, one_pid, wanted, at_once in targets.values():
            measure(one_port, one_pid, wanted, connections=at_once, count=64)
        for _ in range(rounds):
            for name, (one_port, one_pid, wanted, at_once) in targets.items():
                some = count * 4 if "nginx" in name else count
                found[name].append(measure(one_port, one_pid, wanted, connections=at_once, count=some))
            if syntax == "explicit-le":
                for name, (one_port, one_pid, wanted, at_once) in metadata_targets.items():
                    some = count if "gateway" in name else count // 10
                    found_metadata[name].append(
                        measure(one_port, one_pid, wanted, connections=at_once, count=some)
                    )
    return _judged(syntax, {name: _median(runs) for name, runs in found.items()}) + _judged_metadata(
        {name: _median(runs) for name, runs in found_metadata.items() if runs}
    )


def _fill_orthanc(port: int, paths: list[Path]) -> tuple[list[bytes], bytes]:
    """Store the files in Orthanc; returns requests for their frames and for the series' metadata."""
    credentials = (servers.ORTHANC_USER, servers.ORTHANC_PASSWORD)
    basic = base64.b64encode(":".join(credentials).encode()).decode()
    first = pydicom.dcmread(paths[0], stop_before_pixels=True)
    series = f"/dicom-web/studies/{first.StudyInstanceUID}/series/{first.SeriesInstanceUID}"
    frames = []
    for path in paths:
        answer = requests.post(
            f"http://127.0.0.1:{port}/instances", data=path.read_bytes(), auth=credentials, timeout=30
        )
        answer.raise_for_status()
        uid = pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID
        frames.append(
            request(
                f"{series}/instances/{uid}/frames/1",
                Authorization=f"Basic {basic}",
                Accept=AS_STORED,
                # Orthanc up to 1.12.1 would compress every frame otherwise, at 50 ms each.
                Accept_Encoding="identity",
            )
        )
    metadata = request(
        f"{series}/metadata", Authorization=f"Basic {basic}", Accept="application/dicom+json",
        Accept_Encoding="identity",
    )  # fmt: skip
    return frames, metadata


def _judged(syntax: str, medians: dict[str, Load]) -> list[Row]:
    rows = []
    for name, load in medians.items():
        limit, met = "", None
        if name == "gateway, app" and "Orthanc" in medians:
            limit = "<= 0.4 ms CPU, >= 2 x Orthanc's rate"
            met = load.cpu_ms <= 0.4 and load.per_second >= 2 * medians["Orthanc"].per_second
        if name == "gateway, nginx" and syntax != "htj2k":
            limit = ">= 80 % of plain nginx at 8 connections"
            met = load.per_second >= 0.8 * medians["plain nginx"].per_second
        rows.append(Row(f"frames, {syntax}", name, load.per_second, load.cpu_ms, load.body_bytes, limit, met))
    return rows


def _judged_metadata(medians: dict[str, Load]) -> list[Row]:
    rows = []
    for name, load in medians.items():
        ours = name.startswith("gateway")
        rows.append(
            Row(
                "series metadata, 50 instances",
                name,
                load.per_second,
                load.cpu_ms,
                load.body_bytes,
                "<= 2 ms CPU, <= 5 kB" if ours else "",
                load.cpu_ms <= 2 and load.body_bytes <= 5000 if ours else None,
            )
        )
    return rows


_INGEST = """
import json, os, subprocess, sys, tempfile, time, uuid
from pathlib import Path
from django.core.management import call_command
from django.utils import timezone
call_command("migrate", verbosity=0)
from readerstudy.imaging.benchmark.servers import cpu_seconds
from readerstudy.imaging.services import receive
def used():
    return cpu_seconds(os.getpid())
def whole():
    batch = receive(scope=uuid.uuid4(), source=Path({source!r}), at=timezone.now(), keep_originals=False)
    assert batch.n_stored == {count}, batch.n_stored
def bare():
    # Nothing is deleted between the rounds: for a minute ext4 passes over the numbers of deleted files one by one.
    out = tempfile.mkdtemp(dir={out!r})
    halves = [subprocess.Popen([sys.executable, "-c", {bare!r}, {source!r}, str(k), out]) for k in (0, 1)]
    assert [half.wait() for half in halves] == [0, 0]
found = {{"whole": [], "bare": []}}
for _ in range({rounds}):
    for name, run in (("whole", whole), ("bare", bare)):
        # Whatever was written before is on the disk before this begins.
        os.sync()
        start, before = time.perf_counter(), used()
        run()
        found[name].append([{count} / (time.perf_counter() - start), (used() - before) * 1000 / {count}])
print(json.dumps(found))
"""

# What no import can go below: start a process, read each file's bytes, encode its pixels, write the frame.
_BARE = """
import os, sys
os.environ["OMP_NUM_THREADS"] = "1"
from pathlib import Path
import imagecodecs, numpy
source, half, out = sys.argv[1:]
for path in sorted(Path(source).rglob("*.dcm"))[int(half)::2]:
    data = path.read_bytes()
    pixels = numpy.frombuffer(data, "<u2", 512 * 512, len(data) - 512 * 512 * 2).reshape(512, 512)
    Path(out, path.parent.name + path.name).write_bytes(imagecodecs.htj2k_encode(pixels))
"""


def ingest(folder: Path, *, rounds: int, count: int) -> list[Row]:
    """
    Measure taking in `count` files of 512 x 512 x 16 bit with their cache, two reading processes.

    The files are series of at most 250 images, each of a patient of its own.

    Beside it, in the same rounds, what reading and encoding alone take in two processes: the limit of any import on
    this machine.
    """
    source, data_root, out = folder / "ingest", folder / "ingest-data", folder / "ingest-bare"
    for seed, first in enumerate(range(0, count, 250), start=1):
        write_series(source / str(seed), min(250, count - first), seed=seed)
    data_root.mkdir()
    out.mkdir()
    code = _INGEST.format(
        rounds=rounds,
        source=str(source),
        count=count,
        bare=_BARE,
        out=str(out),
    )
    found = json.loads(run_with_data_root(data_root, "htj2k", code))
    (rate, cpu), (bare_rate, bare_cpu) = (
        [statistics.median(part) for part in zip(*found[name], strict=True)] for name in ("whole", "bare")
    )
    ratio = statistics.median(
        whole[0] / bare[0] for whole, bare in zip(found["whole"], found["bare"], strict=True)
    )
    what, size = "files taken in, 512 x 512 x 16", 512 * 512 * 2
    return [
        Row(what, "gateway", rate, cpu, size, f">= 400 files/s; {ratio:.0%} of the bare limit", rate >= 400),
        Row(what, "read, encode", bare_rate, bare_cpu, size),
    ]
