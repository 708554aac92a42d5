# What the scripts of tools/cross have in common; nothing else depends on it. Sourced by bash.
# shellcheck shell=bash

# Libraries and programs of other systems, made once. All of it may be thrown away.
# shellcheck disable=SC2034 # by who sources this
cache=${CARP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/carpio}

failures=0

ok() # TARGET TEXT
{
    echo "ok $1: $2"
}

failed() # TARGET TEXT
{
    echo "FAILED $1: $2"
    failures=$((failures + 1))
}
