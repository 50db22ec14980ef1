"""`tf.train.Example`s of classify and regress requests: from JSON, and serialized with their shared context.

Laid out as in TensorFlow Serving's json_tensor.cc and util.cc. Joining the bytes of the context and of an
example is how protobuf messages are merged.
"""

from collections.abc import Mapping
from typing import Any

from e2e.tensorflow_serving.json_shown import shown
from e2e.tensorflow_serving.json_values import decode, is_base64, kind
from e2e.tensorflow_serving.protobufs import example_pb2
from e2e.tensorflow_serving.status import Code, ServingError, invalid


def from_json(document: Mapping[str, Any]) -> list[bytes]:
    """The serialized Examples of a REST request."""
    context = example(document["context"]).SerializeToString() if "context" in document else b""
    if "examples" not in document:
        raise invalid(
            f"JSON Value: {shown(document)} When method is classify, key 'examples' is expected and was not found"
        )
    examples = document["examples"]
    if not isinstance(examples, list):
        raise invalid(f"JSON Value: {shown(document)} Expecting 'examples' value to be an list/array")
    if not examples:
        raise invalid(f"JSON Value: {shown(document)} 'examples' value is an empty array")
    return [context + example(one).SerializeToString() for one in examples]


def from_proto(message: Any) -> list[bytes]:
    """The serialized Examples of a gRPC request's Input."""
    match message.WhichOneof("kind"):
        case "example_list":
            return [one.SerializeToString() for one in message.example_list.examples]
        case "example_list_with_context":
            context = message.example_list_with_context.context.SerializeToString()
            return [context + one.SerializeToString() for one in message.example_list_with_context.examples]
        case _:
            return []


def example(value: Any) -> Any:
    """An Example from a JSON object of features: strings, numbers, or lists of one kind of them."""
    if not isinstance(value, dict):
        raise invalid(f"Example must be JSON object but got JSON {kind(value)}")
    message = example_pb2.Example()
    for name, content in value.items():
        feature = message.features.feature[name]
        for item in content if isinstance(content, list) else [content]:
            _add(feature, name, item)
    return message


def _add(feature: Any, name: str, item: Any) -> None:
    match item:
        case float() | int() if isinstance(item, float) or not -(2**63) <= item < 2**64:
            _expect(feature, name, "float_list")
            feature.float_list.value.append(item)
        case bool() | int():
            _expect(feature, name, "int64_list")
            if item >= 2**63:
                raise invalid(f"Feature: {name} has uint64_t element. Only int64_t is supported.")
            feature.int64_list.value.append(int(item))
        case str():
            _expect(feature, name, "bytes_list")
            feature.bytes_list.value.append(item.encode())
        case dict() if is_base64(item):
            _expect(feature, name, "bytes_list")
            feature.bytes_list.value.append(decode(item))
        case _:
            raise ServingError(
                Code.INVALID_ARGUMENT, f"Feature: {name} has element with unexpected JSON type: {kind(item)}"
            )


def _expect(feature: Any, name: str, wanted: str) -> None:
    """All elements of a feature are of one kind."""
    have = feature.WhichOneof("kind")
    if have not in (None, wanted):
        words = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}
        raise invalid(f"Unexpected element type in feature: {name} expecting type: {words[have]}")
