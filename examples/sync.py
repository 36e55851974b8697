#!/usr/bin/env python3
"""Calls Claude through the relay with the official SDK. Needs `pip install anthropic`, RELAY_URL and RELAY_TOKEN."""

import os

import anthropic

client = anthropic.Anthropic(base_url=os.environ["RELAY_URL"], api_key=os.environ["RELAY_TOKEN"])
answer = client.messages.create(
    model="claude-sonnet-5",
    max_tokens=200,
    messages=[{"role": "user", "content": "Name three uses of a durable queue."}],
)
for block in answer.content:
    if block.type == "text":
        print(block.text)
print(f"({answer.usage.input_tokens} tokens in, {answer.usage.output_tokens} out)")
