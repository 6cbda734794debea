"""LlamaIndex, as a server that is like OpenAI's."""

from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike

from checks import KEY, MAX_TOKENS, MESSAGES, MODEL, SEED, TEMPERATURE, URL, check, equal, main, raises, same


def model(**more):
    settings = {"temperature": TEMPERATURE, "max_tokens": MAX_TOKENS, "additional_kwargs": {"seed": SEED}, **more}
    return OpenAILike(model=MODEL, api_base=f"{URL}/v1", api_key=KEY, is_chat_model=True, context_window=8192, max_retries=0,
                      timeout=120, **settings)


ASK = [ChatMessage(role=message["role"], content=message["content"]) for message in MESSAGES]


@check("chat")
def chat():
    same("question", model().chat(ASK).message.content)


@check("stream")
def stream():
    text = "".join(part.delta or "" for part in model().stream_chat(ASK))
    equal(text, model().chat(ASK).message.content)


@check("completions")
def completions():
    plain = OpenAILike(model=MODEL, api_base=f"{URL}/v1", api_key=KEY, is_chat_model=False, temperature=0, max_tokens=8, timeout=120)
    text = plain.complete("The capital of France is").text
    assert "Paris" in text, text


@check("error: key")
def error_key():
    raises(Exception, lambda: OpenAILike(model=MODEL, api_base=f"{URL}/v1", api_key="wrong", is_chat_model=True, max_retries=0).chat(ASK), "401")


main()
