"""A frame leaves whole when the server sends the file by its descriptor, as gunicorn does."""

import io
import os

import pytest

from readerstudy.imaging.fastpath import ImageFastPath

pytestmark = pytest.mark.shared


def test_descriptor_stands_at_the_beginning_of_the_file(client_of, open_images, lumbar_set):
    client = client_of(lumbar_set)
    (study,) = client.search_for_studies()
    study_uid = study["0020000D"]["Value"][0]
    series_uid = client.search_for_series(study_uid)[0]["0020000E"]["Value"][0]
    instance = client.retrieve_series_metadata(study_uid, series_uid)[0]["00080018"]["Value"][0]
    opened, presentation = open_images(lumbar_set)
    answer = {}

    def start(status, headers):
        answer["status"], answer["headers"] = status, dict(headers)

    def by_descriptor(stream, size):
        """Send as `socket.sendfile` does: from where the descriptor stands."""
        descriptor = stream.fileno()
        length = int(answer["headers"]["Content-Length"])
        start = os.lseek(descriptor, 0, os.SEEK_CUR)
        answer["sent"] = os.pread(descriptor, length, start)
        stream.close()
        return []

    base = f"/dicomweb/{presentation}/studies/{study_uid}/series/{series_uid}"
    for path in (f"{base}/instances/{instance}/frames/1", f"{base}/metadata"):
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "HTTP_AUTHORIZATION": f"Bearer {opened.token}",
            "HTTP_ACCEPT": "*/*; transfer-syntax=*" if "frames" in path else "application/dicom+json",
            "HTTP_ACCEPT_ENCODING": "gzip",
            "wsgi.file_wrapper": by_descriptor,
            "wsgi.input": io.BytesIO(),
        }
        ImageFastPath(None)(environ, start)
        assert answer["status"] == "200 OK"
        assert len(answer.pop("sent")) == int(answer["headers"]["Content-Length"])
