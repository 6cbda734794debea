#!/usr/bin/env python3
"""Writes a first corpus for each fuzz target into fuzz/corpus. Needs only Python 3.

    python3 fuzz/make_seeds.py

The GGUF seeds are the malformed files of golden/hostile and a few valid ones. The formats of the other seeds are
described at the top of the targets.
"""

import shutil
import sys
from pathlib import Path

FUZZ = Path(__file__).resolve().parent
HOSTILE = FUZZ.parent / "golden" / "hostile"
sys.path.insert(0, str(HOSTILE))
import make_hostile as gguf  # noqa: E402

TEMPLATES = {
    "chatml": "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + "
              "'<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
    "tools": "{%- if tools %}{%- for tool in tools %}{{- tool | tojson(indent=2) }}{%- endfor %}{%- endif %}"
             "{%- for m in messages %}{%- if m.tool_calls %}{%- for call in m.tool_calls %}{{ call.function.name }}"
             "{{ call.function.arguments | tojson }}{%- endfor %}{%- endif %}{%- endfor %}",
    "namespace": "{%- set ns = namespace(last=-1) %}{%- for m in messages[::-1] %}{%- set i = (messages|length - 1) - loop.index0 %}"
                 "{%- if ns.last == -1 and m.role == 'user' %}{%- set ns.last = i %}{%- endif %}{%- endfor %}{{ ns.last }}",
    "macro": "{% macro show(x, depth=0) %}{{ x if depth > 3 else show(x, depth + 1) }}{% endmacro %}{{ show(messages[0].role) }}",
    "raise": "{{ bos_token }}{% if messages[0]['role'] != 'user' %}{{ raise_exception('roles must alternate') }}{% endif %}",
    "methods": "{{ messages[1].content.strip().split('a')[-1].upper().replace('x', 'y') }}"
               "{{ messages[1].content.startswith('a') }}{{ '%s-%05d' | format('a', 3) }}{{ strftime_now('%d %b %Y') }}",
    "filters": "{{ messages | map(attribute='role') | join(', ') }}{{ messages | selectattr('role', 'equalto', 'user') | list | length }}"
               "{{ range(10) | batch(3) | list }}{{ tools | tojson }}{{ {'b': 1, 'a': [1, 2.5, none]} | dictsort }}",
    "generation": "{% for m in messages %}{% generation %}{{ m.role | trim | capitalize }}{% endgeneration %}{% break %}{% endfor %}",
}


def gguf_seeds():
    tokens = gguf.key("a", gguf.ARRAY, gguf.u32(gguf.U32) + gguf.u64(2) + gguf.u32(1) + gguf.u32(2))
    blocks = (gguf.tensor(shape=(16,)), gguf.tensor(name="b", kind=gguf.Q4_0, shape=(32, 2), offset=64))
    parts = [gguf.file(keys=gguf.split(number, 2, 2), tensors=(gguf.tensor(name=name),))
             for number, name in enumerate("ab")]
    seeds = {"valid": gguf.file(), "valid_v2": gguf.file(version=2), "valid_blocks": gguf.file(tensors=blocks, data=128),
             "valid_nested": gguf.nested(3), "valid_array": gguf.file(keys=(tokens,)), "valid_parts": b"".join(parts)}
    return seeds | {path.stem: path.read_bytes() for path in HOSTILE.glob("*.gguf")}


def tokens(*entries):
    """Entries (type, score, text); neither number may be 0 or 255, which separate entries and parts."""
    return b"\0".join(bytes([kind, score]) + text.encode() for kind, score, text in entries)


def tokenizer_seeds():
    text = "Hello  wörld 12345, it's 合符\u3000🦀\r\n\tx<s>abcabc w".encode()
    byte_level = tokens((1, 1, "ab"), (1, 1, "abc"), (4, 1, " w"), (1, 1, "Ġw"), (3, 1, "<s>"))
    pieces = tokens((2, 1, "<unk>"), (1, 9, "▁"), (1, 8, "l"), (1, 7, "▁l"), (1, 6, "ll"), (3, 1, "<s>"))
    seeds = {}
    for pre in range(18):
        seeds[f"byte_level_{pre}"] = b"\xff".join([bytes([0, 3, pre, 1, 1]), byte_level, "a b\0ab c\0Ġ w".encode(), text])
    for flags in (1, 3, 9, 13):
        seeds[f"pieces_{flags}"] = b"\xff".join([bytes([1, flags, 0, 1, 1, 6]), pieces, b"", text])
    return seeds


def template_seeds():
    return {name: b"\xff".join([source.encode(), "a合x b".encode(), b"user"]) for name, source in TEMPLATES.items()}


def main():
    for target, seeds in {"gguf": gguf_seeds(), "tokenizer": tokenizer_seeds(), "template": template_seeds()}.items():
        folder = FUZZ / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in seeds.items():
            (folder / name).write_bytes(content)
        print(f"{len(seeds)} seeds in {folder.relative_to(FUZZ.parent)}")
    shutil.rmtree(HOSTILE / "__pycache__", ignore_errors=True)


if __name__ == "__main__":
    main()
