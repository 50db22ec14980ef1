"""Command line and files of configuration: the flag names of `tensorflow_model_server` and its text protobufs.

Flags are written `--name=value`, `--name value` or, for booleans, `--name`. A flag that TensorFlow Serving
knows and the stand-in cannot follow is accepted with a warning, so that a manifest written for the real server
starts. A flag that TensorFlow Serving does not know is an error here; the real server prints `unknown argument`
and serves on, which would let a mistake in a manifest pass unseen.
"""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from e2e.tensorflow_serving.protobufs import (
    config_pb2,
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    model_server_config_pb2,
    text_format,
)
from e2e.tensorflow_serving.status import Code, ServingError, invalid

log = logging.getLogger(__name__)
CPUS = len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags that the stand-in follows, with TensorFlow Serving's defaults."""

    port: int = 8500
    rest_api_port: int = 0
    rest_api_num_threads: int = 4 * CPUS
    rest_api_timeout_in_ms: int = 30_000
    rest_api_enable_cors_support: bool = False
    grpc_max_threads: int = 4 * CPUS
    grpc_channel_arguments: str = ""
    enable_grpc_healthcheck_service: bool = False
    enable_serialization_as_tensor_content: bool = False
    model_name: str = "default"
    model_base_path: str = ""
    model_config_file: str = ""
    model_config_file_poll_wait_seconds: int = 0
    file_system_poll_wait_seconds: int = 1
    allow_version_labels_for_unavailable_models: bool = False
    num_load_threads: int = 0
    max_num_load_retries: int = 5
    load_retry_interval_micros: int = 60_000_000
    saved_model_tags: str = "serve"
    tensorflow_session_parallelism: int = 0
    tensorflow_intra_op_parallelism: int = 0
    tensorflow_inter_op_parallelism: int = 0
    enable_model_warmup: bool = True
    num_request_iterations_for_warmup: int = 0
    enable_signature_method_name_check: bool = False
    monitoring_config_file: str = ""
    version: bool = False


WITHOUT_EFFECT = frozenset(
    (
        *("grpc_socket_path", "enable_batching", "batching_parameters_file", "enable_per_model_batching_parameters"),
        *("num_unload_threads", "flush_filesystem_caches", "tensorflow_session_config_file", "ssl_config_file"),
        *("use_alts_credentials", "platform_config_file", "per_process_gpu_memory_fraction", "mixed_precision"),
        *("remove_unused_fields_from_bundle_metagraph", "prefer_tflite_model", "num_tflite_pools"),
        *("num_tflite_interpreters_per_pool", "xla_cpu_compilation_enabled", "xla_gpu_compilation_enabled"),
        *("enable_profiler", "thread_pool_factory_config_file", "skip_initialize_tpu"),
    )
)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The parsed flags, and the names of those that were given but do nothing here."""

    flags: Flags
    ignored: tuple[str, ...]


def parse_command_line(arguments: Sequence[str]) -> CommandLine:
    """Read the flags; raises ServingError that names the first unknown or unreadable one."""
    known = {field.name: field.type for field in fields(Flags)}
    given: dict[str, Any] = {}
    ignored: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        name, has_value, value = argument.removeprefix("-").removeprefix("-").partition("=")
        if not argument.startswith("-") or (name not in known and name not in WITHOUT_EFFECT):
            raise invalid(f"unknown argument: {argument}")
        boolean = known.get(name) is bool or name.startswith(("enable_", "use_", "xla_", "flush_", "skip_"))
        if not has_value:
            value = "true" if boolean or not waiting else waiting.pop(0)
        if name in known:
            given[name] = _read(name, value, known[name])
        else:
            ignored.append(name)
    return CommandLine(_checked(replace(Flags(), **given)), tuple(ignored))


def _read(name: str, value: str, kind: object) -> Any:
    if kind is bool:
        if value.lower() not in ("true", "false", "1", "0"):
            raise invalid(f"--{name}={value} must be true or false")
        return value.lower() in ("true", "1")
    if kind is int:
        try:
            return int(value)
        except ValueError:
            raise invalid(f"--{name}={value} must be a whole number") from None
    return value


def _checked(flags: Flags) -> Flags:
    if flags.version:
        return flags
    if flags.port == 0:
        raise invalid("At least one of server_options.grpc_port or server_options.grpc_socket_path must be set.")
    if not flags.model_base_path and not flags.model_config_file:
        raise invalid("Both server_options.model_base_path and server_options.model_config_file are empty!")
    parallelism = (flags.tensorflow_intra_op_parallelism, flags.tensorflow_inter_op_parallelism)
    if flags.tensorflow_session_parallelism > 0 and min(parallelism) > 0:
        raise invalid(
            "Either configure server_options.tensorflow_session_parallelism or"
            " (server_options.tensorflow_intra_op_parallelism, server_options.tensorflow_inter_op_parallelism)"
            " separately. You cannot configure all."
        )
    return flags


def model_server_config(flags: Flags) -> Any:
    """The ModelServerConfig of the flags: the file, or the one model that the flags name."""
    if flags.model_config_file:
        return read_text(flags.model_config_file, model_server_config_pb2.ModelServerConfig())
    config = model_server_config_pb2.ModelServerConfig()
    config.model_config_list.config.add(
        name=flags.model_name, base_path=flags.model_base_path, model_platform="tensorflow"
    )
    return config


def monitoring_path(flags: Flags) -> str:
    """Where the metrics page is, empty if it is off."""
    if not flags.monitoring_config_file:
        return ""
    settings = read_text(flags.monitoring_config_file, _monitoring_config()()).prometheus_config
    return (settings.path or "/monitoring/prometheus/metrics") if settings.enable else ""


def session_config(flags: Flags) -> bytes:
    """The serialized ConfigProto. Left to itself TensorFlow Serving takes a thread for every processor.

    The stand-in instead runs each request's graph in the thread that brought it: for small models that saves
    the hand-over between threads, and several stand-ins share few processors.
    """
    intra = flags.tensorflow_intra_op_parallelism or flags.tensorflow_session_parallelism
    inter = flags.tensorflow_inter_op_parallelism or flags.tensorflow_session_parallelism
    config = config_pb2.ConfigProto(intra_op_parallelism_threads=intra or 1, inter_op_parallelism_threads=inter or -1)
    return bytes(config.SerializeToString())


def read_text(path: str, message: Any) -> Any:
    """Fill `message` from a text protobuf file. Which line is wrong stands on stderr, not in the error."""
    try:
        return text_format.Parse(Path(path).read_text(), message)
    except OSError as problem:
        raise ServingError(Code.NOT_FOUND, f"{path}; {problem.strerror}") from problem
    except (text_format.ParseError, UnicodeDecodeError) as problem:
        what, where = message.DESCRIPTOR.full_name, str(problem).replace(" : ", ": ", 1)
        log.error("Error parsing text-format %s: %s", what, where)
        raise invalid(f"Invalid protobuf file: '{path}'") from problem


def _monitoring_config() -> Any:
    """The class of MonitoringConfig, which the package tensorflow-serving-api leaves out."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="monitoring_config.proto", package="tensorflow.serving", syntax="proto3"
    )
    prometheus = file.message_type.add(name="PrometheusConfig")
    prometheus.field.add(name="enable", number=1, type=kinds.TYPE_BOOL, label=kinds.LABEL_OPTIONAL)
    prometheus.field.add(name="path", number=2, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    monitoring = file.message_type.add(name="MonitoringConfig")
    monitoring.field.add(
        name="prometheus_config",
        number=1,
        type=kinds.TYPE_MESSAGE,
        type_name=".tensorflow.serving.PrometheusConfig",
        label=kinds.LABEL_OPTIONAL,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.serving.MonitoringConfig"))
