#!/bin/sh
# Goes back to a version that this device had, offline: rollback.sh 2.33.06
# Without a version it goes back to the state before the last update.
# It ends as `belay-agent rollback` does: 0 done, 2 refused, 3 undone, 4 needs a person, 5 no agent.
set -u
agent=${BELAY_AGENT:-belay-agent}

usage() {
    echo "Usage: ${0##*/} [VERSION]"
}

case "$#:${1-}" in
    0:) exec "$agent" rollback ;;
    1:-h | 1:--help)
        usage
        exit 0
        ;;
    1: | 1:-*) ;;
    1:*) exec "$agent" rollback --to "$1" ;;
esac
usage >&2
exit 1
