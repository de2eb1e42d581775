"""
DICOMweb archives (Orthanc, dcm4chee, cloud stores): searching them and fetching objects, bounded in time.

Addresses come from the server's configuration only; nobody names one in a request. Objects are fetched as
bytes and never parsed here: the bounded child process does that, as with any other file.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import requests
from dicomweb_client.api import DICOMwebClient
from django.conf import settings
from requests.adapters import HTTPAdapter

from readerstudy.dicom.parsing import is_uid


class ArchiveUnknown(Exception):
    """No archive of this name stands in the server's configuration."""


class ArchiveUnavailable(Exception):
    """The archive does not answer as one should; the message is for coordinators."""


class NotDelivered(Exception):
    """The archive answered, but did not deliver one object whole."""


@dataclass(frozen=True)
class FoundStudy:
    """One imaging study of an archive, as a coordinator sees it while searching (not blinded)."""

    study_uid: str
    patient_id: str
    patient_name: str
    birth_date: str
    study_date: str
    modalities: tuple[str, ...]
    description: str
    n_series: int
    n_instances: int


class _Bounded(HTTPAdapter):
    """A transport that never waits longer than the setting for a connection or for the next bytes."""

    def __init__(self, seconds: float) -> None:
        super().__init__(max_retries=0)
        self._seconds = seconds

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        options["timeout"] = (self._seconds, self._seconds)
        # Orthanc's plugin (1.7) compares query values without decoding them: what may stand plainly does.
        request.url = str(request.url).replace("%2A", "*").replace("%3F", "?")
        return super().send(request, *args, **options)


def configured_archives() -> dict[str, str]:
    """Return the archives of the server's configuration: title by name."""
    return {name: str(entry.get("title", name)) for name, entry in settings.READERSTUDY_ARCHIVES.items()}


class Archive:
    """
    One archive of the server's configuration.

    Parameters
    ----------
    name : str
        Its name there.

    Raises
    ------
    ArchiveUnknown
        If there is none of this name.
    """

    def __init__(self, name: str) -> None:
        entry = settings.READERSTUDY_ARCHIVES.get(name)
        if entry is None:
            raise ArchiveUnknown("There is no archive of this name in the server's configuration.")
        self.name = name
        self._title = str(entry.get("title", name))
        self._seconds = float(settings.READERSTUDY_ARCHIVE_TIMEOUT_SECONDS)
        self._url = str(entry["url"]).rstrip("/")
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", _Bounded(self._seconds))
        session.mount("https://", _Bounded(self._seconds))
        if entry.get("user"):
            session.auth = (entry["user"], entry["password"])
        if entry.get("token"):
            session.headers["Authorization"] = f"Bearer {entry['token']}"
        # Orthanc up to 1.12.1 compresses every answer otherwise, at 50 ms each.
        session.headers["Accept-Encoding"] = "identity"
        self._session = session
        self._client = DICOMwebClient(url=self._url, session=session)
        self._client.set_http_retry_params(retry=False)

    def _plain(self, error: Exception) -> ArchiveUnavailable:
        response = getattr(error, "response", None)
        if response is not None and response.status_code in (401, 403):
            what = f"refuses this server ({response.status_code})"
        elif response is not None:
            what = f"answers with an error ({response.status_code})"
        elif isinstance(error, requests.Timeout):
            what = f"gave no answer within {self._seconds:g} s"
        elif isinstance(error, requests.ConnectionError):
            what = "cannot be reached, or ended the connection"
        else:
            what = "gave an answer that is not DICOMweb"
        return ArchiveUnavailable(f"The archive {self._title} {what}. Nothing was changed; try again later.")

    def search(
        self,
        *,
        patient_id: str = "",
        patient_name: str = "",
        study_date: str = "",
        modality: str = "",
        description: str = "",
        limit: int = 100,
    ) -> list[FoundStudy]:
        """
        Return imaging studies that match; empty criteria match all.

        Parameters
        ----------
        study_date : str
            ``20240131``, or a range ``20240101-20240131``.
        patient_name, description : str
            ``*`` stands for any characters.

        Raises
        ------
        ArchiveUnavailable
            With what is wrong, within the time-out.
        """
        wanted = {
            "PatientID": patient_id,
            "PatientName": patient_name,
            "StudyDate": study_date,
            "ModalitiesInStudy": modality,
            "StudyDescription": description,
        }
        # These would be encoded, which not every archive undoes (see `_Bounded`); "?" is any one character.
        filters = {
            keyword: re.sub(r"[\s^]", "?", value.strip())
            for keyword, value in wanted.items()
            if value.strip()
        }
        fields = ["StudyDescription", "ModalitiesInStudy", "NumberOfStudyRelatedInstances",
                  "NumberOfStudyRelatedSeries"]  # fmt: skip
        try:
            answers = self._client.search_for_studies(search_filters=filters, limit=limit, fields=fields)
            return [_found(answer) for answer in answers if is_uid(_first(answer, "0020000D"))]
        except (requests.RequestException, ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._plain(error) from error

    def instances(self, study_uid: str) -> Iterator[tuple[str, str]]:
        """
        Yield (series UID, instance UID) of an imaging study, in the archive's order of series.

        Raises
        ------
        ArchiveUnavailable
            With what is wrong.
        """
        try:
            for series in self._client.search_for_series(study_uid):
                series_uid = _first(series, "0020000E")
                if not is_uid(series_uid):
                    continue
                uids = [
                    _first(instance, "00080018")
                    for instance in self._client.search_for_instances(study_uid, series_uid)
                ]
                yield from ((series_uid, uid) for uid in sorted(uids) if is_uid(uid))
        except (requests.RequestException, ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._plain(error) from error

    def fetch(self, study_uid: str, series_uid: str, instance_uid: str, target: Path, *, limit: int) -> None:
        """
        Write one object to a file.

        Raises
        ------
        NotDelivered
            If the answer is an error, too large, or not one whole part; nothing is left at `target` then.
        ArchiveUnavailable
            If the archive cannot be reached.
        """
        address = f"{self._url}/studies/{study_uid}/series/{series_uid}/instances/{instance_uid}"
        accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
        try:
            with self._session.get(address, headers={"Accept": accept}, stream=True) as response:
                if response.status_code != 200:
                    raise NotDelivered(f"the archive answered with an error ({response.status_code})")
                content = bytearray()
                for block in response.iter_content(1 << 18):
                    content += block
                    if len(content) > limit + 65536:
                        raise NotDelivered("the archive sent more than one image may hold")
                target.write_bytes(only_part(bytes(content), response.headers.get("Content-Type", "")))
        except requests.exceptions.ChunkedEncodingError as error:
            raise NotDelivered("the archive's answer ends early") from error
        except requests.Timeout as error:
            raise self._plain(error) from error
        except requests.ConnectionError as error:
            if "Read timed out" in str(error):
                raise self._plain(requests.Timeout()) from error
            raise self._plain(error) from error


def only_part(content: bytes, content_type: str) -> bytes:
    """
    Return the body of the single part of a multipart/related answer.

    Raises
    ------
    NotDelivered
        If it is no such answer, or its end is missing.
    """
    message = Message()
    message["Content-Type"] = content_type
    if message.get_content_type() == "application/dicom":
        return content
    boundary = message.get_param("boundary")
    if message.get_content_type() != "multipart/related" or not boundary:
        raise NotDelivered("the archive's answer is not a DICOM object")
    mark = b"--" + str(boundary).encode()
    start = content.find(mark)
    head_end = content.find(b"\r\n\r\n", start)
    if start < 0 or head_end < 0:
        raise NotDelivered("the archive's answer is not a DICOM object")
    end = content.find(b"\r\n" + mark, head_end)
    if end < 0:
        raise NotDelivered("the archive's answer ends early")
    for line in content[start:head_end].split(b"\r\n"):
        name, _, value = line.partition(b":")
        stated = value.strip() if name.strip().lower() == b"content-length" else b""
        if stated.isdigit() and int(stated) != end - head_end - 4:
            raise NotDelivered("the archive's answer has another length than it states")
    return content[head_end + 4 : end]


def _first(answer: dict[str, Any], tag: str) -> str:
    values = answer.get(tag, {}).get("Value") or [""]
    value = values[0]
    if isinstance(value, dict):
        value = value.get("Alphabetic", "")
    text = str(value if value is not None else "")
    return "".join(character for character in text if character.isprintable())[:200]


def _found(answer: dict[str, Any]) -> FoundStudy:
    def number(tag: str) -> int:
        text = _first(answer, tag)
        return int(text) if text.isdigit() else 0

    modalities = answer.get("00080061", {}).get("Value") or []
    return FoundStudy(
        study_uid=_first(answer, "0020000D"),
        patient_id=_first(answer, "00100020"),
        patient_name=_first(answer, "00100010"),
        birth_date=_first(answer, "00100030"),
        study_date=_first(answer, "00080020"),
        modalities=tuple(str(modality)[:16] for modality in modalities),
        description=_first(answer, "00081030"),
        n_series=number("00201206"),
        n_instances=number("00201208"),
    )


@dataclass(frozen=True)
class ArchiveStudies:
    """Imaging studies of an archive, as the source of an import."""

    archive: str
    study_uids: tuple[str, ...]

    def as_text(self) -> str:
        """Return the source as a text that `from_text` reads back."""
        return "archive:" + json.dumps({"archive": self.archive, "studies": self.study_uids})

    @classmethod
    def from_text(cls, text: str) -> "ArchiveStudies | None":
        """Return the source that a text names, None where it names a folder."""
        if not text.startswith("archive:"):
            return None
        value = json.loads(text.removeprefix("archive:"))
        return cls(value["archive"], tuple(value["studies"]))
