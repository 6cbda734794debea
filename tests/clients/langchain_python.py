"""LangChain's client for OpenAI servers."""

import openai
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from checks import (ASK_WEATHER, COUNT, KEY, MAX_TOKENS, MESSAGES, MODEL, SEED, TEMPERATURE, TINY, TOO_LONG, URL, check, equal, main,
                    raises, same)


def chat_model(**settings):
    settings = {"model": MODEL, "temperature": 0, "max_tokens": 120, **settings}
    return ChatOpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=120, **settings)


@tool
def weather(city: str) -> str:
    """The weather of a city at this moment."""
    return "21 degrees"


class Review(BaseModel):
    """A judgement."""

    mood: str
    stars: int


REVIEW = "Judge this review: 'Lovely food, slow service.'"


@check("chat")
def chat():
    answer = chat_model(temperature=TEMPERATURE, seed=SEED, max_tokens=MAX_TOKENS).invoke(MESSAGES)
    same("question", answer.content)
    assert answer.usage_metadata["output_tokens"] > 0


@check("stream")
def stream():
    model = chat_model(temperature=TEMPERATURE, seed=SEED, max_tokens=MAX_TOKENS, stream_usage=True)
    chunks = list(model.stream(MESSAGES))
    equal("".join(chunk.content for chunk in chunks), model.invoke(MESSAGES).content)
    assert any(chunk.usage_metadata for chunk in chunks)


@check("tools: auto")
def tools_auto():
    answer = chat_model().bind_tools([weather]).invoke(ASK_WEATHER)
    assert answer.content or answer.tool_calls


@check("tools: none")
def tools_none():
    answer = chat_model(max_tokens=40).bind_tools([weather], tool_choice="none").invoke(ASK_WEATHER)
    assert answer.content and not answer.tool_calls


@check("tools: required")
def tools_required():
    answer = chat_model().bind_tools([weather], tool_choice="any", parallel_tool_calls=False).invoke(ASK_WEATHER)
    equal([(call["name"], sorted(call["args"])) for call in answer.tool_calls], [("weather", ["city"])])


@check("tools: named")
def tools_named():
    parts = list(chat_model().bind_tools([weather], tool_choice="weather").stream(ASK_WEATHER))
    whole = sum(parts[1:], parts[0])
    equal([(call["name"], sorted(call["args"])) for call in whole.tool_calls], [("weather", ["city"])])


@check("tools: result")
def tools_result():
    call = chat_model().bind_tools([weather], tool_choice="any", parallel_tool_calls=False).invoke(ASK_WEATHER)
    result = ToolMessage(weather.invoke(call.tool_calls[0]["args"]), tool_call_id=call.tool_calls[0]["id"])
    said = chat_model().bind_tools([weather], tool_choice="none").invoke([HumanMessage(ASK_WEATHER), call, result])
    assert "21" in said.content, said.content
    # What an earlier model wrote wrongly must not spoil the conversation.
    broken = AIMessage("", additional_kwargs={"tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": '}}]})
    answer = chat_model(max_tokens=20).invoke([HumanMessage(ASK_WEATHER), broken, ToolMessage("error", tool_call_id="1")])
    assert answer.content


@check("schema")
def schema():
    for method in ("json_schema", "function_calling", "json_mode"):
        model = chat_model(max_tokens=300).with_structured_output(Review, method=method)
        question = REVIEW + (" Answer in JSON with the fields mood (a text) and stars (a whole number)." if method == "json_mode" else "")
        assert isinstance(model.invoke(question), Review)


@check("error: model")
def unknown_model():
    raises(openai.NotFoundError, lambda: chat_model(model="no-such").invoke("hi"), "no-such")


@check("error: parameter")
def unknown_parameter():
    raises(openai.BadRequestError, lambda: chat_model(extra_body={"colour": 1}).invoke("hi"), "colour")


@check("error: too long")
def too_long():
    raises(openai.BadRequestError, lambda: chat_model().invoke(TOO_LONG), "context_length_exceeded")


@check("error: key")
def wrong_key():
    model = ChatOpenAI(base_url=f"{URL}/v1", api_key="wrong", max_retries=0, model=MODEL)
    raises(openai.AuthenticationError, lambda: model.invoke("hi"))


@check("embeddings")
def embeddings():
    # Token ids of another model's tokeniser would say nothing to this one.
    model = OpenAIEmbeddings(base_url=f"{URL}/v1", api_key=KEY, model=TINY, check_embedding_ctx_length=False)
    vectors = model.embed_documents(["one", "two"])
    equal(len(vectors), 2)
    same("embedding", [f"{x:.5f}" for x in model.embed_query("one")[:8]])


@check("responses")
def responses():
    model = chat_model(use_responses_api=True, temperature=TEMPERATURE, max_tokens=MAX_TOKENS, extra_body={"seed": SEED})
    same("question", model.invoke(MESSAGES).text)
    assert "".join(chunk.text for chunk in model.stream(MESSAGES))
    call = chat_model(use_responses_api=True).bind_tools([weather], tool_choice="any", parallel_tool_calls=False).invoke(ASK_WEATHER)
    equal([sorted(each["args"]) for each in call.tool_calls], [["city"]])


@check("logprobs")
def logprobs():
    answer = chat_model(max_tokens=5, logprobs=True, top_logprobs=2).invoke(MESSAGES)
    equal(len(answer.response_metadata["logprobs"]["content"]), 5)


@check("n")
def several():
    result = chat_model(n=2, temperature=1, seed=SEED, max_tokens=16).generate([[HumanMessage("hi")]])
    equal(len(result.generations[0]), 2)


@check("seed")
def seed():
    first, again = (chat_model(temperature=1.5, seed=3, max_tokens=20).invoke(MESSAGES).content for _ in range(2))
    equal(first, again)


@check("stop")
def stop():
    answer = chat_model(stop=["7"]).invoke(COUNT)
    assert "6" in answer.content and "7" not in answer.content, answer.content


main()
