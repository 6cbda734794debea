"""The agents SDK of OpenAI, by way of Chat completions and Responses."""

import asyncio

from agents import Agent, ModelSettings, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI
from pydantic import BaseModel

from checks import KEY, MAX_TOKENS, MODEL, QUESTION, SEED, SYSTEM, TEMPERATURE, URL, check, equal, main, same

set_tracing_disabled(True)
CLIENT = AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=120)
CHAT = OpenAIChatCompletionsModel(model=MODEL, openai_client=CLIENT)
RESPONSES = OpenAIResponsesModel(model=MODEL, openai_client=CLIENT)
SETTINGS = ModelSettings(temperature=TEMPERATURE, max_tokens=MAX_TOKENS, extra_body={"seed": SEED})


class City(BaseModel):
    name: str
    inhabitants: int


# The client keeps its connections in one loop.
LOOP = asyncio.new_event_loop()


def run(agent, question):
    return LOOP.run_until_complete(Runner.run(agent, question)).final_output


@check("chat")
def chat():
    same("question", run(Agent(name="a", instructions=SYSTEM, model=CHAT, model_settings=SETTINGS), QUESTION))


@check("responses")
def responses():
    same("question", run(Agent(name="a", instructions=SYSTEM, model=RESPONSES, model_settings=SETTINGS), QUESTION))


@check("stream")
def stream():
    async def read():
        running = Runner.run_streamed(Agent(name="a", instructions=SYSTEM, model=CHAT, model_settings=SETTINGS), QUESTION)
        parts = [event.data.delta async for event in running.stream_events()
                 if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"]
        return "".join(parts), running.final_output

    text, final = LOOP.run_until_complete(read())
    equal(text, final)


@check("tools: required")
def tools():
    seen = []

    @function_tool
    def weather(city: str) -> str:
        """The weather of a city."""
        seen.append(city)
        return "21 degrees"

    settings = ModelSettings(temperature=0, max_tokens=200, tool_choice="required")
    agent = Agent(name="a", instructions=SYSTEM, model=CHAT, model_settings=settings, tools=[weather])
    run(agent, "What is the weather in Paris?")
    assert seen


@check("schema")
def schema():
    agent = Agent(name="a", model=CHAT, output_type=City, model_settings=ModelSettings(temperature=0, max_tokens=200))
    assert isinstance(run(agent, "Paris has two million inhabitants."), City)


main()
