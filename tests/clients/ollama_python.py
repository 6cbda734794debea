"""Ollama's own client for Python."""

import ollama

from checks import (ASK_WEATHER, COUNT, KEY, MAX_TOKENS, MESSAGES, MODEL, SEED, TEMPERATURE, TINY, TOO_LONG, URL, WEATHER, WEATHER_TEXT,
                    check, equal, main, raises, same, weather)

client = ollama.Client(host=URL, headers={"Authorization": f"Bearer {KEY}"}, timeout=120)
OPTIONS = {"temperature": TEMPERATURE, "seed": SEED, "num_predict": MAX_TOKENS}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": WEATHER_TEXT, "parameters": WEATHER}}]
ASK = [{"role": "user", "content": ASK_WEATHER}]
GREEDY = {"temperature": 0, "num_predict": 120}


@check("models")
def models():
    assert MODEL in [model.model for model in client.list().models]
    shown = client.show(MODEL)
    assert "completion" in shown.capabilities and shown.template, shown
    assert MODEL in [model.model for model in client.ps().models]


@check("chat")
def chat():
    answer = client.chat(model=MODEL, messages=MESSAGES, options=OPTIONS)
    equal((answer.done, answer.message.role), (True, "assistant"))
    assert answer.eval_count > 0 and answer.prompt_eval_count > 0
    same("question", answer.message.content)


@check("stream")
def stream():
    parts = list(client.chat(model=MODEL, messages=MESSAGES, options=OPTIONS, stream=True))
    text = "".join(part.message.content or "" for part in parts)
    equal(text, client.chat(model=MODEL, messages=MESSAGES, options=OPTIONS).message.content)
    assert parts[-1].done and not parts[0].done


@check("tools: auto")
def tools_auto():
    message = client.chat(model=MODEL, messages=ASK, tools=TOOLS, options=GREEDY).message
    assert message.content or message.tool_calls


@check("tools: result")
def tools_result():
    call = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Paris", "unit": "celsius"}}}]}
    result = {"role": "tool", "tool_name": "weather", "content": '{"degrees": 21}'}
    said = client.chat(model=MODEL, messages=[*ASK, call, result], options=GREEDY).message.content
    assert "21" in said, said


@check("schema")
def schema():
    weather(client.chat(model=MODEL, messages=ASK, format=WEATHER, options=GREEDY).message.content)
    weather(client.generate(model=MODEL, prompt=ASK_WEATHER, format=WEATHER, options=GREEDY).response)


@check("error: model")
def unknown_model():
    equal(raises(ollama.ResponseError, lambda: client.chat(model="no-such", messages=ASK), "no-such").status_code, 404)


@check("error: parameter")
def unknown_parameter():
    error = raises(ollama.ResponseError, lambda: client.chat(model=MODEL, messages=ASK, options={"mirostat": 2}), "mirostat")
    equal(error.status_code, 400)


@check("error: too long")
def too_long():
    long = [{"role": "user", "content": TOO_LONG}]
    equal(raises(ollama.ResponseError, lambda: client.chat(model=MODEL, messages=long), "tokens").status_code, 400)


@check("error: key")
def wrong_key():
    wrong = ollama.Client(host=URL, headers={"Authorization": "Bearer wrong"})
    equal(raises(ollama.ResponseError, lambda: wrong.chat(model=MODEL, messages=ASK)).status_code, 401)


@check("embeddings")
def embeddings():
    equal(len(client.embed(model=TINY, input=["one", "two"]).embeddings), 2)
    same("embedding", [f"{x:.5f}" for x in client.embeddings(model=TINY, prompt="one").embedding[:8]])


@check("completions")
def completions():
    answer = client.generate(model=MODEL, prompt="The capital of France is", raw=True, options={"temperature": 0, "num_predict": 8})
    assert "Paris" in answer.response, answer.response
    parts = list(client.generate(model=MODEL, prompt="The capital of France is", raw=True, stream=True, options={"temperature": 0, "num_predict": 8}))
    equal("".join(part.response for part in parts), answer.response)


@check("logprobs")
def logprobs():
    answer = client.chat(model=MODEL, messages=MESSAGES, logprobs=True, top_logprobs=2, options={"temperature": 0, "num_predict": 5})
    equal(len(answer.logprobs), 5)


@check("seed")
def seed():
    options = {"temperature": 1.5, "seed": 5, "num_predict": 24}
    first, again = (client.chat(model=MODEL, messages=MESSAGES, options=options).message.content for _ in range(2))
    equal(first, again)


@check("stop")
def stop():
    text = client.chat(model=MODEL, messages=COUNT, options={**GREEDY, "stop": ["7"]}).message.content
    assert "6" in text and "7" not in text, text


main()
