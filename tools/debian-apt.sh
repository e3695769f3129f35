# shellcheck shell=bash
# Debian's packages by apt, whatever release and sources the machine itself has; to be sourced, not run.
#
# debian_state is the folder for sources, lists and cache; debian_architecture is the architecture of the packages.

debian_architecture=amd64

# apt with sources, lists and cache of our own. The machine's proxy and time
# settings still apply; its sources, pins and package state do not.
debian_apt() {
    local tool=$1
    shift
    "$tool" \
        -o Dir::Etc::SourceList="$debian_state/sources.list" \
        -o Dir::Etc::SourceParts="$debian_state/none" \
        -o Dir::Etc::Preferences=/dev/null \
        -o Dir::Etc::PreferencesParts="$debian_state/none" \
        -o Dir::State::Lists="$debian_state/lists" \
        -o Dir::State::status=/dev/null \
        -o Dir::Cache="$debian_state/cache" \
        -o APT::Architecture="$debian_architecture" \
        -o APT::Architectures::="$debian_architecture" \
        -o APT::Sandbox::User=root \
        "$@"
}

# The machine's own sources as apt reads them, whatever their format and place:
# "URI SUITE ORIGIN" each. Extra apt options may follow.
debian_machine_sources() {
    # shellcheck disable=SC2016 # the $() are apt's, not the shell's
    apt-get "$@" indextargets --format '$(REPO_URI) $(RELEASE) $(ORIGIN)' 'Created-By: Packages' 2>/dev/null || true
}

# Sets debian_mirrors[debian] and debian_mirrors[security] from them, and makes our own folders.
declare -A debian_mirrors=()
debian_find_mirrors() {
    local uri suite origin sources state=$debian_state/machine
    mkdir -p "$debian_state/none" "$debian_state/lists/partial" "$debian_state/cache/archives/partial"
    debian_mirrors=([debian]=${BINDSNOOP_DEBIAN_MIRROR:-} [security]=${BINDSNOOP_DEBIAN_SECURITY_MIRROR:-})
    sources=$(debian_machine_sources)
    if [[ $sources != *' Debian'* ]]; then
        # apt knows only packages that it has lists of, and a fresh machine may have
        # none. Fetched into a place of our own: that takes no root.
        mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
        local own=(-o "Dir::State::Lists=$state/lists" -o "Dir::Cache=$state/cache"
            -o APT::Sandbox::User=root -o Acquire::Languages=none)
        apt-get -q "${own[@]}" update >"$state/update.log" 2>&1 || true
        sources=$(debian_machine_sources "${own[@]}")
    fi
    # Others, too, have repositories for Debian: only Debian's own will do.
    # Backports lie beside the main suites; the security archive is elsewhere.
    while read -r uri suite origin; do
        [[ $origin == Debian ]] || continue
        case $suite in
        *-security | */updates) debian_mirrors[security]=${debian_mirrors[security]:-$uri} ;;
        *) debian_mirrors[debian]=${debian_mirrors[debian]:-$uri} ;;
        esac
    done <<<"$sources"
    # What debootstrap makes names no security archive; Debian's own mirror has it beside the main one.
    [[ -z ${debian_mirrors[debian]} ]] || debian_mirrors[security]=${debian_mirrors[security]:-${debian_mirrors[debian]%/}-security}
}

# The line of sources.list for a suite of the archive "debian" or "security".
debian_source() {
    local archive=$1 suite=$2 keyring=/usr/share/keyrings/debian-archive-keyring.gpg options=''
    [[ ! -r $keyring ]] || options="[signed-by=$keyring] "
    if [[ -z ${debian_mirrors[$archive]} ]]; then
        printf '%s: apt names no Debian mirror of the %s archive: set BINDSNOOP_DEBIAN_MIRROR and BINDSNOOP_DEBIAN_SECURITY_MIRROR\n' \
            "${0##*/}" "$archive" >&2
        return 1
    fi
    printf 'deb %s%s %s main\n' "$options" "${debian_mirrors[$archive]}" "$suite"
}

# Gets a file of Debian's archive, after debian_find_mirrors. apt's helper compares the hash, so that it does not matter
# who has the mirror, or whether its lists are signed. Returns 1 with one line of why.
debian_fetch() { # PATH SHA-256 FILE
    local log
    if [[ -z ${debian_mirrors[debian]} ]]; then
        printf '%s: apt names no mirror of Debian: set BINDSNOOP_DEBIAN_MIRROR\n' "${0##*/}" >&2
        return 1
    fi
    log=$(/usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file "${debian_mirrors[debian]%/}/$1" "$3" "SHA256:$2" 2>&1) && return
    printf '%s: %s cannot be had; if Debian has a newer one: tools/sysroot --lock\n' "${0##*/}" "${1##*/}" >&2
    sed -n 's/^E: //p' <<<"$log" >&2
    return 1
}
