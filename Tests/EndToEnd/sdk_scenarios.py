"""What programs do with the official SDK, against a relay in front of claude-sim. Runs with any generation of the SDK.

Usage: python sdk_scenarios.py BASE_URL TOKEN     prints one JSON line a scenario: {"name": …, "error": null or text}
"""

import asyncio
import json
import sys
import traceback
from collections.abc import Callable

import anthropic

BASE, TOKEN = sys.argv[1:3]
TEXT = "Hi ✓ 日本 🙂 \u2028 \" \\"
ASK = {"model": "claude-sonnet-5", "max_tokens": 64, "messages": [{"role": "user", "content": TEXT}]}
TOOL = {"name": "look_up", "description": "Looks up.", "input_schema": {"type": "object", "properties": {}}}
TOOL_ASK = {**ASK, "tools": [TOOL]}
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2048}
SCENARIOS: dict[str, Callable[[], None]] = {}


def client(**options: object) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=BASE, **{"api_key": TOKEN, "max_retries": 0, **options})


def scenario(run: Callable[[], None]) -> Callable[[], None]:
    SCENARIOS[run.__name__] = run
    return run


def echoed(text: str) -> bool:
    return text.startswith("echo:") and len(text) > 21


def words(text: str) -> str:
    """Without the echo, which names the request: asking for a stream makes it another one."""
    assert echoed(text), text
    return text[21:]


@scenario
def plain_and_raw() -> None:
    answer = client().messages.create(**ASK)
    assert echoed(answer.content[0].text) and answer.stop_reason == "end_turn" and answer.usage.output_tokens == 40
    assert answer._request_id.startswith("req_sim")
    raw = client().messages.with_raw_response.create(**ASK)
    assert raw.headers["request-id"].startswith("req_sim") and raw.parse().content == answer.content
    with client().messages.with_streaming_response.create(**ASK) as response:
        assert json.loads(b"".join(response.iter_bytes()))["content"][0]["text"] == answer.content[0].text


@scenario
def every_streaming_helper() -> None:
    plain = client().messages.create(**ASK).content[0].text
    with client().messages.stream(**ASK) as stream:
        whole = "".join(stream.text_stream)
        assert words(whole) == words(plain) and stream.get_final_text() == whole
        assert stream.current_message_snapshot.stop_reason == "end_turn" and stream.request_id.startswith("req_")
    with client().messages.stream(**ASK) as stream:
        kinds = [event.type for event in stream]
    assert kinds[0] == "message_start" and kinds[-1] == "message_stop" and kinds.count("text") == 40
    with client().messages.stream(**ASK) as stream:
        stream.until_done()
        assert stream.get_final_message().content[0].text == whole
    names = [event.type for event in client().messages.create(**ASK, stream=True)]
    assert names.count("content_block_delta") == 40 and names[-1] == "message_stop"


@scenario
def tools_by_hand_and_by_runner() -> None:
    first = client().messages.create(**TOOL_ASK)
    use = first.content[0]
    assert first.stop_reason == "tool_use" and use.name == "look_up" and echoed(use.input["text"])
    with client().messages.stream(**TOOL_ASK) as stream:
        snapshots = [event.snapshot for event in stream if event.type == "input_json"]
        final = stream.get_final_message()
    assert snapshots and snapshots[-1] == final.content[0].input
    assert words(final.content[0].input["text"]) == words(use.input["text"])
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "42"}
    turns = [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second = client().messages.create(**{**TOOL_ASK, "messages": [*ASK["messages"], *turns]})
    assert second.stop_reason == "end_turn" and echoed(second.content[0].text)
    seen: list[str] = []

    @anthropic.beta_tool
    def look_up(text: str) -> str:
        """Looks up."""
        seen.append(text)
        return "42"

    last = client().beta.messages.tool_runner(**ASK, tools=[look_up]).until_done()
    assert len(seen) == 1 and echoed(seen[0]) and echoed(last.content[0].text)


@scenario
def thinking_keeps_its_signature() -> None:
    plain = client().messages.create(**{**ASK, **THINKING})
    with client().messages.stream(**{**ASK, **THINKING}) as stream:
        kinds = {event.type for event in stream}
        streamed = stream.get_final_message()
    assert {"thinking", "signature", "text"} <= kinds
    assert streamed.content[0].thinking == plain.content[0].thinking
    assert streamed.content[0].signature.startswith("sim") and streamed.content[0].signature.endswith("==")
    messages = [*ASK["messages"], {"role": "assistant", "content": plain.content}, {"role": "user", "content": "On."}]
    assert client().messages.create(**{**ASK, "messages": messages}).content


@scenario
def beta_calls() -> None:
    betas = ["interleaved-thinking-2025-05-14", "x-new-2026-01-01"]
    assert echoed(client().beta.messages.create(**ASK, betas=betas).content[0].text)
    with client().beta.messages.stream(**ASK, betas=betas) as stream:
        assert echoed("".join(stream.text_stream))
    assert client().beta.messages.count_tokens(**{key: ASK[key] for key in ("model", "messages")}).input_tokens > 0


@scenario
def five_megabytes() -> None:
    text = "é🙂\u2028\\\"\n" * 400_000  # more than 5 MB once it is written
    answer = client().messages.create(**{**ASK, "messages": [{"role": "user", "content": text}]})
    assert echoed(answer.content[0].text) and answer.usage.input_tokens > 1_000_000
    counted = client().messages.count_tokens(model=ASK["model"], messages=[{"role": "user", "content": text}])
    assert counted.input_tokens > 1_000_000


@scenario
def models_in_both_directions() -> None:
    forwards = [model.id for model in client().models.list(limit=1)]
    assert forwards == [f"claude-sim-{number}" for number in (4, 3, 2, 1)]
    page = client().models.list(limit=2, after_id="claude-sim-4")
    assert [model.id for model in page.data] == ["claude-sim-3", "claude-sim-2"] and page.has_more
    backwards = [model.id for model in client().models.list(limit=1, before_id="claude-sim-1")]
    assert backwards == ["claude-sim-2", "claude-sim-3", "claude-sim-4"]
    assert client().models.retrieve("claude-sim-2").display_name == "Claude Sim 2"


def fault(kind: str, **options: object) -> anthropic.Anthropic:
    return client(default_headers={"x-sim-fault": kind}, **options)


def raised(call: Callable[[], object]) -> anthropic.APIStatusError:
    try:
        call()
    except anthropic.APIStatusError as error:
        return error
    raise AssertionError("nothing was raised")


@scenario
def errors_are_what_they_are_at_the_source() -> None:
    table = {
        "400": anthropic.BadRequestError, "403": anthropic.PermissionDeniedError, "404": anthropic.NotFoundError,
        "409": anthropic.ConflictError, "413": anthropic.APIStatusError, "429": anthropic.RateLimitError,
        "500": anthropic.InternalServerError, "504": anthropic.APIStatusError, "529": anthropic.APIStatusError}
    for kind, expected in table.items():
        for call in (lambda api: api.messages.create(**ASK), lambda api: api.messages.create(**ASK, stream=True)):
            error = raised(lambda: call(fault(kind)))
            assert isinstance(error, expected) and error.status_code == int(kind), (kind, error)
            assert error.request_id.startswith("req_sim") and "x-relay-error" not in error.response.headers
            assert error.body["error"]["message"] and error.body["request_id"] == error.request_id
    # Each generation has its own classes for these, some of them private: their names are what they share.
    assert type(raised(lambda: fault("529").messages.create(**ASK))).__name__ == "OverloadedError"
    assert "Large" in type(raised(lambda: fault("413").messages.create(**ASK))).__name__


@scenario
def the_relays_refusals_say_so() -> None:
    table = [
        (anthropic.AuthenticationError, "token_invalid", lambda: client(api_key="sk-ant-x").messages.create(**ASK)),
        (anthropic.BadRequestError, "field_missing",
         lambda: client().post("/v1/messages", cast_to=object, body={"model": "m"})),
        (anthropic.NotFoundError, "route_unknown", lambda: client().get("/v1/nothing", cast_to=object)),
        (anthropic.InternalServerError, "no_upstream_key", lambda: fault("401").messages.create(**ASK))]
    for expected, code, call in table:
        error = raised(call)
        assert isinstance(error, expected), (code, error)
        assert error.response.headers["x-relay-error"] == code and error.request_id.startswith("req_relay_")
        assert error.body["error"]["message"].startswith("Claude Relay: ")
        assert error.body["error"]["details"]["error_code"] == code


@scenario
def an_error_inside_a_stream_is_raised() -> None:
    for kind in ("error-stream", "reset-stream"):
        error = raised(lambda: list(fault(kind).messages.create(**ASK, stream=True)))
        assert error.status_code == 200 and error.body["type"] == "error", (kind, error)


@scenario
def async_calls() -> None:
    async def run() -> None:
        async with anthropic.AsyncAnthropic(base_url=BASE, auth_token=TOKEN, api_key=None, max_retries=0) as api:
            answers = await asyncio.gather(*(
                api.messages.create(**{**ASK, "messages": [{"role": "user", "content": f"{n}"}]}) for n in range(20)))
            assert len({answer.content[0].text for answer in answers}) == 20
            async with api.messages.stream(**ASK) as stream:
                text = "".join([piece async for piece in stream.text_stream])
                assert text == await stream.get_final_text() and echoed(text)
            async with api.messages.stream(**TOOL_ASK) as stream:
                assert (await stream.get_final_message()).stop_reason == "tool_use"
            assert [model.id async for model in api.models.list(limit=3)][-1] == "claude-sim-1"
            assert (await api.messages.count_tokens(model="m", messages=ASK["messages"])).input_tokens > 0

    asyncio.run(run())


def main() -> None:
    for name, run in SCENARIOS.items():
        error = None
        try:
            run()
        except Exception:  # whatever it is, the test that started us shows it
            error = traceback.format_exc()
        print(json.dumps({"name": name, "error": error}), flush=True)


if __name__ == "__main__":
    main()
