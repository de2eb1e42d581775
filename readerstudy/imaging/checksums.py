"""CRC-32 of two pieces put together, from those of the pieces: what is known of a frame need not be read again."""

from functools import lru_cache

# Bits of the polynomial in the order in which zlib keeps them: the highest power of x in the lowest bit.
_POLYNOMIAL = 0xEDB88320
_ONE = 1 << 31


def _product(a: int, b: int) -> int:
    """Return the product of two polynomials over GF(2), modulo CRC-32's."""
    out = 0
    while a:
        if a & _ONE:
            out ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
    return out


@lru_cache(maxsize=64)
def _power(k: int) -> int:
    """Return x to the power of 8 times 2 to the k."""
    if k == 0:
        return _ONE >> 8
    half = _power(k - 1)
    return _product(half, half)


@lru_cache(maxsize=64)
def _tables(k: int) -> tuple[list[int], ...]:
    """Return the products of `_power(k)` and every byte, one table for each of the four places of a byte."""
    out = []
    for place in range(4):
        table = [0]
        for bit in range(8):
            here = _product(1 << (8 * place + bit), _power(k))
            table += [here ^ known for known in table]
        out.append(table)
    return tuple(out)


def joined(first: int, second: int, n_bytes: int) -> int:
    """
    Return ``zlib.crc32(a + b)``.

    Parameters
    ----------
    first, second : int
        ``zlib.crc32(a)`` and ``zlib.crc32(b)``.
    n_bytes : int
        Length of b.

    Notes
    -----
    A check sum is the remainder of a polynomial: putting n bytes behind it multiplies it by x to the power of 8n
    (zlib's ``crc32_combine``, M. Adler, computes the same).
    """
    for k in range(n_bytes.bit_length()):
        if n_bytes >> k & 1:
            low, second_byte, third_byte, high = _tables(k)
            first = (
                low[first & 0xFF]
                ^ second_byte[first >> 8 & 0xFF]
                ^ third_byte[first >> 16 & 0xFF]
                ^ high[first >> 24]
            )
    return first ^ second
