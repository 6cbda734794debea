"""Models on more than one machine, by Ray: rows of files in batches, a server of several replicas, and one model over several machines.

>>> import hefu.ray
>>> hefu.ray.run("questions", "answers", hefu.ray.Generate("question", max_tokens=64), cpus=8, actors=(1, 16))

Every actor has a model of its own, and all have the same bits: it can be seen in no answer which machine made it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .folder import Summary, run
from .parts import pipeline
from .work import Embed, Generate, Score, Stage, map_batches

if TYPE_CHECKING:
    from .serving import application

__all__ = ["Embed", "Generate", "Score", "Stage", "Summary", "application", "map_batches", "pipeline", "run"]


def __getattr__(name: str) -> Any:
    # What serves needs another part of Ray, which batches do without.
    if name != "application":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .serving import application

    return application
