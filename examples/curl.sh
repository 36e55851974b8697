#!/usr/bin/env bash
# Submits one job, waits for it and prints its result, with nothing but curl.
# Usage: RELAY_URL=http://127.0.0.1:8787 RELAY_TOKEN=… examples/curl.sh
set -euo pipefail
[[ ${1:-} == --help || ${1:-} == -h ]] && { sed -n '2,3s/^# //p' "$0"; exit 0; }
relay=${RELAY_URL:-http://127.0.0.1:8787}
# The token goes by a header file, so that it does not show in the list of processes.
call() { curl -sS --fail-with-body -H @<(printf 'x-api-key: %s\n' "$RELAY_TOKEN") "$@"; }

job=$(call "$relay/v1/jobs" -D - -o /dev/null -H 'content-type: application/json' -d '{
  "request": {"model": "claude-haiku-4-5", "max_tokens": 64,
              "messages": [{"role": "user", "content": "Say hello in one sentence."}]},
  "metadata": {"example": "curl"}
}' | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
echo "Submitted: $job"
call "$relay$job?wait=30"; echo
call "$relay$job/result"; echo
