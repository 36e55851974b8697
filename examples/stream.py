#!/usr/bin/env python3
"""Streams an answer through the relay with the official SDK. Needs `pip install anthropic`, RELAY_URL and RELAY_TOKEN."""

import os

import anthropic

client = anthropic.Anthropic(base_url=os.environ["RELAY_URL"], api_key=os.environ["RELAY_TOKEN"])
with client.messages.stream(
    model="claude-sonnet-5",
    max_tokens=200,
    messages=[{"role": "user", "content": "Tell a very short story about a relay race."}],
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
    print(f"\n({stream.get_final_message().stop_reason})")
