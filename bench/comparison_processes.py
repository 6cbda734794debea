"""Running a program to its end and measuring it from outside, for compare.py."""

import os
import select
import shlex
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

# Longest time that one process may take, in seconds.
PATIENCE = 1800


class Failed(Exception):
    """A sentence about what went wrong."""


def check_program(path, advice):
    """An absolute path of a program that is there and may be run."""
    if not path.is_file():
        raise Failed(f"there is no program {path}; {advice}")
    if not os.access(path, os.X_OK):
        raise Failed(f"{path} may not be executed; set its permission with chmod +x")
    return path.resolve()


def finished(command):
    """Standard output of a command, and its most resident memory in MiB (the kernel's VmHWM)."""
    command = [str(word) for word in command]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=output, stderr=errors, stdin=subprocess.DEVNULL)
        peak = ended(process, command, errors)
        output.seek(0)
        return output.read().decode(errors="replace"), peak


def first_output(command):
    """Seconds from the start of a process to the first byte that it prints, that text, and its most resident memory."""
    command = [str(word) for word in command]
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL)
        first = os.read(process.stdout.fileno(), 4096)
        seconds = time.perf_counter() - started
        rest = process.stdout.read()
        peak = ended(process, command, errors)
        if not first:
            raise Failed(f"{shlex.join(command)} printed nothing")
        return seconds, (first + rest).decode(errors="replace"), peak


def first_answer_of_server(command, port, body):
    """Seconds from the start of a server to the end of its answer to one request, and its most resident memory."""
    command = [str(word) for word in command]
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=errors, stderr=errors, stdin=subprocess.DEVNULL)
        try:
            answer = asked(process, port, body, started)
            seconds = time.perf_counter() - started
        finally:
            process.terminate()
        peak = ended(process, command, errors, may_fail=True)
        return seconds, answer, peak


def asked(process, port, body, started):
    """Asks until the server answers: it refuses while it loads."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/completion", data=body)
    request.add_header("Content-Type", "application/json")
    while time.perf_counter() - started < PATIENCE:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.read().decode(errors="replace")
        except OSError:
            if process.poll() is not None:
                raise Failed("the server ended before it answered") from None
            select.select([], [], [], 0.002)
    raise Failed("the server did not answer")


def ended(process, command, errors, may_fail=False):
    """Waits for a process; its most resident memory in MiB."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 and not may_fail:
        errors.seek(0)
        last = errors.read().decode(errors="replace").strip().splitlines()[-5:]
        raise Failed(f"{shlex.join(command)} failed with status {process.returncode}:\n" + "\n".join(last))
    return usage.ru_maxrss / 1024


def words(command):
    """A command as a person would type it."""
    return shlex.join([str(Path(str(word)).name) if index == 0 else str(word) for index, word in enumerate(command)])
