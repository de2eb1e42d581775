"""Check sums put together from parts, and what they say of the frames of an import."""

import zlib

from hypothesis import given
from hypothesis import strategies as st

from readerstudy.imaging.checksums import joined


@given(st.binary(max_size=100), st.binary(max_size=5000))
def test_a_joined_check_sum_is_that_of_the_whole(first, second):
    assert joined(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(first + second)


def test_of_megabytes_as_of_bytes():
    data = bytes(range(256)) * 20_001
    assert joined(zlib.crc32(b"place"), zlib.crc32(data), len(data)) == zlib.crc32(b"place" + data)
