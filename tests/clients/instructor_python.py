"""Instructor, in each of its modes that a server of this kind answers."""

from typing import Literal

import anthropic
import instructor
import openai
from instructor.core import InstructorRetryException
from pydantic import BaseModel, Field

from checks import KEY, MODEL, URL, check, equal, main, raises

OPENAI = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=120)
ANTHROPIC = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=120)
ASK = [{"role": "user", "content": "Judge this review: 'Lovely food, slow service, I will come again.'"}]


class Review(BaseModel):
    """A judgement of a review."""

    mood: Literal["good", "mixed", "bad"]
    stars: int = Field(ge=1, le=5)
    reasons: list[str] = Field(max_length=3)


def review(client, **settings):
    settings = {"model": MODEL, "messages": ASK, "response_model": Review, "temperature": 0, "max_tokens": 300,
                "max_retries": 0, **settings}
    return client.chat.completions.create(**settings)


@check("schema")
def schema():
    for mode in (instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA, instructor.Mode.JSON):
        found = review(instructor.from_openai(OPENAI, mode=mode))
        assert isinstance(found, Review), (mode, found)


@check("schema")
def schema_anthropic():
    # This client names no settings of sampling.
    found = instructor.from_anthropic(ANTHROPIC).chat.completions.create(
        model=MODEL, messages=ASK, response_model=Review, max_tokens=300, max_retries=0, extra_body={"temperature": 0})
    assert isinstance(found, Review)


@check("tools: named")
def tools_named():
    found, answer = instructor.from_openai(OPENAI).chat.completions.create_with_completion(
        model=MODEL, messages=ASK, response_model=Review, temperature=0, max_retries=0, max_tokens=300)
    assert isinstance(found, Review)
    equal(answer.choices[0].message.tool_calls[0].function.name, "Review")


@check("stream")
def stream():
    parts = list(instructor.from_openai(OPENAI).chat.completions.create_partial(
        model=MODEL, messages=ASK, response_model=Review, temperature=0, max_tokens=300))
    assert parts and parts[-1].mood in ("good", "mixed", "bad"), parts[-1:]


@check("error: model")
def unknown_model():
    raises((openai.NotFoundError, InstructorRetryException), lambda: review(instructor.from_openai(OPENAI), model="no-such"))


@check("error: key")
def wrong_key():
    client = instructor.from_openai(OPENAI.with_options(api_key="wrong"))
    raises((openai.AuthenticationError, InstructorRetryException), lambda: review(client))


main()
