"""Models in memory, and what comes of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from . import _hefu
from ._hefu import HefuError

Prompt = Union[str, Sequence[int]]
Messages = Union[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Answer:
    """An answer, and what it came from."""

    text: str
    """Its text."""
    finish_reason: str
    """Why it is over: `stop`, `length` or `tool_calls`."""
    seed: int
    """The seed that gives it again."""
    fingerprint: str
    """What two answers must share to be comparable bit for bit."""
    message: dict[str, Any]
    """In a conversation the whole message, with reasoning and calls."""
    raw: dict[str, Any] = field(repr=False)
    """The whole answer in the OpenAI API's format."""
    _model: "Model" = field(repr=False, compare=False)

    @property
    def receipt(self) -> str:
        """A signed document by which anybody who has the model can make the answer again."""
        found = self._model._engine.receipt(self.raw["id"].partition("-")[2])
        if found is None:
            raise HefuError("the receipt is not held any more; ask for it before a thousand further answers")
        return found

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Continuation:
    """How likely a text is after a context."""

    logprob: float
    """Natural logarithm of its probability."""
    is_greedy: bool
    """Whether the model would write it itself."""
    token_ids: list[int]
    """Its tokens."""
    token_logprobs: npt.NDArray[np.float32]
    """Natural logarithms of their probabilities."""


@dataclass(frozen=True)
class Verdict:
    """What came of a receipt."""

    matches: bool
    """Whether the answer is the one that the receipt says."""
    reason: str
    """The same in words."""
    key: str
    """The public key that signed."""

    def __bool__(self) -> bool:
        return self.matches


class Model:
    """A model in memory. All of its methods may be called by several threads at once; their requests are one batch."""

    def __init__(
        self,
        model: str | None = None,
        *,
        context: int | None = None,
        cache: str = "f16",
        device: str | None = None,
        threads: int | None = None,
        isa: str | None = None,
        template: str | None = None,
        parallel: int = 64,
        cache_tokens: int | None = None,
        _parts: tuple[list[int], Callable[[int], str], bytes] | None = None,
    ) -> None:
        """Loads a model: a name that `hefu models` lists, or the path of a GGUF file. Nothing but `cache` changes a bit."""
        self._engine = _hefu.Engine(
            None if model is None else str(model),
            context=context,
            cache=cache,
            device=device,
            parts=_parts,
            threads=threads,
            isa=isa,
            template=None if template is None else str(template),
            parallel=parallel,
            cache_tokens=cache_tokens,
            own_file=_hefu.__file__,
        )
        self._about: dict[str, Any] = json.loads(self._engine.about())

    @property
    def name(self) -> str:
        """Its name."""
        return self._about["name"]

    @property
    def fingerprint(self) -> str:
        """What two answers must share to be comparable bit for bit."""
        return self._about["fingerprint"]

    @property
    def context(self) -> int:
        """Tokens that prompt and answer may have together."""
        return self._about["context"]

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return self._about["vocabulary"]

    @property
    def chat_template(self) -> str | None:
        """The chat template, if there is one."""
        return self._about["template"]

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Asks an endpoint of the server, `/v1/responses` for example, without a connection."""
        response = self._engine.request("POST", path, json.dumps(body, default=_plain).encode())
        return _read(path, response)

    def generate(self, prompt: Prompt, **settings: Any) -> Answer:
        """Continues a text or token ids as they stand. Settings are those of `/v1/completions`: `max_tokens`, `temperature`, …"""
        body = self.post("/v1/completions", {"prompt": _plain(prompt), **settings, "n": 1})
        choice = body["choices"][0]
        return self._answer(body, choice["text"], choice["finish_reason"], {})

    def stream(self, prompt: Prompt, **settings: Any) -> Iterator[str]:
        """The same, piece by piece."""
        for event in self._events("/v1/completions", {"prompt": _plain(prompt), **settings, "n": 1}):
            for choice in event["choices"]:
                if choice["text"]:
                    yield choice["text"]

    def chat(self, messages: Messages, **settings: Any) -> Answer:
        """Answers a conversation, which the model's own template writes. Settings are those of `/v1/chat/completions`."""
        body = self.post("/v1/chat/completions", {"messages": _messages(messages), **settings, "n": 1})
        choice = body["choices"][0]
        return self._answer(body, choice["message"].get("content") or "", choice["finish_reason"], choice["message"])

    def chat_stream(self, messages: Messages, **settings: Any) -> Iterator[str]:
        """The same, piece by piece."""
        for event in self._events("/v1/chat/completions", {"messages": _messages(messages), **settings, "n": 1}):
            for choice in event["choices"]:
                if choice["delta"].get("content"):
                    yield choice["delta"]["content"]

    def score(self, context: Prompt, continuations: Sequence[Prompt]) -> list[Continuation]:
        """How likely each text is after a context."""
        return self.score_many([(context, continuations)])[0]

    def score_many(self, items: Sequence[tuple[Prompt, Sequence[Prompt]]]) -> list[list[Continuation]]:
        """The same of many contexts at once, each of which is computed once."""
        asked = [{"context": _plain(context), "continuations": [_plain(one) for one in many]} for context, many in items]
        data = self.post("/v1/score", {"items": asked})["data"]
        return [[_continuation(own) for own in item["continuations"]] for item in data]

    def embed(self, texts: str | Sequence[str], *, truncate: bool = False) -> npt.NDArray[np.float32]:
        """A vector of length 1 for each text, one in each row; of a single text the vector itself."""
        rows = self._engine.embed([texts] if isinstance(texts, str) else list(texts), truncate=truncate)
        return rows[0] if isinstance(texts, str) else rows

    def logits(self, prompt: Prompt, *, first: int = 0) -> npt.NDArray[np.float32]:
        """What the model says of the token after each one of a prompt, from place `first` on: a row for each."""
        ids = self.tokenize(prompt) if isinstance(prompt, str) else list(prompt)
        return self._engine.logits(ids, first)

    def tokenize(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """A text's tokens."""
        return self.post("/tokenize", {"prompt": text, "add_special_tokens": add_special_tokens})["tokens"]

    def detokenize(self, ids: Sequence[int]) -> str:
        """The text of tokens."""
        return self.post("/detokenize", {"tokens": _plain(ids)})["prompt"]

    def verify(self, receipt: str) -> Verdict:
        """Makes the answer of a receipt again, and checks the signature."""
        return Verdict(**json.loads(self._engine.verify(receipt)))

    def _answer(self, body: dict[str, Any], text: str, reason: str, message: dict[str, Any]) -> Answer:
        return Answer(text, reason, body["seed"], body["system_fingerprint"], message, body, self)

    def _events(self, path: str, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        response = self._engine.request("POST", path, json.dumps({**body, "stream": True}, default=_plain).encode())
        try:
            if response.status >= 400:
                _read(path, response)
            rest = b""
            for piece in response:
                *whole, rest = (rest + piece).split(b"\n\n")
                for data in (line[6:] for event in whole for line in event.split(b"\n") if line.startswith(b"data: ")):
                    if data == b"[DONE]":
                        return
                    event = json.loads(data)
                    if "error" in event:
                        raise HefuError(_reason(event))
                    yield event
        finally:
            response.close()

    def __repr__(self) -> str:
        return f"<hefu.Model {self.name} {self.fingerprint}>"


def load(model: str | None = None, **options: Any) -> Model:
    """Loads a model; see `Model`."""
    return Model(model, **options)


def _read(path: str, response: _hefu.Response) -> dict[str, Any]:
    """A whole answer; what is refused is raised."""
    text = b"".join(response).decode()
    try:
        answer = json.loads(text)
    except ValueError:
        answer = {"error": text or f"{path} answers with status {response.status}"}
    if response.status >= 400:
        raise HefuError(_reason(answer))
    return answer


def _reason(answer: Mapping[str, Any]) -> str:
    error = answer.get("error", answer)
    return error.get("message", str(error)) if isinstance(error, dict) else str(error)


def _messages(messages: Messages) -> list[dict[str, Any]]:
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    return [dict(message) for message in messages]


def _continuation(own: Mapping[str, Any]) -> Continuation:
    logprobs = np.asarray(own["token_logprobs"], dtype=np.float32)
    return Continuation(own["logprob"], own["is_greedy"], own["token_ids"], logprobs)


def _plain(value: Any) -> Any:
    """What JSON has a form for: arrays of NumPy become lists."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple, range)):
        return [_plain(one) for one in value]
    if isinstance(value, (int, float, dict)) or value is None:
        return value
    raise TypeError(f"{type(value).__name__} cannot be sent")
