"""Safetensors files with headers that two readers could understand differently, or none at all."""

import json


def header(text):
    data = text if isinstance(text, bytes) else json.dumps(text).encode()
    return len(data).to_bytes(8, "little") + data


ONE = {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}
TRICKS = {
    "a name twice": header(b'{"a":%s,"a":%s}' % ((json.dumps(ONE).encode(),) * 2)) + b"xx",
    "a leading space": header(b" " + json.dumps({"a": ONE}).encode()) + b"xx",
    "overlap": header({"a": ONE, "b": ONE}) + b"xx",
    "a hole": header({"a": ONE | {"data_offsets": [1, 3]}}) + b"xxx",
    "a trailing byte": header({"a": ONE}) + b"xxx",
    "cut off": header({"a": ONE}) + b"x",
    "overflow of the shape": header({"a": ONE | {"shape": [2**63, 2]}}) + b"xx",
    "overflow to its size": header({"a": ONE | {"shape": [2**32, 2**32, 2]}}) + b"xx",
    "too many axes": header({"a": ONE | {"shape": [2, *[1] * 64]}}) + b"xx",
    "a huge header": (2**63).to_bytes(8, "little") + b"{}",
    "a header beyond the end": (100).to_bytes(8, "little") + b"{}",
    "an unknown dtype": header({"a": ONE | {"dtype": "F128"}}) + b"xx",
    "another member": header({"a": ONE | {"x": 0}}) + b"xx",
    "a float as offset": header({"a": ONE | {"data_offsets": [0, 2.0]}}) + b"xx",
    "true as offset": header({"a": ONE | {"shape": [True, 2]}}) + b"xx",
    "metadata that is no text": header({"__metadata__": {"a": 1}, "a": ONE}) + b"xx",
    "an integer of thousands of digits": header(
        b'{"a":{"dtype":"U8","shape":[%s],"data_offsets":[0,2]}}' % (b"9" * 9999)
    ),
    "no object": header(b"[]"),
    "nothing": b"",
}
