#!/usr/bin/env python3
"""Render chat templates with Jinja2, set up as Hugging Face transformers sets it up.

    pip install jinja2==3.1.6
    python make_golden.py                  # templates/*.jinja here -> expected.json here
    python make_golden.py DIRECTORY        # DIRECTORY/*.jinja      -> DIRECTORY/expected.json

The conversations are conversations.json beside this script, in both cases. Each result is one of
{"text": prompt}, {"raised": message of raise_exception}, {"failed": true}.
"""

import datetime
import json
import pathlib
import sys

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).resolve().parent
MOMENT = datetime.datetime(2024, 7, 26, 0, 0, 0)


class Raised(Exception):
    """What raise_exception raises; not a TemplateError, so that other failures stay apart."""


class Generation(Extension):
    """The block that marks the assistant's text; only its body is rendered."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def raise_exception(message):
    raise Raised(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = MOMENT.strftime
    return env


def render(template, case, specials):
    variables = dict(specials)
    variables.update(case.get("variables", {}))
    try:
        text = template.render(
            **{**variables, "messages": case["messages"], "tools": case.get("tools"), "documents": None,
               "add_generation_prompt": case.get("add_generation_prompt", True)})
        return {"text": text}
    except Raised as error:
        return {"raised": str(error)}
    except Exception as error:
        print(f"{case['name']}: {type(error).__name__}: {error}", file=sys.stderr)
        return {"failed": True}


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    sources = sorted((folder if len(sys.argv) > 1 else folder / "templates").glob("*.jinja"))
    given = json.loads((HERE / "conversations.json").read_text(encoding="utf-8"))
    expected = {}
    for path in sources:
        try:
            template = environment().from_string(path.read_text(encoding="utf-8"))
        except jinja2.TemplateSyntaxError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            expected[path.stem] = None
            continue
        expected[path.stem] = {case["name"]: render(template, case, given["specials"]) for case in given["cases"]}
    text = json.dumps(expected, ensure_ascii=False, indent=1, sort_keys=True)
    (folder / "expected.json").write_text(text + "\n", encoding="utf-8")
    print(f"{len(expected)} templates, {len(given['cases'])} conversations, {len(text.encode())} bytes")


main()
