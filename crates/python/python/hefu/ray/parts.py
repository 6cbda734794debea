"""One model over several machines: each has some of its layers, and one schedules.

    pipeline ─ batch, values at the cut ─▶ part 0 ─▶ … ─▶ last part ─▶ heads and choices, where pipeline was called

Ray places the parts by memory, watches them, and places a lost one again; the values go straight from machine to machine.
"""

from __future__ import annotations

import secrets
import time
import weakref
from typing import Any

import ray

from .. import _hefu
from .._hefu import HefuError
from .._model import Model

_STARTING = 600.0
"""Seconds that a part has to begin to listen."""
_ASKING = 5.0
"""Seconds that a part has to say where it is; it may be that Ray has not noticed yet that it was lost."""
_ROOM = 1.25
"""Memory that is asked of Ray for a part, for each byte of its weights: caches and working memory come to them."""


@ray.remote
class _Part:
    """Layers of a model in the memory of a machine."""

    def __init__(self, model: str | None, key: bytes, options: dict[str, Any]) -> None:
        own = {"device": None, "isa": None, **options}
        self.part = _hefu.Part(model, listen="0.0.0.0:0", key=key, own_file=_hefu.__file__, **own)

    def address(self) -> str:
        """Where the head finds it."""
        host = ray.util.get_node_ip_address()
        return f"[{host}]:{self.part.port}" if ":" in host else f"{host}:{self.part.port}"


def pipeline(
    model: str | None = None,
    parts: int | list[int] = 2,
    *,
    cpus: int = 1,
    device: str | None = None,
    isa: str | None = None,
    resources: dict[str, float] | None = None,
    **options: Any,
) -> Model:
    """A model whose layers are in so many parts, each an actor with `cpus` processors, and with `resources` where these are named.

    `parts` may also be the layers of each, as numbers that add up to those of the model. Every machine finds the model under the same name. What is
    returned is a `hefu.Model` as any other, with the same bits; it holds the heads alone. Other options are those of `hefu.Model`.
    """
    name = None if model is None else str(model)
    sizes = _hefu.layer_bytes(name)
    counts = dealt(sizes, parts) if isinstance(parts, int) else list(parts)
    if sum(counts) != len(sizes) or min(counts, default=0) < 1:
        raise HefuError(f"the model has {len(sizes)} layers, which parts of {counts} layers are not")
    key = secrets.token_bytes(32)
    own = {"threads": cpus, "device": device, "isa": isa}
    actors, last, first = [], [], 0
    for count in counts:
        memory = int(_ROOM * sum(sizes[first : first + count]))
        placed = _Part.options(num_cpus=cpus, memory=memory, resources=resources, max_restarts=-1, max_task_retries=0, scheduling_strategy="SPREAD")
        actors.append(placed.remote(name, key, own))
        first += count
        last.append(first - 1)
    ray.get([actor.address.remote() for actor in actors], timeout=_STARTING)

    def find(number: int) -> str:
        try:
            return ray.get(actors[number].address.remote(), timeout=_ASKING)
        except ray.exceptions.RayError as error:
            time.sleep(0.2)
            raise HefuError(f"part {number} is not there: {type(error).__name__}") from None

    model = Model(name, _parts=(last, find, key), **options)
    # Their handles are freed when the program next calls the library, which may be long after: until then they would hold their places.
    weakref.finalize(model, _end, actors).atexit = False
    return model


def _end(actors: list[Any]) -> None:
    """Frees the places of the parts of a pipeline that nobody has any more."""
    if ray.is_initialized():
        for actor in actors:
            ray.kill(actor)


def dealt(sizes: list[int], parts: int) -> list[int]:
    """How many of the layers, whose bytes these are, each part has, so that the largest is as small as can be."""
    if not 1 <= parts <= len(sizes):
        raise HefuError(f"{len(sizes)} layers cannot be in {parts} parts")
    # best[n] for the layers so far in n parts: the bytes of the largest, and the layers of each.
    best: list[dict[int, tuple[int, list[int]]]] = [{0: (0, [])}]
    for end in range(1, len(sizes) + 1):
        now: dict[int, tuple[int, list[int]]] = {}
        for begin in range(end):
            own = sum(sizes[begin:end])
            for count, (largest, counts) in best[begin].items():
                found = (max(largest, own), [*counts, end - begin])
                if count < parts and (count + 1 not in now or found < now[count + 1]):
                    now[count + 1] = found
        best.append(now)
    return best[-1][parts][1]
