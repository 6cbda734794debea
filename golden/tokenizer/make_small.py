"""Writes small vocabularies of each kind and what their original libraries make of the corpus with them.

    pip install tokenizers sentencepiece protobuf rwkv
    python make_small.py

The vocabularies are trained on the corpus itself (`strings.jsonl`), so none is anybody's. Files written:

    small/<kind>.json   GGUF's keys, and the ids of every seventh string of the corpus
    small/cuts.json     for each pre-tokeniser a digest of the pieces of every 50 strings of the corpus

The pieces are those of Oniguruma, the engine of the original tokenisers, with the patterns of their `tokenizer.json`.
Training is not the same with every version of a library; the ids belong to the vocabulary beside them.
"""

import collections
import io
import json
import os
import pathlib
import tempfile

os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"

import sentencepiece
from rwkv.rwkv_tokenizer import TRIE_TOKENIZER
from sentencepiece import sentencepiece_model_pb2 as proto
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).parent
CORPUS = [json.loads(line) for line in (HERE / "strings.jsonl").read_text(encoding="utf-8").split("\n")[:-1]]
NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = range(1, 7)
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def write(kind, keys, encode):
    ids = [encode(text) for text in CORPUS[::7]]
    lines = [json.dumps(one, separators=(",", ":")) for one in ids]
    head = json.dumps(keys, ensure_ascii=False, separators=(",", ":"))
    (HERE / "small" / f"{kind}.json").write_text(
        '{"keys":' + head + ',\n"ids":[\n' + ",\n".join(lines) + "\n]}\n", encoding="utf-8", newline="\n"
    )
    print(kind, len(keys["tokens"]), "tokens,", len(ids), "strings")


def wordpiece(kind, lower):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=lower)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=2200, limit_alphabet=600, show_progress=False, special_tokens=special))
    tokens = [token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]
    phantom = [token if token in special else token[2:] if token.startswith("##") else "\u2581" + token for token in tokens]
    types = [CONTROL if token in special else NORMAL for token in tokens]
    keys = {"model": "bert", "tokens": phantom, "token_type": types, "unknown_token_id": 1, "cls_token_id": 2,
            "seperator_token_id": 3, "padding_token_id": 0, "normalizer.lowercase": lower}
    write(kind, keys, lambda text: tokenizer.encode(text, add_special_tokens=False).ids)


RULES = {"\u00a0": " ", "\u3000": " ", "\t": " ", "\n": " ", "\r": " ", "\u200b": "", "\u00ad": "", "\ufb01": "fi", "\u2460": "1",
         "\u2461": "2", "\uff21": "A", "\uff22": "B", "e\u0301": "\u00e9", "\u2026": "...", "\u2167": "VIII", "\u00bd": "1\u20442"}


def unigram(kind, extra_spaces):
    with tempfile.TemporaryDirectory() as folder:
        rules = pathlib.Path(folder) / "rules.tsv"
        spell = lambda text: " ".join(f"{ord(one):X}" for one in text)
        rules.write_text("".join(f"{spell(old)}\t{spell(new)}\n" for old, new in RULES.items()))
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(text.replace("\0", "") for text in CORPUS if max(text, default="") < "\u0500"),
            model_writer=model, model_type="unigram", vocab_size=1000, character_coverage=0.995, normalization_rule_tsv=str(rules),
            remove_extra_whitespaces=not extra_spaces, user_defined_symbols=["<h1>"], num_threads=1, minloglevel=2)
    made = proto.ModelProto.FromString(model.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    keys = {"model": "t5", "tokens": [piece.piece for piece in made.pieces], "token_type": [piece.type for piece in made.pieces],
            "scores": [piece.score for piece in made.pieces], "unknown_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
            "add_space_prefix": True, "remove_extra_whitespaces": not extra_spaces,
            "precompiled_charsmap": list(made.normalizer_spec.precompiled_charsmap)}
    # A user-defined symbol inside a text is left to the other kinds: there it gets a space before it and after.
    write(kind, keys, lambda text: [] if "<h1>" in text else processor.encode(text))


def characters(kind):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    lines = pre_tokenizers.Split(Regex("[^\n]+|[\n]+"), "isolated")
    tokenizer.pre_tokenizer = lines
    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    trainer = trainers.BpeTrainer(vocab_size=2600, limit_alphabet=700, special_tokens=special + BYTES, max_token_length=20, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    made = json.loads(tokenizer.to_str())
    tokens = [token for token, _ in sorted(made["model"]["vocab"].items(), key=lambda item: item[1])]
    types = [CONTROL if token in special else BYTE if token in BYTES else NORMAL for token in tokens]
    plain = Tokenizer(models.BPE(made["model"]["vocab"], [tuple(merge) for merge in made["model"]["merges"]],
                                 unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    plain.normalizer = tokenizer.normalizer
    plain.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    keys = {"model": "gemma4", "tokens": tokens, "token_type": types, "merges": [" ".join(merge) for merge in made["model"]["merges"]],
            "bos_token_id": 2, "eos_token_id": 1, "unknown_token_id": 3, "padding_token_id": 0}
    # The original does not cut at line ends; no token crosses one, so that it makes no difference.
    write(kind, keys, lambda text: plain.encode(text, add_special_tokens=False).ids)


def rwkv(kind):
    counts = collections.Counter()
    for text in CORPUS:
        data = text.encode()
        for start in range(len(data)):
            for length in (2, 3, 4, 6):
                if start + length <= len(data):
                    counts[data[start : start + length]] += 1
    tokens = [bytes([byte]) for byte in range(256)] + [one for one, _ in sorted(((one, count) for one, count in counts.most_common(1500) if one != b"<s>"), key=lambda item: (len(item[0]), item[0]))]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "vocabulary.txt"
        spelled = "".join(f"{number} {token!r} {len(token)}\n" for number, token in enumerate(tokens, 1))
        path.write_text(spelled, encoding="utf-8", newline="\n")
        original = TRIE_TOKENIZER(str(path))
    keys = {"model": "rwkv", "tokens": ["<s>"] + [repr(token)[2:-1] for token in tokens], "token_type": [CONTROL] + [NORMAL] * len(tokens),
            "bos_token_id": 0, "eos_token_id": 0}
    write(kind, keys, original.encode)


CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
WORDS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
SPACE = r"\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN2 = rf"{CONTRACTIONS}|{WORDS}|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{SPACE}"
SIGNS = r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
HAN = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
DEEPSEEK = rf"{SIGNS}| ?[\p{{P}}\p{{S}}]+[\r\n]*|{SPACE}"
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"


def cased(numbers, slashes, upper=UPPER, lower=LOWER):
    lead = r"[^\r\n\p{L}\p{N}]?"
    return rf"{lead}[{upper}]*[{lower}]+{CONTRACTIONS}?|{lead}[{upper}]+[{lower}]*{CONTRACTIONS}?|{numbers}| ?[^\s\p{{L}}\p{{N}}]+[\r\n{slashes}]*|{SPACE}"


KIMI = r"[\p{Han}]+|" + cased(r"\p{N}{1,3}", "", UPPER + r"&&[^\p{Han}]", LOWER + r"&&[^\p{Han}]")
JAIS = "".join(rf"|\s{{{length}}}(?!\S)" for length in (512, 256, 128, 64, 32, 16, 8, 4)) + r"|\s{1,2}(?!\S)|\s{1}"
SPLITS = {
    "jais-2": [rf"{CONTRACTIONS}|{WORDS}|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+{JAIS}"],
    "ufakzeka": [rf"{WORDS}|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{SPACE}"],
    "seed-coder": [rf"{CONTRACTIONS}|{WORDS}|\p{{N}}{{1}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|{SPACE}"],
    "bailingmoe": [r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"],
    "exaone-moe": [rf"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?(?:\p{{L}}\p{{M}}*(?: \p{{L}}\p{{M}}*)*)+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"],
    "laguna": [("(?:\\r?\\n)+(?!\\r?\\n)", "merged_with_next"), QWEN2],
    "k2-horizon": [rf"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?(?:\p{{L}}|\p{{M}}|\x{{200C}}|\x{{200D}})+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{SPACE}"],
    "tiny_aya": [r"\d{1,3}(?=(?:\d{3})*\b)", cased(r"\p{N}{1,3}", "/")],
    "kimi-k2": [KIMI],
    "youtu": ["[\uac00-\ud7a3\u3131-\u318e]+|[\uff01\u2026\u201c\u201d\u2018\u2019\u2014\uff1a\uff1b\uff0c\u3001-\u303f\ufe30-\ufe4f]+|[\u3105-\u312f]+|" + HAN, cased(r"\p{N}", "/")],
    "spark2_5": [r"\p{N}{1,3}", HAN, rf"{SIGNS}| ?[\p{{P}}\p{{S}}]+|[\r\n]|\s+(?!\S)|\s+", r"\p{N}"],
    "afmoe": [r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))",
              "[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f\u2f00-\u2fdf\u0e40-\u0e7f\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff\uac00-\ud7af\u1100-\u11ff]+", DEEPSEEK],
    "bloom": [BLOOM],
    "viking": [BLOOM, r"\p{N}"],
    "chameleon": ["<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", r"([\t\n]|    |  )", r"\p{N}", r"[\p{P}!-/:-@\[-`{-~]", GPT2],
    "default": [r"[\p{P}$+<=>\^~|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
}


def digest(pieces):
    """FNV-1a of 32 bits over the pieces, each ended by a byte that UTF-8 does not have."""
    value = 0x811C9DC5
    for piece in pieces:
        for byte in piece.encode() + b"\xff":
            value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def cuts():
    lines = []
    for name, steps in SPLITS.items():
        steps = [step if isinstance(step, tuple) else (step, "isolated") for step in steps]
        chain = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), behaviour) for pattern, behaviour in steps])
        pieces = [[piece for piece, _ in chain.pre_tokenize_str(text)] for text in CORPUS]
        blocks = [digest(sum(pieces[start : start + 50], [])) for start in range(0, len(pieces), 50)]
        lines.append(json.dumps(name) + ":" + json.dumps(blocks, separators=(",", ":")))
    (HERE / "small" / "cuts.json").write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8", newline="\n")
    print(len(lines), "pre-tokenisers,", len(CORPUS), "strings")


if __name__ == "__main__":
    wordpiece("bert", True)
    wordpiece("bert-cased", False)
    unigram("t5", False)
    unigram("t5-spaces", True)
    characters("gemma4")
    rwkv("rwkv")
    cuts()
