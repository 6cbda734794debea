"""Batches and a server on a cluster of two nodes, of which one is lost in the middle: nothing missing, nothing twice, the same bits.

    cluster.py MODEL [--speed]

With `--speed` the same rows are also made on one node and on two that stay, and times are printed.
"""

import contextlib
import json
import os
import pathlib
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# Ray gives its workers way to all else; on a machine that has much to do they would never begin.
os.environ["RAY_worker_niceness"] = "0"

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import ray
from ray import serve
from ray.cluster_utils import Cluster

import hefu
import hefu.ray
import shapes

ROWS = 96
PART = 8
WORDS = 24
CONTEXT = {"context": 512}


def questions(folder):
    """Rows in both kinds of files, in several row groups, and one without a question."""
    folder.mkdir()
    rows = [{"id": number, "question": f"{row['question']} Answer:", "choices": row["choices"]} for number, row in enumerate(shapes.arc(ROWS))]
    rows[7]["question"] = None
    half = ROWS // 2
    (folder / "below").mkdir()
    pq.write_table(pa.Table.from_pylist(rows[:half]), folder / "below" / "first.parquet", row_group_size=10)
    lines = [json.dumps(row, ensure_ascii=False) for row in rows[half:]]
    (folder / "second.jsonl").write_text("\n\n".join(lines))
    return rows


def results(folder):
    """All rows of a folder of results, in order."""
    rows = pyarrow.dataset.dataset(folder, format="parquet", exclude_invalid_files=True).to_table().to_pylist()
    for path in sorted(folder.glob("**/*.jsonl")):
        if not path.name.startswith("_"):
            rows += [json.loads(line) for line in path.read_text().splitlines()]
    return sorted(rows, key=lambda row: row["id"])


def losing(cluster, node, out, parts):
    """Takes a node away, without a word to it, once there are so many parts."""

    def wait():
        while sum(1 for path in out.glob("**/*") if path.is_file() and not path.name.startswith("_")) < parts:
            time.sleep(0.02)
        cluster.remove_node(node, allow_graceful=False)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def batches(cluster, model, name, place):
    rows = questions(place / "rows")
    work = hefu.ray.Generate("question", max_tokens=WORDS)
    expected = [None if row["question"] is None else model.generate(row["question"], max_tokens=WORDS, temperature=0).text for row in rows]
    options = {"cpus": 1, "actors": (1, 2), "rows": PART, **CONTEXT}

    def timed(out, actors):
        begun = time.monotonic()
        summary = hefu.ray.run(place / "rows", place / out, work, name, **{**options, "actors": (1, actors)})
        print(f"{ROWS} rows, with the loading of models: {out} {time.monotonic() - begun:.1f} s", flush=True)
        assert summary == hefu.ray.Summary(ROWS, ROWS, 1), summary
        found = results(place / out)
        assert [row["id"] for row in found] == list(range(ROWS)), out
        assert [row["answer"] for row in found] == expected, out
        assert [row["error"] is None for row in found] == [text is not None for text in expected], out

    if "--speed" in sys.argv:
        timed("one", 1)
    node = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    if "--speed" in sys.argv:
        timed("two", 2)
    thread = losing(cluster, node, place / "lost", 3)
    timed("lost", 2)
    thread.join()
    print("ok: nothing is lost and nothing is twice when a node is lost, and all answers are those of one model alone")
    return work, options


def going_on(name, place, work, options):
    """What is there stays as it is; what is missing is made."""
    out = place / "lost"
    parts = sorted(path for path in out.glob("**/*") if path.is_file() and not path.name.startswith("_"))
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in parts}
    for path in (parts[0], parts[-1]):
        path.unlink()
    again = hefu.ray.run(place / "rows", out, work, name, **options)
    assert (again.rows, again.made) == (ROWS, 2 * PART), again
    assert all(path.read_bytes() == content for path, (content, _) in before.items())
    assert all(path.stat().st_mtime_ns == moment for path, (_, moment) in list(before.items())[1:-1])
    assert hefu.ray.run(place / "rows", out, work, name, **options) == hefu.ray.Summary(ROWS, 0, 0)
    for wrong in (
        lambda: hefu.ray.run(place / "rows", out, hefu.ray.Generate("question", max_tokens=3), name, **options),
        lambda: hefu.ray.run(place / "rows", place / "new", hefu.ray.Generate("query"), name, **options),
        lambda: hefu.ray.run(place / "rows", place / "new", hefu.ray.Generate("question", into="id"), name, **options),
        lambda: hefu.ray.run(place / "nothing", place / "new", work, name, **options),
    ):
        try:
            wrong()
        except hefu.HefuError as error:
            assert "\n" not in str(error), error
        else:
            raise AssertionError("nothing was raised")
    print("ok: a run goes on where it was ended")


def scores_and_vectors(model, name, place):
    items = [{"id": number, "context": row["question"], "continuations": row["choices"]} for number, row in enumerate(shapes.hellaswag(12))]
    dataset = hefu.ray.map_batches(ray.data.from_items(items), hefu.ray.Score(), name, cpus=1, actors=(1, 1), **CONTEXT)
    found = sorted(dataset.take_all(), key=lambda row: row["id"])
    for item, row in zip(items, found):
        alone = model.score(item["context"], item["continuations"])
        assert list(row["logprobs"]) == [one.logprob for one in alone] and list(row["is_greedy"]) == [one.is_greedy for one in alone], row
    (place / "texts").mkdir()
    pq.write_table(pa.Table.from_pylist([{"id": item["id"], "text": item["context"]} for item in items]), place / "texts" / "a.parquet")
    hefu.ray.run(place / "texts", place / "vectors", hefu.ray.Embed(), name, rows=5, actors=(1, 1), **CONTEXT)
    vectors = model.embed([item["context"] for item in items])
    assert [row["embedding"] for row in results(place / "vectors")] == vectors.tolist()
    print("ok: scores and vectors are those of one model alone")


def post(path, body):
    request = urllib.request.Request(f"http://127.0.0.1:8000{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def reachable():
    """Waits until the address is known to lead to the replicas, which it is a moment after they run."""
    for _ in range(600):
        with contextlib.suppress(OSError):
            return urllib.request.urlopen("http://127.0.0.1:8000/health").close()
        time.sleep(0.1)
    raise AssertionError("the server cannot be reached")


def served(model, name):
    serve.run(hefu.ray.application(name, replicas=2, cpus=1, fingerprint=model.fingerprint, cache_tokens=8192, **CONTEXT))
    reachable()
    beginnings = [" ".join(f"{word}{number}" for word in ("red", "green", "blue") * 20) for number in range(6)]
    for turn in range(3):
        for beginning in beginnings:
            asked = {"prompt": f"{beginning} {turn}", "max_tokens": 4, "temperature": 0, "logprobs": 1}
            answer = json.loads(post("/v1/completions", asked))
            own = model.post("/v1/completions", asked)
            assert answer["choices"] == own["choices"] and answer["system_fingerprint"] == model.fingerprint
            cached, whole = answer["usage"]["prompt_tokens_details"]["cached_tokens"], answer["usage"]["prompt_tokens"]
            assert (cached > whole / 2) == (turn > 0), (turn, cached, whole)
    handle = serve.get_deployment_handle("Replica", "default").options(stream=True, method_name="answer")
    asked = json.dumps({"prompt": "One, two,", "max_tokens": 8, "temperature": 0}).encode()
    answers = [b"".join(list(handle.remote("", "POST", "/v1/completions", asked))[1:]) for _ in range(12)]
    assert len({json.loads(answer)["choices"][0]["text"] for answer in answers}) == 1
    stream = post("/v1/completions", {"prompt": "One, two,", "max_tokens": 8, "temperature": 0, "stream": True}).decode()
    events = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]
    assert "".join(event["choices"][0]["text"] for event in events) == json.loads(answers[0])["choices"][0]["text"]
    with contextlib.suppress(urllib.error.HTTPError):
        post("/v1/completions", {"prompt": "x", "temperature": -1})
        raise AssertionError("nothing was refused")
    serve.shutdown()
    print("ok: every replica gives the same answers, and what begins alike goes to one of them")


def main():
    name = sys.argv[1]
    if pathlib.Path(name).exists():
        name = str(pathlib.Path(name).resolve())
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    ray.init(address=cluster.address, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    model = hefu.load(name, threads=1, **CONTEXT)
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        work, options = batches(cluster, model, name, place)
        going_on(name, place, work, options)
        scores_and_vectors(model, name, place)
    cluster.add_node(num_cpus=1)
    served(model, name)
    ray.shutdown()
    cluster.shutdown()


main()
