"""LiteLLM, by way of each of the three dialects."""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from pydantic import BaseModel

from checks import (ASK_WEATHER, COUNT, KEY, MAX_TOKENS, MESSAGES, MODEL, QUESTION, SEED, SYSTEM, TEMPERATURE, TINY, TOO_LONG, URL,
                    WEATHER, WEATHER_TEXT, check, equal, main, raises, same, weather)

litellm.suppress_debug_info = True
litellm.telemetry = False
OPENAI = {"model": f"openai/{MODEL}", "api_base": f"{URL}/v1", "api_key": KEY, "num_retries": 0, "timeout": 120}
SETTINGS = {"temperature": TEMPERATURE, "seed": SEED, "max_tokens": MAX_TOKENS}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": WEATHER_TEXT, "parameters": WEATHER}}]
ASK = [{"role": "user", "content": ASK_WEATHER}]


class Review(BaseModel):
    mood: str
    stars: int


def completion(**arguments):
    return litellm.completion(**{**OPENAI, **arguments})


@check("chat")
def chat():
    same("question", completion(messages=MESSAGES, **SETTINGS).choices[0].message.content)


@check("chat")
def chat_anthropic():
    answer = litellm.completion(
        model=f"anthropic/{MODEL}", api_base=URL, api_key=KEY, messages=MESSAGES, temperature=TEMPERATURE,
        max_tokens=MAX_TOKENS, seed=SEED, allowed_openai_params=["seed"], timeout=120)
    same("question", answer.choices[0].message.content)


@check("chat")
def chat_ollama():
    answer = litellm.completion(
        model=f"ollama_chat/{MODEL}", api_base=URL, api_key=KEY, messages=MESSAGES, timeout=120, **SETTINGS)
    same("question", answer.choices[0].message.content)


@check("stream")
def stream():
    text = "".join(chunk.choices[0].delta.content or "" for chunk in completion(messages=MESSAGES, stream=True, **SETTINGS))
    equal(text, completion(messages=MESSAGES, **SETTINGS).choices[0].message.content)


@check("tools: auto")
def tools_auto():
    message = completion(messages=ASK, tools=TOOLS, temperature=0, max_tokens=120).choices[0].message
    assert message.content or message.tool_calls


@check("tools: none")
def tools_none():
    message = completion(messages=ASK, tools=TOOLS, tool_choice="none", temperature=0, max_tokens=40).choices[0].message
    assert message.content and not message.tool_calls


@check("tools: required")
def tools_required():
    answer = completion(messages=ASK, tools=TOOLS, tool_choice="required", parallel_tool_calls=False, temperature=0)
    weather(answer.choices[0].message.tool_calls[0].function.arguments)


@check("tools: named")
def tools_named():
    named = {"type": "function", "function": {"name": "weather"}}
    parts = list(completion(messages=ASK, tools=TOOLS, tool_choice=named, temperature=0, stream=True))
    whole = litellm.stream_chunk_builder(parts, messages=ASK)
    weather(whole.choices[0].message.tool_calls[0].function.arguments)


@check("tools: result")
def tools_result():
    call = completion(messages=ASK, tools=TOOLS, tool_choice="required", parallel_tool_calls=False, temperature=0)
    message = call.choices[0].message
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": '{"degrees": 21}'}
    said = completion(messages=[*ASK, message, result], tools=TOOLS, tool_choice="none", temperature=0, max_tokens=60)
    assert "21" in said.choices[0].message.content, said.choices[0].message.content


@check("schema")
def schema():
    ask = [{"role": "user", "content": "Judge this review: 'Lovely food, slow service.'"}]
    answer = completion(messages=ask, response_format=Review, temperature=0, max_tokens=200)
    Review.model_validate_json(answer.choices[0].message.content)


@check("error: model")
def unknown_model():
    raises(litellm.NotFoundError, lambda: completion(model="openai/no-such", messages=ASK), "no-such")


@check("error: parameter")
def unknown_parameter():
    raises(litellm.BadRequestError, lambda: completion(messages=ASK, extra_body={"colour": 1}), "colour")


@check("error: too long")
def too_long():
    raises(litellm.ContextWindowExceededError, lambda: completion(messages=[{"role": "user", "content": TOO_LONG}]))


@check("error: key")
def wrong_key():
    raises(litellm.AuthenticationError, lambda: completion(messages=ASK, api_key="wrong"))


@check("embeddings")
def embeddings():
    answer = litellm.embedding(model=f"openai/{TINY}", api_base=f"{URL}/v1", api_key=KEY, input=["one"], encoding_format="float")
    same("embedding", [f"{x:.5f}" for x in answer.data[0]["embedding"][:8]])


@check("completions")
def completions():
    answer = litellm.text_completion(
        model=f"text-completion-openai/{MODEL}", api_base=f"{URL}/v1", api_key=KEY, prompt="The capital of France is",
        temperature=0, max_tokens=8)
    assert "Paris" in answer.choices[0].text


@check("responses")
def responses():
    answer = litellm.responses(
        model=f"openai/{MODEL}", api_base=f"{URL}/v1", api_key=KEY, instructions=SYSTEM, input=QUESTION,
        temperature=TEMPERATURE, max_output_tokens=MAX_TOKENS, extra_body={"seed": SEED})
    same("question", answer.output[0].content[0].text)


@check("logprobs")
def logprobs():
    answer = completion(messages=MESSAGES, temperature=0, max_tokens=5, logprobs=True, top_logprobs=2)
    equal(len(answer.choices[0].logprobs.content), 5)


@check("n")
def several():
    equal(len(completion(messages=MESSAGES, n=2, **SETTINGS).choices), 2)


@check("seed")
def seed():
    ask = {"messages": MESSAGES, "temperature": 1.5, "max_tokens": 24, "seed": 5}
    first, again = (completion(**ask).choices[0].message.content for _ in range(2))
    equal(first, again)


@check("stop")
def stop():
    text = completion(messages=COUNT, temperature=0, stop=["7"], max_tokens=80).choices[0].message.content
    assert "6" in text and "7" not in text, text


main()
