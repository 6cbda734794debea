#!/usr/bin/env python3
"""Whether the prompts that a newcomer tries first are answered rightly, at every seed of a list.

    tests/showcase/run.py --hefu target/release/hefu --model qwen2.5-coder-0.5b-instruct

Each prompt that README and the page show is asked once for every seed, with the settings that `hefu run` and the page have
by default, and each answer is checked: code is run, queries are run on a table, facts are looked for. The same seed gives
the same answer on every machine, so what holds here holds there. Ends with status 1 if an answer is wrong, or if a prompt
is shown nowhere. `--try` asks other prompts and shows the beginnings of their answers. Needs Python's standard library.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import checks

ROOT = Path(__file__).resolve().parents[2]
# Where the prompts are shown.
README, README_ZH = "README.md", "README.zh-CN.md"
PAGE, PAGE_ZH = "crates/server/page/src/words/en.ts", "crates/server/page/src/words/zh.ts"

# Prompt, where it is shown, and what is asked of its answer.
SHOWN = [
    ("Write a Python function that reverses a string", README, checks.reverse),
    ("What is the capital of France?", README, checks.says("Paris")),
    ("Write a Python function that merges two sorted lists", PAGE, checks.merge),
    ("What is a prime number?", PAGE, checks.says("greater than 1", "1 and itself")),
    ("Write an SQL query that counts the orders of each customer", PAGE, checks.count_by_customer),
    ("用 Python 写一个合并两个有序列表的函数", README_ZH, checks.merge),
    ("法国的首都是哪里？", README_ZH, checks.says("巴黎")),
    ("用 Python 写一个合并两个有序列表的函数", PAGE_ZH, checks.merge),
    ("怎样在 Python 中反转一个列表？", PAGE_ZH, checks.says_one_of("[::-1]", "reverse()")),
    ("写一条 SQL，统计每个客户的订单数", PAGE_ZH, checks.count_by_customer),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hefu", default=ROOT / "target/release/hefu", help="the program [target/release/hefu]")
    parser.add_argument("--model", default="qwen2.5-coder-0.5b-instruct", help="model, as `hefu run` takes it")
    parser.add_argument("--seeds", type=int, default=10, help="tries of each prompt [10]")
    parser.add_argument("--try", dest="tried", action="append", default=[], metavar="PROMPT", help="another prompt")
    options = parser.parse_args()
    if options.tried:
        for prompt, answers in ask(options, options.tried).items():
            print(f"== {prompt}", *(f"-- {answer[:300]}" for answer in answers), sep="\n")
        return 0
    wrong = [f"{place} does not show {prompt!r}" for prompt, place, _ in SHOWN if prompt not in text(place)]
    answers = ask(options, list(dict.fromkeys(prompt for prompt, _, _ in SHOWN)))
    for prompt, check in {prompt: check for prompt, _, check in SHOWN}.items():
        faults = [(seed, answer) for seed, answer in enumerate(answers[prompt]) if not check(answer)]
        print(f"{len(answers[prompt]) - len(faults):2} of {len(answers[prompt])}  {prompt}")
        wrong += [f"seed {seed}, {prompt!r}:\n{answer}" for seed, answer in faults]
    print(*wrong, sep="\n")
    return 1 if wrong else 0


def text(place):
    return (ROOT / place).read_text(encoding="utf-8")


def ask(options, prompts):
    """The answers to every prompt, in the order of the seeds."""
    with tempfile.TemporaryDirectory() as folder:
        questions, answers = Path(folder, "questions.jsonl"), Path(folder, "answers.jsonl")
        requests = [
            {
                "custom_id": f"{number}/{seed}", "method": "POST", "url": "/v1/chat/completions",
                "body": {"messages": [{"role": "user", "content": prompt}], "seed": seed},
            }
            for number, prompt in enumerate(prompts)
            for seed in range(options.seeds)
        ]
        questions.write_text("".join(json.dumps(request) + "\n" for request in requests), encoding="utf-8")
        subprocess.run([options.hefu, "batch", questions, answers, "--model", options.model], check=True)
        found = {}
        for line in answers.read_text(encoding="utf-8").splitlines():
            answer = json.loads(line)
            found[answer["custom_id"]] = answer["response"]["body"]["choices"][0]["message"]["content"]
    return {
        prompt: [found[f"{number}/{seed}"] for seed in range(options.seeds)] for number, prompt in enumerate(prompts)
    }


if __name__ == "__main__":
    sys.exit(main())
