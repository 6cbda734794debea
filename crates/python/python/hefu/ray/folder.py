"""From a folder of files to another one: every row once, whatever breaks on the way.

The rows of all files are cut into parts beforehand, and each part has one name in the folder of results, under which it appears once it
is whole. Who makes a part that is there already, because a machine was lost or the same call is made again, leaves it as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from .._hefu import HefuError
from .work import _ERROR, Stage, Work

_JOB = "_job.json"
"""What is made in a folder of results. Readers of Parquet pass over names that begin so."""
_FINGERPRINT = "_fingerprint"
"""The model's fingerprint, which all parts share."""
_BLOCK = 1 << 20
"""Bytes that are read at once to find the ends of lines."""
_TASKS = 10_000
"""Tasks that Ray is handed; with more parts than that, a task has several."""


@dataclass(frozen=True)
class Summary:
    """What a run has done."""

    rows: int
    """Rows of all files."""
    made: int
    """Rows that this run has made; the others were there."""
    failed: int
    """Of these, rows without a result; their column `error` says why."""


@dataclass(frozen=True)
class _Part:
    """Rows of a file that are made together."""

    file: str
    first: int
    rows: int
    start: int
    length: int
    name: str


def run(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    work: Work,
    model: str | None = None,
    *,
    cpus: int = 1,
    actors: tuple[int, int] = (1, 8),
    rows: int = 256,
    **options: Any,
) -> Summary:
    """Does the work on all rows of a folder of `.parquet` and `.jsonl` files; the results are files of the same kind in the folder `out`.

    Both are folders that all machines see, or addresses that pyarrow knows (`s3://…`). Between one and `actors[1]` actors work, with `cpus`
    processors each, on parts of `rows` rows; the other options are those of `hefu.Model`. The same call again goes on where one was ended.
    """
    import ray.data

    if rows < 1 or cpus < 1:
        raise HefuError("rows and cpus must be at least 1")
    (files, folder), (results, target) = _place(source), _place(out)
    parts = list(_parts(files, folder, work, rows))
    results.create_dir(target, recursive=True)
    plan = json.dumps([asdict(part) for part in parts], ensure_ascii=False)
    job = {"work": work.described(), "model": model and str(model), "options": options, "parts": hashlib.sha256(plan.encode()).hexdigest()}
    otherwise = "holds what another model, other work, other settings or other files have given"
    _hold_to(results, f"{target}/{_JOB}", json.dumps(job, ensure_ascii=False, sort_keys=True, default=str), otherwise)
    there = {info.path for info in results.get_file_info(pafs.FileSelector(target, recursive=True))}
    missing = [part for part in parts if f"{target}/{part.name}" not in there]
    total = sum(part.rows for part in parts)
    if not missing:
        return Summary(total, 0, 0)
    asked = ray.data.from_items([{"part": json.dumps(asdict(part))} for part in missing], override_num_blocks=min(len(missing), _TASKS))
    done = asked.map_batches(
        _Maker,
        fn_constructor_args=(work, model, {"threads": cpus, **options}, str(source), str(out)),
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=cpus,
        compute=ray.data.ActorPoolStrategy(min_size=actors[0], max_size=actors[1]),
    )
    failed = sum(row["failed"] for row in done.iter_rows())
    return Summary(total, sum(part.rows for part in missing), failed)


class _Maker(Stage):
    """An actor that makes parts."""

    def __init__(self, work: Work, model: str | None, options: dict[str, Any], source: str, out: str) -> None:
        super().__init__(work, model, options)
        (self.files, _), (self.results, self.target) = _place(source), _place(out)
        _hold_to(self.results, f"{self.target}/{_FINGERPRINT}", self.model.fingerprint, "was made with a model of another fingerprint")

    def __call__(self, batch: pa.Table) -> pa.Table:
        failed = [self.make(_Part(**json.loads(part))) for part in batch["part"].to_pylist()]
        return pa.table({"failed": pa.array(failed, pa.int64())})

    def make(self, part: _Part) -> int:
        """Makes a part unless it is there; rows of it without a result."""
        path = f"{self.target}/{part.name}"
        if self.results.get_file_info(path).type == pafs.FileType.NotFound:
            self.results.create_dir(path.rpartition("/")[0], recursive=True)
            made = self.lines(part) if part.file.endswith(".jsonl") else self.table(part)
            _write(self.results, path, made)
        return _failed(self.results, path)

    def table(self, part: _Part) -> bytes:
        """A part of a Parquet file."""
        with self.files.open_input_file(part.file) as file:
            rows = _slice(pq.ParquetFile(file), part.first, part.rows)
        sink = pa.BufferOutputStream()
        pq.write_table(self.work.table(self.model, rows), sink)
        return sink.getvalue().to_pybytes()

    def lines(self, part: _Part) -> bytes:
        """A part of a JSONL file."""
        with self.files.open_input_file(part.file) as file:
            file.seek(part.start)
            text = file.read(part.length)
        lines = [line for line in text.split(b"\n") if line.strip()]
        rows = [_row(part.file, part.first + number, line) for number, line in enumerate(lines)]
        made = []
        for row, (result, wrong) in zip(rows, self.work.outcomes(self.model, rows)):
            results = {name: None for name in self.work.makes} if result is None else result
            made.append(json.dumps({**row, **results, _ERROR: wrong}, ensure_ascii=False, default=lambda value: value.tolist()) + "\n")
        return "".join(made).encode()


def _row(file: str, number: int, line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise HefuError(f"{file}: row {number} is no JSON object")
    return row


def _slice(file: pq.ParquetFile, first: int, count: int) -> pa.Table:
    """Rows of a file, of which only the groups that have them are read."""
    groups, skipped, before = [], 0, 0
    for group in range(file.metadata.num_row_groups):
        after = before + file.metadata.row_group(group).num_rows
        if before < first + count and after > first:
            groups.append(group)
        elif after <= first:
            skipped = after
        before = after
    return file.read_row_groups(groups).slice(first - skipped, count)


def _failed(files: pafs.FileSystem, path: str) -> int:
    """Rows of a part without a result."""
    with files.open_input_file(path) as file:
        if path.endswith(".jsonl"):
            return sum(json.loads(line)[_ERROR] is not None for line in file.read().splitlines())
        errors = pq.read_table(file, columns=[_ERROR])[_ERROR]
        return len(errors) - errors.null_count


def _parts(files: pafs.FileSystem, folder: str, work: Work, rows: int) -> Iterator[_Part]:
    """All rows of a folder, in the order of the files' names."""
    found = files.get_file_info(pafs.FileSelector(folder, recursive=True, allow_not_found=True))
    paths = sorted(info.path for info in found if info.is_file and info.path.endswith((".parquet", ".jsonl")) and not info.base_name.startswith(("_", ".")))
    if not paths:
        raise HefuError(f"{folder} has no files that end in .parquet or .jsonl")
    for path in paths:
        stem, _, kind = path[len(folder) :].lstrip("/").rpartition(".")
        cuts = _lines(files, path, work, rows) if kind == "jsonl" else _rows(files, path, work, rows)
        for first, count, start, length in cuts:
            yield _Part(path, first, count, start, length, f"{stem}-{first:09}.{kind}")


def _rows(files: pafs.FileSystem, path: str, work: Work, rows: int) -> Iterator[tuple[int, int, int, int]]:
    with files.open_input_file(path) as file:
        try:
            head = pq.ParquetFile(file)
        except pa.ArrowInvalid as error:
            raise HefuError(f"{path} is no Parquet file: {str(error).splitlines()[0]}") from None
        work.columns(head.schema_arrow.names, path)
        for first in range(0, head.metadata.num_rows, rows):
            yield first, min(rows, head.metadata.num_rows - first), 0, 0


def _lines(files: pafs.FileSystem, path: str, work: Work, rows: int) -> Iterator[tuple[int, int, int, int]]:
    """Cuts lines, of which empty ones do not count, by their bytes."""
    first = count = start = place = 0
    with files.open_input_stream(path) as file:
        for line in _ended(file):
            place += len(line)
            if not line.strip():
                continue
            if first + count == 0:
                work.columns(list(_row(path, 0, line)), path)
            count += 1
            if count == rows:
                yield first, count, start, place - start
                first, count, start = first + count, 0, place
    if count:
        yield first, count, start, place - start


def _ended(file: pa.NativeFile) -> Iterator[bytes]:
    """Lines with their ends."""
    rest = b""
    while block := file.read(_BLOCK):
        *lines, rest = (rest + block).split(b"\n")
        yield from (line + b"\n" for line in lines)
    if rest:
        yield rest


def _place(path: str | os.PathLike[str]) -> tuple[pafs.FileSystem, str]:
    """A file system and a path in it."""
    text = os.fspath(path)
    if "://" in text:
        files, inside = pafs.FileSystem.from_uri(text)
        return files, inside.rstrip("/")
    return pafs.LocalFileSystem(), os.path.abspath(text)


def _write(files: pafs.FileSystem, path: str, content: bytes) -> None:
    """Writes a file that appears once it is whole. Two who write the same write the same bytes."""
    folder, _, name = path.rpartition("/")
    begun = f"{folder}/_{name}.{uuid.uuid4().hex}"
    with files.open_output_stream(begun) as file:
        file.write(content)
    files.move(begun, path)


def _hold_to(files: pafs.FileSystem, path: str, text: str, otherwise: str) -> None:
    """Writes a text, or sees that it is the one that is there."""
    if files.get_file_info(path).type == pafs.FileType.NotFound:
        _write(files, path, text.encode())
    with files.open_input_file(path) as file:
        if file.read() != text.encode():
            raise HefuError(f"{path.rpartition('/')[0]} {otherwise}; give another folder for the results")
