"""One score to the last digit: lm-evaluation-harness by the package, by the server's completions and chat, and `hefu eval`, with any batch, threads and
instruction set.

    harness.py MODEL [SAMPLES]
"""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OPENAI_API_KEY"] = "none"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import lm_eval
from lm_eval.tasks import TaskManager

import shapes
from hefu.lm_eval import HefuLM

HEFU = [sys.executable, "-m", "hefu"]

FORMS = {
    "arc": ("acc", "output_type: multiple_choice\ndoc_to_text: \"Question: {{question}}\\nAnswer:\"\n", "prompt: \"Question: {{ question }}\\nAnswer:\"\nmultiple_choice: {}\n"),
    "hellaswag": ("acc_norm", "output_type: multiple_choice\ndoc_to_text: '{{question}}'\ntarget_delimiter: ''\n",
                  "prompt: '{{ question }}'\nmultiple_choice: {continuation: '{{ choice }}', divide_by: bytes}\n"),
    "mmlu": ("acc", "output_type: multiple_choice\ndoc_to_text: \"{{question}}\\nAnswer:\"\n", "prompt: \"{{ question }}\\nAnswer:\"\nmultiple_choice: {}\n"),
    "written": ("exact_match", "output_type: generate_until\ndoc_to_text: \"{{question}}\\nAnswer with one letter.\"\ngeneration_kwargs: {until: [\"\\n\"], max_gen_toks: 6, temperature: 0}\n"
                "filter_list: [{name: letter, filter: [{function: regex, regex_pattern: '([A-D])'}, {function: take_first}]}]\n",
                "chat: true\nprompt: \"{{ question }}\\nAnswer with one letter.\"\nexact_match: {answer: letter, max_tokens: 6, stop: [\"\\n\"], extract: '([A-D])'}\n"),
}


def write(folder, count):
    """The tasks in both forms."""
    for name, (metric, theirs, ours) in FORMS.items():
        data = folder / f"{name}.jsonl"
        shapes.write(data, "mmlu" if name == "written" else name, count)
        head = f"task: hefu_{name}\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: {data}}}}}\ntest_split: test\n"
        target = "doc_to_target: letter\n" if name == "written" else "doc_to_choice: '{{choices}}'\ndoc_to_target: answer\n"
        (folder / f"their_{name}.yaml").write_text(f"{head}{theirs}{target}metric_list: [{{metric: {metric}}}]\n")
        (folder / f"{name}.yaml").write_text(f"name: {name}\ndata: {name}.jsonl\n{ours}")


def theirs(folder, name, model, arguments=None, chat=False, batch=None):
    """What the harness makes of a task."""
    done = lm_eval.simple_evaluate(model=model, model_args=arguments, tasks=[f"hefu_{name}"], task_manager=TaskManager(include_path=str(folder)),
                                   bootstrap_iters=0, apply_chat_template=chat, batch_size=batch)
    metric = FORMS[name][0]
    (value,) = [value for key, value in done["results"][f"hefu_{name}"].items() if key.split(",")[0] == metric]
    return value


def ours(folder, name, model, *flags):
    """What `hefu eval` makes of it."""
    words = [*HEFU, "eval", folder / f"{name}.yaml", "--out", folder, "--force", "--json", "--model", model, "--context", "512", *flags]
    said = subprocess.run(words, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    (task,) = json.loads(said.stdout)["tasks"]
    return task["numerator"] / task["denominator"], task["root"]


@contextlib.contextmanager
def server(model):
    """A server for this model; its address."""
    words = [*HEFU, "serve", "--port", "0", "--model", model, "--context", "1024"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found:
                break
        else:
            raise RuntimeError("the server did not start")
        threading.Thread(target=process.stderr.read, daemon=True).start()
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{found[0]}/health").close()
                break
            time.sleep(0.1)
        yield found[0]
    finally:
        process.terminate()
        process.wait()


def main():
    name, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 24
    isas = ["avx2", "avx512"] if "avx512_vnni" in pathlib.Path("/proc/cpuinfo").read_text() else ["portable"]
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        write(folder, count)
        scores, roots = {}, {}

        def note(task, way, value):
            scores.setdefault(task, {})[way] = value
            print(f"{task:10} {way:40} {value!r}", flush=True)

        for task in FORMS:
            for flags in (["--parallel", "1", "--threads", "1"], ["--parallel", "8", "--isa", isas[0]], ["--parallel", "64", "--isa", isas[-1], "--threads", "2"]):
                value, root = ours(folder, task, name, *flags)
                note(task, "hefu eval " + " ".join(flags), value)
                roots.setdefault(task, set()).add(root)
        for options, batches in (({"threads": 1, "isa": isas[0]}, [8]), ({"isa": isas[-1]}, [1, 64])):
            model = HefuLM(name, context=512, **options)
            for task in FORMS:
                for batch in batches:
                    model.batch_size = batch
                    note(task, f"package {options} batch {batch}", theirs(folder, task, model, chat=task == "written"))
            del model
        with server(name) as url:
            for task in FORMS:
                if task == "written":
                    arguments = {"model": pathlib.Path(name).stem, "base_url": f"{url}/v1/chat/completions", "num_concurrent": 8, "max_retries": 1}
                    note(task, "chat completions", theirs(folder, task, "local-chat-completions", arguments, chat=True))
                else:
                    arguments = {"model": pathlib.Path(name).stem, "base_url": f"{url}/v1/completions", "tokenizer_backend": "remote", "num_concurrent": 2, "max_retries": 1}
                    note(task, "completions batch 8", theirs(folder, task, "local-completions", arguments, batch=8))
        for task, found in scores.items():
            assert len(set(found.values())) == 1, (task, found)
            assert len(roots[task]) == 1, (task, roots[task])
        shares = sorted(next(iter(found.values())) for found in scores.values())
        assert shares[0] < 1 and shares[-1] > 0, shares
        print(f"ok: one score for each task in every way: {({task: next(iter(found.values())) for task, found in scores.items()})}")


main()
