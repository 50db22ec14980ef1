"""Which ModelServerConfigs are taken: the checks and words of TensorFlow Serving's server_core.cc, in its order."""

import logging
from typing import Any

from e2e.tensorflow_serving.protobufs import model_server_config_pb2
from e2e.tensorflow_serving.status import Code, ServingError, invalid

log = logging.getLogger(__name__)
PLATFORM = "tensorflow"
_TRANSITION = (
    "Cannot transition to requested config. It is only legal to transition from one ModelConfigList to another."
)


def check_transition(old: Any, new: Any) -> None:
    """Refuse all but a list of models, whatever serves goes on. `old` is None before the first config."""
    if old is not None and old != new and {old.WhichOneof("config"), new.WhichOneof("config")} != {"model_config_list"}:
        log.error("%s Old config: %s New config: %s", _TRANSITION, old, new)
        raise ServingError(Code.FAILED_PRECONDITION, _TRANSITION)
    if new.WhichOneof("config") == "custom_model_config":
        raise invalid("ModelServer does not yet support custom model config.")


def check(models: list[Any], old: list[Any]) -> None:
    """What is looked at before the config counts as the current one: names, paths, and no change of a platform."""
    seen: set[str] = set()
    for model in models:
        if model.name in seen:
            raise invalid(f"Illegal to list model {model.name} multiple times in config list")
        seen.add(model.name)
    for model in models:
        if not model.base_path.startswith("/") and "://" not in model.base_path:
            raise invalid(
                f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}"
            )
    before = {model.name: platform(model) for model in old}
    for model in models:
        if model.name in before and platform(model) != before[model.name]:
            raise invalid(
                f"Illegal to change a model's platform. For model {model.name} platform was {before[model.name]}"
                f" and new platform requested is {platform(model)}"
            )


def check_platforms(models: list[Any]) -> None:
    """What is looked at after the labels were moved: that every platform is one that the server has."""
    for model in models:
        if platform(model) != PLATFORM:
            raise invalid(f"Model {model.name} requests unsupported platform {platform(model)}")


def platform(model: Any) -> str:
    """The platform of a ModelConfig by either of its two settings; raises ServingError for both and for neither."""
    kinds = model_server_config_pb2.ModelType
    if model.model_type == kinds.MODEL_TYPE_UNSPECIFIED:
        if not model.model_platform:
            raise _illegal("neither", "nor", model)
        return str(model.model_platform)
    log.warning("Deprecated ModelServerConfig::model_type field used. Prefer ModelServerConfig::model_platform.")
    if model.model_platform:
        raise _illegal("both", "and", model)
    if model.model_type != kinds.TENSORFLOW:
        raise invalid(f"ModelServerConfig::model_type choice {model.model_type} not supported.")
    return PLATFORM


def _illegal(start: str, joint: str, model: Any) -> ServingError:
    return invalid(
        f"Illegal setting {start} ModelServerConfig::model_type (deprecated) {joint}"
        f" ModelServerConfig::model_platform, model name is {model.name}"
    )
