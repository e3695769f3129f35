#!/usr/bin/env bash
# Prepares a machine - packages, the .NET SDK, PowerShell as a .NET tool - and hands over to build.ps1.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
    cat <<'END'
usage: ./build.sh build          builds the module output/BindSnoop and the command line output/bin/bindsnoop
       ./build.sh run [ARGS]     builds, and shows binds as they happen, until Ctrl-C: Get-BindEvent ARGS
       ./build.sh publish [RID]  makes output/publish/RID/bindsnoop, one file that needs neither .NET nor libbpf;
                                 RID is linux-x64 or linux-arm64, by default that of this machine
       ./build.sh install [DIR]  installs that file, its manual page and its completion in bin/ and share/ of DIR, by
                                 default /usr/local
       ./build.sh package [RID]  packs the module as output/BindSnoop.VERSION.nupkg; with a RID, makes a .deb and a .tar.gz
                                 of the command line in output/packages
       ./build.sh image [RID]    makes these and a container image (OCI archive) in output/packages
       ./build.sh test [SUITE]   builds, and runs all tests, or the given suites
       ./build.sh kernels [ARGS] builds, and runs the tests on other kernels in virtual machines: all in
                                 tests/vm/kernels, or the given ones (tests/vm/run --help explains ARGS)
       ./build.sh help           shows this

Tracing needs root, or CAP_BPF and CAP_PERFMON. As root on Debian or Ubuntu,
it installs missing packages; the .NET SDK 10 must already be installed.
END
}

die() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }

find_dotnet() {
    local dir
    # sudo's PATH leaves out an SDK that a user has installed for himself.
    for dir in "${DOTNET_ROOT:-}" "$(getent passwd "${SUDO_UID:-$EUID}" | cut -d : -f 6)/.dotnet" \
        /usr/local/share/dotnet /usr/share/dotnet /usr/lib/dotnet /snap/bin; do
        ! command -v dotnet >/dev/null || break
        if [[ -n $dir && -x $dir/dotnet ]]; then PATH=$PATH:$dir; fi
    done
    (cd "$root" && dotnet --version) >/dev/null 2>&1 ||
        die 'the .NET SDK 10 is missing: install it first (Ubuntu: apt-get install dotnet-sdk-10.0; else https://learn.microsoft.com/dotnet/core/install/linux)'
    # Launchers look for the runtime by themselves, but not in a home.
    dir=$(dirname "$(readlink -f "$(command -v dotnet)")")
    if [[ -d $dir/host/fxr ]]; then export DOTNET_ROOT=$dir; fi
}

# By its own launcher rather than "dotnet pwsh", which would keep signals from it.
find_pwsh() {
    local packages version log
    log=$(cd "$root" && dotnet tool restore </dev/null 2>&1) || die "PowerShell cannot be restored: $log"
    packages=$(cd "$root" && dotnet nuget locals global-packages --list)
    version=$(sed -n 's/.*"version": "\([0-9.]*\)".*/\1/p' "$root/.config/dotnet-tools.json")
    pwsh=("$(compgen -G "${packages#*: }powershell/$version/tools/*/any/unix")/pwsh")
    # The launcher is for x64 alone.
    [[ $(uname -m) == x86_64 ]] || pwsh=(dotnet "$pwsh.dll")
}

task=${1:-help}
shift || true
case $task in
build | run | publish | install | package | image | test | kernels) ;;
help | -h | --help) usage; exit ;;
*) usage >&2; exit 64 ;;
esac
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_WORKLOAD_INTEGRITY_CHECK=1 POWERSHELL_TELEMETRY_OPTOUT=1
[[ -t 1 && -t 2 ]] || export NO_COLOR=1
"$root/tools/prerequisites" "$task"
find_dotnet
find_pwsh
exec "${pwsh[@]}" -NoLogo -NoProfile -NonInteractive -File "$root/build.ps1" "$task" "$@"
