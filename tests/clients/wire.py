"""Requests as particular applications send them, and what they need to find in the answers, without any client between."""

import json
import urllib.error
import urllib.request

from checks import ASK_WEATHER, KEY, MESSAGES, MODEL, TINY, URL, WEATHER, check, equal, main

ASK = [{"role": "user", "content": "Say hello."}]
TOOL = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}


def ask(path, body=None, headers=(), method=None):
    """Status, headers and text of an answer."""
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json", **dict(headers)}
    request = urllib.request.Request(URL + path, data, {k: v for k, v in headers.items() if v}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def good(path, body=None, headers=()):
    status, _, text = ask(path, body, headers)
    equal(status, 200)
    return json.loads(text)


def bad(path, body, *words, status=400):
    """The body of a refusal, which must have some words."""
    found, _, text = ask(path, body)
    equal(found, status)
    for word in words:
        assert word in text, f"{word} is not in {text}"
    return json.loads(text)


def events(path, body, headers=()):
    """The names and data of server-sent events; each must end with an empty line."""
    status, heads, text = ask(path, body, headers)
    equal(status, 200)
    assert heads["content-type"].startswith("text/event-stream"), heads["content-type"]
    assert text.endswith("\n\n"), text[-20:]
    found = []
    for block in text[:-2].split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines.get("event"), lines["data"] if lines["data"] == "[DONE]" else json.loads(lines["data"])))
    return found


@check("OpenAI: list of models")
def models():
    listed = good("/v1/models")
    equal(listed["object"], "list")
    for model in listed["data"]:
        assert model["object"] == "model" and isinstance(model["created"], int) and model["owned_by"] and model["id"], model


@check("OpenAI: events, usage chunk, [DONE]")
def sse():
    body = {"model": MODEL, "messages": ASK, "stream": True, "max_tokens": 8}
    plain = events("/v1/chat/completions", body)
    equal(plain[-1][1], "[DONE]")
    assert all(name is None for name, _ in plain)
    assert not any("usage" in chunk for _, chunk in plain[:-1])
    equal(plain[0][1]["choices"][0]["delta"], {"role": "assistant", "content": ""})
    counted = events("/v1/chat/completions", {**body, "stream_options": {"include_usage": True}})
    equal(counted[-2][1]["choices"], [])
    assert counted[-2][1]["usage"]["completion_tokens"] > 0
    assert all(chunk["usage"] is None for _, chunk in counted[:-2])


@check("OpenAI: pieces of a call")
def call_pieces():
    found = events("/v1/chat/completions", {"model": MODEL, "messages": [{"role": "user", "content": ASK_WEATHER}], "stream": True,
                                            "tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False, "temperature": 0})
    calls = [call for _, chunk in found[:-1] for call in chunk["choices"][0]["delta"].get("tool_calls", [])]
    equal(sorted(calls[0]), ["function", "id", "index", "type"])
    equal(calls[0]["function"], {"name": "weather", "arguments": ""})
    assert all(sorted(call) == ["function", "index"] and "name" not in call["function"] for call in calls[1:]), calls
    json.loads("".join(call["function"]["arguments"] for call in calls))


@check("OpenAI: broken history")
def broken_history():
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": '}}
    for messages in (
        [*ASK, {"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "tool_call_id": "1", "content": "x"}, *ASK],
        [*ASK, {"role": "assistant", "content": None}, *ASK],
        [*ASK, {"role": "assistant"}, *ASK],
        [*ASK, {"role": "assistant", "content": "", "tool_calls": []}, *ASK],
        [*ASK, {"role": "tool", "tool_call_id": "gone", "content": "42"}, *ASK],
        [*ASK, {"role": "tool", "content": None}, *ASK],
        [*ASK, {"role": "assistant", "content": "", "tool_calls": [{"id": "1"}, {"function": {"name": "weather"}}, None]}, *ASK],
        [{"role": "user", "content": ""}],
        [{"role": "user", "content": []}],
        [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": ""}]}],
        [{"role": "assistant", "content": "Hello"}, *ASK],
        [*ASK, *ASK, {"role": "system", "content": "late"}, *ASK],
    ):
        good("/v1/chat/completions", {"model": MODEL, "messages": messages, "tools": [TOOL], "max_tokens": 1})
    for messages, place in (([], "messages"), ([{"role": "user", "content": 3}], "messages[0].content"), ([None], "messages[0]"),
                            ([{"content": "x"}], "messages[0].role"), ("x", "messages"),
                            ([{"role": "user", "content": [{"type": "text"}]}], "messages[0].content[0].text")):
        equal(bad("/v1/chat/completions", {"model": MODEL, "messages": messages})["error"]["param"], place)


@check("OpenAI: refusals name the field")
def refusals():
    body = {"model": MODEL, "messages": ASK, "max_tokens": 1}
    for more, param in (
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"$dynamicRef": "#a"}}}}, "response_format"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"temperature": "hot"}, "temperature"),
        ({"logit_bias": {"x": 1}}, "logit_bias"),
        ({"n": 100000}, "n"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"max_tokens": 0}, "max_tokens"),
    ):
        equal(bad("/v1/chat/completions", {**body, **more})["error"]["param"], param)
    bad("/v1/chat/completions", b"{", "JSON")
    bad("/v1/chat/completions", b"[]", "object")
    equal(bad("/v1/nothing", None, status=404)["error"]["type"], "not_found_error")
    equal(ask("/v1/chat/completions", method="GET")[0], 405)


@check("Codex")
def codex():
    tools = [
        {"type": "function", "name": "shell", "description": "Runs a command", "strict": False, "parameters": {
            "type": "object", "properties": {"command": {"type": "array", "items": {"type": "string"}}}, "required": ["command"]}},
        {"type": "custom", "name": "apply_patch", "description": "x", "format": {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}},
        {"type": "web_search", "external_web_access": False}, {"type": "local_shell"}, {"type": "namespace", "name": "mcp", "tools": []},
        {"type": "image_generation", "output_format": "png"}, {"type": "tool_search"},
    ]
    body = {
        "model": MODEL, "instructions": "You are a coding agent.", "stream": True, "store": False, "tools": tools, "tool_choice": "auto",
        "parallel_tool_calls": False, "reasoning": {"effort": "medium", "summary": "auto"}, "prompt_cache_key": "conversation-1",
        "include": ["reasoning.encrypted_content"], "text": {"verbosity": "low"}, "client_metadata": {"a": "b"}, "service_tier": "auto",
        "max_output_tokens": 8,
        "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "<permissions/>"}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "List the files."}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "content": None, "encrypted_content": None},
            {"type": "function_call", "name": "shell", "arguments": '{"command":["ls"]}', "call_id": "call_1"},
            {"type": "function_call_output", "call_id": "call_1", "output": "a.txt"},
            {"type": "custom_tool_call", "name": "apply_patch", "input": "*** Begin Patch", "call_id": "call_2", "status": "completed"},
            {"type": "custom_tool_call_output", "call_id": "call_2", "output": "Done"},
            {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "x"}},
        ],
    }
    found = events("/v1/responses", body, {"originator": "codex_cli_rs"})
    names = [name for name, _ in found]
    equal(names[:2], ["response.created", "response.in_progress"])
    assert names[-1] in ("response.completed", "response.incomplete"), names
    assert all(name == event["type"] for name, event in found)
    assert found[-1][1]["response"]["usage"]["input_tokens"] > 0


@check("Claude Code")
def claude_code():
    def body(billing):
        return {
            "model": MODEL, "max_tokens": 8, "stream": True, "metadata": {"user_id": "u"}, "thinking": {"type": "adaptive"},
            "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}, "output_config": {"effort": "medium"},
            "system": [{"type": "text", "text": f"x-anthropic-billing-header: cc_version=2; cch={billing};"},
                       {"type": "text", "text": "You are a coding agent. " * 40, "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
            "tools": [{"name": "Bash", "description": "Runs a command", "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}},
                       "eager_input_streaming": True, "cache_control": {"type": "ephemeral"}}, {"type": "web_search_20250305", "name": "web_search"}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "<system-reminder/>"},
                                                      {"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}]}],
        }

    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "claude-code-20250219", "x-api-key": KEY, "authorization": ""}
    first = events("/v1/messages?beta=true", body("aaaaa"), headers)
    equal([first[0][0], first[-1][0]], ["message_start", "message_stop"])
    assert all(name == event["type"] for name, event in first)
    second = events("/v1/messages?beta=true", body("bbbbb"), headers)
    usage = second[0][1]["message"]["usage"]
    final = next(event for name, event in second if name == "message_delta")["usage"]
    reused = max(usage.get("cache_read_input_tokens") or 0, final.get("cache_read_input_tokens") or 0)
    assert reused > 150, f"{reused} tokens were reused: {usage}, {final}"
    counted = {key: value for key, value in body("ccccc").items() if key in ("model", "system", "tools", "messages", "thinking")}
    assert good("/v1/messages/count_tokens?beta=true", counted, headers)["input_tokens"] > 200
    equal(ask("/", method="HEAD")[0], 200)


@check("Anthropic: refusals")
def anthropic_refusals():
    found = bad("/v1/messages", {"model": MODEL, "messages": ASK}, "max_tokens")
    equal((found["type"], found["error"]["type"]), ("error", "invalid_request_error"))
    equal(bad("/v1/messages", {"model": "no-such", "messages": ASK, "max_tokens": 1}, status=404)["error"]["type"], "not_found_error")
    body = {"model": MODEL, "max_tokens": 1}
    bad("/v1/messages", {**body, "messages": [{"role": "user", "content": None}]}, "messages[0].content")
    for messages in (
        [*ASK, {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "weather", "input": "not an object"}]},
         {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1"}]}],
        [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "gone", "content": "42", "is_error": True}]}],
        [*ASK, {"role": "assistant", "content": []}, *ASK],
        [{"role": "user", "content": []}, *ASK],
    ):
        good("/v1/messages", {**body, "messages": messages})


@check("Open WebUI")
def open_webui():
    tags = good("/api/tags")["models"]
    assert all(model["name"] and model["model"] and model["details"]["family"] for model in tags)
    version = [int(part) for part in good("/api/version")["version"].split(".")]
    # Applications refuse servers whose version of this API is older.
    assert version >= [0, 6, 4], version
    assert MODEL in [model["name"] for model in good("/api/ps")["models"]]
    for name in ("model", "name"):
        shown = good("/api/show", {name: MODEL})
        assert "tools" in shown["capabilities"] and shown["model_info"]["general.architecture"], shown
    status, heads, text = ask("/api/chat", {"model": MODEL, "messages": MESSAGES, "stream": True, "options": {"num_ctx": 4096, "num_predict": 4}, "keep_alive": "5m"})
    equal((status, heads["content-type"]), (200, "application/x-ndjson"))
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(line["model"] == MODEL and line["created_at"] and line["message"]["role"] == "assistant" for line in lines)
    equal([line["done"] for line in lines], [False] * (len(lines) - 1) + [True])
    assert lines[-1]["done_reason"] and lines[-1]["eval_count"] == 4
    text = "".join(json.loads(line)["response"] for line in ask("/api/generate", {"model": MODEL, "prompt": "Hello", "options": {"num_predict": 4}})[2].splitlines())
    assert text
    equal(len(good("/api/embed", {"model": TINY, "input": ["a", "b"]})["embeddings"]), 2)
    # A model by the name that Ollama would give it.
    equal(good("/api/chat", {"model": f"{MODEL}:latest", "messages": ASK, "stream": False, "options": {"num_predict": 1}})["model"], MODEL)
    assert isinstance(bad("/api/chat", {"model": "no-such", "messages": ASK}, status=404)["error"], str)
    assert isinstance(bad("/api/pull", {"model": "x"}, status=404)["error"], str)


@check("llama.cpp")
def llama():
    equal(good("/health", headers={"authorization": ""})["status"], "ok")
    props = good("/props")
    equal(props["default_generation_settings"]["n_ctx"], 8192)
    assert props["total_slots"] > 0 and props["chat_template"] and props["model_alias"] and props["modalities"] == {"vision": False, "audio": False}
    assert all("is_processing" in slot and "id" in slot for slot in good("/slots"))
    status, heads, text = ask("/metrics")
    assert status == 200 and "# TYPE" in text and "text" in heads["content-type"]
    tokens = good("/tokenize", {"content": "Hello, 世界"})
    equal(good("/detokenize", {"tokens": tokens["tokens"]})["content"], "Hello, 世界")
    equal(tokens["count"], len(tokens["tokens"]))
    pieces = good("/tokenize", {"content": "Hello", "with_pieces": True})["tokens"]
    equal("".join(piece["piece"] for piece in pieces), "Hello")
    messages = good("/tokenize", {"messages": MESSAGES})
    assert messages["count"] == len(messages["tokens"]) > 10
    usage = good("/v1/chat/completions", {"messages": MESSAGES, "max_tokens": 1})["usage"]
    equal(usage["prompt_tokens"], messages["count"])


@check("every answer")
def every_answer():
    _, heads, _ = ask("/v1/chat/completions", {"model": MODEL, "messages": ASK, "max_tokens": 1}, {"x-request-id": "mine"})
    equal(heads["x-request-id"], "mine")
    assert heads["x-hefu-fingerprint"].startswith("hefu")
    assert ask("/v1/models")[1]["x-request-id"]
    equal(ask("/v1/models", headers={"authorization": ""})[0], 401)
    equal(ask("/v1/models", headers={"authorization": "", "x-api-key": KEY})[0], 200)


main()
