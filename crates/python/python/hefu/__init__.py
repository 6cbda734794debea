"""Open language models on the CPU, offline; the same answer to the bit on every machine.

>>> import hefu
>>> model = hefu.load("qwen2.5-coder-0.5b-instruct")
>>> print(model.chat("Name a prime number.").text)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._hefu import HefuError, __version__

if TYPE_CHECKING:
    from ._model import Answer, Continuation, Model, Verdict, load

__all__ = ["Answer", "Continuation", "HefuError", "Model", "Verdict", "load", "__version__"]


def __getattr__(name: str) -> Any:
    # The program `hefu` comes through here as well. It has no use for NumPy, which takes longer to import than a short command to run.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import _model

    return getattr(_model, name)


def __dir__() -> list[str]:
    return sorted(__all__)
