"""What is done with rows: generation, scoring, embedding; and an actor of Ray Data that does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Optional, Union

import pyarrow as pa

from .._hefu import HefuError
from .._model import Model

if TYPE_CHECKING:
    import ray.data

_ASKED_AT_ONCE = 64
"""Rows that an actor asks at once; they are one batch of the model."""

_ERROR = "error"
"""The column that says why a row has no result."""

Row = Mapping[str, Any]
Outcome = tuple[Optional[dict[str, Any]], Optional[str]]


class _Work:
    """Columns that are read, and columns that are made of them."""

    reads: tuple[str, ...]
    makes: dict[str, pa.DataType]

    def outcomes(self, model: Model, rows: Sequence[Row]) -> list[Outcome]:
        """For each row what was made, or what is wrong with it, in one sentence."""
        raise NotImplementedError

    def described(self) -> dict[str, Any]:
        """What it is, so that one can tell whether two are the same."""
        return {"work": type(self).__name__, **{name: value for name, value in vars(self).items() if name != "makes"}}

    def columns(self, names: Sequence[str], where: str) -> None:
        """Refuses rows that lack what is read, or have what is to be made."""
        for name in self.reads:
            if name not in names:
                raise HefuError(f"{where} has no column {name}; it has {', '.join(names)}")
        for name in (*self.makes, _ERROR):
            if name in names:
                raise HefuError(f"{where} has a column {name} already; rename it, or give another name for the result")

    def table(self, model: Model, table: pa.Table) -> pa.Table:
        """The same rows with the results."""
        outcomes = self.outcomes(model, table.select(list(self.reads)).to_pylist())
        for name, kind in self.makes.items():
            table = table.append_column(name, pa.array([made and made[name] for made, _ in outcomes], kind))
        return table.append_column(_ERROR, pa.array([wrong for _, wrong in outcomes], pa.string()))


def _each(ask: Callable[[Row], dict[str, Any]], rows: Sequence[Row]) -> list[Outcome]:
    """Asks every row by itself, many at once."""

    def one(row: Row) -> Outcome:
        try:
            return ask(row), None
        except (HefuError, TypeError, KeyError) as error:
            return None, _sentence(error)

    with ThreadPoolExecutor(_ASKED_AT_ONCE) as threads:
        return list(threads.map(one, rows))


def _sentence(error: Exception) -> str:
    return f"the row has no {error}" if isinstance(error, KeyError) else str(error)


def _together(ask: Callable[[Sequence[Row]], list[dict[str, Any]]], rows: Sequence[Row]) -> list[Outcome]:
    """Asks rows in one request; if that is refused, each by itself, so that only what is wrong goes without."""
    try:
        return [(made, None) for made in ask(rows)]
    except (HefuError, TypeError, KeyError):
        return _each(lambda row: ask([row])[0], rows)


class Generate(_Work):
    """Answers to the prompts of a column, or with `chat` to its messages; `settings` are those of `Model.generate` and `Model.chat`.

    Without a temperature it is the likeliest token each time, and the seed is 0 unless one is given: a row that is made twice is the same.
    """

    def __init__(self, column: str = "prompt", into: str = "answer", *, chat: bool = False, **settings: Any) -> None:
        self.reads = (column,)
        self.makes = {into: pa.string()}
        self.into = into
        self.chat = chat
        self.settings = {"temperature": 0, "seed": 0, **settings}

    def outcomes(self, model: Model, rows: Sequence[Row]) -> list[Outcome]:
        (column,) = self.reads

        def ask(row: Row) -> dict[str, Any]:
            asked = row[column]
            if not self.chat:
                return {self.into: model.generate(asked, **self.settings).text}
            # Arrow gives every message all fields that any has.
            messages = asked if isinstance(asked, str) else [{key: value for key, value in one.items() if value is not None} for one in asked]
            return {self.into: model.chat(messages, **self.settings).text}

        return _each(ask, rows)


class Score(_Work):
    """How likely each of a row's continuations is after its context: natural logarithms, and whether the model would write it itself."""

    def __init__(self, context: str = "context", continuations: str = "continuations", into: str = "logprobs", greedy: str = "is_greedy") -> None:
        self.reads = (context, continuations)
        self.makes = {into: pa.list_(pa.float64()), greedy: pa.list_(pa.bool_())}
        self.into = (into, greedy)

    def outcomes(self, model: Model, rows: Sequence[Row]) -> list[Outcome]:
        (context, continuations), (into, greedy) = self.reads, self.into

        def ask(rows: Sequence[Row]) -> list[dict[str, Any]]:
            scored = model.score_many([(row[context], row[continuations]) for row in rows])
            return [{into: [one.logprob for one in own], greedy: [one.is_greedy for one in own]} for own in scored]

        return _together(ask, rows)


class Embed(_Work):
    """A vector of length 1 for the text of each row."""

    def __init__(self, column: str = "text", into: str = "embedding", *, truncate: bool = False) -> None:
        self.reads = (column,)
        self.makes = {into: pa.list_(pa.float32())}
        self.into = into
        self.truncate = truncate

    def outcomes(self, model: Model, rows: Sequence[Row]) -> list[Outcome]:
        (column,) = self.reads

        def ask(rows: Sequence[Row]) -> list[dict[str, Any]]:
            return [{self.into: vector} for vector in model.embed([row[column] for row in rows], truncate=self.truncate)]

        return _together(ask, rows)


Work = Union[Generate, Score, Embed]


class Stage:
    """An actor: a model in memory, and what it does with the batches that it is handed."""

    def __init__(self, work: Work, model: str | None, options: Mapping[str, Any]) -> None:
        self.work = work
        self.model = Model(model, **options)

    def __call__(self, batch: pa.Table) -> pa.Table:
        self.work.columns(batch.column_names, "the data set")
        return self.work.table(self.model, batch)


def map_batches(
    dataset: ray.data.Dataset,
    work: Work,
    model: str | None = None,
    *,
    cpus: int = 1,
    actors: tuple[int, int] = (1, 8),
    batch_size: int = 256,
    **options: Any,
) -> ray.data.Dataset:
    """A stage of a data set of your own: so many actors with so many CPUs each. The other options are those of `hefu.Model`."""
    import ray.data

    return dataset.map_batches(
        Stage,
        fn_constructor_args=(work, model, {"threads": cpus, **options}),
        batch_size=batch_size,
        batch_format="pyarrow",
        num_cpus=cpus,
        compute=ray.data.ActorPoolStrategy(min_size=actors[0], max_size=actors[1]),
    )
