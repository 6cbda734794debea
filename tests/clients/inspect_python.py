"""Inspect, as a server that is like OpenAI's."""

import asyncio
import os
import tempfile

from checks import KEY, MODEL, URL, check, main

os.environ.update(HEFU_BASE_URL=f"{URL}/v1", HEFU_API_KEY=KEY)

from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.scorer import includes
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import tool


@tool
def weather():
    async def execute(city: str) -> str:
        """The weather of a city.

        Args:
            city: The city.
        """
        return "21 degrees"

    return execute


def evaluated(*solvers, question, target):
    task = Task(dataset=[Sample(input=question, target=target)], solver=list(solvers), scorer=includes())
    with tempfile.TemporaryDirectory() as folder:
        log = eval(task, model=f"openai-api/hefu/{MODEL}", temperature=0, max_tokens=100, seed=1, log_dir=folder, display="none")[0]
    assert log.status == "success", log.error
    return log


@check("chat")
def chat():
    log = evaluated(generate(), question="What is the capital of France? One word.", target="Paris")
    assert log.results.scores[0].metrics["accuracy"].value == 1.0


@check("tools: auto")
def tools():
    evaluated(use_tools(weather(), tool_choice="auto"), generate(), question="What is the weather in Paris?", target="21")


@check("logprobs")
def likelihoods_of_prompts():
    model = get_model(f"openai-api-completions/hefu/{MODEL}", config=GenerateConfig(prompt_logprobs=1, max_tokens=1, seed=1))

    def likelihood(text):
        scored = asyncio.run(model.generate(text)).choices[0].prompt_logprobs.content
        assert "".join(one.token for one in scored) in text and scored[-1].token.strip() == text.split()[-1], scored
        return scored[-1].logprob

    assert likelihood("The capital of France is Paris") > likelihood("The capital of France is Rome")


main()
