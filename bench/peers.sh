# shellcheck shell=bash
# The tools to compare with, from Debian's packages; to be sourced, not run, behind tests/vm/lib.sh.

# Newest first. Every tool comes with the C library of its own suite, so that it runs wherever.
peer_suites=(sid trixie bookworm)
peer_cache=$vm_cache/peers

# Sources, lists and cache of our own, found and used as the kernels' are.
peer_apt() (
    vm_cache=$peer_cache
    vm_apt "$@"
)

peer_update() {
    local apt=$peer_cache/apt suite options=''
    mkdir -p "$apt/none" "$apt/lists/partial" "$apt/cache/archives/partial"
    [[ -z $(find "$apt/updated" -mmin -1440 2>/dev/null) ]] || return 0
    vm_find_mirrors
    if [[ -z ${vm_mirrors[debian]} ]]; then
        say "apt names no Debian mirror: set BINDSNOOP_VM_MIRROR"
        return 1
    fi
    [[ -r /usr/share/keyrings/debian-archive-keyring.gpg ]] &&
        options='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] '
    for suite in "${peer_suites[@]}"; do
        printf 'deb %s%s %s main\n' "$options" "${vm_mirrors[debian]}" "$suite"
    done >"$apt/sources.list"
    # One suite that is gone must not keep the others from being used.
    if peer_apt apt-get -q update >"$apt/update.log" 2>&1; then
        touch "$apt/updated"
    else
        say "apt-get update had trouble ($apt/update.log); going on with what there is"
    fi
}

# Makes the folder of a suite's libbpf-tools and prints it: bindsnoop, its loader and libraries, version.
peer_libbpf_tools() {
    local suite=$1 dir=$peer_cache/libbpf-tools-$1 work package packages version
    version=$(peer_apt apt-cache madison libbpf-tools 2>/dev/null |
        awk -F ' *[|] *' -v suite="$suite" 'index($3, " " suite "/") { print $2; exit }')
    if [[ -n $version && $version != "$(cat "$dir/version" 2>/dev/null)" ]]; then
        work=$(mktemp -d)
        # The suites name some of the libraries differently.
        mapfile -t packages < <(
            peer_apt apt-cache madison libbpf-tools libc6 libelf1t64 libelf1 zlib1g libzstd1 libgcc-s1 2>/dev/null |
                awk -F ' *[|] *' -v suite="$suite" 'index($3, " " suite "/") { gsub(/ /, "", $1); print $1 "/" suite }' | sort -u)
        if ! (cd "$work" && peer_apt apt-get -q download "${packages[@]}" >download.log 2>&1); then
            cat "$work/download.log" >&2
            rm -rf "$work"
            return 1
        fi
        mkdir "$work/root" "$work/peer"
        for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/root"; done
        # bindsnoop-libbpf since the name is also bcc's.
        cp "$(find "$work/root/usr/sbin" -name 'bindsnoop*' | head -n 1)" "$work/peer/bindsnoop"
        find "$work/root" -name '*.so*' ! -path '*/gconv/*' ! -path '*/audit/*' -exec cp -L -t "$work/peer" {} + 2>/dev/null
        printf '%s\n' "$version" >"$work/peer/version"
        rm -rf "$dir"
        mv "$work/peer" "$dir"
        rm -rf "$work"
    fi
    [[ -s $dir/version ]] && printf '%s\n' "$dir"
}
