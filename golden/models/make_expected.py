"""Writes `expected/`: logits of the tiny models as another program computes them.

    python make_expected.py LOGITS            LOGITS: the program built from logits.cpp, see README.md

Weights of quantised models are decoded to f32 first. Their products then are computed exactly (but for the rounding
of f32) instead of with inputs rounded to 8 bits, so that the expected logits are the true ones, from which every
program that rounds inputs is off by about the same.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np

HERE = Path(__file__).parent
STEP = 3
CONTEXT = 256
# Beyond the original context of this one, so that it uses its factors for long contexts.
LONG_CONTEXTS = {"tiny-phi3-longrope": 512}
# Of these, make_originals.py writes them.
BY_ORIGINALS = ["tiny-phimoe", "tiny-rwkv7-heads"]


def decode_weights(source, target):
    """A copy of a model with all its weights in f32."""
    model = gguf.GGUFReader(source)
    architecture = model.fields["general.architecture"].contents()
    copy = gguf.GGUFWriter(target, architecture)
    for name, field in model.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        if field.types[0] == gguf.GGUFValueType.ARRAY:
            copy.add_array(name, field.contents())
        else:
            copy.add_key_value(name, field.contents(), field.types[0])
    for tensor in model.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        copy.add_tensor(tensor.name, values.astype(np.float32))
    copy.write_header_to_file()
    copy.write_kv_data_to_file()
    copy.write_tensors_to_file()
    copy.close()


def main():
    program = Path(sys.argv[1]).resolve()
    tokens = (HERE / "tokens.txt").read_text().split()
    (HERE / "expected").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        decoded, output = Path(folder) / "decoded.gguf", Path(folder) / "logits"
        for model in sorted(HERE.glob("*.gguf")):
            if model.stem in BY_ORIGINALS:
                continue
            decode_weights(model, decoded)
            contexts = {model.stem: CONTEXT}
            if model.stem in LONG_CONTEXTS:
                contexts[model.stem + "-long"] = LONG_CONTEXTS[model.stem]
            for name, context in contexts.items():
                # A cache in f32 and no fused attention: as exact as that program can.
                subprocess.run([program, decoded, "f32", "off", str(context), output, *tokens], check=True,
                               stderr=subprocess.DEVNULL)
                logits = np.fromfile(output, dtype="<f4").reshape(len(tokens), -1)
                logits[::STEP].tofile(HERE / "expected" / f"{name}.f32")


if __name__ == "__main__":
    main()
