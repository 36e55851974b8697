#!/usr/bin/env python3
"""Writes examples/batch.jsonl: jobs as a business would submit them. The same seed gives the same bytes.

Usage: examples/make_batch.py [--count N] [--seed N] >examples/batch.jsonl
"""

import argparse
import json
import random
import sys

MODELS = ["claude-haiku-4-5", "claude-sonnet-5", "claude-sonnet-4-6", "claude-opus-5"]
CUSTOMERS = ["Ana Lindström", "Jörg Müller", "王小明", "Fatima Al-Sayed", "Tom O'Brien", "Zoë Çelik", "María Peña"]
PRODUCTS = ["Nimbus router", "Atlas drill", "Orion desk lamp", "Vega espresso machine", "Kestrel bicycle"]
COMPLAINTS = [
    "arrived with a cracked housing; the box itself was intact",
    "stops after exactly 20 minutes and shows E-17",
    "was charged twice: 2 × €249.00 on 14 November",
    "works fine, but the manual is in Portuguese only 🙂",
    "has not been delivered; tracking says \"handed to neighbour\" (which one?)",
    "makes a noise like a kettle — see C:\\Users\\tom\\noise.wav",
]
CLAUSES = [
    "The Supplier shall deliver the Goods to the Delivery Point within ten (10) Business Days of the Order Date.",
    "Either Party may terminate this Agreement for convenience upon ninety (90) days' prior written notice.",
    "The aggregate liability of the Supplier shall not exceed the Fees paid in the twelve months before the event.",
    "Confidential Information excludes information that is or becomes public other than by breach of this clause.",
    "Invoices are payable net thirty (30) days; late sums bear interest at 4 % above the base rate.",
    "This Agreement is governed by the laws of England and Wales; the courts of London have jurisdiction.",
    "The Customer grants the Supplier a non-exclusive licence to process the Customer Data for the Term only.",
    "Neither Party is liable for delay caused by events beyond its reasonable control (\"Force Majeure\").",
]
SENTENCES = {
    "de": "Bitte schließen Sie das Gerät erst an, wenn die Füße fest stehen.",
    "fr": "L'appareil ne doit pas être plongé dans l'eau ; débranchez-le avant le nettoyage.",
    "ja": "ご使用の前に、この取扱説明書を必ずお読みください。",
    "ar": "يرجى قراءة هذا الدليل بعناية قبل الاستخدام.",
    "uk": "Не відкривайте корпус, доки прилад під напругою.",
}


def job(request, task, number, priority=None):
    """A line: the request as the Claude API takes it, and what the submitter wants to know it by."""
    line = {"request": request, "metadata": {"task": task, "reference": f"{task}-{number:04}"}}
    if priority is not None:
        line["priority"] = priority
    return line


def message(text):
    return [{"role": "user", "content": text}]


def classify(rng, number):
    text = f"Ticket {40000 + number} from {rng.choice(CUSTOMERS)}: the {rng.choice(PRODUCTS)} {rng.choice(COMPLAINTS)}."
    system = "Answer with one word: delivery, defect, billing, praise or other."
    request = {"model": MODELS[0], "max_tokens": 8, "system": system, "messages": message(text)}
    return job(request, "classify", number, priority=7)


def summarise(rng, number):
    count = rng.choice([12, 40, 120, 260, 520])
    clauses = [f"{index}.{rng.randint(1, 9)} {rng.choice(CLAUSES)}" for index in range(1, count + 1)]
    text = "Summarise this contract in five bullet points for a purchaser.\n\n" + "\n\n".join(clauses)
    system = [{"type": "text", "text": "You are a careful contract analyst. Name clause numbers.",
               "cache_control": {"type": "ephemeral"}}]
    request = {"model": rng.choice(MODELS[1:]), "max_tokens": 600, "system": system, "messages": message(text)}
    return job(request, "summarise", number, priority=2)


def extract(rng, number):
    lines = [f"{rng.randint(1, 40)} x {rng.choice(PRODUCTS)}\t{rng.randint(900, 99900) / 100:.2f} EUR"
             for _ in range(rng.randint(2, 60))]
    text = f"INVOICE R-2026-{number:05}\r\nTo: {rng.choice(CUSTOMERS)}\r\n" + "\r\n".join(lines)
    schema = {
        "type": "object", "required": ["number", "total"],
        "properties": {
            "number": {"type": "string"}, "total": {"type": "number"},
            "lines": {"type": "array", "items": {"type": "object", "properties": {
                "quantity": {"type": "integer"}, "article": {"type": "string"}, "price": {"type": "number"}}}},
        },
    }
    tool = {"name": "record_invoice", "description": "Stores the fields of one invoice.", "input_schema": schema}
    request = {"model": MODELS[1], "max_tokens": 1024, "tools": [tool],
               "tool_choice": {"type": "tool", "name": "record_invoice"}, "messages": message(text)}
    return job(request, "extract", number)


def translate(rng, number):
    language, sentence = rng.choice(sorted(SENTENCES.items()))
    text = f"Translate into English, keep line breaks ({language}):\n" + "\n".join([sentence] * rng.randint(1, 25))
    request = {"model": MODELS[1], "max_tokens": 800, "stop_sequences": ["</translation>"], "messages": message(text)}
    return job(request, "translate", number)


def converse(rng, number):
    product = rng.choice(PRODUCTS)
    turns = [
        {"role": "user", "content": f"My {product} {rng.choice(COMPLAINTS)}."},
        {"role": "assistant", "content": [{"type": "text", "text": "I am sorry. Which serial number is on the back?"}]},
        {"role": "user", "content": [{"type": "text", "text": f"SN {rng.randrange(10 ** 9):09}"},
                                     {"type": "text", "text": "and I want to know if it's still under warranty"}]},
    ]
    request = {"model": MODELS[2], "max_tokens": 300, "system": f"You help owners of the {product}.", "messages": turns}
    return job(request, "converse", number, priority=9)


def review(rng, number):
    body = "\n".join(f'    rows.append({{"id": {index}, "path": "C:\\\\data\\\\{index}.csv"}})\t# \u2028{rng.random():.6f}'
                     for index in range(rng.randint(5, 300)))
    text = f"Review this function. Name bugs only.\n```python\ndef load(rows):\n{body}\n    return rows\n```"
    request = {"model": MODELS[3], "max_tokens": 700, "metadata": {"user_id": f"dev-{rng.randrange(100)}"},
               "messages": message(text)}
    return job(request, "review", number)


def tiny(rng, number):
    request = {"model": MODELS[0], "max_tokens": 16, "messages": message(f"What is {rng.randint(2, 99)} × 7?")}
    return {"request": request}


TASKS = [classify, classify, classify, extract, extract, translate, converse, review, summarise, tiny]


def lines(count, seed):
    rng = random.Random(seed)
    for number in range(count):
        yield json.dumps(TASKS[number % len(TASKS)](rng, number), ensure_ascii=number % 3 == 0, separators=(",", ":"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    output = open(sys.stdout.fileno(), "w", encoding="utf-8", newline="\n", closefd=False)
    for line in lines(chosen.count, chosen.seed):
        print(line, file=output)


if __name__ == "__main__":
    main()
