"""One model over a cluster of Ray: over two and three nodes, and with a node killed in the middle of twenty answers: the same bits.

    parts.py MODEL
"""

import os
import pathlib
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_worker_niceness"] = "0"

import ray
from ray.cluster_utils import Cluster

import hefu
import hefu.ray

ANSWERS = 20
OPTIONS = {"context": 512, "parallel": ANSWERS}


def answers(model, done=None):
    """Twenty answers at once, with the logarithms of their tokens' probabilities; `done` is told of each."""

    def one(number):
        made = model.post(
            "/v1/completions",
            {"prompt": f"Number {number}: {number} times {number + 3} is", "max_tokens": 8 + 4 * number, "temperature": 0.8, "seed": number, "logprobs": 2},
        )
        if done is not None:
            done(number)
        return made["choices"]

    with ThreadPoolExecutor(ANSWERS) as threads:
        return list(threads.map(one, range(ANSWERS)))


def same(model, parts, alone):
    pipeline = hefu.ray.pipeline(model, parts, resources={"layers": 1}, **OPTIONS)
    assert pipeline.fingerprint == alone.fingerprint
    assert answers(pipeline) == answers(alone), "another answer"
    ids = alone.tokenize("The capital of France is")
    assert (pipeline.logits(ids) == alone.logits(ids)).all(), "other logits"
    verdict = alone.verify(pipeline.generate("def add(a, b):", max_tokens=12, temperature=0).receipt)
    assert verdict, verdict.reason
    print(f"ok: {parts} parts on as many nodes have the bits of one model alone", flush=True)
    return pipeline


def main():
    name = sys.argv[1]
    if pathlib.Path(name).exists():
        name = str(pathlib.Path(name).resolve())
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes = [cluster.add_node(num_cpus=1, resources={"layers": 1}) for _ in range(2)]
    cluster.wait_for_nodes()
    ray.init(address=cluster.address, log_to_driver=False)
    alone = hefu.load(name, threads=1, **OPTIONS)
    right = answers(alone)
    same(name, 2, alone)
    third = cluster.add_node(num_cpus=1, resources={"layers": 1})
    cluster.wait_for_nodes()
    time.sleep(1)
    pipeline = same(name, 3, alone)
    # A node is killed once the shortest answer is there; a further one is there to take its layers.
    cluster.add_node(num_cpus=1, resources={"layers": 1})
    told, killed = threading.Event(), []

    def kill():
        told.wait()
        cluster.remove_node(third, allow_graceful=False)
        killed.append(time.monotonic())

    thread = threading.Thread(target=kill)
    thread.start()
    running = answers(pipeline, lambda _: told.set())
    ended = time.monotonic()
    thread.join()
    assert running == right, "another answer after a node was lost"
    # What was over before the node went proves nothing.
    assert killed[0] < ended, "the node went too late"
    assert answers(pipeline) == right, "another answer on the new node"
    print("ok: a node is killed in the middle of 20 answers, and no bit differs", flush=True)
    del pipeline
    ray.shutdown()
    cluster.shutdown()


main()
