"""The table as Markdown, from the figures of a run. What was not measured is left out."""

HEADER = ("", "brief: native → relay", "goal", "native", "relay")


def table(figures: dict) -> str:
    rows = [HEADER]
    for phase, describe in (("latency", latencies), ("rate", rates), ("errors", errors), ("long", long_run)):
        if found := figures.get(phase):
            rows += describe(found)
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(HEADER) + "|", *lines[1:], "", remarks(figures)])


def latencies(found: dict) -> list[tuple[str, ...]]:
    native, relay, newer = found["native"], found["relay"], found["native_tls13"]
    return [
        ("average latency", "820 → 210 ms", "≤ 1.1 round trips", *(
            latency(side, "average") for side in (native, relay))),
        ("p99 latency", "", "", latency(native, "p99"), latency(relay, "p99")),
        ("average, native with TLS 1.3", "", "", latency(newer, "average"), "")]


def rates(found: dict) -> list[tuple[str, ...]]:
    both = found["native"], found["relay"]
    return [
        ("rate", "5 → 50 /s", "", *(f"{side['per_second']:.1f} /s" for side in both)),
        ("rate of the best second", "", "", *(f"{side['best_second']:.0f} /s" for side in both)),
        ("share of the keys' combined rate", "", "≥ 98 %", *(f"{side['share_of_allowed']:.1%}" for side in both)),
        ("429s of own pacing", "", "0", f"{both[0]['over_limit']} (it does not pace)", str(both[1]["over_limit"]))]


def errors(found: dict) -> list[tuple[str, ...]]:
    both = found["native"], found["relay"]
    return [
        ("error rate with faults", "12.7 → 0.3 %", "", *(
            f"{side['error_rate']:.2%} of {side['calls']:,}" for side in both)),
        ("average latency with faults", "", "", *(latency(side, "average") for side in both)),
        ("p99 latency with faults", "", "", *(latency(side, "p99") for side in both)),
        ("429s of own pacing with faults", "", "0", *(str(side["over_limit"]) for side in both))]


def long_run(found: dict) -> list[tuple[str, ...]]:
    return [
        (f"{found['calls']:,} jobs succeeded", "> 99.7 %", "≥ 99.99 %", "", f"{found['share_succeeded']:.3%}"),
        ("429s of own pacing among them", "", "0", "", str(found["over_limit"])),
        ("jobs ended a second", "", "", "", f"{found['per_second']:.0f}")]


def latency(figures: dict, name: str) -> str:
    if f"{name}_ms" not in figures:
        return "–"
    return f"{figures[f'{name}_ms']:.0f} ms ({figures[f'{name}_round_trips']:.2f} round trips)"


def remarks(figures: dict) -> str:
    text = (f"Round trip {figures['round_trip_ms']} ms, emulated by a {figures['delay']}; "
            f"binaries: {figures['binaries']}.")
    if figures["relay_tls"]:
        return text + " Relay and native speak TLS."
    return text + (" The relay's calls went in cleartext, because this build cannot be told a test authority, or by"
                   " --cleartext: TLS adds no round trip on a warm connection, one or two on a new one.")
