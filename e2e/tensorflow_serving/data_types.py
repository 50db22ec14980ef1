"""The names of TensorFlow's data types, in the two forms that its sentences use."""

from e2e.tensorflow_serving.protobufs import types_pb2


def enum_name(number: int) -> str:
    """`DT_FLOAT`, `DT_INT64`, ..., nothing for an unknown number, as `DataType_Name` has it."""
    found = types_pb2.DataType.DESCRIPTOR.values_by_number.get(number)
    return found.name if found else ""


def type_name(number: int) -> str:
    """`float`, `int64`, ..., as `DataTypeString` has it."""
    name = enum_name(number)
    return name.removeprefix("DT_").lower() if name else f"unknown dtype enum ({number})"
