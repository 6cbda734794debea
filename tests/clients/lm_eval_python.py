"""lm-evaluation-harness, on tasks of a few lines that are written here: multiple choice, rolling likelihood, generation."""

import json
import os
import pathlib
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OPENAI_API_KEY"] = os.environ.get("HEFU_KEY", "none")

import lm_eval
from lm_eval.tasks import TaskManager

from checks import KEY, MODEL, URL, check, main

QUESTIONS = [
    {"question": "The capital of France is", "choices": ["Paris", "Oslo"], "answer": 0},
    {"question": "The capital of Norway is", "choices": ["Paris", "Oslo"], "answer": 1},
    {"question": "One, two, three,", "choices": ["purple", "four"], "answer": 1},
]
TASKS = {
    "choice": """
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: answer
metric_list: [{metric: acc}]
""",
    "rolling": """
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{question}} {{choices[answer]}} and so on."
metric_list: [{metric: word_perplexity}]
""",
    "generation": """
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{choices[answer]}}"
generation_kwargs: {until: ["."], max_gen_toks: 4, temperature: 0}
metric_list: [{metric: exact_match}]
""",
}


def results(name):
    """What the harness makes of a task."""
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        (place / "data.jsonl").write_text("".join(json.dumps(each) + "\n" for each in QUESTIONS))
        data = f"task: hefu_{name}\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: {place / 'data.jsonl'}}}}}\ntest_split: test\n"
        (place / f"{name}.yaml").write_text(data + TASKS[name])
        arguments = {"model": MODEL, "base_url": f"{URL}/v1/completions", "tokenizer_backend": "remote", "auth_token": KEY, "num_concurrent": 2, "max_retries": 1}
        done = lm_eval.simple_evaluate(model="local-completions", model_args=arguments, tasks=[f"hefu_{name}"],
                                       task_manager=TaskManager(include_path=folder), bootstrap_iters=0)
        return done["results"][f"hefu_{name}"]


@check("logprobs")
def multiple_choice():
    assert results("choice")["acc,none"] == 1.0


@check("logprobs")
def rolling():
    assert 1 < results("rolling")["word_perplexity,none"] < 1e6


@check("completions")
def generation():
    assert "exact_match,none" in results("generation")


main()
