#!/usr/bin/env bash
# Bring a Docker engine to a machine that has none, for CI and for a first try. Debian or Ubuntu, as root.
#
#     docker/engine.sh up      install docker.io and debootstrap where absent, start dockerd where none answers
#     docker/engine.sh down    stop the dockerd that `up` started; any other is left alone
#
# `up` does nothing where an engine answers already.
set -euo pipefail

STATE=${FEATHERLINE_ENGINE:-/run/featherline-engine}
PATIENCE_S=60

answers() { docker version --format '{{.Server.Version}}' 2>/dev/null; }

refuse() {  # what, expected, got, fix
    printf '%s\n  expected  %s\n  got       %s\n  fix       %s\n' "$@" >&2
    exit 65
}

install() {
    local wanted=()
    command -v dockerd >/dev/null || wanted+=(docker.io)
    command -v debootstrap >/dev/null || wanted+=(debootstrap)
    [ ${#wanted[@]} -eq 0 ] && return
    [ "$(id -u)" -eq 0 ] || refuse "the engine cannot be installed" "root" "user $(id -un)" "run it with sudo"
    export DEBIAN_FRONTEND=noninteractive
    # A package's own start of the engine fails where no init system runs; what counts is whether it answers below.
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "${wanted[@]}" iptables >/dev/null
}

up() {
    if version=$(answers); then echo "docker: an engine answers already, $version"; return; fi
    install
    if version=$(answers); then echo "docker: installed, $version"; return; fi
    mkdir -p "$STATE"
    # A session of its own, with nothing of ours open: whoever waits for this script's output does not wait for it.
    setsid dockerd >"$STATE/dockerd.log" 2>&1 </dev/null &
    echo $! >"$STATE/pid"
    for _ in $(seq $((PATIENCE_S * 4))); do
        if version=$(answers); then echo "docker: started, $version"; return; fi
        kill -0 "$(cat "$STATE/pid")" 2>/dev/null || break
        sleep 0.25
    done
    tail -n 12 "$STATE/dockerd.log" >&2
    refuse "the engine did not start" "an answer within $PATIENCE_S s" "none" "see $STATE/dockerd.log, whose last lines are above"
}

down() {
    [ -f "$STATE/pid" ] || { echo "docker: none of ours runs"; return; }
    pid=$(cat "$STATE/pid")
    if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ]; then
        kill "$pid"
        for _ in $(seq 120); do kill -0 "$pid" 2>/dev/null || break; sleep 0.25; done
    fi
    rm -f "$STATE/pid"
    echo "docker: stopped"
}

case "${1:-}" in
    up | down) "$1" ;;
    *) sed -n '2,7p' "$0" | sed 's/^# \{0,1\}//'; exit 64 ;;
esac
