#!/usr/bin/env python3
"""How many tokens a forward pass gives when guesses come from the text itself: counts, which no noise touches.

    bench/speculation.py --hefu target/release/hefu MODEL.gguf

Two answers repeat much of their prompts, two are free text. Needs nothing but Python's standard library.
"""

import argparse
import json
import subprocess
import sys

FUNCTION = """fn mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let mut total = 0.0;
    for value in values {
        total += value;
    }
    Some(total / values.len() as f64)
}"""
PORTS = "http 80\nhttps 443\nssh 22\nsmtp 25\ndns 53\nntp 123"
REWRITE = "Rewrite this Rust function with a doc comment on it and with the variable total renamed to sum:"
CONVERT = "Repeat this list as JSON, one object for each line with the keys name and port:"
PROMPTS = {
    "rewrite a function with a comment": f"{REWRITE}\n\n{FUNCTION}",
    "turn a list into JSON": f"{CONVERT}\n{PORTS}",
    "explain what a bank does": "Explain what a bank does, in detail.",
    "a short story": "Write a short story about a lighthouse keeper who finds a letter.",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL.gguf")
    parser.add_argument("--hefu", default="target/release/hefu", help="the program [target/release/hefu]")
    options = parser.parse_args()
    print("| prompt | answer, tokens | guessed | right | tokens per pass |\n| --- | ---: | ---: | ---: | ---: |")
    for name, prompt in PROMPTS.items():
        command = [options.hefu, "run", "--json", "--temperature", "0", "--seed", "1", "--max-tokens", "128"]
        command += ["--speculate", "ngram", "--model", options.model, prompt]
        try:
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True)
        except OSError as error:
            sys.exit(f"speculation.py: cannot run {options.hefu}: {error}")
        except subprocess.CalledProcessError as error:
            sys.exit(f"speculation.py: {error.stderr.strip()}")
        report = json.loads(done.stdout)
        counts, tokens = report["speculation"], len(report["token_ids"])
        drafted, accepted = counts["drafted_tokens"], counts["accepted_tokens"]
        print(f"| {name} | {tokens} | {drafted} | {accepted} | {tokens / (tokens - accepted):.2f} |", flush=True)


if __name__ == "__main__":
    main()
