"""Other durable queues, measured beside the relay in one run; `Benchmarks/peers-run --help` tells how.

One module a peer. `roster` lists them with what they need installed, `peer` says what each must offer, `measure` is
the one procedure that all go through, `load` and `server` are its tools.
"""
