"""
What the engine says of a case, a series or a model, in the language of whoever looks.

The engine is pure torch and knows no languages, and one row is looked at in several: what is stored is the English
sentence with its values, and that sentence is its own code. It is found again here, by its values' places, when it is
shown. Findings and structures are named by their codes in what is stored and by the protocol's labels on the page. A
sentence that is not known, written by an earlier version or by a model's maker, is shown as it stands.
"""

import re
from collections.abc import Mapping

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as N_

from readerstudy.core.sentences import Sentences
from readerstudy.imaging.selectors import label_in_words

#: Every sentence, with names where values stand. A test goes through the engine and asks for each of them here.
SENTENCES = (
    # Series that were looked at and left, or taken with a reservation.
    N_("A series of %(modality)s: its images have no place in the patient."),
    N_("X-ray: the model takes none."),
    N_("X-ray: its file does not say which view it is (AP, lateral or oblique)."),
    N_("its slices have no place in the patient or no pixel spacing"),
    N_("it has %(n)s slices, the model needs %(least)s"),
    N_("its pixels are %(found)s mm wide, the model takes %(most)s mm or finer"),
    N_("its slices lie %(found)s mm apart, the model takes %(most)s mm or less"),
    N_("its file does not say how many millimetres a pixel is"),
    N_("its file does not say to which sides of the patient its rows and columns lead"),
    N_("its file does not say which oblique it is"),
    N_("its pixels are measured at the detector, where the patient is magnified"),
    N_("The series is in colour."),
    N_("The images of the series differ in size."),
    N_("The radiograph has more than one frame."),
    # Why a case was not graded, or not in full.
    N_("Outside the model's input specification: it needs %(kinds)s."),
    N_("No structure could be graded."),
    N_("Nothing of what the case's images show is given by the model and asked by the protocol."),
    N_("The series does not cover the window that the model looks at."),
    N_("%(length)s mm of the series were not looked at."),
    N_("its place was not found with enough certainty"),
    N_("it lies outside the series that the model takes"),
    N_("no joint was found with enough certainty, or none lies in the series"),
    N_("%(finding)s is given only where there is %(kinds)s."),
    N_("%(finding)s is not given from %(kinds)s alone: the protocol does not assess it there."),
    # How a model fits a protocol.
    N_("%(n)s structures"),
    N_("the model does not know %(structures)s"),
    N_("boxes of %(n)s classes"),
    N_("boxes of %(n)s classes; %(classes)s it never marks"),
    N_("the protocol asks for no boxes in space, and the model gives nothing else"),
    N_("the protocol does not know %(classes)s"),
    N_("not given out: %(why)s"),
    N_("AUC %(found)s on unseen phantoms, %(asked)s is asked for"),
    N_("the model does not grade it"),
    N_("%(asked)s grades in the protocol, %(given)s in the model"),
    N_("%(n)s grades, where there is %(kinds)s"),
    N_("%(n)s grades"),
    N_("it answers for one structure, %(own)s; a protocol of %(n)s structures asks for more"),
    # Why a job or a training could not be done.
    N_("The model's files are not those that were registered."),
    N_("%(file)s is missing."),
    N_("%(file)s is not JSON."),
    N_("%(file)s is too short to be safetensors."),
    N_("%(file)s is not safetensors: its header does not fit the file."),
    N_("%(file)s is not named by the manifest; nothing was opened."),
    N_("%(file)s is not the file that the manifest names; its SHA-256 differs."),
    N_(
        "The golden self-test failed: the answers differ by %(found)s from the maker's, %(allowed)s is allowed."
    ),
    N_("The images of this case are not in the cache; they may have been withdrawn."),
    N_(
        "This run waited in %(queue)s, and the worker that took it sees no graphics card. Nothing was graded. "
        "Let a worker with a card listen to %(same)s, or set READERSTUDY_INFERENCE_QUEUE=inference.cpu, "
        "and try the run again."
    ),
    N_("%(key)s: small letters, digits, dots and hyphens, at most 60; not %(value)s."),
    N_("The plan asks for a GPU and this worker has none. Say device: auto or cpu."),
    N_("%(name)s is an ONNX file; a training starts from weights of its own."),
    # Why the files of a model are not taken.
    N_("%(file)s is not a folder with %(names)s."),
    N_(
        "%(file)s does not belong to a model version: it is %(kind)s, which could run code when opened. "
        "Only %(names)s are taken; nothing was opened."
    ),
    N_("%(file)s does not belong to a model version. Only %(names)s are taken; nothing was opened."),
    N_("The manifest has format %(value)s; this product reads %(own)s."),
    N_("The model was made for preprocessing %(value)s; this product has %(own)s."),
    N_("The manifest names the task %(value)s; there are %(names)s."),
    N_("A model of presence gives one finding of two grades at one structure."),
    N_("The classes of the network are not those of the output schema."),
    N_("The manifest is incomplete or malformed: %(detail)s."),
    N_("%(file)s is refused: %(why)s. Nothing of it was run."),
    N_("%(file)s is refused: %(why)s."),
    N_("The manifest names the executor %(value)s; there are %(names)s."),
    N_("%(file)s is larger than %(n)s MiB."),
    N_("%(file)s does not hold one object."),
    N_("%(file)s is %(kind)s, not safetensors; it was not opened."),
    N_("%(file)s is not well-formed safetensors (%(detail)s)."),
    N_("%(name)s gives %(task)s, not %(wanted)s."),
    N_("The weights do not fit the network of the manifest: %(detail)s"),
    N_("The manifest describes no grader: %(detail)s"),
    N_("An ONNX grader grades every joint by itself; the manifest says otherwise."),
    N_("The manifest takes %(kinds)s; the network does not see it."),
    N_("The network sees %(kinds)s and nothing else; the manifest differs."),
    N_("%(file)s cannot be loaded: %(detail)s"),
    N_("%(file)s takes %(names)s; the manifest says %(wanted)s."),
    N_("%(file)s gives %(names)s; the manifest says %(wanted)s."),
    N_("The model gives %(name)s as %(value)s, not as %(wanted)s."),
    N_(
        "The model is an ONNX file and onnxruntime is not installed here. Install it with `pip install "
        "onnxruntime -c constraints.txt` and start the worker again."
    ),
    N_("it is larger than %(n)s MiB"),
    N_("it is not an ONNX model: it is damaged or cut short"),
    N_("it is not an ONNX model: it does not hold one graph"),
    N_("it is not an ONNX model: its graph is empty"),
    N_("it is not an ONNX model: a message is missing where one must be"),
    N_("it is not an ONNX model: a name is no text"),
    N_("it is not an ONNX model: it is no protobuf message"),
    N_("it asks for operators of the foreign domain %(value)s"),
    N_("it uses the operator %(name)s of the foreign domain %(value)s"),
    N_("it uses the operator %(name)s, which is not among those that are let in"),
    N_("it has more than %(n)s nodes"),
    N_("it keeps data in another file (external data); one single file is taken"),
    N_("it holds tensors of text or of an unknown type"),
    N_("it holds tensors of text"),
    N_("a graph is nested in one of its nodes (control flow)"),
    N_("it carries instructions for training"),
    N_("it holds sparse tensors"),
    N_("it defines functions of its own"),
    N_("it needs more memory than a model may"),
    N_("The %(part)s set has no joint with an image and a grade. Nothing was trained."),
    N_(
        "In the training set every joint has the same grade, or none, for %(classes)s: there is nothing to learn. "
        "Nothing was trained."
    ),
    N_(
        "A small-sample training needs %(least)s patients of each class; there are fewer for %(classes)s. "
        "Nothing was trained."
    ),
)

#: Values that are words.
WORDS = (
    N_("axial CT"),
    N_("axial MR"),
    N_("sagittal MR"),
    N_("AP X-ray"),
    N_("lateral X-ray"),
    N_("oblique X-ray"),
    N_("X-ray"),
    N_("structures"),
    N_("lesions"),
    N_("none"),
    N_("training"),
    N_("validation"),
    N_("a pickle"),
    N_("a zip archive (torch.save, TorchScript and .pt2 files are such)"),
    N_("a gzip archive"),
    N_("a bzip2 archive"),
    N_("a NumPy file"),
)
_BY_LOWER = {word[0].lower() + word[1:]: word for word in WORDS} | {word.lower(): word for word in WORDS}
_JOINED = {
    " or ": lambda first, rest: gettext("%(first)s or %(rest)s") % {"first": first, "rest": rest},
    " with ": lambda first, rest: gettext("%(first)s with %(rest)s") % {"first": first, "rest": rest},
    " and ": lambda first, rest: gettext("%(first)s and %(rest)s") % {"first": first, "rest": rest},
    ", ": lambda first, rest: gettext("%(first)s, %(rest)s") % {"first": first, "rest": rest},
}


_TRIED = re.compile(r"(?P<why>.*) \(tried (?P<n>\d+) times\)", re.DOTALL)


#: Names of values that are numbers; any other value is words, and ends where a sentence does.
_NUMBERS = frozenset({"n", "least", "found", "most", "asked", "given", "length", "allowed"})


def _place(name: str) -> str:
    return f"(?P<{name}>[-+.0-9e]+)" if name in _NUMBERS else f"(?P<{name}>(?:(?![.] [^a-z]).){{1,400}}?)"


_KNOWN = Sentences(SENTENCES, _place)


def sentence_of(reason: str) -> tuple[str, dict[str, str]] | None:
    """Return (sentence, its values) of what the engine said, None where it is not known."""
    return _KNOWN.find(reason)


def shown(reason: str, names: Mapping[str, str] | None = None) -> str:
    """
    Return what the engine said in the language that is active.

    Parameters
    ----------
    reason : str
        One sentence or several, also ``series: what is wrong with it.`` and ``structure: why; structure: why``.
    names : mapping of str to str, optional
        Labels of findings and structures.
    """
    names = names or {}
    if tried := _TRIED.fullmatch(reason):
        return gettext("%(why)s (tried %(n)s times)") % {"why": shown(tried["why"], names), "n": tried["n"]}
    found = sentence_of(reason)
    if found is not None:
        sentence, values = found
        return gettext(sentence) % {name: named(each, names) for name, each in values.items()}
    sentences = re.split("(?<=[.]) (?=[^a-z])", reason)
    if len(sentences) > 1:
        # A full stop of Chinese brings its own space.
        each = (shown(part, names) for part in sentences)
        return "".join(part if part.endswith("。") else f"{part} " for part in each).rstrip()
    parts = reason.split("; ")
    if len(parts) > 1:
        return gettext("; ").join(shown(part, names) for part in parts)
    what, colon, why = reason.partition(": ")
    if colon and (sentence_of(why.removesuffix(".")) or sentence_of(why)):
        closed = why.endswith(".") and sentence_of(why) is None
        said = shown(why.removesuffix(".") if closed else why, names)
        form = gettext("%(series)s: %(why)s.") if closed else gettext("%(series)s: %(why)s")
        return form % {"series": named(label_in_words(what), names), "why": said}
    return reason


def named(value: str, names: Mapping[str, str]) -> str:
    """Return a value in the language that is active: a word, a label, several of them, or a sentence of its own."""
    if value in names:
        return names[value]
    word = _BY_LOWER.get(value[:1].lower() + value[1:])
    if word is not None:
        said = gettext(word)
        return said[:1].upper() + said[1:] if value[:1].isupper() else said
    if sentence_of(value):
        return shown(value, names)
    for mark, join in _JOINED.items():
        first, between, rest = value.partition(mark)
        if between:
            return join(named(first, names), named(rest, names))
    return value
