"""The OpenAI client for Python: chat completions, responses, completions, embeddings."""

import json
from enum import Enum

import openai
from pydantic import BaseModel

from checks import (ASK_WEATHER, COUNT, KEY, MAX_TOKENS, MESSAGES, MODEL, QUESTION, SEED, SYSTEM, TEMPERATURE, TINY, TOO_LONG,
                    URL, WEATHER, WEATHER_TEXT, check, equal, main, raises, same, weather)

client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=120)
SETTINGS = {"temperature": TEMPERATURE, "seed": SEED, "max_tokens": MAX_TOKENS}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": WEATHER_TEXT, "parameters": WEATHER}}]
ASK = [{"role": "user", "content": ASK_WEATHER}]


class Mood(str, Enum):
    good = "good"
    bad = "bad"


class Review(BaseModel):
    mood: Mood
    stars: int
    words: list[str]


REVIEW = [{"role": "user", "content": "Judge this review: 'Lovely food, slow service.' Use one or two words."}]


@check("models")
def models():
    names = [model.id for model in client.models.list()]
    assert MODEL in names, names
    equal(client.models.retrieve(MODEL).owned_by, "hefu")


@check("chat")
def chat():
    answer = client.chat.completions.create(model=MODEL, messages=MESSAGES, **SETTINGS)
    assert answer.choices[0].message.content and answer.choices[0].message.role == "assistant"
    assert answer.system_fingerprint.startswith("hefu"), answer.system_fingerprint
    equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)
    same("question", answer.choices[0].message.content)


@check("stream")
def stream():
    chunks = list(client.chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}, **SETTINGS))
    equal(chunks[-1].choices, [])
    assert chunks[-1].usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in chunks[:-1])
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    whole = client.chat.completions.create(model=MODEL, messages=MESSAGES, **SETTINGS)
    equal(text, whole.choices[0].message.content)
    plain = list(client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True, **SETTINGS))
    assert all(chunk.choices for chunk in plain)


@check("stream")
def stream_helper():
    with client.chat.completions.stream(model=MODEL, messages=COUNT, temperature=0, max_tokens=80) as events:
        kinds = {event.type for event in events}
        final = events.get_final_completion()
    assert {"content.delta", "content.done"} <= kinds, kinds
    equal(final.choices[0].finish_reason, "stop")
    assert final.choices[0].message.content


@check("tools: auto")
def tools_auto():
    answer = client.chat.completions.create(model=MODEL, messages=ASK, tools=TOOLS, temperature=0, max_tokens=120)
    choice = answer.choices[0]
    assert choice.message.content or choice.message.tool_calls
    equal(choice.finish_reason == "tool_calls", bool(choice.message.tool_calls))


@check("tools: none")
def tools_none():
    answer = client.chat.completions.create(
        model=MODEL, messages=ASK, tools=TOOLS, tool_choice="none", temperature=0, max_tokens=40)
    assert answer.choices[0].message.tool_calls is None and answer.choices[0].message.content


@check("tools: required")
def tools_required():
    answer = client.chat.completions.create(
        model=MODEL, messages=ASK, tools=TOOLS, tool_choice="required", parallel_tool_calls=False, temperature=0)
    equal(answer.choices[0].finish_reason, "tool_calls")
    weather(answer.choices[0].message.tool_calls[0].function.arguments)


@check("tools: named")
def tools_named():
    other = {"type": "function", "function": {"name": "time", "parameters": {"type": "object", "properties": {}}}}
    chunks = list(client.chat.completions.create(
        model=MODEL, messages=ASK, tools=[other, *TOOLS], temperature=0, stream=True,
        tool_choice={"type": "function", "function": {"name": "weather"}}))
    deltas = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    first = deltas[0]
    equal((first.index, first.type, first.function.name), (0, "function", "weather"))
    assert first.id
    weather("".join(delta.function.arguments or "" for delta in deltas))
    equal(chunks[-1].choices[0].finish_reason, "tool_calls")


@check("tools: result")
def tools_result():
    call = client.chat.completions.create(
        model=MODEL, messages=ASK, tools=TOOLS, tool_choice="required", parallel_tool_calls=False, temperature=0)
    message = call.choices[0].message
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": json.dumps({"degrees": 21})}
    answer = client.chat.completions.create(
        model=MODEL, messages=[*ASK, message, result], tools=TOOLS, tool_choice="none", temperature=0, max_tokens=60)
    assert "21" in answer.choices[0].message.content, answer.choices[0].message.content


@check("schema")
def schema():
    parsed = client.chat.completions.parse(model=MODEL, messages=REVIEW, response_format=Review, temperature=0, max_tokens=200)
    assert isinstance(parsed.choices[0].message.parsed, Review), parsed.choices[0]
    same("review", parsed.choices[0].message.content)
    raises(openai.LengthFinishReasonError, lambda: client.chat.completions.parse(
        model=MODEL, messages=REVIEW, response_format=Review, max_tokens=3))
    call = client.chat.completions.parse(
        model=MODEL, messages=REVIEW, tools=[openai.pydantic_function_tool(Review)], tool_choice="required",
        parallel_tool_calls=False, temperature=0)
    assert isinstance(call.choices[0].message.tool_calls[0].function.parsed_arguments, Review)


@check("schema")
def json_object():
    answer = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "A JSON object with a name."}], temperature=0,
        response_format={"type": "json_object"}, max_tokens=200)
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


@check("schema")
def schema_refused():
    bad = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {"type": "nonsense"}}}
    error = raises(openai.BadRequestError, lambda: client.chat.completions.create(
        model=MODEL, messages=ASK, response_format=bad))
    equal(error.param, "response_format")


@check("error: model")
def unknown_model():
    error = raises(openai.NotFoundError, lambda: client.chat.completions.create(model="no-such", messages=ASK), "no-such")
    equal(error.code, "model_not_found")


@check("error: parameter")
def unknown_parameter():
    error = raises(openai.BadRequestError, lambda: client.chat.completions.create(
        model=MODEL, messages=ASK, extra_body={"colour": "blue"}), "colour")
    equal(error.param, "colour")
    error = raises(openai.BadRequestError, lambda: client.chat.completions.create(model=MODEL, messages=ASK, temperature=-1))
    equal(error.param, "temperature")
    image = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    error = raises(openai.BadRequestError, lambda: client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": image}]))
    equal((error.param, error.code), ("messages[0].content[0]", "unsupported_content"))


@check("error: too long")
def too_long():
    error = raises(openai.BadRequestError, lambda: client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": TOO_LONG}]))
    equal(error.code, "context_length_exceeded")


@check("error: key")
def wrong_key():
    wrong = client.with_options(api_key="wrong")
    equal(raises(openai.AuthenticationError, lambda: wrong.models.list()).code, "invalid_api_key")
    raises(openai.AuthenticationError, lambda: wrong.chat.completions.create(model=MODEL, messages=ASK))


@check("embeddings")
def embeddings():
    answer = client.embeddings.create(model=TINY, input=["one", "two"])
    equal(len(answer.data), 2)
    assert abs(sum(x * x for x in answer.data[0].embedding) - 1) < 1e-3
    floats = client.embeddings.create(model=TINY, input="one", encoding_format="float")
    assert all(abs(a - b) < 1e-6 for a, b in zip(floats.data[0].embedding, answer.data[0].embedding))
    same("embedding", [f"{x:.5f}" for x in floats.data[0].embedding[:8]])


@check("completions")
def completions():
    settings = {"model": MODEL, "prompt": "The capital of France is", "temperature": 0, "max_tokens": 8}
    answer = client.completions.create(logprobs=2, **settings)
    assert "Paris" in answer.choices[0].text, answer
    equal(len(answer.choices[0].logprobs.token_logprobs), answer.usage.completion_tokens)
    text = "".join(chunk.choices[0].text for chunk in client.completions.create(stream=True, **settings))
    equal(text, answer.choices[0].text)
    equal(len(client.completions.create(**{**settings, "prompt": ["a", "b"]}).choices), 2)


@check("responses")
def responses():
    settings = {"model": MODEL, "instructions": SYSTEM, "input": QUESTION, "temperature": TEMPERATURE,
                "max_output_tokens": MAX_TOKENS, "extra_body": {"seed": SEED}}
    answer = client.responses.create(**settings)
    same("question", answer.output_text)
    assert answer.status in ("completed", "incomplete"), answer.status
    with client.responses.stream(**settings) as events:
        text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        final = events.get_final_response()
    equal((text, final.output_text), (answer.output_text, answer.output_text))
    parsed = client.responses.parse(model=MODEL, input=REVIEW, text_format=Review, temperature=0)
    assert isinstance(parsed.output_parsed, Review)
    tool = {"type": "function", "name": "weather", "description": WEATHER_TEXT, "parameters": WEATHER, "strict": True}
    call = client.responses.create(
        model=MODEL, input=ASK_WEATHER, tools=[tool, {"type": "web_search"}], temperature=0, parallel_tool_calls=False,
        tool_choice={"type": "function", "name": "weather"})
    weather(call.output[0].arguments)
    result = {"type": "function_call_output", "call_id": call.output[0].call_id, "output": '{"degrees": 21}'}
    said = client.responses.create(
        model=MODEL, input=[*ASK, *call.output, result], tools=[tool], tool_choice="none", temperature=0, max_output_tokens=60)
    assert "21" in said.output_text, said.output_text
    first = client.responses.create(model=MODEL, input="My name is Ada.", max_output_tokens=16, temperature=0)
    second = client.responses.create(model=MODEL, input="And yours?", previous_response_id=first.id, max_output_tokens=16, temperature=0)
    equal(second.previous_response_id, first.id)
    assert second.usage.input_tokens > first.usage.input_tokens + first.usage.output_tokens, second.usage
    equal(client.responses.retrieve(first.id).output_text, first.output_text)
    raises(openai.NotFoundError, lambda: client.responses.create(model=MODEL, input="x", previous_response_id="resp_1"))


@check("logprobs")
def logprobs():
    answer = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, temperature=0, max_tokens=5, logprobs=True, top_logprobs=3)
    entries = answer.choices[0].logprobs.content
    equal(len(entries), 5)
    assert all(len(entry.top_logprobs) == 3 and entry.logprob <= 0 for entry in entries)
    # At temperature 0 each token is the likeliest.
    assert all(entry.token == entry.top_logprobs[0].token for entry in entries)
    equal(b"".join(bytes(entry.bytes) for entry in entries).decode(), answer.choices[0].message.content)


@check("n")
def several():
    answer = client.chat.completions.create(model=MODEL, messages=MESSAGES, n=3, **SETTINGS)
    equal([choice.index for choice in answer.choices], [0, 1, 2])
    second = client.chat.completions.create(model=MODEL, messages=MESSAGES, **{**SETTINGS, "seed": SEED + 1})
    equal(answer.choices[1].message.content, second.choices[0].message.content)


@check("seed")
def seed():
    ask = {"model": MODEL, "messages": MESSAGES, "temperature": 1.5, "max_tokens": 24}
    first, second, other = (client.chat.completions.create(seed=seed, **ask).choices[0].message.content for seed in (1, 1, 2))
    equal(first, second)
    assert first != other
    made_up = client.chat.completions.create(**ask)
    again = client.chat.completions.create(seed=made_up.model_extra["seed"], **ask)
    equal(made_up.choices[0].message.content, again.choices[0].message.content)


@check("stop")
def stop():
    answer = client.chat.completions.create(model=MODEL, messages=COUNT, temperature=0, stop=["7"], max_tokens=80)
    assert "6" in answer.choices[0].message.content and "7" not in answer.choices[0].message.content
    equal(answer.choices[0].finish_reason, "stop")


main()
