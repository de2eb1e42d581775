"""Why a file is not taken: one exception with a sentence that a coordinator can act on."""


class Refused(Exception):
    """
    A file that is not taken, with the reason in plain words.

    The reason never quotes the file: it may hold a patient's name or hostile text.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
