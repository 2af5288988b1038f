"""What a checkpoint says about itself beside its tensors' shapes: the `.yaml` beside it, its metadata, marker tensors.

Sources: the configuration files published with the models (`model.params.parameterization`, `linear_start`, ...);
the `modelspec` metadata; the empty tensors `v_pred` and `ztsnr`, by which descendants of SDXL are marked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.faults import BadFile
from modules.models.families import Prediction, Shapes

_LARGEST_YAML = 1_000_000


@dataclass(frozen=True)
class ModelConfig:
    """What is known; None where nothing is said.

    Args:
        prediction: what the U-Net predicts.
        betas: first and last beta of the noise schedule.
        latent_scale: the factor between the VAE's latents and the U-Net's.
        zero_terminal_snr: the last timestep is pure noise.
    """

    prediction: Prediction | None = None
    betas: tuple[float, float] | None = None
    latent_scale: float | None = None
    zero_terminal_snr: bool = False


def config_of(path: Path, shapes: Shapes, metadata: Mapping[str, str]) -> ModelConfig:
    """Everything that is said about the checkpoint `path`; the `.yaml` beside it counts most.

    Raises: BadFile: the `.yaml` can't be read.
    """
    beside = _yaml_parameters(path.with_suffix(".yaml"))
    return ModelConfig(
        prediction=_prediction(
            beside.get("parameterization") or ("v" if "v_pred" in shapes else _told(metadata))
        ),
        betas=_pair(beside.get("linear_start"), beside.get("linear_end")),
        latent_scale=_number(beside.get("scale_factor")),
        zero_terminal_snr="ztsnr" in shapes or metadata.get("ztsnr", "").lower() == "true",
    )


def _told(metadata: Mapping[str, str]) -> str | None:
    return metadata.get("modelspec.prediction_type") or metadata.get("modelspec.predict_type")


def _prediction(text: Any) -> Prediction | None:
    match str(text).lower():
        case "v" | "v_prediction" | "v-prediction":
            return "v"
        case "eps" | "epsilon" | "noise":
            return "epsilon"
        case _:
            return None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _pair(first: Any, second: Any) -> tuple[float, float] | None:
    low, high = _number(first), _number(second)
    return None if low is None or high is None else (low, high)


def _yaml_parameters(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    import yaml

    try:
        if path.stat().st_size > _LARGEST_YAML:
            raise BadFile(path, "it is far too large for a model's configuration.")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise BadFile(path, "it is no configuration file (YAML). Repair it or remove it.") from error
    model = content.get("model") if isinstance(content, dict) else None
    parameters = model.get("params") if isinstance(model, dict) else None
    return parameters if isinstance(parameters, dict) else {}
