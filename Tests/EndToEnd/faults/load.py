"""Clients that submit jobs and write down what they were promised."""

import threading
import time
from collections import Counter

import httpx

from world import VERSION, Client, job_line, message_body


class Load:
    """Submits jobs, one a request, until told to stop. Keeps the body of each acknowledged job and each refusal."""

    def __init__(self, client: Client, threads: int = 4, size: int = 2000, pause: float = 0.008) -> None:
        self.client, self.size, self.pause = client, size, pause
        self.bodies: dict[str, bytes] = {}
        self.refusals: list[httpx.Response] = []
        self.faults: list[Exception] = []
        self._stop, self._lock, self._number = threading.Event(), threading.Lock(), 0
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                self._number += 1
                number = self._number
            body = message_body(f"{id(self)} {number}: " + "x" * self.size)
            try:
                answer = self.client.http.post("/v1/jobs", content=job_line(body), headers=VERSION)
            except httpx.TransportError as fault:  # the relay was killed: nothing was promised
                self.faults.append(fault)
            else:
                if answer.status_code == 202:
                    self.bodies[answer.json()["id"]] = body
                else:
                    self.refusals.append(answer)
            time.sleep(self.pause)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def outcomes(self, client: Client) -> Counter:
        """The acknowledged jobs by what became of them; `wrong` are those with another request's answer."""
        found: Counter = Counter()
        for identifier, body in list(self.bodies.items()):
            status = client.job(identifier)["status"]
            right = status != "succeeded" or client.result_matches(identifier, body)
            found[status if right else "wrong"] += 1
        return found
