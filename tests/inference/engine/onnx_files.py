"""ONNX files written field by field (onnx.proto3), harmless and hostile, without an ONNX library."""

import numpy as np


def varint(value):
    out = bytearray()
    while True:
        byte, value = value & 0x7F, value >> 7
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def tensor(name, values):
    dims = b"".join(number(1, n) for n in values.shape)
    return dims + number(2, 1) + block(8, name) + block(9, values.astype("<f4").tobytes())


def value_info(name, element, *dims):
    shape = b"".join(block(1, block(2, d) if isinstance(d, str) else number(1, d)) for d in dims)
    return block(1, name) + block(2, block(1, number(1, element) + block(2, shape)))


def node(operator, inputs, outputs, *attributes, domain=""):
    names = b"".join(block(1, name) for name in inputs) + b"".join(block(2, name) for name in outputs)
    more = b"".join(block(5, each) for each in attributes)
    return names + block(4, operator) + more + (block(7, domain) if domain else b"")


def integer(name, value):
    return block(1, name) + number(3, value) + number(20, 2)


def model(nodes, initialisers, inputs, outputs, *, more=b"", in_graph=b""):
    graph = b"".join(block(1, each) for each in nodes) + block(2, "graph")
    graph += b"".join(block(5, each) for each in initialisers)
    graph += b"".join(block(11, each) for each in inputs) + b"".join(block(12, each) for each in outputs)
    return number(1, 8) + block(7, graph + in_graph) + block(8, block(1, "") + number(2, 17)) + more


def linear_grader(shape, n_grades, *, kind="CT-axial", seed=0, extra_nodes=(), extra_tensors=(), **more):
    """A grader without a hidden layer: every finding's logits are linear in the crop's grey values."""
    rng = np.random.default_rng(seed)
    flat = int(np.prod(shape))
    nodes = [node("Flatten", [kind], ["flat"], integer("axis", 1)), *extra_nodes]
    tensors, outputs = list(extra_tensors), []
    for finding, n in n_grades.items():
        tensors += [
            tensor(f"{finding}.w", rng.normal(0, 0.02, (flat, n - 1))),
            tensor(f"{finding}.b", rng.normal(0, 1, n - 1)),
        ]
        nodes += [
            node("MatMul", ["flat", f"{finding}.w"], [f"{finding}.raw"]),
            node("Add", [f"{finding}.raw", f"{finding}.b"], [finding]),
        ]
        outputs.append(value_info(finding, 1, "joints", n - 1))
    inputs = [value_info(kind, 1, "joints", *shape), value_info(f"{kind}.present", 9, "joints")]
    return model(nodes, tensors, inputs, outputs, **more)


HOSTILE = {
    "a name outside the file": (
        {
            "extra_tensors": [
                block(8, "secret") + number(14, 1) + block(13, block(1, "location") + block(2, "/etc/passwd"))
            ]
        },
        "external data",
    ),
    "data in another file, location alone": (
        {"extra_tensors": [block(8, "secret") + number(2, 1) + number(14, 1)]},
        "external data",
    ),
    "a constant outside the file": (
        {
            "extra_nodes": [
                node("Constant", [], ["c"], block(1, "value") + block(5, number(14, 1)) + number(20, 4))
            ]
        },
        "external data",
    ),
    "a foreign operator": (
        {"extra_nodes": [node("Shell", ["flat"], ["out"], domain="com.example")]},
        "'Shell' of the foreign domain 'com.example'",
    ),
    "a foreign domain": (
        {"more": block(8, block(1, "com.example") + number(2, 1))},
        "foreign domain 'com.example'",
    ),
    "an operator that is not let in": (
        {"extra_nodes": [node("RandomNormalLike", ["flat"], ["noise"])]},
        "'RandomNormalLike', which is not among",
    ),
    "a graph within a node": (
        {
            "extra_nodes": [
                node("Identity", ["flat"], ["o"], block(1, "body") + block(6, b"") + number(20, 5))
            ]
        },
        "control flow",
    ),
    "a function of its own": ({"more": block(25, block(1, "f"))}, "functions of its own"),
    "training instructions": ({"more": block(20, b"")}, "training"),
    "a tensor of text": ({"extra_tensors": [block(8, "t") + number(2, 8) + block(6, "text")]}, "text"),
    "a sparse tensor": ({"in_graph": block(15, b"")}, "sparse"),
    "a second graph": ({"more": block(7, b"")}, "does not hold one graph"),
}
