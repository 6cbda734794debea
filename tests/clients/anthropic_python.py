"""The Anthropic client for Python: messages and count_tokens."""

import anthropic

from checks import (ASK_WEATHER, COUNT, KEY, MAX_TOKENS, MODEL, QUESTION, SEED, SYSTEM, TEMPERATURE, TOO_LONG, URL, WEATHER,
                    WEATHER_TEXT, check, equal, main, raises, same, weather)

# This client names no settings of sampling; they go as further fields of the body.
GREEDY = {"temperature": 0}
client = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=120)
SETTINGS = {"model": MODEL, "system": SYSTEM, "messages": [{"role": "user", "content": QUESTION}], "max_tokens": MAX_TOKENS,
            "extra_body": {"seed": SEED, "temperature": TEMPERATURE}}
TOOL = {"name": "weather", "description": WEATHER_TEXT, "input_schema": WEATHER}
ASK = [{"role": "user", "content": ASK_WEATHER}]
CALL = {"model": MODEL, "messages": ASK, "tools": [TOOL], "max_tokens": 200, "extra_body": GREEDY}


def call(**choice):
    answer = client.messages.create(tool_choice={"disable_parallel_tool_use": True, **choice}, **CALL)
    equal(answer.stop_reason, "tool_use")
    return answer


@check("models")
def models():
    assert MODEL in [model.id for model in client.models.list()]
    equal(client.models.retrieve(MODEL).id, MODEL)


@check("chat")
def chat():
    answer = client.messages.create(**SETTINGS)
    equal((answer.role, answer.type, answer.content[0].type), ("assistant", "message", "text"))
    assert answer.usage.input_tokens + answer.usage.cache_read_input_tokens > 0 and answer.usage.output_tokens > 0
    same("question", answer.content[0].text)


@check("stream")
def stream():
    with client.messages.stream(**SETTINGS) as events:
        text = "".join(events.text_stream)
        final = events.get_final_message()
    equal(text, final.content[0].text)
    equal(text, client.messages.create(**SETTINGS).content[0].text)
    assert final.usage.output_tokens > 0


@check("tools: auto")
def tools_auto():
    answer = client.messages.create(**CALL)
    assert answer.content and answer.stop_reason in ("tool_use", "end_turn", "max_tokens")


@check("tools: none")
def tools_none():
    answer = client.messages.create(tool_choice={"type": "none"}, **{**CALL, "max_tokens": 40})
    equal([block.type for block in answer.content], ["text"])


@check("tools: required")
def tools_required():
    weather(call(type="any").content[0].input)


@check("tools: named")
def tools_named():
    weather(call(type="tool", name="weather").content[0].input)
    with client.messages.stream(tool_choice={"type": "tool", "name": "weather"}, **CALL) as events:
        final = events.get_final_message()
    weather(final.content[0].input)


@check("tools: result")
def tools_result():
    answer = call(type="any")
    result = {"type": "tool_result", "tool_use_id": answer.content[0].id, "content": [{"type": "text", "text": '{"degrees": 21}'}]}
    said = client.messages.create(tool_choice={"type": "none"}, **{**CALL, "messages": [
        *ASK, {"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]})
    assert "21" in said.content[0].text, said.content


@check("schema")
def schema():
    answer = client.messages.create(
        model=MODEL, messages=ASK, max_tokens=200,
        extra_body={**GREEDY, "output_config": {"format": {"type": "json_schema", "schema": WEATHER}}})
    weather(answer.content[0].text)


@check("error: model")
def unknown_model():
    raises(anthropic.NotFoundError, lambda: client.messages.create(**{**CALL, "model": "no-such"}), "no-such", "not_found_error")


@check("error: parameter")
def unknown_parameter():
    raises(anthropic.BadRequestError, lambda: client.messages.create(**{**CALL, "extra_body": {"colour": 1}}), "colour", "invalid_request_error")
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    raises(anthropic.BadRequestError, lambda: client.messages.create(
        **{**CALL, "messages": [{"role": "user", "content": [image]}]}), "messages[0].content[0]")


@check("error: too long")
def too_long():
    raises(anthropic.BadRequestError, lambda: client.messages.create(
        **{**CALL, "messages": [{"role": "user", "content": TOO_LONG}]}), "tokens")


@check("error: key")
def wrong_key():
    raises(anthropic.AuthenticationError, lambda: client.with_options(api_key="wrong").messages.create(**CALL))


@check("seed")
def seed():
    ask = {**SETTINGS, "max_tokens": 24}
    first, again, other = (client.messages.create(**{**ask, "extra_body": {"seed": seed, "temperature": 1.5}}).content[0].text for seed in (1, 1, 2))
    equal(first, again)
    assert first != other


@check("stop")
def stop():
    answer = client.messages.create(model=MODEL, messages=COUNT, extra_body=GREEDY, max_tokens=80, stop_sequences=["7"])
    equal((answer.stop_reason, answer.stop_sequence), ("stop_sequence", "7"))
    assert "7" not in answer.content[0].text


@check("count tokens")
def count_tokens():
    counted = client.messages.count_tokens(model=MODEL, system=SYSTEM, messages=SETTINGS["messages"]).input_tokens
    usage = client.messages.create(**SETTINGS).usage
    equal(counted, usage.input_tokens + usage.cache_read_input_tokens)
    assert client.messages.count_tokens(model=MODEL, messages=ASK, tools=[TOOL]).input_tokens > counted


main()
