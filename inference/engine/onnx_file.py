"""
The gate for ONNX: a file is read field by field, and refused unless everything in it is known and harmless.

ONNX is a protobuf message. It cannot carry code, but it can name files beside it (external data), operators of other
makers (domains, which load libraries), functions, and control flow. None of that is let in, and of the standard
operators only those that image networks need. Knows neither torch nor an ONNX library.

References
----------
.. [1] ONNX intermediate representation, https://onnx.ai/onnx/repo-docs/IR.html (field numbers: onnx.proto3)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MAX_ONNX_BYTES = 512 << 20
MAX_NODES = 20_000
#: Operators of the standard domain that image networks use; none reads a file, loops or calls another graph.
_OPERATORS = """
    Abs Add And AveragePool BatchNormalization Cast Ceil Clip Concat Constant ConstantOfShape Conv ConvTranspose Div
    Dropout Einsum Elu Equal Erf Exp Expand Flatten Floor Gather Gelu Gemm GlobalAveragePool GlobalMaxPool Greater
    GreaterOrEqual GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization LayerNormalization
    LeakyRelu Less LessOrEqual Log MatMul Max MaxPool Min Mul Neg Not Or PRelu Pad Pow Range ReduceL2 ReduceMax
    ReduceMean ReduceMin ReduceProd ReduceSum Relu Reshape Resize Selu Shape Sigmoid Slice Softmax Softplus Split
    Sqrt Squeeze Sub Sum Tanh Tile TopK Transpose Unsqueeze Where
"""
ALLOWED_OPERATORS = frozenset(_OPERATORS.split())
#: Element types a tensor may have (onnx.proto3, TensorProto.DataType): numbers and truth values, no text.
_ELEMENTS = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 16})
_STANDARD = ("", "ai.onnx")
_EXTERNAL_LOCATION = 1


class OnnxRefused(Exception):
    """The file is not an ONNX model that may be used. The message says why, for people."""


@dataclass
class OnnxFacts:
    """
    What a checked file holds.

    Attributes
    ----------
    inputs, outputs : list of str
        Names; inputs that the file itself fills (initialisers) are left out.
    operators : dict of str to int
        How often each occurs.
    """

    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    operators: dict[str, int] = field(default_factory=dict)


def check_onnx(path: Path) -> OnnxFacts:
    """
    Check a file without running anything of it.

    Raises
    ------
    OnnxRefused
    """
    size = path.stat().st_size
    if size > MAX_ONNX_BYTES:
        raise OnnxRefused(f"it is larger than {MAX_ONNX_BYTES >> 20} MiB")
    data = memoryview(path.read_bytes())
    facts = OnnxFacts()
    initialisers: set[str] = set()
    n_graphs = 0
    for number, value in _fields(data):
        if number == 7:
            n_graphs += 1
            _check_graph(_message(value), facts, initialisers)
        elif number == 8:
            domain = next((_text(v) for n, v in _fields(_message(value)) if n == 1), "")
            if domain not in _STANDARD:
                raise OnnxRefused(f"it asks for operators of the foreign domain {domain!r}")
        elif number == 20:
            raise OnnxRefused("it carries instructions for training")
        elif number == 25:
            raise OnnxRefused("it defines functions of its own")
    if n_graphs != 1:
        raise OnnxRefused("it is not an ONNX model: it does not hold one graph")
    facts.inputs = [name for name in facts.inputs if name not in initialisers]
    if not facts.operators or not facts.outputs:
        raise OnnxRefused("it is not an ONNX model: its graph is empty")
    return facts


def _check_graph(data: memoryview, facts: OnnxFacts, initialisers: set[str]) -> None:
    for number, value in _fields(data):
        if number == 1:
            _check_node(_message(value), facts)
        elif number == 5:
            initialisers.add(_check_tensor(_message(value)))
        elif number == 15:
            raise OnnxRefused("it holds sparse tensors")
        elif number in (11, 12):
            names = facts.inputs if number == 11 else facts.outputs
            names.append(next((_text(v) for n, v in _fields(_message(value)) if n == 1), ""))


def _check_node(data: memoryview, facts: OnnxFacts) -> None:
    operator, domain = "", ""
    for number, value in _fields(data):
        if number == 4:
            operator = _text(value)
        elif number == 7:
            domain = _text(value)
        elif number == 5:
            _check_attribute(_message(value))
    if domain not in _STANDARD:
        raise OnnxRefused(f"it uses the operator {operator!r} of the foreign domain {domain!r}")
    if operator not in ALLOWED_OPERATORS:
        raise OnnxRefused(f"it uses the operator {operator!r}, which is not among those that are let in")
    facts.operators[operator] = facts.operators.get(operator, 0) + 1
    if sum(facts.operators.values()) > MAX_NODES:
        raise OnnxRefused(f"it has more than {MAX_NODES} nodes")


def _check_attribute(data: memoryview) -> None:
    for number, value in _fields(data):
        if number in (5, 10):
            _check_tensor(_message(value))
        elif number in (6, 11):
            raise OnnxRefused("a graph is nested in one of its nodes (control flow)")
        elif number in (22, 23):
            raise OnnxRefused("it holds sparse tensors")


def _check_tensor(data: memoryview) -> str:
    name = ""
    for number, value in _fields(data):
        if number == 13 or (number == 14 and value == _EXTERNAL_LOCATION):
            raise OnnxRefused("it keeps data in another file (external data); one single file is taken")
        if number == 2 and value not in _ELEMENTS:
            raise OnnxRefused("it holds tensors of text or of an unknown type")
        if number == 6:
            raise OnnxRefused("it holds tensors of text")
        if number == 8:
            name = _text(value)
    return name


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise OnnxRefused("it is not an ONNX model: a message is missing where one must be")
    return value


def _text(value: int | memoryview) -> str:
    try:
        return bytes(_message(value)).decode()
    except UnicodeDecodeError as error:
        raise OnnxRefused("it is not an ONNX model: a name is no text") from error


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Fields of one protobuf message: number, and the integer or the bytes that it holds."""
    place, end = 0, len(data)
    while place < end:
        key, place = _varint(data, place)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, place = _varint(data, place)
            yield number, value
            continue
        if wire == 2:
            length, place = _varint(data, place)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise OnnxRefused("it is not an ONNX model: it is no protobuf message")
        if number == 0 or length > end - place:
            raise OnnxRefused("it is not an ONNX model: it is damaged or cut short")
        yield number, data[place : place + length]
        place += length


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise OnnxRefused("it is not an ONNX model: it is damaged or cut short")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, place
    raise OnnxRefused("it is not an ONNX model: it is damaged or cut short")
