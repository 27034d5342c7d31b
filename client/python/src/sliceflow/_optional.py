"""Libraries that only some users need."""

from __future__ import annotations

import importlib
from typing import Any, Final

_EXTRAS: Final = {
    "yaml": ("PyYAML", "yaml"),
    "pandas": ("pandas", "pandas"),
    "matplotlib.pyplot": ("Matplotlib", "plot"),
    "matplotlib.animation": ("Matplotlib", "plot"),
    "xarray": ("xarray", "xarray"),
    "arviz": ("ArviZ", "arviz"),
    "tensorboard.summary": ("TensorBoard", "tensorboard"),
}


def require(module: str) -> Any:
    """The module; where it is missing, an ImportError that names the extra which brings it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        library, extra = _EXTRAS[module]
        raise ImportError(f"this needs {library}: pip install 'sliceflow[{extra}]'") from error
