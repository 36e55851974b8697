"""Keys and paths that fail at random while calls run; one key and one path at a time, so that others are left."""

import asyncio
import collections
import contextlib
import random
from collections.abc import AsyncIterator

from brief.world import KEYS, World

PATH_STATES = ("down", "stalled", "slow")
KEY_FAULTS = ("429", "500", "401")
MOST_REFUSED_KEYS = 2
"""Keys that are answered 401 in a run: a relay rightly leaves such a key alone for long after it is well again."""


class Chaos:
    """Counts what it has broken."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.chance, self.done = world, random.Random(seed), collections.Counter()

    async def paths(self) -> None:
        while True:
            await asyncio.sleep(self.chance.uniform(2, 6))
            path, state = self.chance.randrange(self.world.path_count), self.chance.choice(PATH_STATES)
            self.world.set_path(path, state)
            self.done[f"path {state}"] += 1
            await asyncio.sleep(self.chance.uniform(1, 4))
            self.world.set_path(path, "up")

    async def keys(self) -> None:
        while True:
            await asyncio.sleep(self.chance.uniform(2, 6))
            key, fault = self.chance.choice(KEYS), self.chance.choice(KEY_FAULTS)
            if fault == "401" and self.done["key 401"] >= MOST_REFUSED_KEYS:
                continue
            await self.order(key, fault)
            self.done[f"key {fault}"] += 1
            await asyncio.sleep(self.chance.uniform(1, 4))
            await self.order(key, "ok")

    async def order(self, key: str, fault: str) -> None:
        await asyncio.to_thread(self.world.control, "keys", {"key": key, "fault": fault})


@contextlib.asynccontextmanager
async def raging(world: World, seed: int) -> AsyncIterator[collections.Counter]:
    """Breaks keys and paths as long as the context lasts; afterwards none is broken."""
    chaos = Chaos(world, seed)
    tasks = [asyncio.create_task(chaos.paths()), asyncio.create_task(chaos.keys())]
    try:
        yield chaos.done
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for path in range(world.path_count):
            world.set_path(path, "up")
        for key in KEYS:
            await chaos.order(key, "ok")
