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

# private_apt FOLDER ARCHITECTURE KIND SUITE: apt works with a configuration and a state of its own from now on, in
# this folder, for an architecture, with this suite's packages (KIND deb) or sources (deb-src).
private_apt()
{
    local folder=$1 server
    # Debian's server, as this host uses it.
    # shellcheck disable=SC2016 # apt's own
    server=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Label: Debian' \
        'Identifier: Packages' | sed -n 1p)
    if [ -z "$server" ]; then
        echo "apt knows no server of Debian's here; apt-get update asks for it" >&2
        return 1
    fi
    mkdir -p "$folder"/{lists,archives}/partial
    echo "$3 $server $4 main" >"$folder/sources.list"
    : >"$folder/status"
    cat >"$folder/apt.conf" <<END
APT::Architecture "$2";
APT::Architectures { "$2"; };
APT::Install-Recommends "false";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Dir::State "$folder";
Dir::State::lists "$folder/lists";
Dir::State::status "$folder/status";
Dir::Cache "$folder";
Dir::Cache::archives "$folder/archives";
Dir::Etc::sourcelist "$folder/sources.list";
Dir::Etc::sourceparts "/dev/null";
END
    export APT_CONFIG=$folder/apt.conf
}
