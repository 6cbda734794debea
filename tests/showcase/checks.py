"""What is asked of an answer. Each check takes the answer's text and says whether it is right."""

import re
import sqlite3
import subprocess
import sys

# Seconds that code of an answer may run.
PATIENCE = 10
# Names of tables and columns that a query may have.
MOST_NAMES = 12

# Takes the functions that the code of standard input defines, and tries each with the arguments of the command line's
# cases; right is a function that gives all results.
TRIAL = """
import ast, sys
tree, cases = ast.parse(sys.stdin.read()), ast.literal_eval(sys.argv[1])
tree.body = [item for item in tree.body if isinstance(item, (ast.FunctionDef, ast.Import, ast.ImportFrom))]
names = [item.name for item in tree.body if isinstance(item, ast.FunctionDef)]
space = {}
exec(compile(tree, "answer", "exec"), space)
def holds(function):
    try:
        return all(function(*arguments) == result for arguments, result in cases)
    except Exception:
        return False
sys.exit(0 if any(holds(space[name]) for name in names) else 1)
"""


def says(*words):
    """The answer has all these words."""
    return lambda answer: all(word.lower() in answer.lower() for word in words)


def says_one_of(*words):
    """The answer has one of these words."""
    return lambda answer: any(word in answer for word in words)


def merge(answer):
    """A function that merges two sorted lists."""
    return runs(
        answer,
        [(([1, 3, 5], [2, 4, 6]), [1, 2, 3, 4, 5, 6]), (([], [1]), [1]), (([2], []), [2]), (([1, 1], [1]), [1, 1, 1])],
    )


def reverse(answer):
    """A function that turns a text round."""
    return runs(answer, [(("abc",), "cba"), (("",), ""), (("a b",), "b a")])


def runs(answer, cases):
    """The answer's first block of code defines a function that gives these results."""
    for code in blocks(answer):
        command = [sys.executable, "-I", "-c", TRIAL, repr(cases)]
        try:
            done = subprocess.run(command, input=code, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            return False
        if done.returncode == 0:
            return True
    return False


def count_by_customer(answer):
    """A query that counts orders by customer, run on tables as the answer names them."""
    for query in blocks(answer):
        select = re.search(r"SELECT.*?(;|$)", query, re.IGNORECASE | re.DOTALL)
        if select and counts(select.group(0)):
            return True
    return False


def counts(query):
    """Whether the query counts right, in a database that has whatever tables and columns it names."""
    columns = ["id", "name", "customer_id"]
    tables = []
    for _ in range(MOST_NAMES):
        base = sqlite3.connect(":memory:")
        for table in tables:
            base.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
            # One customer has two orders and another one; a table of customers has each once.
            rows = [1, 2] if "customer" in table.lower() or "client" in table.lower() else [1, 1, 2]
            base.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", [[row] * len(columns) for row in rows])
        try:
            return sorted(row[-1] for row in base.execute(query)) == [1, 2]
        except sqlite3.Error as error:
            missing = re.fullmatch(r"no such (table|column): (?:\w+\.)?(\w+)", str(error))
            if not missing:
                return False
            (tables if missing[1] == "table" else columns).append(missing[2])
    return False


def blocks(answer):
    """The answer's blocks of code; the whole answer if it has none."""
    return re.findall(r"```[a-zA-Z]*\n(.*?)(?:```|$)", answer, re.DOTALL) or [answer]
