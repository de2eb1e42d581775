"""
What is said of a file that was not stored, in the language of whoever looks.

The reading process knows no languages, and one row is looked at in several: what is stored is the English sentence
with its values, and that sentence is its own code. It is found again here, by its values' places, when it is shown.
Rows written by earlier versions are sentences as well; one that is not known any more is shown as it stands.
"""

import re

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as N_

from readerstudy.core.sentences import Sentences

#: Every sentence, with names where values stand. A test goes through the code and asks for each of them here.
SENTENCES = (
    N_("the file is empty"),
    N_("the file cannot be opened"),
    N_("a link, not a file"),
    N_("the file is larger than %(limit)s MiB"),
    N_("not a DICOM file"),
    N_(
        "not a DICOM file (no DICM mark, not the beginning of an image). If it is one, export it again as DICOM."
    ),
    N_("the file cannot be parsed as DICOM"),
    N_("the file ends in the middle of an element"),
    N_("the file is damaged"),
    N_("the file nests sequences deeper than any real object"),
    N_("the file inflates to many times its size, as no image does"),
    N_("the file needs more memory than one image may"),
    N_("reading the file took longer than one image may"),
    N_("reading the file ended the reading process (too much memory, or damage)"),
    N_("the file does not say how it is encoded (no transfer syntax)"),
    N_("the object is not an image for reading (SOP class)"),
    N_("the attributes that identify the image are damaged"),
    N_("the file has no SOP class"),
    N_("the file has no SOP instance UID"),
    N_("the %(attribute)s is not a UID (digits and dots, at most 64 characters)"),
    N_("the patient identifier holds characters or a length that no hospital number has"),
    N_("the file has no pixels"),
    N_("the file does not state %(attribute)s"),
    N_("%(attribute)s is not a whole number"),
    N_("the image has no rows or no columns"),
    N_("the image claims more pixels than the limit"),
    N_("the number of frames is below 1 or above the limit"),
    N_("one sample a pixel, but no grey or palette interpretation"),
    N_("three samples a pixel, but no supported colour interpretation"),
    N_("the number of samples a pixel is neither 1 nor 3"),
    N_("pixels are not of 8 or 16 allocated bits"),
    N_("stored bits and high bit do not fit the allocated bits"),
    N_("colour images of more than 8 bits are not supported"),
    N_("the pixel representation is neither 0 nor 1"),
    N_("the pixels are shorter than the header says"),
    N_("4:2:2 colour with an odd number of columns"),
    N_("the RLE frame is shorter than its header"),
    N_("the RLE frame has another number of segments than the header says"),
    N_("the RLE frame points outside itself"),
    N_("the RLE frame ends early"),
    N_("the pixels are encoded in a way that cannot be decoded here (transfer syntax)"),
    N_("the compressed pixels are damaged"),
    N_("the compressed frame has another size than the header says"),
    N_("the compressed frame has more bits than the header says"),
    N_("the file holds fewer frames than the header says"),
    N_("the file holds no frame"),
    N_("the pixels cannot be encoded"),
    N_("a palette image without its colour tables"),
    N_("a palette image whose colour tables are too short"),
    N_("a palette image whose colour tables differ in length"),
    N_("the modality lookup table is incomplete"),
    N_("the modality lookup table is too short"),
    N_("the stated rescale cannot give values (slope 0 or numbers out of range)"),
    N_("not a complete ZIP archive"),
    N_("the archive holds more files than the limit"),
    N_("the archive inflates past the limit"),
    N_("the name inside the archive points outside it"),
    N_("a symbolic link inside the archive"),
    N_("the file inside the archive is encrypted"),
    N_("damaged inside the archive"),
    N_("an archive inside an archive"),
    N_("the archive answered with an error (%(status)s)"),
    N_("the archive sent more than one image may hold"),
    N_("the archive's answer ends early"),
    N_("the archive's answer is not a DICOM object"),
    N_("the archive's answer has another length than it states"),
    N_("the archive delivered another image than the one asked for"),
    N_("this imaging study already belongs to another patient"),
    N_("an image with this UID is already there in another series; it stays"),
    N_("an image with this UID but other pixels is already there; it stays"),
    N_("the same image is already there"),
    N_("this patient's images were withdrawn from the reader study"),
    N_("class and instance UID taken from the file's header group"),
    N_("the file came without its header: encoding told by its first elements"),
    N_("no series or study UID: grouped by frame of reference"),
)

UPLOAD_GIVEN_UP = N_("This upload was given up; what had arrived was erased.")
UPLOAD_TOO_OLD = N_("This upload was not finished within %(days)s days; what had arrived was erased.")

#: Why an import or a search stopped, as its error says it.
PROBLEMS = (
    UPLOAD_GIVEN_UP,
    UPLOAD_TOO_OLD,
    N_("The archive %(archive)s refuses this server (%(status)s). Nothing was changed; try again later."),
    N_("The archive %(archive)s answers with an error (%(status)s). Nothing was changed; try again later."),
    N_("The archive %(archive)s gave no answer within %(seconds)s s. Nothing was changed; try again later."),
    N_(
        "The archive %(archive)s cannot be reached, or ended the connection. Nothing was changed; try again later."
    ),
    N_("The archive %(archive)s gave an answer that is not DICOMweb. Nothing was changed; try again later."),
    N_("There is no archive of this name in the server's configuration."),
    N_("The folder or file to import does not exist or may not be read."),
    N_(
        "Images cannot be written: %(why)s. What was stored stays. Make room on the disk and start again; files that "
        "are in are not read twice."
    ),
    N_("The worker stopped %(times)s times while doing this; it was not tried again."),
)

#: Values that are words.
_WORDS = frozenset(
    {
        N_("SOP class"),
        N_("SOP instance UID"),
        N_("series UID"),
        N_("study UID"),
    }
)


_KNOWN = Sentences(SENTENCES, lambda name: f"(?P<{name}>.{{1,40}}?)")
_KNOWN_PROBLEMS = Sentences(PROBLEMS, lambda name: f"(?P<{name}>.{{1,80}}?)")
# What the job engine puts before an error's own words.
_EXCEPTION_NAME = re.compile(r"(?:\w+\.)*[A-Z]\w+: ")


def sentence_of(reason: str) -> tuple[str, dict[str, str]] | None:
    """Return (sentence, its values) of a stored reason, None where it is not known."""
    return _KNOWN.find(reason)


def shown(reason: str) -> str:
    """Return a stored reason in the language that is active; several are joined by ``"; "``."""
    found = sentence_of(reason)
    if found is None:
        parts = reason.split("; ")
        return "; ".join(shown(part) for part in parts) if len(parts) > 1 else reason
    sentence, values = found
    if not values:
        return gettext(sentence)
    return gettext(sentence) % {
        name: gettext(value) if value in _WORDS else value for name, value in values.items()
    }


def problem_shown(problem: str) -> str:
    """Return why an import or a search stopped in the language that is active; as it stands where it is not known."""
    words = _EXCEPTION_NAME.sub("", problem, count=1) if _EXCEPTION_NAME.match(problem) else problem
    found = _KNOWN_PROBLEMS.find(words)
    return gettext(found[0]) % found[1] if found is not None else words
