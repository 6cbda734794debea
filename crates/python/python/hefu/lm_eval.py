"""A model of `hefu` for lm-evaluation-harness: `python -m hefu.lm_eval --model hefu --model_args model=NAME`.

The harness asks no other package for models, so its program is started from here, where this one is known.

Everything is asked at once; how many requests go together changes no digit of a score.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

# The harness takes its own models in only while it knows none.
import lm_eval.models
from jinja2.sandbox import ImmutableSandboxedEnvironment
from lm_eval.api.model import TemplateLM
from lm_eval.api.registry import register_model
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from . import HefuError, Model

_MOST_CONTINUATIONS = 1024
"""Continuations that are asked for in one request."""


@register_model("hefu")
class HefuLM(TemplateLM):
    """A model in memory, as the harness asks it."""

    backend = "causal"

    def __init__(
        self, model: Any = None, *, batch_size: int | str = 64, max_gen_toks: int = 256, max_batch_size: Any = None, device: Any = None, **options: Any
    ) -> None:
        """`model` is a name, a path or a `hefu.Model`; the other options are those of `hefu.Model`."""
        super().__init__()
        self.model = model if isinstance(model, Model) else Model(model, **options)
        self.batch_size = 64 if str(batch_size).startswith("auto") else int(batch_size)
        self.max_gen_toks = int(max_gen_toks)
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
        environment.filters["tojson"] = lambda value, **settings: json.dumps(value, ensure_ascii=False, **settings)
        self._template = environment.from_string(self.model.chat_template) if self.model.chat_template else None

    @property
    def eot_token_id(self) -> int:
        """The token that ends a text."""
        eos = self.model._about["eos"]
        return eos if eos is not None else self.model._about["bos"]

    @property
    def prefix_token_id(self) -> int:
        """The token before a text without a context."""
        bos = self.model._about["bos"]
        return bos if bos is not None else self.eot_token_id

    @property
    def max_length(self) -> int:
        """Tokens of a context with its continuation."""
        return self.model.context - 1

    @property
    def tokenizer_name(self) -> str:
        """What a cache of requests is known by."""
        return self.model.fingerprint

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """The model's own."""
        return self.model.chat_template if chat_template else None

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """A conversation as the model's template writes it, set up as `transformers` does; a last message that goes on is left open."""
        if self._template is None:
            raise HefuError("the model has no chat template")
        begun = "" if add_generation_prompt else chat_history[-1]["content"]
        shown = chat_history if add_generation_prompt else chat_history[:-1]
        about = self.model._about
        text = self._template.render(messages=shown, add_generation_prompt=True, bos_token=about["bos_text"] or "", eos_token=about["eos_text"] or "")
        return text + begun

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: Any) -> list[int]:
        """A text's tokens. A beginning that the text spells itself is not added once more."""
        if add_special_tokens is None:
            beginning = self.model._about["bos_text"]
            add_special_tokens = not (beginning and string.startswith(beginning))
        return self.model.tokenize(string, add_special_tokens=add_special_tokens)

    def _loglikelihood_tokens(
        self, requests: Sequence[tuple[Any, list[int], list[int]]], disable_tqdm: bool = False, **kwargs: Any
    ) -> list[tuple[float, bool]]:
        results: list[tuple[float, bool]] = [(0.0, True)] * len(requests)
        # A context with several continuations is one item. Of what is too long the end counts; nothing is certain to follow anything.
        items: dict[tuple[int, ...], list[tuple[int, list[int]]]] = {}
        for place, (_, context, continuation) in enumerate(requests):
            if continuation:
                ids = (list(context) + list(continuation))[-self.max_length :]
                cut = max(len(ids) - len(continuation), 1)
                items.setdefault(tuple(ids[:cut]), []).append((place, ids[cut:]))
        pending: list[tuple[tuple[int, ...], list[tuple[int, list[int]]]]] = []

        def ask() -> None:
            found = self.model.score_many([(context, [ids for _, ids in own]) for context, own in pending])
            for (_, own), scored in zip(pending, found):
                for (place, _), one in zip(own, scored):
                    results[place] = (one.logprob, one.is_greedy)
                    if requests[place][0] is not None:
                        self.cache_hook.add_partial("loglikelihood", requests[place][0], results[place])
            pending.clear()

        for item in items.items():
            if len(pending) >= self.batch_size or sum(len(own) for _, own in pending) >= _MOST_CONTINUATIONS:
                ask()
            pending.append(item)
        if pending:
            ask()
        return results

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
        """How likely whole texts are, in windows as long as the context."""
        windows, owners = [], []
        for owner, request in enumerate(requests):
            ids = self.tok_encode(request.args[0], add_special_tokens=False)
            for window in get_rolling_token_windows(ids, self.prefix_token_id, self.max_length - 1, 1):
                context, continuation = make_disjoint_window(window)
                windows.append((None, list(context), list(continuation)))
                owners.append(owner)
        sums = [0.0] * len(requests)
        for owner, (logprob, _) in zip(owners, self._loglikelihood_tokens(windows)):
            sums[owner] += logprob
        return sums

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Answers, many at once; the likeliest token each time unless a task says otherwise."""

        def one(request: Any) -> str:
            context, settings = request.args[0], dict(request.args[1])
            until = settings.pop("until", None) or []
            settings.pop("do_sample", None)
            most = settings.pop("max_gen_toks", settings.pop("max_tokens", self.max_gen_toks))
            ids = self.tok_encode(context)[-(self.max_length - most) :]
            stop = [until] if isinstance(until, str) else [text for text in until if text]
            settings.setdefault("temperature", 0)
            answer = self.model.generate(ids, max_tokens=most, stop=stop, seed=1234, **settings)
            self.cache_hook.add_partial("generate_until", request.args, answer.text)
            return answer.text

        with ThreadPoolExecutor(max_workers=self.batch_size) as threads:
            return list(threads.map(one, requests))


if __name__ == "__main__":
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()
