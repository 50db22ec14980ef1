"""The generated messages of TensorFlow and TensorFlow Serving, imported without TensorFlow itself.

`tensorflow_serving.apis.*_pb2` import `tensorflow.core.*_pb2`, and that would run the whole of TensorFlow: seconds and
half a gigabyte. An empty module named `tensorflow`, whose path is the installed package, lets Python find the message
modules below it and nothing else. All other modules of the stand-in take their messages from here.
"""

import sys
import types

from google.protobuf import (  # type: ignore[import-untyped]
    descriptor_pb2,
    descriptor_pool,
    json_format,
    message,
    message_factory,
    text_format,
)

from e2e.tensorflow_serving.library import tensorflow_folder

if "tensorflow" not in sys.modules:
    package = types.ModuleType("tensorflow")
    package.__path__ = [str(tensorflow_folder())]
    sys.modules["tensorflow"] = package

from tensorflow.core.example import example_pb2
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)
from tensorflow_serving.config import model_server_config_pb2

__all__ = [
    "classification_pb2",
    "config_pb2",
    "descriptor_pb2",
    "descriptor_pool",
    "example_pb2",
    "get_model_metadata_pb2",
    "get_model_status_pb2",
    "inference_pb2",
    "json_format",
    "message",
    "message_factory",
    "meta_graph_pb2",
    "model_management_pb2",
    "model_pb2",
    "model_server_config_pb2",
    "model_service_pb2_grpc",
    "predict_pb2",
    "prediction_log_pb2",
    "prediction_service_pb2_grpc",
    "regression_pb2",
    "text_format",
    "types_pb2",
]
