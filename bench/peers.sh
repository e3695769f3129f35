# shellcheck shell=bash
# The tools to compare with, from Debian's packages; to be sourced, not run, behind tests/vm/lib.sh.

# Newest first. Every tool comes with the C library of its own suite, so that it runs wherever.
peer_suites=(sid trixie bookworm)
# Large, and they take long to fail.
# shellcheck disable=SC2034 # for run
compiling_suites=(sid trixie)
peer_cache=$vm_cache/peers

# Sources, lists and cache of our own, found and used as the kernels' are.
peer_apt() (
    debian_state=$peer_cache/apt
    debian_apt "$@"
)

peer_update() {
    local apt=$peer_cache/apt suite debian_state=$peer_cache/apt
    [[ -z $(find "$apt/updated" -mmin -1440 2>/dev/null) ]] || return 0
    debian_find_mirrors
    for suite in "${peer_suites[@]}"; do
        debian_source debian "$suite" || return 1
    done >"$apt/sources.list"
    # One suite that is gone must not keep the others from being used.
    if peer_apt apt-get -q update >"$apt/update.log" 2>&1; then
        touch "$apt/updated"
    else
        say "apt-get update had trouble ($apt/update.log); going on with what there is"
    fi
}

# The version of a package in a suite.
peer_version() {
    peer_apt apt-cache madison "$1" 2>/dev/null |
        awk -F ' *[|] *' -v suite="$2" 'index($3, " " suite "/") && !found { found = $2 } END { print found }'
}

# Makes the folder of a suite's libbpf-tools and prints it: bindsnoop, its loader and libraries, version.
peer_libbpf_tools() {
    local suite=$1 dir=$peer_cache/libbpf-tools-$1 work package packages version
    version=$(peer_version libbpf-tools "$suite")
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

# Makes the folder of what compiles as it starts, bcc's bindsnoop in Python and bpftrace, and prints it:
# bindsnoop.py, python3, bpftrace, their loader, lib/, python/ (the home of Python), version.
peer_compiling_tools() {
    local suite=$1 dir=$peer_cache/compiling-$1 work package version file
    version="bcc $(peer_version bpfcc-tools "$suite"), bpftrace $(peer_version bpftrace "$suite")"
    if [[ $version == bcc\ [0-9]*bpftrace\ [0-9]* && $version != "$(cat "$dir/version" 2>/dev/null)" ]]; then
        work=$(mktemp -d)
        mkdir -p "$work/archives/partial" "$work/root" "$work/peer/lib"
        # As no package counts as installed, apt downloads all that the two need.
        if ! peer_apt apt-get -q -y install --download-only --no-install-recommends --target-release "$suite" \
            -o Dir::Cache::archives="$work/archives/" -o Debug::NoLocking=1 bpfcc-tools bpftrace >"$work/download.log" 2>&1; then
            cat "$work/download.log" >&2
            rm -rf "$work"
            return 1
        fi
        for package in "$work"/archives/*.deb; do dpkg-deb -x "$package" "$work/root"; done
        find "$work/root" -path '*/x86_64-linux-gnu/*' \( -path '*/gconv/*' -o -path '*/audit/*' \) -prune -o \
            -name '*.so*' ! -path '*/python3*' -type f -exec cp -n -t "$work/peer/lib" {} +
        # Many are known by two names, and two of them are large.
        find "$work/root" -name '*.so*' -type l | while read -r file; do
            [[ -e $work/peer/lib/${file##*/} ]] || ln -sf "$(basename "$(readlink -f "$file")")" "$work/peer/lib/${file##*/}"
        done
        mv "$work/peer/lib/ld-linux-x86-64.so.2" "$work/peer/"
        mkdir -p "$work/peer/python/lib"
        cp -r "$work"/root/usr/lib/python3* "$work/peer/python/lib/"
        cp "$work/root/usr/bin/bpftrace" "$work/peer/"
        cp "$(readlink -f "$work/root/usr/bin/python3")" "$work/peer/python3"
        cp "$work/root/usr/sbin/bindsnoop-bpfcc" "$work/peer/bindsnoop.py"
        # As the packages do when they are installed. By content, since times do not survive copying.
        PYTHONHOME=$work/peer/python "$work/peer/ld-linux-x86-64.so.2" --library-path "$work/peer/lib" "$work/peer/python3" \
            -m compileall -q --invalidation-mode unchecked-hash "$work/peer/python/lib" >"$work/compile.log" 2>&1 || say "$(tail -n 1 "$work/compile.log")"
        printf '%s\n' "$version" >"$work/peer/version"
        rm -rf "$dir"
        mv "$work/peer" "$dir"
        rm -rf "$work"
    fi
    [[ -s $dir/version ]] && printf '%s\n' "$dir"
}

# Makes the folder of a kernel's headers, which bcc compiles against, and prints it.
peer_headers() {
    local line=$1 release dir work package name
    release=$(vm_newest_release "$line")
    dir=$peer_cache/headers/$release
    if [[ -n $release && ! -d $dir ]]; then
        work=$(mktemp -d)
        mkdir -p "$work/root" "$work/headers/arch/x86" "${dir%/*}"
        if ! (cd "$work" && debian_apt apt-get -q download "linux-headers-$release" \
            "linux-headers-${release%-cloud-amd64}-common" >download.log 2>&1); then
            cat "$work/download.log" >&2
            rm -rf "$work"
            return 1
        fi
        for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/root"; done
        for name in include arch/x86/include; do
            cp -r "$work/root/usr/src/linux-headers-${release%-cloud-amd64}-common/$name" \
                "$work/root/usr/src/linux-headers-$release/$name" "$work/headers/${name%include}"
        done
        # Most of the files, and of none of them has a program use.
        rm -rf "$work/headers/include"/{config,dt-bindings,drm,media,sound}
        mv "$work/headers" "$dir"
        rm -rf "$work"
    fi
    [[ -d $dir ]] && printf '%s\n' "$dir"
}
