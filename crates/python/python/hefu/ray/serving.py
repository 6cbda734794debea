"""A server of several replicas by Ray Serve, each with a model in memory: requests that begin alike go to the same one.

    application ─ HTTP ─▶ Front ─ beginning, request ─▶ PrefixRouter ─▶ Replica, whose cache holds the beginning
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ray import serve
from ray.serve.config import AutoscalingConfig, RequestRouterConfig
from ray.serve.handle import DeploymentHandle
from ray.serve.request_router import PendingRequest, ReplicaID, RequestRouter, RunningReplica
from starlette.requests import Request
from starlette.responses import StreamingResponse

from .._hefu import HefuError
from .._model import Model
from .parts import pipeline

_BLOCK = 256
"""Characters of a beginning that are compared at once."""
_BLOCKS = 64
"""Of how many such pieces a beginning has at most."""
_KNOWN = 100_000
"""Beginnings that are remembered."""
_AT_ONCE = 64
"""Requests that a replica has at once; others wait for it, or go to another one."""
_PROMPTS = ("messages", "prompt", "input", "items", "content")
"""The fields that hold what a model reads, in all dialects."""


class PrefixRouter(RequestRouter):
    """Sends a request to the replica that was sent the longest part of its beginning."""

    def initialize_state(self) -> None:
        self._sent: OrderedDict[bytes, ReplicaID] = OrderedDict()

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        """The replica that knows the beginning, then all: it may be full."""
        ids = {replica.replica_id: replica for replica in candidate_replicas}
        for digest in reversed(list(_digests(pending_request))):
            known = ids.get(self._sent.get(digest))
            if known is not None:
                return [[known], [replica for replica in candidate_replicas if replica is not known]]
        return [candidate_replicas]

    def on_request_routed(self, pending_request: PendingRequest, replica_id: ReplicaID, result: Any) -> None:
        """Remembers who has a beginning now."""
        for digest in _digests(pending_request):
            self._sent[digest] = replica_id
            self._sent.move_to_end(digest)
        while len(self._sent) > _KNOWN:
            self._sent.popitem(last=False)


def _digests(request: PendingRequest | None) -> Iterator[bytes]:
    """Of each beginning in whole pieces, the shortest first; of a text of less than a piece, its own."""
    text = request.args[0] if request is not None and request.args else ""
    digest = hashlib.sha256()
    for start in range(0, min(len(text), _BLOCK * _BLOCKS), _BLOCK):
        piece = text[start : start + _BLOCK]
        if start and len(piece) < _BLOCK:
            return
        digest.update(piece.encode("utf-8", "replace"))
        yield digest.digest()


@serve.deployment
class Replica:
    """A model in memory, asked like the server."""

    def __init__(self, model: str | None, fingerprint: str | None, parts: int | list[int] | None, options: dict[str, Any]) -> None:
        self.model = Model(model, **options) if parts is None else pipeline(model, parts, **options)
        if fingerprint not in (None, self.model.fingerprint):
            raise HefuError(f"the model here has the fingerprint {self.model.fingerprint}, not {fingerprint}; its file or its cache is another")
        self.threads = ThreadPoolExecutor(_AT_ONCE + 1)

    async def answer(self, beginning: str, method: str, path: str, body: bytes) -> AsyncIterator[Any]:
        """Status and kind of an answer, then the pieces of its body."""
        loop = asyncio.get_running_loop()
        try:
            response = await loop.run_in_executor(self.threads, self.model._engine.request, method, path, body)
        except HefuError as error:
            yield 400, "application/json"
            yield json.dumps({"error": {"message": str(error), "type": "invalid_request_error"}}).encode()
            return
        try:
            yield response.status, response.media_type
            while (piece := await loop.run_in_executor(self.threads, next, response, None)) is not None:
                yield piece
        finally:
            response.close()


@serve.deployment
class Front:
    """Takes requests, and says how they begin."""

    def __init__(self, replicas: DeploymentHandle) -> None:
        self.replicas = replicas.options(stream=True, method_name="answer")

    async def __call__(self, request: Request) -> StreamingResponse:
        body = await request.body()
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        pieces = self.replicas.remote(_beginning(body), request.method, path, body)
        status, kind = await pieces.__anext__()
        return StreamingResponse(pieces, status_code=status, media_type=kind)


def _beginning(body: bytes) -> str:
    """What a model reads first of a request."""
    try:
        asked = json.loads(body)
    except ValueError:
        return ""
    found = [asked[name] for name in _PROMPTS if name in asked] if isinstance(asked, dict) else []
    text = found[0] if found else ""
    return (text if isinstance(text, str) else json.dumps(text, ensure_ascii=False))[: _BLOCK * _BLOCKS]


def application(
    model: str | None = None,
    *,
    replicas: int | tuple[int, int] = 1,
    cpus: int = 1,
    fingerprint: str | None = None,
    parts: int | list[int] | None = None,
    **options: Any,
) -> serve.Application:
    """For `serve.run`: all endpoints of `hefu serve` that need no key, by so many replicas (or between two numbers) with `cpus` processors each.

    With a `fingerprint` a replica that would answer otherwise does not start. With `parts` each replica is a `hefu.ray.pipeline` of as many, which have
    the processors. The other options are those of `hefu.Model`.
    """
    count: dict[str, Any] = {"num_replicas": replicas}
    if not isinstance(replicas, int):
        count = {"autoscaling_config": AutoscalingConfig(min_replicas=replicas[0], max_replicas=replicas[1])}
    behind = Replica.options(
        max_ongoing_requests=_AT_ONCE,
        ray_actor_options={"num_cpus": cpus if parts is None else 0},
        request_router_config=RequestRouterConfig(request_router_class=PrefixRouter),
        **count,
    )
    front = Front.options(max_ongoing_requests=_AT_ONCE * 16, ray_actor_options={"num_cpus": 0})
    own = {"threads": cpus, **options} if parts is None else {"cpus": cpus, **options}
    return front.bind(behind.bind(model, fingerprint, parts, own))
