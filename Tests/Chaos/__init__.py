"""The crash harness: a relay under load whose processes are killed at random, and the checks of what is left."""
