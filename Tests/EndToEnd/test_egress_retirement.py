"""SIGHUP takes a way out of use, or gives its name to another one, while streams are on it: over TLS they go on to their end,
and what begins afterwards leaves by the new way. nginx tells by which address a call came."""

import json

import pytest

from test_egress import account, dante, states, tinyproxy  # noqa: F401 (account is a fixture)
from test_egress_faults import forwarder
from test_reload import reloaded
from tls_front import Authority, Front
from world import CONFIG, QUIET, VERSION, World, eventually, fnv1a, message_body

TOKENS = 60  # six seconds
BODY = message_body("long", stream=True, max_tokens=TOKENS)


class Stage:
    """A relay before an upstream with TLS that streams slowly, and ways to it."""

    def __init__(self, world: World, request: pytest.FixtureRequest):
        self.world, self.request = world, request
        self.authority = Authority(world.folder / "authority")
        self.sim = world.sim("--token-interval", "100ms", "--output-tokens", str(TOKENS))
        self.front = Front(world, self.authority, self.sim.base)
        self.target = f"127.0.0.1:{self.front.port}"
        world.upstream = f"https://{self.target}"

    def way(self, kind: str, leaving: str) -> dict[str, str]:
        match kind:
            case "http": return {"proxy": tinyproxy(self.world, leaving)[1]}
            case "socks": return {"proxy": dante(self.world, leaving, self.request.getfixturevalue("account"))[1]}
            case "entry": return {"entry": forwarder(self.world, "127.0.0.1", self.target, 0, "--source", leaving)}
            case _: return {"source": leaving}

    def configure(self, name: str, way: dict[str, str]) -> None:
        self.world.config.write_text(
            CONFIG + QUIET + f"upstream_tls: {{ca_file: {self.authority.file}}}\negress: {json.dumps([{'id': name, **way}])}\n")

    def serving(self) -> None:
        self.world.add_key()
        self.relay = self.world.relay()
        self.client = self.world.client(self.relay)

    def replaced_by(self, name: str, way: dict[str, str]) -> None:
        self.configure(name, way)
        reloaded(self.relay)
        assert states(self.client.base) == {name: "0"}

    def call(self) -> None:
        answer = self.client.http.post("/v1/messages", content=message_body("short", max_tokens=1), headers=VERSION)
        assert answer.status_code == 200, answer.text

    def came_from(self, count: int) -> list[str]:
        """Once so many calls have ended, their addresses in that order."""
        eventually(f"{count} calls have ended", lambda: len(self.front.exchanges) == count)
        return [call.address for call in self.front.exchanges]


def is_whole(stream: str) -> bool:
    """Whether each event is there, and in its place."""
    events = [json.loads(line.removeprefix("data: ")) for line in stream.splitlines() if line.startswith("data: ")]
    kinds = [event["type"] for event in events if event["type"] != "ping"]
    deltas = "".join(event["delta"]["text"] for event in events if event["type"] == "content_block_delta")
    return (kinds[:2] == ["message_start", "content_block_start"]
            and kinds[2:-3] == ["content_block_delta"] * len(kinds[2:-3])
            and kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
            and deltas.startswith("echo:" + fnv1a(BODY)) and len(deltas.split()) == TOKENS
            and events[-2]["usage"]["output_tokens"] == TOKENS)


@pytest.mark.parametrize("successor", ["way", "other"])
@pytest.mark.parametrize("kind", ["http", "socks", "entry", "source"])
def test_a_stream_outlives_its_way_and_what_goes_by_its_name(world, request, kind, successor):
    stage = Stage(world, request)
    old, new = stage.way(kind, "127.0.0.81"), stage.way(kind, "127.0.0.82")
    stage.configure("way", old)
    stage.serving()
    with stage.client.http.stream("POST", "/v1/messages", content=BODY, headers=VERSION) as answer:
        lines = answer.iter_lines()
        first = next(lines)
        stage.replaced_by(successor, new)
        for _ in range(5):
            stage.call()
        assert stage.came_from(5) == ["127.0.0.82"] * 5
        assert stage.sim.stats()["in_flight"] == 1, "the stream has ended too early to show anything"
        rest = list(lines)
    assert is_whole("\n".join([first, *rest])), rest
    assert stage.came_from(6)[-1] == "127.0.0.81"
    assert states(stage.client.base) == {successor: "0"}


def test_streams_that_break_on_the_old_way_do_not_put_out_the_new_one_of_the_same_name(world, request):
    stage = Stage(world, request)
    killed, url = tinyproxy(world, "127.0.0.83")
    stage.configure("way", {"proxy": url})
    stage.serving()
    http = stage.client.http
    streams = [http.send(http.build_request("POST", "/v1/messages", content=BODY, headers=VERSION), stream=True)
               for _ in range(6)]
    stage.replaced_by("way", stage.way("http", "127.0.0.84"))
    killed.stop()
    assert not any(is_whole(stream.read().decode()) for stream in streams)
    assert states(stage.client.base) == {"way": "0"}
    stage.call()
    assert stage.came_from(7)[-1] == "127.0.0.84"
