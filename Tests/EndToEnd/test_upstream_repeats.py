"""Connections of HTTP/2 that die or refuse a call: it is begun anew once, and only where the upstream cannot have executed it."""

import contextlib
import ctypes
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from h2_server import H2Server
from test_egress import tinyproxy
from test_upstream_tls import authority, call, configure, metric  # noqa: F401 (authority is a fixture)
from tls_front import Front
from world import VERSION, World, eventually

PIDFD_GETFD = 438  # of Linux on every machine
LISTENING = "0A"  # in /proc/net/tcp


def starting(world: World, authority, *fates: str, attempts: int = 1):
    """The server, a relay before it that makes so many attempts of its own, and a client."""
    server = H2Server(world, authority, *fates)
    world.upstream = server.base
    configure(world, authority, sync={"max_attempts": attempts})
    world.add_key()
    relay = world.relay()
    return server, relay, world.client(relay)


def serving(world: World, authority, *fates: str, attempts: int = 1):
    """As above; one call has been answered."""
    server, relay, client = starting(world, authority, "answer", *fates, attempts=attempts)
    assert call(client).status_code == 200
    return server, relay, client


def repeats(client) -> float:
    return metric(client, "relay_upstream_repeats_total")


def fates(server: H2Server) -> list[str]:
    return [request.fate for request in server.requests[1:]]


def test_a_refused_stream_is_sent_once_more_over_another_connection(world, authority):
    server, _, client = serving(world, authority, "refuse")
    assert call(client).status_code == 200
    assert fates(server) == ["refuse", "answer"]
    assert server.requests[-1].connection != server.requests[-2].connection
    assert repeats(client) == 1


@pytest.mark.parametrize("earlier", [["answer"], []], ids=["answered", "unanswered"])
def test_a_stream_that_goaway_leaves_out_is_sent_once_more_and_the_others_go_on(world, authority, earlier):
    """Also on a connection that has not answered anything yet."""
    server, _, client = starting(world, authority, *earlier, "hold", "goaway")
    assert [call(client).status_code for _ in earlier] == [200] * len(earlier)
    with ThreadPoolExecutor(1) as callers:
        held = callers.submit(call, client, "held")
        eventually("it is held", lambda: len(server.requests) == len(earlier) + 1)
        assert call(client).status_code == 200
        assert held.result().status_code == 200
    assert [request.fate for request in server.requests] == [*earlier, "hold", "goaway", "answer"]
    assert repeats(client) == 1


def test_an_upstream_that_refuses_again_meets_one_repeat_an_attempt(world, authority):
    server, _, client = serving(world, authority, *["refuse"] * 3, attempts=2)
    assert call(client).status_code == 200, "the second attempt's repeat"
    assert fates(server) == ["refuse", "refuse", "refuse", "answer"]
    assert repeats(client) == 2
    assert metric(client, 'relay_upstream_exchanges_total{.*outcome="broken"') == 1


def test_a_call_whose_repeat_is_refused_too_ends_retryable(world, authority):
    server, _, client = serving(world, authority, *["refuse"] * 9)
    answer = call(client)
    assert answer.status_code in (502, 503), answer.text
    assert fates(server) == ["refuse", "refuse"] and repeats(client) == 1


@pytest.mark.parametrize("fate", ["close", "reset"])
def test_a_call_that_may_have_been_executed_is_not_repeated(world, authority, fate):
    server, _, client = serving(world, authority, fate)
    assert call(client).status_code in (502, 503)
    assert fates(server) == [fate] and repeats(client) == 0
    assert metric(client, 'relay_upstream_exchanges_total{.*outcome="broken"') == 1


@pytest.mark.parametrize("fate", ["close", "reset"])
@pytest.mark.parametrize("_", range(4))
def test_the_call_that_opened_a_connection_is_not_repeated_once_others_have_shared_it(world, authority, fate, _):
    """Several times, since chance tells which of the two calls is the first to hear of the connection's end."""
    server, _, client = starting(world, authority, "hold", fate)
    with ThreadPoolExecutor(1) as callers:
        held = callers.submit(call, client, "held")
        eventually("it is held", lambda: len(server.requests) == 1)
        assert call(client).status_code in (502, 503)
        assert held.result().status_code in (502, 503)
    assert [(request.fate, request.connection) for request in server.requests] == [("hold", 1), (fate, 1)]
    assert server.connections == 1 and repeats(client) == 0


@pytest.mark.parametrize("ending, ends_well", [(1, True), (9, False)])
def test_a_question_that_changes_nothing_is_repeated_once(world, authority, ending, ends_well):
    server, _, client = serving(world, authority, *["reset"] * ending)
    answer = client.http.get("/v1/models", headers=VERSION)
    assert (answer.status_code == 200) == ends_well, answer.text
    assert len(fates(server)) == 2 and repeats(client) == 1


def test_an_idle_connection_that_was_closed_costs_nothing(world, authority):
    server, _, client = serving(world, authority, "last", "last")
    for _ in range(2):
        assert call(client).status_code == 200
        assert server.closed.acquire(timeout=20)
    assert call(client).status_code == 200
    assert fates(server) == ["last", "last", "answer"], "each call was seen once"
    assert metric(client, "relay_upstream_exchanges_total{") == metric(
        client, 'relay_upstream_exchanges_total{.*outcome="complete"') == 4


def half_closed(pid: int, peer: tuple[str, int]) -> int:
    """Makes the program's sockets to `peer` take no more bytes, which it notices when it writes. Returns how many."""
    system, count = ctypes.CDLL(None, use_errno=True), 0
    process = os.pidfd_open(pid)
    for name in os.listdir(f"/proc/{pid}/fd"):
        descriptor = system.syscall(PIDFD_GETFD, process, int(name), 0)
        if descriptor < 0:
            if ctypes.get_errno() == 1:
                pytest.skip("this user may not reach into another process")
            continue
        with contextlib.suppress(OSError), socket.socket(fileno=descriptor) as taken:
            if taken.getpeername()[:2] == peer:
                taken.shutdown(socket.SHUT_WR)
                count += 1
    os.close(process)
    return count


def test_a_call_of_which_no_byte_left_is_sent_once_over_another_connection(world, authority):
    server, relay, client = serving(world, authority)
    server.stays_open = True
    assert half_closed(relay.process.pid, server.address) == 1
    assert call(client).status_code == 200
    assert fates(server) == ["answer"] and server.connections == 2
    assert repeats(client) == 1


def unaccepted(port: int) -> int:
    """Connections that this port's owner has yet to accept."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(fields[4].split(":")[1], 16) for fields in lines
               if fields[3] == LISTENING and fields[1].endswith(f":{port:04X}"))


def stands_still(pid: int) -> bool:
    """Whether all threads of the process have come to the stop that a signal asked for."""
    states = [entry.read_text().rpartition(")")[2].split()[0] for entry in Path(f"/proc/{pid}/task").glob("*/stat")]
    return states != [] and set(states) == {"T"}


def test_so_is_one_through_a_proxy_which_is_told_where_to_go_a_second_time(world, authority):
    """With HTTP/1.1, where nothing else than the bytes written tells that the call may be begun anew."""
    proxy, url = tinyproxy(world, "127.0.0.11")
    sim = world.sim()
    front = Front(world, authority, sim.base, speaks_http2=False)
    world.upstream = f"https://localhost:{front.port}"
    configure(world, authority, sync={"max_attempts": 1}, egress=[{"id": "only", "proxy": url}])
    world.add_key()
    relay = world.relay()
    client = world.client(relay)
    assert call(client).status_code == 200
    # Otherwise it would pass the half's end on, and the connection would not be used again.
    os.killpg(proxy.process.pid, signal.SIGSTOP)
    eventually("it stands still", lambda: stands_still(proxy.process.pid))
    assert half_closed(relay.process.pid, ("127.0.0.1", proxy.port)) == 1
    with ThreadPoolExecutor(1) as callers:
        answer = callers.submit(call, client)
        eventually("it comes over another connection", lambda: unaccepted(proxy.port) == 1)
        os.killpg(proxy.process.pid, signal.SIGCONT)
        assert answer.result().status_code == 200, answer.result().text
    assert len({exchange.connection for exchange in front.exchanges}) == len(front.exchanges) == 2
    assert sim.stats()["requests"] == 2 and repeats(client) == 1
