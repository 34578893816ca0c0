#!/usr/bin/env bash
# Asks a running belay-server everything that its OpenAPI document allows, and much that it does not: no answer of 500,
# and none that the document does not tell of. Called by `make fuzz-api`.
#
#   fuzz.sh BELAY_SERVER FOLDER      the program, and a folder for the Python environment that lasts
#
# SEED (1) and EXAMPLES (25 per route and phase) can be set; a failure prints the request to repeat it with.
set -euo pipefail
# Absolute, because the tool leaves its traces in the folder that it runs in.
server=$(realpath "$1") tools=$(realpath "$2")/schemathesis
here=$(cd "$(dirname "$0")" && pwd)
seed=${SEED:-1} examples=${EXAMPLES:-25}

if ! cmp -s "$here/requirements.txt" "$tools/installed.txt"; then
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$tools/installed.txt"
fi

folder=$(mktemp -d)
end() {
  [ -z "${pid:-}" ] || { kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; } || true
  rm -rf "$folder"
}
trap end EXIT

# Settings of its own, so that those of this machine stay out of it.
cat >"$folder/server.toml" <<END
state_dir = "$folder/state"
listen = ["127.0.0.1:0"]
END
run() { "$server" --config "$folder/server.toml" "$@"; }
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

token=$(run --json token create --name fuzz --permission admin:full | field token)
# Not by way of `run`: the number would be that of a shell, and the server would outlive it.
"$server" --config "$folder/server.toml" serve >"$folder/log" 2>&1 &
pid=$!
# The port is the system's choice; the log names it. After ten seconds nothing comes any more.
for _ in $(seq 100); do
  address=$(sed -n 's/.*listening.*address=\([0-9.:]*\).*/\1/p' "$folder/log" | head -n 1)
  [ -z "$address" ] || break
  kill -0 "$pid" 2>/dev/null || break
  sleep 0.1
done
[ -n "$address" ] || { echo "fuzz: the server did not start:" >&2; cat "$folder/log" >&2; exit 1; }
url=http://$address

ask() { curl -fsS -H "Authorization: Bearer $token" -H 'Content-Type: application/json' "$@"; }
# A little fleet, so that not everything is about nothing.
enrolment=$(ask "$url/api/v1/enrolment-tokens" -d '{"name": "fuzz"}' | field token)
enrolled=$(curl -fsS -H 'Content-Type: application/json' "$url/api/v1/enrol" -d '{
  "enrolment": "00000000000000000000000000000001", "identity": "fuzz", "token": "'"$enrolment"'",
  "device_type": "raspberry_pi", "distribution": "alpha",
  "profile": {"facts": {"capabilities": ["packages", "staged", "reports_version", "can_roll_back", "closure"]}}}')
key=$(field key <<<"$enrolled")
ask -o "$folder/release" "$url/api/v1/releases" \
  -d '{"device_type": "raspberry_pi", "distribution": "alpha", "version": "1.0", "packages": ["demo-app"]}'

fuzz() {
  # Positive data that is refused is no fault here: what names other things refers to things that are not there.
  "$tools/bin/schemathesis" --no-color run "$url/api/v1/openapi.json" --wait-for-schema 10 --phases examples,coverage,fuzzing \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,unsupported_method \
    --max-examples "$examples" --seed "$seed" --generation-database none --continue-on-failure --request-timeout 10 \
    --suppress-health-check all --warnings off "$@"
}
cd "$folder"
failed=0
fuzz -H "Authorization: Bearer $token" --exclude-path /api/v1/sync || failed=1
fuzz -H "Authorization: Bearer $key" --include-path /api/v1/sync || failed=1
if grep -E ' ERROR |<3>' "$folder/log"; then
  echo "fuzz: the server logged these as errors" >&2
  failed=1
fi
kill -0 "$pid" || { echo "fuzz: the server ended:" >&2; tail -n 50 "$folder/log" >&2; failed=1; }
exit "$failed"
