"""Sends kill -9 at random moments to random processes, paced by the progress of the work."""

import asyncio
import random
import time
from collections.abc import Callable

from .programs import Programs, Victim

LIFE_SECONDS = (0.3, 1.0)
DOWN_SECONDS = (0.0, 0.3)
AIM_SECONDS = (0.0, 0.15)
# The last kill is due a little before the end, so that there is still work for it to hit.
LAST_KILL_AT = 0.95


class Killer:
    """`progress` is 0 at the start and 1 when all jobs have been submitted and have ended."""

    def __init__(self, programs: Programs, kills: int, chance: random.Random, progress: Callable[[], float]) -> None:
        self.programs, self.kills, self.chance, self.progress = programs, kills, chance, progress
        self.done = self.begun = 0
        self.restarts: set[asyncio.Task[None]] = set()
        self.life = {victim.name: self.draw_life() for victim in programs.victims}

    def draw_life(self) -> float:
        return self.chance.uniform(*LIFE_SECONDS)

    def is_due(self) -> bool:
        return self.progress() >= (self.done + 0.5) / self.kills * LAST_KILL_AT

    def ripe(self, victim: Victim) -> bool:
        """Whether it has lived long enough to have got something done."""
        return victim.runs and time.monotonic() - victim.started >= self.life[victim.name]

    async def run(self) -> None:
        while self.done < self.kills:
            await asyncio.sleep(self.chance.uniform(0, 0.05))
            self.programs.revive_crashed()
            ripe = [victim for victim in self.programs.victims if self.ripe(victim)]
            if ripe and self.is_due():
                victim = self.chance.choice(ripe)
                self.begun = self.done + 1  # the clients may go on: the kill shall hit them at work
                await asyncio.sleep(self.chance.uniform(*AIM_SECONDS))
                if not victim.kill():
                    continue
                self.done += 1
                self.restarts.add(asyncio.create_task(self.restart(victim, self.chance.uniform(*DOWN_SECONDS))))
        await asyncio.gather(*self.restarts)

    async def restart(self, victim: Victim, pause: float) -> None:
        await asyncio.sleep(pause)
        self.life[victim.name] = self.draw_life()
        victim.start()
        if victim.kind == "api":
            await self.programs.api_answers()
            victim.started = time.monotonic()
