"""Random damage to files, the kind that disks, networks and bad exporters do."""

import random

_LENGTHS = (
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x00",
    b"\xff\xff\xff\x7f",
    b"\xfe\xff\x00\xe0",
    b"\xfe\xff\xdd\xe0",
)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return `data` with 1 to 32 changes: bytes, bits, lengths, cuts, insertions; mostly in the header."""
    out = bytearray(data)
    # The preamble's 132 bytes decide little: damage there only tests one check.
    low = 132 if len(out) > 200 and rng.random() < 0.9 else 0
    high = len(out) if rng.random() < 0.35 else min(len(out), 3000)
    for _ in range(rng.choice((1, 1, 2, 4, 8, 32))):
        if high <= low or not out:
            break
        place, kind = rng.randrange(low, high), rng.random()
        if kind < 0.4:
            out[place : place + 1] = bytes([rng.randrange(256)])
        elif kind < 0.6:
            out[place : place + 1] = bytes([out[place] ^ 1 << rng.randrange(8)] if place < len(out) else [0])
        elif kind < 0.78:
            out[place : place + 4] = rng.choice(_LENGTHS)
        elif kind < 0.87:
            del out[place : place + rng.randrange(1, 64)]
        elif kind < 0.96:
            start = rng.randrange(low, high)
            out[place:place] = out[start : start + rng.randrange(1, 64)]
        else:
            del out[place:]
        high = min(high, len(out))
    return bytes(out)
