"""One score to the last digit: lm-evaluation-harness by the package, by the server's completions and chat, and `hefu eval`, with any batch, threads and
instruction set, with the cache and without.

    harness.py MODEL [SAMPLES]

Prints every score as it comes, and at the end a table. Conversations are compared where the model has a chat template.
"""

import contextlib
import functools
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
CONTEXT = 512
WRITTEN = ("written", "chat")

# Answers that are written, and the first letter in them that is a choice.
LETTER = (
    "output_type: generate_until\ndoc_to_text: \"{{{{question}}}}{answer}\"\ngeneration_kwargs: {{until: [\"\\n\"], max_gen_toks: 6, temperature: 0}}\n"
    "filter_list: [{{name: letter, filter: [{{function: regex, regex_pattern: '([A-D])'}}, {{function: take_first}}]}}]\n"
)
EXACT = "exact_match: {answer: letter, max_tokens: 6, stop: [\"\\n\"], extract: '([A-D])'}\n"
FORMS = {
    "arc": ("acc", "output_type: multiple_choice\ndoc_to_text: \"Question: {{question}}\\nAnswer:\"\n", "prompt: \"Question: {{ question }}\\nAnswer:\"\nmultiple_choice: {}\n"),
    "hellaswag": ("acc_norm", "output_type: multiple_choice\ndoc_to_text: '{{question}}'\ntarget_delimiter: ''\n",
                  "prompt: '{{ question }}'\nmultiple_choice: {continuation: '{{ choice }}', divide_by: bytes}\n"),
    "mmlu": ("acc", "output_type: multiple_choice\ndoc_to_text: \"{{question}}\\nAnswer:\"\n", "prompt: \"{{ question }}\\nAnswer:\"\nmultiple_choice: {}\n"),
    "written": ("exact_match", LETTER.format(answer="\\nAnswer:"), "prompt: \"{{ question }}\\nAnswer:\"\n" + EXACT),
    "chat": ("exact_match", LETTER.format(answer="\\nAnswer with one letter."), "chat: true\nprompt: \"{{ question }}\\nAnswer with one letter.\"\n" + EXACT),
}


def write(folder, count):
    """The tasks in both forms."""
    for name, (metric, theirs, ours) in FORMS.items():
        data = folder / f"{name}.jsonl"
        shapes.write(data, "mmlu" if name in WRITTEN else name, count)
        head = f"task: hefu_{name}\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: {data}}}}}\ntest_split: test\n"
        target = "doc_to_target: letter\n" if name in WRITTEN else "doc_to_choice: '{{choices}}'\ndoc_to_target: answer\n"
        (folder / f"their_{name}.yaml").write_text(f"{head}{theirs}{target}metric_list: [{{metric: {metric}}}]\n")
        (folder / f"{name}.yaml").write_text(f"name: {name}\ndata: {name}.jsonl\n{ours}")


@functools.cache
def tasks_of(folder):
    """The harness's list of tasks. Its own are thousands, which it would read each time."""
    return TaskManager(include_path=str(folder), include_defaults=False)


def theirs(folder, name, model, arguments=None, chat=False, batch=None):
    """What the harness makes of a task."""
    done = lm_eval.simple_evaluate(model=model, model_args=arguments, tasks=[f"hefu_{name}"], task_manager=tasks_of(folder), bootstrap_iters=0,
                                   apply_chat_template=chat, batch_size=batch, log_samples=False)
    metric = FORMS[name][0]
    (value,) = [value for key, value in done["results"][f"hefu_{name}"].items() if key.split(",")[0] == metric]
    return value


def ours(folder, name, model, *flags):
    """What `hefu eval` makes of it."""
    words = [*HEFU, "eval", folder / f"{name}.yaml", "--out", folder, "--force", "--json", "--model", model, "--context", str(CONTEXT), *flags]
    said = subprocess.run(words, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    (task,) = json.loads(said.stdout)["tasks"]
    return task["numerator"] / task["denominator"], task["root"]


@contextlib.contextmanager
def server(model, *flags):
    """A server for this model; its address."""
    words = [*HEFU, "serve", "--port", "0", "--model", model, "--context", str(2 * CONTEXT), *flags]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        for line in process.stdout:
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found:
                break
        else:
            raise RuntimeError("the server did not start")
        threading.Thread(target=process.stdout.read, daemon=True).start()
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{found[0]}/health").close()
                break
            time.sleep(0.1)
        yield found[0]
    finally:
        process.terminate()
        process.wait()


def in_all_ways(folder, name, note):
    """Every task in every way that leads to the program."""
    known = pathlib.Path("/proc/cpuinfo").read_text()
    small = "avx2" if "avx2" in known else "portable"
    large = "avx512" if "avx512_vnni" in known else small
    tasks = list(FORMS)
    for threads, isa, batches in ((1, small, [1, 8, 64]), (2, large, [1, 8, 64])):
        model = HefuLM(name, context=CONTEXT, threads=threads, isa=isa)
        tasks = [task for task in FORMS if task != "chat" or model.chat_template(True)]
        for batch in batches:
            model.batch_size = batch
            for task in tasks:
                note(task, f"package, batch {batch}, threads {threads}, {isa}", theirs(folder, task, model, chat=task == "chat"))
        del model
    for batch, threads, isa in ((1, 2, small), (8, 1, large), (64, 2, large)):
        for task in tasks:
            way = f"hefu eval, batch {batch}, threads {threads}, {isa}"
            note(task, way, *ours(folder, task, name, "--parallel", str(batch), "--threads", str(threads), "--isa", isa))
    for threads, isa, batches, flags in ((2, large, [1, 8, 64], []), (1, small, [8], ["--no-prefix-reuse"])):
        with server(name, "--threads", str(threads), "--isa", isa, *flags) as url:
            for batch in batches:
                for task in tasks:
                    kind = "local-chat-completions" if task == "chat" else "local-completions"
                    arguments = {"model": pathlib.Path(name).stem, "max_retries": 1, "tokenizer_backend": "remote"}
                    arguments["base_url"] = f"{url}/v1/{kind.removeprefix('local-').replace('-', '/')}"
                    # A conversation is a request of its own; as many are asked at once.
                    arguments |= {"num_concurrent": batch, "tokenizer_backend": None} if task == "chat" else {"num_concurrent": 2}
                    value = theirs(folder, task, kind, arguments, chat=task == "chat", batch=1 if task == "chat" else batch)
                    note(task, f"{kind}, batch {batch}, threads {threads}, {isa}, cache {'off' if flags else 'on'}", value)


def its_program_knows_the_model(folder, name):
    """The harness's own program, as the README starts it."""
    words = [sys.executable, "-m", "hefu.lm_eval", "--model", "hefu", "--model_args", f"model={name},context={CONTEXT}"]
    said = subprocess.run([*words, "--tasks", "hefu_arc", "--include_path", folder, "--limit", "4"], capture_output=True, text=True)
    assert said.returncode == 0 and "|hefu_arc|" in said.stdout, said.stderr[-2000:]


def main():
    name, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 24
    scores, roots = {}, {}

    def note(task, way, value, root=None):
        value = float(value)
        scores.setdefault(task, {})[way] = value
        roots.setdefault(task, set()).update([root] if root else [])
        print(f"{task:10} {way:60} {value!r}", flush=True)

    with tempfile.TemporaryDirectory() as place:
        write(pathlib.Path(place), count)
        its_program_knows_the_model(pathlib.Path(place), name)
        in_all_ways(pathlib.Path(place), name, note)
    print("\n| task | questions | score | ways | different scores |\n| --- | ---: | ---: | ---: | ---: |")
    for task, found in scores.items():
        print(f"| {task} | {count} | {next(iter(found.values()))!r} | {len(found)} | {len(set(found.values()))} |")
    for task, found in scores.items():
        assert len(set(found.values())) == 1, (task, found)
        assert len(roots[task]) == 1, (task, roots[task])
    shares = [next(iter(found.values())) for found in scores.values()]
    assert min(shares) < 1 and max(shares) > 0, shares
    print("ok: one score for each task in every way")


main()
