"""A capability opens what it says, for whom it was signed, until it ends, and nothing else."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from readerstudy.core.capability import BadCapability, read_capability, sign_capability

NOW = datetime(2024, 5, 1, 8, 0, tzinfo=UTC)
CLAIMS = {"set": "5e1f", "person": 7}


@pytest.fixture
def text():
    return sign_capability("imaging.case", CLAIMS, expires_at=NOW + timedelta(hours=1))


def test_signed_claims_come_back(text):
    claims = read_capability("imaging.case", text, now=NOW)
    assert {name: claims[name] for name in CLAIMS} == CLAIMS


def test_it_ends_at_its_time(text):
    read_capability("imaging.case", text, now=NOW + timedelta(seconds=3599))
    with pytest.raises(BadCapability):
        read_capability("imaging.case", text, now=NOW + timedelta(seconds=3600))


def test_it_is_for_one_purpose(text):
    with pytest.raises(BadCapability):
        read_capability("imaging.export", text, now=NOW)


def test_every_changed_character_is_seen(text):
    for place in range(len(text)):
        other = "A" if text[place] != "A" else "B"
        changed = text[:place] + other + text[place + 1 :]
        if place == len(text) - 1 and _same_bytes(text, changed):
            continue  # the last character of base64 carries unused bits
        with pytest.raises(BadCapability):
            read_capability("imaging.case", changed, now=NOW)


def _same_bytes(first: str, second: str) -> bool:
    decoded = [base64.urlsafe_b64decode(each.partition(".")[2] + "=") for each in (first, second)]
    return decoded[0] == decoded[1]


def test_claims_without_their_signature_open_nothing(text):
    body = base64.urlsafe_b64encode(json.dumps({"set": "other", "exp": 9e9}).encode()).decode().rstrip("=")
    for forged in (body, f"{body}.", f"{body}.{text.partition('.')[2]}", "", ".", "é.é", "a.b.c", "a" * 5000):
        with pytest.raises(BadCapability):
            read_capability("imaging.case", forged, now=NOW)
