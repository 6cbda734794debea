"""What compare.py measures: each measure says how both programs are run and what of their reports counts."""

import json
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from comparison_processes import Failed, check_program, finished, first_answer_of_server, first_output, words

# Tokens of the answer where only the first counts: one more, so that text which is held back comes out at the end.
FIRST_TOKENS = 2
# The words of a prompt; each is one token for both programs.
SENTENCE = "The quick brown fox jumps over the lazy dog and then runs away from the big old red house by the sea".split()
START_TOKENS = 16
# Micro batches of the peer that are tried for prompts.
MICRO_BATCHES = "128,256,512,1024"
MEBIBYTE = 1 << 20


@dataclass
class Setting:
    """The programs and the model of one comparison."""

    hefu: Path
    peer_dir: str
    peer_avx2_dir: str | None
    model: Path
    threads: int
    # The peer's micro batch; none for the fastest.
    micro_batch: int | None = None
    # Flags of the peer's that only its llama-bench takes.
    peer_flags: tuple = ()
    # The same with another peer.
    second: "Setting | None" = None
    # What was found out before the rounds: micro batches, prompt, sizes.
    known: dict = field(default_factory=dict)

    def peer(self, name, folder=None):
        """One of the peer's programs."""
        folder = Path(folder or self.peer_dir)
        if not folder.is_dir():
            raise Failed(f"there is no folder {folder}; name the bin folder of a llama.cpp build")
        return check_program(folder / name, f"build llama.cpp's target {name}")

    def show(self, context):
        """What hefu says of the model: bytes of its file, and of the cache of so many positions."""
        text, _ = finished([self.hefu, "show", "--json", self.model, "--context", context])
        report = json.loads(text)
        return sum(file["bytes"] for file in report["files"]), report["memory"]["cache_bytes"]


@dataclass
class Measure:
    """One row of the table for each model."""

    name: str
    title: str
    unit: str
    # "ratio" to the peer, "share" of a limit of the machine, or "memory": without the cache, as a multiple of the file.
    kind: str
    must: float | None
    aim: float | None
    ours: Callable
    theirs: Callable | None
    peer: str | None = "llama-bench"
    at_most: bool = False
    is_slow: bool = False
    context: int = 0
    prepare: Callable = lambda setting: None
    note: Callable = lambda setting: ""

    def figure(self, setting, ours, theirs):
        """What must and aim are about."""
        if self.kind == "memory":
            file, cache = shown(setting, self.context)
            return (ours * MEBIBYTE - cache) / file
        return ours / theirs if self.kind == "ratio" else ours


def check_peer(setting, measure):
    """Refuses a folder without the program that a measure needs."""
    if measure.peer == "avx2":
        setting.peer("llama-bench", setting.peer_avx2_dir)
    elif measure.peer == "start":
        starter(setting)
    elif measure.peer:
        setting.peer(measure.peer)


def version(hefu):
    """The program's name and version."""
    return finished([hefu, "--version"])[0].strip()


def sample(value, command, peak, **more):
    return {"value": value, "command": words(command), "peak_mib": peak, **more}


def shown(setting, context):
    key = ("show", context)
    if key not in setting.known:
        setting.known[key] = setting.show(context)
    return setting.known[key]


# hefu


def bench(setting, key, *flags):
    command = [setting.hefu, "bench", "--json", "--model", setting.model, "--threads", setting.threads]
    command += ["--repetitions", 1, *flags]
    text, peak = finished(command)
    report = json.loads(text)
    return sample(report[key] if key else peak, command, peak, report=report)


def prefill(tokens, *flags):
    key = "prefill_tokens_per_second"
    return lambda setting: bench(setting, key, "--prompt", tokens, "--generate", 0, *flags)


def decode(tokens, *flags):
    key = "decode_tokens_per_second"
    return lambda setting: bench(setting, key, "--prompt", 0, "--generate", tokens, *flags)


def parallel(sequences):
    key, flags = "generated_tokens_per_second", ["--prompt", 128, "--generate", 64, "--parallel", sequences]
    return lambda setting: bench(setting, key, *flags)


def start(setting):
    command = [setting.hefu, "run", "--raw", "--model", setting.model, "--threads", setting.threads]
    command += ["--temperature", 0, "--max-tokens", FIRST_TOKENS, prompt_of_length(setting)]
    seconds, text, peak = first_output(command)
    return sample(seconds * 1000, command, peak, text=text)


def start_memory(setting):
    measured = start(setting)
    return {**measured, "value": measured["peak_mib"]}


def gap(setting, phase, key):
    command = [setting.hefu, "gap", "--json", "--model", setting.model, "--threads", setting.threads]
    text, peak = finished(command)
    report = json.loads(text)
    share = next(one[key] for one in report["phases"] if one["phase"] == phase)
    return sample(share, command, peak, report=report)


def prompt_of_length(setting):
    """A prompt of START_TOKENS tokens, the beginning-of-sequence token among them if the model has one."""
    if "prompt" not in setting.known:
        count = START_TOKENS
        for _ in range(3):
            text = " ".join(SENTENCE[:count])
            command = [setting.hefu, "run", "--json", "--raw", "--model", setting.model, "--max-tokens", 1, text]
            found = json.loads(finished(command)[0])["usage"]["prompt_tokens"]
            count += START_TOKENS - found
        setting.known["prompt"] = text
    return setting.known["prompt"]


# the peer


def peer_bench(setting, prompt, generate, folder=None, memory=False):
    program = setting.peer("llama-bench", folder)
    command = [program, "-m", setting.model, "-t", setting.threads, "-fa", 1, "-r", 1, "-o", "json"]
    command += ["-p", prompt, "-n", generate, "-ub", setting.known.get((prompt, folder), 512), *setting.peer_flags]
    text, peak = finished(command)
    tests = json.loads(text)
    wanted = next(test for test in tests if memory or (test["n_gen"] > 0) == (generate > 0))
    return sample(peak if memory else wanted["avg_ts"], command, peak, report=wanted)


def find_micro_batch(prompt, avx2=False):
    """Measures each micro batch once, with flash attention, and keeps the fastest for the rounds."""

    def find(setting):
        folder = setting.peer_avx2_dir if avx2 else None
        if setting.micro_batch:
            setting.known[(prompt, folder)] = setting.micro_batch
            return
        command = [setting.peer("llama-bench", folder), "-m", setting.model, "-t", setting.threads, "-fa", 1, "-r", 1]
        command += ["-o", "json", "-n", 0, "-p", min(prompt, 1024), "-ub", MICRO_BATCHES, *setting.peer_flags]
        tests = json.loads(finished(command)[0])
        setting.known[(prompt, folder)] = max(tests, key=lambda test: test["avg_ts"])["n_ubatch"]

    return find


def peer_parallel(sequences):
    def run(setting):
        program = setting.peer("llama-batched-bench")
        positions = sequences * 256
        command = [program, "-m", setting.model, "-t", setting.threads, "-fa", "on", "-c", positions, "-b", 2048]
        command += ["-ub", 512, "-npp", 128, "-ntg", 64, "-npl", sequences, "--output-format", "jsonl"]
        text, peak = finished(command)
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        if not lines:
            raise Failed(f"{words(command)} reported nothing")
        return sample(lines[-1]["speed_tg"], command, peak, report=lines[-1])

    return run


def starter(setting):
    """llama-completion, which answers one prompt, or else llama-server."""
    folder = Path(setting.peer_dir)
    if (folder / "llama-completion").is_file():
        return setting.peer("llama-completion")
    if (folder / "llama-server").is_file():
        return setting.peer("llama-server")
    raise Failed(f"{folder} has neither llama-completion nor llama-server; build one of these targets of llama.cpp")


def peer_start(setting):
    program = starter(setting)
    command = [program, "-m", setting.model, "-t", setting.threads, "-fa", "on", "-c", 4096, "--no-warmup"]
    command += ["-fit", "off"]
    text = prompt_of_length(setting)
    if program.name == "llama-completion":
        command += ["-no-cnv", "--no-display-prompt", "--temp", 0, "-n", FIRST_TOKENS, "-p", text]
        seconds, answer, peak = first_output(command)
    else:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command += ["--port", port, "-np", 1]
        body = json.dumps({"prompt": text, "n_predict": 1, "temperature": 0}).encode()
        seconds, answer, peak = first_answer_of_server(command, port, body)
    return sample(seconds * 1000, command, peak, text=answer)


def peer_start_memory(setting):
    measured = peer_start(setting)
    return {**measured, "value": measured["peak_mib"]}


def start_note(setting):
    program = starter(setting).name
    return (
        "from the start of the process to the first byte of the answer: `hefu run` beside "
        + ("`llama-completion`" if program == "llama-completion" else "`llama-server` with one request for one token")
        + ", both without a run to warm up, context 4096, file in the page cache"
    )


def memory_note(setting):
    return "most resident memory of the process (VmHWM) in MiB; the figure is that less hefu's cache, by the file's size"


RATIO = {"unit": "tokens/s", "kind": "ratio"}
MEMORY = {"unit": "MiB", "kind": "memory", "must": 1.15, "aim": 1.05, "at_most": True, "note": memory_note}
SHARE = {"unit": "share", "kind": "share", "theirs": None, "peer": None}

ALL = [
    Measure(
        "prefill-512", "prefill of 512", **RATIO, must=2.0, aim=3.0, prepare=find_micro_batch(512),
        ours=prefill(512), theirs=lambda setting: peer_bench(setting, 512, 0),
    ),
    Measure(
        "prefill-4096", "prefill of 4096", **RATIO, must=2.0, aim=3.0, prepare=find_micro_batch(4096), is_slow=True,
        ours=prefill(4096), theirs=lambda setting: peer_bench(setting, 4096, 0),
    ),
    Measure(
        "decode", "decode of 64", **RATIO, must=1.5, aim=2.0,
        ours=decode(64), theirs=lambda setting: peer_bench(setting, 0, 64),
    ),
    *[
        Measure(
            f"concurrent-{sequences}", f"{sequences} at once, generated", **RATIO, must=must, aim=aim,
            peer="llama-batched-bench", ours=parallel(sequences), theirs=peer_parallel(sequences),
        )
        for sequences, must, aim in [(1, None, None), (8, 3.0, 4.0), (16, 5.0, 20.0)]
    ],
    Measure(
        "start", "start to first token", "ms", "ratio", must=1.0, aim=0.5, at_most=True, peer="start",
        ours=start, theirs=peer_start, note=start_note,
    ),
    Measure(
        "memory-bench", "memory, prefill of 512 and decode", **MEMORY, context=512,
        ours=lambda setting: bench(setting, None, "--prompt", 512, "--generate", 64),
        theirs=lambda setting: peer_bench(setting, 512, 64, memory=True),
    ),
    Measure(
        "memory-run", "memory, one short answer", **MEMORY, context=4096, peer="start",
        ours=start_memory, theirs=peer_start_memory,
    ),
    Measure(
        "share-decode", "decode, of the read bandwidth", **SHARE, must=0.85, aim=0.95,
        ours=lambda setting: gap(setting, "decode", "share_of_read_limit"),
    ),
    Measure(
        "share-prefill", "prefill, of the int8 peak", **SHARE, must=0.5, aim=0.7,
        ours=lambda setting: gap(setting, "prefill", "share_of_int8_limit"),
    ),
    Measure(
        "avx2-prefill", "AVX2: prefill of 512", **RATIO, must=1.5, aim=None, peer="avx2",
        prepare=find_micro_batch(512, avx2=True), ours=prefill(512, "--isa", "avx2"),
        theirs=lambda setting: peer_bench(setting, 512, 0, setting.peer_avx2_dir),
    ),
    Measure(
        "avx2-decode", "AVX2: decode of 64", **RATIO, must=1.2, aim=None, peer="avx2",
        ours=decode(64, "--isa", "avx2"),
        theirs=lambda setting: peer_bench(setting, 0, 64, setting.peer_avx2_dir),
    ),
]
