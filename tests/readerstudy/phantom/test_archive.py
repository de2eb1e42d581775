"""A real archive takes the objects and gives them back unchanged: Orthanc, through dicomweb-client."""

import json
import shutil
import socket
import subprocess

import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient

from readerstudy.phantom.files import Form, write_folder

PLUGINS = "/usr/share/orthanc/plugins"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A client of an Orthanc of our own on a free port of 127.0.0.1."""
    program = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip("Orthanc is not installed (Debian packages orthanc and orthanc-dicomweb)")
    home = tmp_path_factory.mktemp("orthanc")
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
    settings = {
        "Name": "phantom-test",
        "StorageDirectory": str(home / "storage"),
        "IndexDirectory": str(home / "storage"),
        "HttpPort": ports[0],
        "DicomPort": ports[1],
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        # The DICOMweb plugin only: other plugins have nothing to do here.
        "Plugins": [f"{PLUGINS}/libOrthancDicomWeb.so"],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    config = home / "orthanc.json"
    config.write_text(json.dumps(settings))
    process = subprocess.Popen([program, str(config)], stderr=subprocess.PIPE, text=True, cwd=home)
    seen = []
    for line in process.stderr:
        seen.append(line)
        if "Orthanc has started" in line:
            break
    else:
        pytest.skip("Orthanc did not start: " + "".join(seen[-3:]))
    drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
    yield DICOMwebClient(f"http://127.0.0.1:{ports[0]}/dicom-web")
    process.terminate()
    process.wait(timeout=20)
    drain.wait(timeout=20)


@pytest.mark.parametrize("form", [Form(), Form(multiframe=True)], ids=["single", "multi-frame"])
def test_orthanc_takes_every_object_and_returns_its_pixels(archive, tmp_path, form):
    modalities = ("MR",) if form.multiframe else ("CT", "MR", "XR")
    write_folder(tmp_path, cases=1, seed=12, modalities=modalities, form=form)
    kept = []
    for series in sorted(p for p in (tmp_path / "PH0001").iterdir()):
        paths = sorted(series.glob("*.dcm"))
        kept.extend(pydicom.dcmread(p) for p in (paths[:2] + paths[-1:] if len(paths) > 3 else paths))
    kept = list({ds.SOPInstanceUID: ds for ds in kept}.values())
    for ds in kept:
        answer = archive.store_instances([ds])
        assert len(answer.ReferencedSOPSequence) == 1
        assert not answer.get("FailedSOPSequence")
    for ds in kept:
        uids = (ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID)
        [found] = archive.search_for_instances(*uids[:2], search_filters={"SOPInstanceUID": uids[2]})
        assert found["00080018"]["Value"] == [uids[2]]
        metadata = archive.retrieve_instance_metadata(*uids)
        assert metadata["00280010"]["Value"] == [ds.Rows]
        [frame] = archive.retrieve_instance_frames(
            *uids, frame_numbers=[1], media_types=(("application/octet-stream", "*"),)
        )
        kind = np.int16 if ds.PixelRepresentation else np.uint16
        pixels = ds.pixel_array if ds.pixel_array.ndim == 2 else ds.pixel_array[0]
        assert np.array_equal(np.frombuffer(frame, kind).reshape(ds.Rows, ds.Columns), pixels)
