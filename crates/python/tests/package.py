"""What the package promises beyond its README, on a model that is named."""

import json
import subprocess
import sys
import threading

import numpy as np

import hefu


def arrays_lie_where_the_engine_wrote_them(model):
    """An array that owns no copy has a base: the memory that it was handed."""
    for array in (model.logits("one two"), model.embed(["one", "two"])):
        assert array.dtype == np.float32 and array.flags.c_contiguous and array.base is not None and not array.flags.owndata
    ids = model.tokenize("one two three")
    assert np.array_equal(model.logits(ids)[1:], model.logits(ids, first=1))
    assert np.array_equal(model.logits(ids)[:2], model.logits(ids[:2]))


def logits_likelihoods_and_choices_agree(model):
    ids = model.tokenize("The sky is")
    logits = model.logits(ids)[-1].astype(np.float64)
    best = int(logits.argmax())
    (own,) = model.score(ids, [[best]])
    expected = logits[best] - logits.max() - np.log(np.exp(logits - logits.max()).sum())
    assert own.is_greedy and abs(own.logprob - expected) < 1e-6, (own, expected)
    answer = model.generate(ids, max_tokens=1, temperature=0, logprobs=1)
    assert answer.raw["choices"][0]["logprobs"]["token_logprobs"][0] == float(own.token_logprobs[0])


def streams_are_the_answer(model):
    whole = model.generate("Once upon a time", max_tokens=12, temperature=0).text
    assert "".join(model.stream("Once upon a time", max_tokens=12, temperature=0)) == whole
    # One that nobody reads to its end lets the next one go on.
    stream = model.stream("Once upon a time", max_tokens=500, temperature=0)
    next(stream)
    stream.close()
    assert model.generate("Once upon a time", max_tokens=12, temperature=0).text == whole


def threads_are_one_batch_and_the_lock_is_free(model):
    """While one thread waits for the model, another runs Python."""
    counted, done = [0], threading.Event()

    def count():
        while not done.is_set():
            counted[0] += 1

    counter = threading.Thread(target=count)
    counter.start()
    model.generate("One, two,", max_tokens=32, temperature=0)
    done.set()
    counter.join()
    assert counted[0] > 1000, counted


def receipts_of_others_are_refused(model):
    answer = model.generate("One, two,", max_tokens=4, temperature=0.7, seed=3)
    receipt = answer.receipt
    assert model.verify(receipt) and json.loads(receipt)["answer"]["fingerprint"] == model.fingerprint
    for wrong in ("{}", "", receipt.replace('"seed":3', '"seed":4')):
        verdict = model.verify(wrong)
        assert not verdict and verdict.reason, wrong


def what_is_wrong_is_one_sentence(model):
    for wrong in (
        lambda: hefu.load("no-such-model"),
        lambda: hefu.load("/no/such/file.gguf"),
        lambda: model.generate("x", temperature=-1),
        lambda: model.generate("x", no_such_setting=1),
        lambda: model.logits([10**9]),
        lambda: model.logits([]),
        lambda: model.post("/no/such/path", {}),
        lambda: list(model.stream("x", stop=[1])),
        lambda: hefu.load(cache="f7"),
    ):
        try:
            wrong()
        except hefu.HefuError as error:
            assert "\n" not in str(error) and len(str(error)) > 10, str(error)
        else:
            raise AssertionError("nothing was raised")


def the_program_has_the_same_bits(model, name):
    """What the program answers at the terminal is what the package answers."""
    said = subprocess.run(
        [sys.executable, "-m", "hefu", "run", "--raw", "--json", "--temperature", "0", "--max-tokens", "8", "--model", name, "One, two,"],
        capture_output=True, text=True,
    )
    assert said.returncode == 0, said.stderr
    answer = json.loads(said.stdout)
    own = model.generate("One, two,", max_tokens=8, temperature=0)
    assert answer["text"] == own.text and answer["fingerprint"] == own.fingerprint, (answer, own)


def main():
    name = sys.argv[1]
    model = hefu.load(name)
    for check in (
        arrays_lie_where_the_engine_wrote_them,
        logits_likelihoods_and_choices_agree,
        streams_are_the_answer,
        threads_are_one_batch_and_the_lock_is_free,
        receipts_of_others_are_refused,
        what_is_wrong_is_one_sentence,
    ):
        check(model)
        print(f"ok: {check.__name__}", flush=True)
    the_program_has_the_same_bits(model, name)
    print("ok: the_program_has_the_same_bits")


main()
