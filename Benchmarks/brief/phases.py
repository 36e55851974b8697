"""The four measurements: latency without faults, rate, errors with faults, and a long run of jobs."""

import argparse
import asyncio
import collections
import contextlib
import ssl
import time

from brief.calls import Native, Pooled, Tally, at_times, callers, evenly, with_bursts
from brief.chaos import raging
from brief.progress import Progress
from brief.world import KEYS, Certificates, World, program_fault_options
from rig import counts, submit_many

RPS = 5
"""What one key may do; ten of ten organizations make 50."""
LONG_RPS = 500
"""The same in the long run, which would take too long otherwise."""
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Phases:
    """Each makes worlds of its own, native and relay side by side in the same seconds where both take part."""

    def __init__(self, chosen: argparse.Namespace, certificates: Certificates, relay_tls: bool) -> None:
        self.chosen, self.certificates, self.relay_tls = chosen, certificates, relay_tls

    def native_world(self, *sim: str) -> World:
        return World(*sim, rtt=self.chosen.rtt, paths=1, certificates=self.certificates, seed=self.chosen.seed)

    def relay_world(self, *sim: str) -> World:
        return World(*sim, rtt=self.chosen.rtt, paths=self.chosen.paths, seed=self.chosen.seed,
                     certificates=self.certificates if self.relay_tls else None)

    def native(self, world: World, version: str = "1.2") -> Native:
        return Native(world.paths[0], "native", self.certificates.context(VERSIONS[version]))

    @contextlib.contextmanager
    def both(self, *sim: str):
        """A native caller's world and a relay's, with the limits of the brief."""
        limits = ["--rps", str(RPS), *sim]
        with self.native_world(*limits) as native, self.relay_world(*limits) as relay:
            relay.start_relay(RPS, self.relay_tls)
            yield native, relay

    async def latency(self) -> dict:
        """No faults, and less than either side's limit: what a call takes that nothing disturbs."""
        seconds, figures = self.chosen.seconds, {}
        with self.both() as (native, relay):
            plans = {
                "native": (self.native(native), 2, 3), "native_tls13": (self.native(native, "1.3"), 2, 4),
                "relay": (Pooled(relay.base, relay.token), 0.5 * RPS * len(KEYS), 5)}
            total = sum(int(rate * seconds) for _, rate, _ in plans.values())
            progress = Progress("latency without faults", total)
            tallies = await asyncio.gather(*(
                at_times(call, evenly(rate, seconds, seed), name, progress.step)
                for name, (call, rate, seed) in plans.items()))
            for name, tally in zip(plans, tallies):
                figures[name] = tally.figures(self.chosen.rtt)
        return figures

    async def rate(self) -> dict:
        """Without faults, more work than may be done: native callers that do not wait, and a full queue."""
        with self.both() as (native, relay):
            submit_many(relay.base, relay.token, int(RPS * len(KEYS) * (self.chosen.seconds * 1.3 + 20)), 700)
            pushing = asyncio.create_task(
                callers(self.native(native), 20, self.chosen.seconds + 4, "push"))
            await asyncio.sleep(3)  # past the start and the first burst
            figures = dict(zip(("native", "relay"), await asyncio.gather(
                self.sampled("native rate", native, RPS), self.sampled("relay rate", relay, RPS * len(KEYS)))))
            await pushing
        return figures

    async def sampled(self, name: str, world: World, allowed: float) -> dict:
        """Requests that the simulator let pass, over the whole time and in its best second."""
        progress, seconds, best = Progress(name, int(self.chosen.seconds)), self.chosen.seconds, 0.0
        began = before = at, first = await self.accepted(world)
        while at - began[0] < seconds:
            await asyncio.sleep(1)
            at, count = await self.accepted(world)
            best = max(best, (count - before[1]) / (at - before[0]))
            before = at, count
            progress.to(int(at - began[0]))
        rate = (before[1] - first) / (before[0] - began[0])
        return {"allowed_per_second": allowed, "per_second": round(rate, 2), "best_second": round(best, 1),
                "share_of_allowed": round(rate / allowed, 4), **own_pacing(await world.stats())}

    async def accepted(self, world: World) -> tuple[float, int]:
        stats = await world.stats()
        refused = sum(key["over_limit"] for key in stats["keys"].values())
        return stats["uptime_seconds"], stats["requests"] - refused

    async def errors(self) -> dict:
        """With 12 % faults and bursts. Only the relay's keys and paths fail, too: the native side has one of each."""
        seconds, figures, faults = self.chosen.seconds, {}, program_fault_options()
        with self.both(*faults) as (native, relay):
            loads = {
                "native": (self.native(native), with_bursts(0.7 * RPS, seconds, 6, burst=RPS + 1, every=20)),
                "relay": (Pooled(relay.base, relay.token), with_bursts(
                    0.6 * RPS * len(KEYS), seconds, 7, burst=RPS * len(KEYS) // 2, every=20))}
            progress = Progress("errors with faults and bursts", sum(len(times) for _, times in loads.values()))
            async with raging(relay, self.chosen.seed) as broken:
                tallies: list[Tally] = await asyncio.gather(*(
                    at_times(call, times, name, progress.step) for name, (call, times) in loads.items()))
            for name, tally, world in zip(loads, tallies, (native, relay)):
                figures[name] = tally.figures(self.chosen.rtt) | own_pacing(await world.stats())
            figures["relay"]["broken_meanwhile"] = dict(broken)
        return figures

    async def long_run(self) -> dict:
        """Jobs of which as many as possible should succeed, with faults, and keys and paths that fail."""
        calls = self.chosen.calls
        with self.relay_world("--rps", str(LONG_RPS), *program_fault_options()) as world:
            world.start_relay(LONG_RPS, self.relay_tls)
            progress = Progress("long run of jobs", calls)
            began = time.monotonic()
            async with raging(world, self.chosen.seed + 1) as broken:
                await asyncio.to_thread(submit_many, world.base, world.token, calls, 700)
                states = await self.all_ended(world, progress)
            succeeded, stats = states.get("succeeded", 0), await world.stats()
            elapsed = time.monotonic() - began
            return {"calls": calls, "states": states, "share_succeeded": round(succeeded / calls, 6),
                    "seconds": round(elapsed, 1), "per_second": round(calls / elapsed, 1),
                    "upstream_requests": stats["requests"], "executed_more_than_once": more_than_once(stats),
                    **own_pacing(stats), "broken_meanwhile": dict(broken)}

    async def all_ended(self, world: World, progress: Progress) -> dict[str, int]:
        """Gives up when nothing has ended for two minutes: then the rest counts as not succeeded."""
        ended, moved = -1, time.monotonic()
        while True:
            states = collections.Counter(await asyncio.to_thread(counts, world.rig))
            now_ended = states.total() - states["queued"] - states["running"]
            progress.to(now_ended)
            if now_ended > ended:
                ended, moved = now_ended, time.monotonic()
            if now_ended >= progress.total or time.monotonic() - moved > 120:
                return dict(states)
            await asyncio.sleep(1)


def own_pacing(stats: dict) -> dict:
    """429s because too much was sent, none of them injected; by limit."""
    reasons: collections.Counter = collections.Counter()
    for organization in stats["organizations"].values():
        for scope in organization["scopes"].values():
            reasons.update(scope["over_limit"])
    return {"over_limit": reasons.total(), "over_limit_by": dict(reasons)}


def more_than_once(stats: dict) -> int:
    """Bodies that the upstream executed again because their answer was lost on the way."""
    return sum(bodies for times, bodies in stats["executions"]["histogram"].items() if int(times) > 1)
