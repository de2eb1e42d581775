"""Why a file is not taken: one exception with a sentence that a coordinator can act on."""

import errno


class Refused(Exception):
    """
    A file that is not taken, with the reason in plain words.

    The reason never quotes the file: it may hold a patient's name or hostile text.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def is_no_room(error: BaseException) -> bool:
    """Return whether an error says that nothing can be written, which says nothing of the file that was read."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
