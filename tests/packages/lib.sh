# shellcheck shell=bash
# Shared by the scripts in this folder; to be sourced, not run. They define usage and, for each test, a function test_NAME.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
version=$(sed -nE 's|.*<Version>(.*)</Version>.*|\1|p' "$repository/Directory.Build.props")
packages=$repository/output/packages
export LC_ALL=C
case $(uname -m) in
aarch64) here=linux-arm64 ;;
*) here=linux-x64 ;;
esac

fail() { echo "$*"; exit 1; }
skip() { echo "$*"; exit 77; }
has() { command -v "$1" >/dev/null; }

# Reads the options, and starts the script again with mounts of its own, which end with it. What is left are ${arguments[@]}.
packages_begin() { # NAME ARGUMENT...
    tool=$1 report='' arguments=()
    shift
    local given=("$@")
    while [[ ${1:-} == -* ]]; do
        case $1 in
        --report) report=${2:?} && shift ;;
        --roots) break ;;
        -h | --help) usage; exit ;;
        *) usage >&2; exit 64 ;;
        esac
        shift
    done
    arguments=("$@")
    if ((EUID == 0)) && [[ ${BINDSNOOP_PACKAGES_UNSHARED:-} != 1 ]]; then
        export BINDSNOOP_PACKAGES_UNSHARED=1
        exec unshare --mount --propagation private "$0" "${given[@]}"
    fi
    work=$(mktemp -d)
    results=$work/results.json
    : >"$results"
    trap clean EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    names_of "$here"
}

# What was made for a machine.
names_of() { # RID
    rid=$1
    case $rid in
    linux-x64) architecture=amd64 ;;
    linux-arm64) architecture=arm64 ;;
    *) usage >&2; exit 64 ;;
    esac
    program=$repository/output/publish/$rid/bindsnoop
    static=$repository/output/publish/$rid-static/bindsnoop
    deb=$packages/bindsnoop_${version}_$architecture.deb
    archive=$packages/bindsnoop-$version-$rid.tar.gz
    static_archive=$packages/bindsnoop-$version-$rid-static.tar.gz
}

packages_end() {
    [[ -z $report ]] ||
        jq -s --arg tool "$tool" '{ reportFormat: "CTRF", specVersion: "0.0.0", results: { tool: { name: $tool }, tests: . } }' "$results" >"$report"
    ! jq -es 'any(.status == "failed")' "$results" >/dev/null
}

# The mounts go first: what is removed is not to be the machine's.
release_root() {
    umount --recursive "$1" 2>/dev/null || true
    local mounted
    for mounted in "$1"/{proc,sys}; do umount --recursive "$mounted" 2>/dev/null || true; done
}
# shellcheck disable=SC2317 # called by the trap
clean() {
    local root
    for root in "$work"/root* "$work/made"; do release_root "$root"; done
    rm -rf --one-file-system "$work"
}

# Everything that a test prints is its message, and 77 its status if it cannot be run. $subject is what it is about.
try() { # TEST
    local message status=0 started=$SECONDS
    # Not within a condition, where a test would go on behind what fails.
    "test_$1" >"$work/message" 2>&1 </dev/null &
    wait $! || status=$?
    message=$(<"$work/message")
    case $status in
    0) status=passed message='' ;;
    77) status=skipped message=$(tail -n 1 <<<"$message") ;;
    *) status=failed ;;
    esac
    printf '%s %s %s (%s s)%s\n' "$status" "$subject" "$1" "$((SECONDS - started))" "${message:+: $message}"
    jq -n --arg name "$subject: ${1//_/ }" --arg status "$status" --arg message "$message" '{ $name, $status, $message }' >>"$results"
}

need_root() {
    [[ $rid == "$here" ]] || skip "this machine is $here"
    ((EUID == 0)) || skip 'it takes root'
}
need_busybox() { if ! has busybox || ldd "$(command -v busybox)" >/dev/null 2>&1; then skip 'there is no static busybox'; fi; }
need_tracing() { # COMMAND...
    local said
    said=$("$@" support --json || true)
    jq -e '.LibBpfVersion != "" and .LibBpfPath == ""' <<<"$said" >/dev/null || fail "support says: $said"
    jq -e .Usable <<<"$said" >/dev/null || skip "this machine cannot trace: $said"
}

mount_in() { # ROOT
    mkdir -p "$1"/{proc,sys}
    mount -t proc proc "$1/proc"
    mount --rbind /sys "$1/sys"
}

# What takes more of a machine than tracing does: SQLite, and in earlier versions OpenSSL.
makes_a_record_and_a_report() { # ROOT COMMAND
    local said
    mkdir -m 700 "$1/made"
    chroot "$1" "$2" record --duration 1 /made/record.db >"$work/said" 2>&1 || fail "record ended with status $?: $(cat "$work/said")"
    said=$(chroot "$1" "$2" find /made/record.db 2>&1) || fail "find ended with status $?: $said"
    chroot "$1" "$2" report -o /made/report.html /made/record.db >"$work/said" 2>&1 || fail "report ended with status $?: $(cat "$work/said")"
    grep -q '^<!-- A report of BindSnoop' "$1/made/report.html" || fail 'that is no report'
    rm -r "$1/made"
}

# The command of the README's section "Install" that names FILE, for this machine.
readme_command() { # FILE
    local commands
    commands=$(sed -n '/^## Install$/,/^## / { s/ *#.*//; s/^[$] sudo //p }' "$repository/README.md")
    [[ $rid == linux-x64 ]] || commands=$(sed 's/linux-x64/linux-arm64/; s/amd64/arm64/' <<<"$commands")
    grep -F "$1" <<<"$commands" || fail "the README has no command for $1"
}

# The one known bind, as what the command prints has it. The program has a name that no other run of it has.
sees_a_bind() { # COMMAND...
    local said tool holder tries name=binds-$$
    make -s -C "$repository/tests/truth" OUT="$work"
    ln -f "$work/bindtruth" "$work/$name"
    # Those of another test would say that it traces already.
    rm -f "$work/events" "$work/errors"
    "$@" --json --max-events 1 --duration 60 --comm "$name" >"$work/events" 2>"$work/errors" &
    tool=$!
    for ((tries = 0; tries < 600; tries++)); do
        grep -qs '^Tracing' "$work/errors" && break
        kill -0 "$tool" 2>/dev/null || break
        sleep 0.1
    done
    "$work/$name" hold 127.0.0.1 0 >"$work/truth" </dev/null
    holder=$(jq -r '"\(.pid) \(.port)"' "$work/truth")
    wait "$tool" || fail "it ended with status $?: $(cat "$work/errors")"
    said=$(jq -r '"\(.ProcessId) \(.Port)"' "$work/events")
    [[ $said == "$holder" ]] || fail "of the bind \"$holder\" it says \"$said\": $(cat "$work/errors")"
}
