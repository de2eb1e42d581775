"""Why an act on a study was refused. The text is for people; nothing was changed."""


class StudyRefused(Exception):
    """An act that the study's state or rules do not allow."""


class WrongState(StudyRefused):
    """The study is not in the state that the act needs."""
