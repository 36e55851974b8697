"""The synchronous path: what the client gets is what the upstream said, byte for byte."""

import json
import threading
import time

import anthropic
import httpx
import pytest

from world import UPSTREAM_SECRET, VERSION, message_body

def call(base, body, key="direct", **headers):
    return httpx.post(base + "/v1/messages", content=body, headers={**VERSION, "x-api-key": key, **headers}, timeout=30)


def sdk(client, **options):
    return anthropic.Anthropic(base_url=client.base, max_retries=0, **options)


BODIES = [
    message_body("plain"),
    message_body("escapes: \" \\ \u2028 🙂 \t", system="s" * 3000),
    b' {\n "max_tokens" : 32 , "messages":[{"content":"odd \\u00e9 spacing","role":"user"}],\t"model":"claude-haiku-4-5" } ',
    message_body("tools", tools=[{"name": "f", "input_schema": {"type": "object"}}]),
]


@pytest.mark.parametrize("stream", [False, True])
def test_answers_are_the_upstreams_bytes(world, stream):
    sim, relay, client = world.serving()
    reference = world.sim()  # a fresh one, for what it answers depends on how often it was asked
    for body in BODIES:
        if stream:
            body = body.rstrip().removesuffix(b"}") + b',"stream":true}'
        through, direct = call(client.base, body, client.token), call(reference.base, body, UPSTREAM_SECRET)
        assert (through.status_code, direct.status_code) == (200, 200), through.text
        assert through.content == direct.content
        assert through.headers["content-type"] == direct.headers["content-type"]
        assert through.headers["request-id"].startswith("req_") and "x-relay-error" not in through.headers
        assert {name for name in through.headers if name.startswith("anthropic-")} == {
            name for name in direct.headers if name.startswith("anthropic-")}


@pytest.mark.parametrize("credential", ["api_key", "auth_token"])
def test_the_sdk_works_unchanged_with_either_credential(world, credential):
    sim, relay, client = world.serving()
    claude = sdk(client, **{credential: client.token})
    request = {"model": "claude-sonnet-5", "max_tokens": 64, "messages": [{"role": "user", "content": "Hi"}]}
    answer = claude.messages.create(**request)
    assert answer.content[0].text and answer.usage.output_tokens > 0 and answer._request_id.startswith("req_")
    with claude.messages.stream(**request) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text and final.content[0].text == text and final.stop_reason


def test_both_headers_name_a_call(world):
    sim, relay, client = world.serving()
    for headers in [{"x-api-key": client.token}, {"authorization": f"Bearer {client.token}"}]:
        answer = httpx.post(client.base + "/v1/messages", content=BODIES[0], headers={**VERSION, **headers})
        assert answer.status_code == 200, answer.text


def fault_for(client, kind):
    return sdk(client, api_key=client.token, default_headers={"x-sim-fault": kind})


def test_the_sdk_raises_what_it_would_raise_at_the_source(world):
    world.config.write_text("sync: {max_attempts: 1}\n")
    sim, relay, client = world.serving()
    request = {"model": "claude-sonnet-5", "max_tokens": 8, "messages": [{"role": "user", "content": "Hi"}]}
    with pytest.raises(anthropic.AuthenticationError) as bad_token:
        sdk(client, api_key="not-a-token").messages.create(**request)
    assert bad_token.value.request_id.startswith("req_relay_")
    assert bad_token.value.response.headers["x-relay-error"] == "token_invalid"
    with pytest.raises(anthropic.BadRequestError) as no_messages:
        sdk(client, api_key=client.token).messages.create(model="m", max_tokens=8, messages=None)
    assert no_messages.value.request_id
    with pytest.raises(anthropic.InternalServerError) as overloaded:
        fault_for(client, "529").messages.create(**request)
    assert overloaded.value.status_code == 529 and overloaded.value.request_id.startswith("req_")
    assert "x-relay-error" not in overloaded.value.response.headers
    with pytest.raises(anthropic.RateLimitError) as limited:
        fault_for(client, "429").messages.create(**request)
    assert limited.value.request_id.startswith("req_") and float(limited.value.response.headers["retry-after"]) > 0


def test_faults_before_the_first_event_are_retried_out_of_sight(world):
    sim, relay, client = world.serving("--fault", "reset=0.15", "--fault", "500=0.1", "--seed", "3")
    answers = [call(client.base, message_body(f"{number}", stream=number % 2 == 0), client.token)
               for number in range(40)]
    # Three attempts a call: about one call in sixty fails for good.
    assert sum(answer.status_code == 200 for answer in answers) >= 36


def test_an_error_event_in_a_stream_reaches_the_client(world):
    sim, relay, client = world.serving()
    answer = call(client.base, message_body("long " * 50, stream=True), client.token, **{"x-sim-fault": "error-stream"})
    assert answer.status_code == 200 and b"event: error" in answer.content
    assert b"message_stop" not in answer.content


def test_a_stream_that_breaks_off_does_not_look_complete(world):
    sim, relay, client = world.serving()
    try:
        answer = call(client.base, message_body("x", stream=True), client.token, **{"x-sim-fault": "reset-stream"})
    except httpx.TransportError:
        return  # broken framing says it, too
    assert b"message_stop" not in answer.content and b"event: error" in answer.content


def test_events_leave_when_they_arrive(world):
    sim, relay, client = world.serving("--token-interval", "100ms")
    arrivals = []
    with httpx.stream("POST", client.base + "/v1/messages", content=message_body("Hello", stream=True),
                      headers={**VERSION, "x-api-key": client.token}, timeout=30) as answer:
        for chunk in answer.iter_raw():
            arrivals.append(time.monotonic())
    assert len(arrivals) >= 4 and arrivals[-1] - arrivals[0] > 0.25, "the events came in one lump"


def test_sigterm_lets_streams_finish_and_then_ends(world):
    sim, relay, client = world.serving("--token-interval", "150ms")
    received, errors, begun = bytearray(), [], threading.Event()

    def read():
        try:
            with httpx.stream("POST", client.base + "/v1/messages", content=message_body("Hi", stream=True),
                              headers={**VERSION, "x-api-key": client.token}, timeout=30) as answer:
                for chunk in answer.iter_raw():
                    received.extend(chunk)
                    begun.set()
        except httpx.HTTPError as error:
            errors.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    assert begun.wait(10)
    assert b"message_stop" not in received, "the stream was over before the signal"
    relay.terminate()
    reader.join(20)
    assert not errors and b"message_stop" in received
    assert relay.stop() == 0


def test_a_client_that_leaves_does_not_harm_the_next(world):
    sim, relay, client = world.serving("--token-interval", "50ms")
    for _ in range(5):
        with httpx.stream("POST", client.base + "/v1/messages", content=message_body("Hi", stream=True),
                          headers={**VERSION, "x-api-key": client.token}, timeout=30) as answer:
            next(answer.iter_raw())
    assert call(client.base, message_body("after"), client.token).status_code == 200
    assert json.loads(call(client.base, message_body("again"), client.token).content)["role"] == "assistant"
