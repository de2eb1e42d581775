"""The bounds within which a file of unknown origin is read."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Limits:
    """
    Bounds of one file and of the process that reads it.

    Parameters
    ----------
    file_bytes : int
        Largest file that is opened.
    inflated_bytes, inflation_ratio : int
        A deflated object larger than 8 MiB is refused past this ratio, any object past this size.
    pixels_per_frame, frames : int
        Largest frame (100 million pixels hold every radiograph) and number of frames.
    memory_bytes : int
        Private memory of the reading process (``RLIMIT_DATA``).
    seconds_per_file : float
        After this the reading process is ended and the file refused; files past 32 MiB get in proportion more.
    """

    file_bytes: int = 256 * 2**20
    inflated_bytes: int = 256 * 2**20
    inflation_ratio: int = 100
    pixels_per_frame: int = 100_000_000
    frames: int = 10_000
    memory_bytes: int = 480 * 2**20
    seconds_per_file: float = 10.0
    archive_members: int = 100_000
    archive_bytes: int = 20 * 2**30
    archive_ratio: int = 200

    def seconds_for(self, n_bytes: int) -> float:
        """Return the time allowed for a file of `n_bytes`, in seconds."""
        return self.seconds_per_file * max(1.0, n_bytes / (32 * 2**20))

    def as_json(self) -> dict[str, float]:
        """Return the bounds as a JSON object."""
        return asdict(self)
