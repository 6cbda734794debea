"""JSON-Schema-Test-Suite: whatever schema is honoured, nothing that it forbids can be said.

    schemas.py FOLDER PROGRAM

FOLDER holds a folder for each draft, as the suite's `tests` does; PROGRAM is the example `instances` of the grammar crate.
Of each schema that is honoured, no text that the suite calls invalid may get through, in any of the ways to write it, and
answers made by chance must be valid by the jsonschema-rs of PyPI.
"""

import json
import os
import pathlib
import subprocess
import sys

import jsonschema_rs

DRAFTS = {
    "draft4": ("http://json-schema.org/draft-04/schema#", jsonschema_rs.Draft4Validator),
    "draft6": ("http://json-schema.org/draft-06/schema#", jsonschema_rs.Draft6Validator),
    "draft7": ("http://json-schema.org/draft-07/schema#", jsonschema_rs.Draft7Validator),
    "draft2019-09": ("https://json-schema.org/draft/2019-09/schema", jsonschema_rs.Draft201909Validator),
    "draft2020-12": ("https://json-schema.org/draft/2020-12/schema", jsonschema_rs.Draft202012Validator),
}
# Answers made by chance for each schema.
WALKS = 12
# Spaces between things, and after colons.
STYLES = [(",", ":"), (", ", ": ")]


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["HEFU_SCHEMAS"])
    program = sys.argv[2] if len(sys.argv) > 2 else os.environ["HEFU_INSTANCES"]
    for draft, (address, validator) in DRAFTS.items():
        cases = list(read(folder / draft, address))
        if cases:
            print(json.dumps(judged(draft, validator, cases, ask(program, cases))), flush=True)
    print(json.dumps({"same": {}}))


def read(folder, address):
    """Every schema of a draft with its instances."""
    for path in sorted(folder.rglob("*.json")):
        for case in json.loads(path.read_text()):
            schema = case["schema"]
            if isinstance(schema, dict):
                schema = {"$schema": address, **schema}
            texts = [(test["valid"], text) for test in case["tests"] for text in written(test["data"])]
            # What the draft leaves to the validator is not for us to call invalid.
            optional = "optional" in path.parts and "format" not in path.parts
            yield {"name": f"{path.relative_to(folder)}: {case['description']}", "schema": schema, "texts": texts, "optional": optional}


def written(data):
    return {json.dumps(data, separators=style, ensure_ascii=ascii) for style in STYLES for ascii in (True, False)}


def ask(program, cases):
    lines = "".join(
        json.dumps({"schema": case["schema"], "texts": [text for _, text in case["texts"]], "walks": WALKS}) + "\n" for case in cases
    )
    done = subprocess.run([program], input=lines, capture_output=True, text=True, timeout=1200)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != len(cases):
        raise RuntimeError(f"{program} answered {len(answers)} of {len(cases)}: {done.stderr[-500:]}")
    return answers


def judged(draft, validator, cases, answers):
    faults, honoured, through, held, made, unfinished = [], 0, 0, 0, 0, 0
    for case, answer in zip(cases, answers):
        if "refused" in answer:
            continue
        honoured += 1
        for (valid, text), allowed in zip(case["texts"], answer["allowed"]):
            held += not valid
            through += allowed and valid
            if allowed and not valid and not case["optional"]:
                faults.append(f"{case['name']} lets {text} through")
        unfinished += answer["unfinished"]
        for text in answer["made"]:
            made += 1
            problem = None if case["optional"] else wrong(validator, case["schema"], text)
            if problem:
                faults.append(f"{case['name']} made {text}: {problem}")
    shown = (f"{honoured} of {len(cases)} schemas honoured; {held} invalid texts, {len(faults)} faults; {made} made by chance "
             f"({unfinished} not finished); {through} valid texts let through")
    return {"check": draft, "shown": shown, "passed": not faults and honoured > 0, "why": "; ".join(faults[:20])}


def number(text):
    """A number that is too large for the validator is the largest."""
    return max(-sys.float_info.max, min(sys.float_info.max, float(text)))


def wrong(validator, schema, text):
    """Why an answer is not valid, if it is not."""
    try:
        instance = json.loads(text, parse_float=number)
    except ValueError as error:
        return f"no JSON ({error})"
    try:
        error = next(validator(schema).iter_errors(instance), None)
    except jsonschema_rs.ValidationError as error:  # The schema, not the answer.
        return f"the validator does not take the schema: {error}"
    return error and error.message


if __name__ == "__main__":
    main()
