"""Pydantic AI, by way of Chat completions, Responses and Messages."""

from anthropic import AsyncAnthropic
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, ToolOutput
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

from checks import KEY, MAX_TOKENS, MODEL, QUESTION, SEED, SYSTEM, TEMPERATURE, URL, check, equal, main, same

PROVIDER = OpenAIProvider(base_url=f"{URL}/v1", api_key=KEY)
CHAT = OpenAIChatModel(MODEL, provider=PROVIDER)
SETTINGS = {"temperature": TEMPERATURE, "seed": SEED, "max_tokens": MAX_TOKENS}
GREEDY = {"temperature": 0, "max_tokens": 200}


class City(BaseModel):
    name: str
    inhabitants: int


@check("chat")
def chat():
    same("question", Agent(CHAT, system_prompt=SYSTEM).run_sync(QUESTION, model_settings=SETTINGS).output)


@check("chat")
def messages():
    provider = AnthropicProvider(anthropic_client=AsyncAnthropic(base_url=URL, api_key=KEY, max_retries=0))
    agent = Agent(AnthropicModel(MODEL, provider=provider), system_prompt=SYSTEM)
    settings = {**SETTINGS, "extra_body": {"seed": SEED}}
    same("question", agent.run_sync(QUESTION, model_settings=settings).output)


@check("stream")
def stream():
    text = "".join(Agent(CHAT, system_prompt=SYSTEM).run_stream_sync(QUESTION, model_settings=SETTINGS).stream_text(delta=True))
    equal(text, Agent(CHAT, system_prompt=SYSTEM).run_sync(QUESTION, model_settings=SETTINGS).output)


@check("tools: required")
def output_by_a_tool():
    city = Agent(CHAT, output_type=ToolOutput(City)).run_sync("Paris has two million inhabitants.", model_settings=GREEDY).output
    assert isinstance(city, City), city


@check("schema")
def output_by_a_schema():
    city = Agent(CHAT, output_type=NativeOutput(City)).run_sync("Paris has two million inhabitants.", model_settings=GREEDY).output
    assert isinstance(city, City), city


@check("responses")
def responses():
    agent = Agent(OpenAIResponsesModel(MODEL, provider=PROVIDER), instructions=SYSTEM)
    first = agent.run_sync("My name is Ada.", model_settings=GREEDY)
    second = agent.run_sync("What is my name?", message_history=first.all_messages(), model_settings=GREEDY)
    assert "Ada" in second.output, second.output


main()
