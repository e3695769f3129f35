#!/usr/bin/env bash
# Builds BindSnoop, runs it, tests it; see usage below. Building itself is
# "dotnet build": this only sees to what that needs and to what comes after.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
output=$root/output
results=$output/test-results

# PowerShell as a .NET tool, for machines without pwsh: the one for each SDK's runtime.
declare -A pwsh_tool=([10]=7.6.9)

usage() {
    cat <<'END'
usage: ./build.sh build          builds the module output/BindSnoop and the command line output/bin/bindsnoop
       ./build.sh run [ARGS]     builds, and shows binds as they happen until Ctrl-C:
                                 Get-BindEvent ARGS where there is PowerShell, else bindsnoop ARGS
       ./build.sh publish [RID]  makes output/publish/RID/bindsnoop, one file that needs no .NET; RID is linux-x64
                                 or linux-arm64, by default the one of this machine
       ./build.sh install [DIR]  copies that of this machine, its manual page and its completion into bin/ and share/
                                 of DIR, by default /usr/local
       ./build.sh test           builds, and runs every test
       ./build.sh kernels [ARGS] builds, and runs the tests on other kernels in virtual machines: all of
                                 tests/vm/kernels, or those named (tests/vm/run --help tells of ARGS)
       ./build.sh help           shows this

Tracing needs root, or CAP_BPF and CAP_PERFMON. As root on Debian or Ubuntu,
missing packages are installed; the .NET SDK has to be there.
END
}

say() { printf 'build.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# ---- what has to be there --------------------------------------------------

find_dotnet() {
    local dir
    # sudo's PATH leaves out an SDK that a user has installed for himself.
    for dir in "${DOTNET_ROOT:-}" "$(getent passwd "${SUDO_UID:-$EUID}" | cut -d : -f 6)/.dotnet" \
        /usr/local/share/dotnet /usr/share/dotnet /usr/lib/dotnet /snap/bin; do
        ! command -v dotnet >/dev/null || break
        if [[ -n $dir && -x $dir/dotnet ]]; then PATH=$PATH:$dir; fi
    done
    sdk=$(dotnet --version 2>/dev/null) ||
        die 'the .NET SDK is missing: install it first (Ubuntu: apt-get install dotnet-sdk-10.0; else https://learn.microsoft.com/dotnet/core/install/linux)'
    # Launchers look for the runtime by themselves, but not in a home.
    dir=$(dirname "$(readlink -f "$(command -v dotnet)")")
    if [[ -d $dir/host/fxr ]]; then export DOTNET_ROOT=$dir; fi
    export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_WORKLOAD_INTEGRITY_CHECK=1
    export POWERSHELL_TELEMETRY_OPTOUT=1
}

has() { command -v "$1" >/dev/null; }
has_file() { compgen -G "$1" >/dev/null; }

# bpftool is a package of its own on Debian and part of the kernel's tools on Ubuntu.
bpftool_package() {
    if apt-cache show --no-all-versions bpftool >/dev/null 2>&1; then echo bpftool; else echo linux-tools-common; fi
}

# The packages that $1 (build, publish, test or kernels) lacks here.
missing_packages() {
    # An ordinary user's PATH leaves these out on Debian.
    local PATH=$PATH:/usr/sbin:/sbin
    if [[ $1 == kernels ]]; then
        # shellcheck source=/dev/null
        (. "$root/tests/vm/lib.sh" && vm_missing_packages)
        return
    fi
    has "${Clang:-clang}" || echo clang
    has "${LlvmStrip:-llvm-strip}" || echo llvm
    has_file /usr/include/bpf/bpf_helpers.h || echo libbpf-dev
    has_file /usr/include/linux/types.h || echo linux-libc-dev
    has_file '/usr/lib*/*/libbpf.so.1' || has_file '/usr/lib*/libbpf.so.1' || echo libbpf1
    if [[ $1 == publish || $1 == test ]]; then
        # Static: the test program runs in guests that have no libc.
        has_file '/usr/lib*/*/libc.a' || has_file '/usr/lib*/libc.a' || echo libc6-dev
        has_file '/usr/lib*/*/libz.so' || has_file '/usr/lib*/libz.so' || echo zlib1g-dev
    fi
    if [[ $1 == test ]]; then
        has make || echo make
        has gcc || echo gcc
        has jq || echo jq
        has bpftool || bpftool_package
    fi
}

install_packages() {
    local packages log
    mapfile -t packages < <(missing_packages "$1" | sort -u)
    ((${#packages[@]} > 0)) || return 0
    if ((EUID != 0)) || ! has apt-get; then
        die "missing: ${packages[*]} - install them first (as root: apt-get install ${packages[*]})"
    fi
    say "installing ${packages[*]}"
    log=$(mktemp)
    # The package lists of a fresh machine are empty, and others' may be old.
    if ! { apt_install "${packages[@]}" || { apt-get update && apt_install "${packages[@]}"; }; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "could not install ${packages[*]}"
    fi
    rm -f "$log"
    hash -r
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" </dev/null
}

# Puts pwsh on PATH where it is or can be had; status 1 and the reason in
# no_pwsh where not.
find_pwsh() {
    local tools=$output/tools version log
    if has pwsh; then return; fi
    PATH=$PATH:$tools
    if has pwsh; then return; fi
    version=${pwsh_tool[${sdk%%.*}]:-}
    if [[ -z $version ]]; then
        no_pwsh="there is no pwsh on PATH, and none is known for the .NET SDK $sdk"
        return 1
    fi
    log=$(mktemp)
    if timeout 300 dotnet tool install PowerShell --version "$version" --tool-path "$tools" </dev/null >"$log" 2>&1; then
        say "installed PowerShell $version (.NET tool) in $tools"
        rm -f "$log"
        return
    fi
    no_pwsh="there is no pwsh on PATH, and the .NET tool cannot be had: $(grep -m 1 . "$log" | sed 's/[. ]*$//')"
    rm -f "$log"
    return 1
}

# ---- building --------------------------------------------------------------

# What root makes in somebody's folder is to stay his: he could not build again.
give_back() {
    ((EUID == 0)) && [[ $(stat -c %u "$root") != 0 ]] || return 0
    find "$root" -path "$root/.git" -prune -o -user 0 -exec chown -h --reference="$root" {} +
}

# "dotnet build" without the summary that it cannot be kept from. One project
# after the other; and no
# build servers, which would stay behind as root.
build_projects() {
    local project locked=()
    if [[ ${CI:-} == true ]]; then locked=(-p:RestoreLockedMode=true); fi
    for project; do
        dotnet msbuild "$root/$project" -restore -p:Configuration=Release -nologo -verbosity:quiet -tl:off \
            -nodeReuse:false -p:UseSharedCompilation=false "${locked[@]}" </dev/null || return
    done
}

module=src/BindSnoop.PowerShell
command_line=src/BindSnoop.Cli

build() {
    find_dotnet
    install_packages build
    trap give_back EXIT
    build_projects "$module" "$command_line"
    say "built $output/BindSnoop and $output/bin/bindsnoop"
}

# ---- publishing ------------------------------------------------------------

# What .NET calls this machine, or the one that uname calls $1.
runtime_identifier() {
    case ${1:-$(uname -m)} in
    x86_64) echo linux-x64 ;;
    aarch64) echo linux-arm64 ;;
    *) return 1 ;;
    esac
}

publish_project() { # RID
    # What an earlier run has made is not to pass for what this one could not make.
    rm -rf "${output:?}/publish/$1"
    dotnet publish "$root/$command_line" -r "$1" -p:Native=true --nologo -v quiet -tl:off \
        -nodeReuse:false -p:UseSharedCompilation=false </dev/null
}

publish() {
    local rid=${1:-$(runtime_identifier)} log
    case $rid in
    linux-x64 | linux-arm64) ;;
    *) die "nothing can be published for '$rid': give linux-x64 or linux-arm64" ;;
    esac
    find_dotnet
    install_packages publish
    trap give_back EXIT
    log=$(mktemp)
    if ! publish_project "$rid" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        die "could not publish for $rid"
    fi
    rm -f "$log"
    say "made $output/publish/$rid/bindsnoop"
}

install_command() {
    local prefix=${1:-/usr/local}
    publish
    install_files "$prefix"
    say "installed bindsnoop in $prefix"
}

install_files() { # FOLDER
    local published
    published=$output/publish/$(runtime_identifier)/bindsnoop
    install -D -m 755 "$published" "$1/bin/bindsnoop"
    install -D -m 644 "$root/docs/man/bindsnoop.8" "$1/share/man/man8/bindsnoop.8"
    install -d "$1/share/bash-completion/completions"
    "$published" --completion bash >"$1/share/bash-completion/completions/bindsnoop"
}

# ---- running ---------------------------------------------------------------

# An argument as PowerShell source: names, numbers, lists and addresses as they
# are typed, the rest as a string.
powershell_argument() {
    if [[ $1 =~ ^[A-Za-z0-9_.,:/+=-]+$ || $1 =~ ^-[A-Za-z]+:\$(true|false)$ ]]; then
        printf ' %s' "$1"
    else
        printf " '%s'" "${1//\'/\'\'}"
    fi
}

run() {
    find_dotnet
    install_packages build
    trap give_back EXIT
    [[ -d $output ]] || say 'building ...'
    # Standard output is the events' alone, and in a pipe without colours.
    [[ -t 1 ]] || export NO_COLOR=1
    if find_pwsh; then
        build_projects "$module" >&2
        give_back
        exec pwsh -NoLogo -NoProfile -NonInteractive -Command \
            "Import-Module $(powershell_argument "$output/BindSnoop") -ErrorAction Stop; Get-BindEvent$(for argument; do powershell_argument "$argument"; done)"
    fi
    say "$no_pwsh; going on with the command line"
    build_projects "$command_line" >&2
    give_back
    exec "$output/bin/bindsnoop" "$@"
}

# ---- testing ---------------------------------------------------------------

# Every suite leaves a report in the format CTRF, NAME.ctrf.json, and what
# becomes of a suite as a whole is a test of its own in it.
reports=()

# NAME STATUS MESSAGE [TEST]
whole_suite() {
    local report=$results/$1.ctrf.json
    [[ -s $report ]] && jq -e '.results.tests' "$report" >/dev/null 2>&1 || echo '{}' >"$report"
    jq --arg status "$2" --arg message "$3" --arg name "${4:-(the suite)}" \
        '.results.tests += [{ $name, $status, $message }]' "$report" >"$report.new"
    mv "$report.new" "$report"
}

# At most $1 seconds, and all suites together no more than 80 minutes.
time_limit() {
    local left=$((80 * 60 - SECONDS))
    ((left > 1)) || left=1
    echo $(($1 < left ? $1 : left))
}

# NAME SECONDS COMMAND [ARG...]: the command writes $results/NAME.ctrf.json
suite() {
    local name=$1 limit log=$results/$1.log status=0 reason=''
    limit=$(time_limit "$2")
    shift 2
    printf '%s ...\n' "$name"
    local started=$SECONDS
    # To a file, as a process that a test has left behind would hold a pipe open.
    # In the foreground, or Ctrl-C would not get there; and by SIGINT, on which
    # the tests still end what they have started.
    timeout --foreground -s INT -k 60 "$limit" "$@" >"$log" 2>&1 </dev/null || status=$?
    printf '%s took %s s\n' "$name" "$((SECONDS - started))"
    case $status in 124 | 137) reason="ran over its $limit s" ;; esac
    check_report "$name" "$status" "$reason" "$log"
}

# A suite that says nothing has not passed, and neither has one that ends badly.
check_report() { # NAME STATUS REASON LOG
    local report=$results/$1.ctrf.json
    reports+=("$report")
    if ! jq -e '.results.tests | length > 0' "$report" >/dev/null 2>&1; then
        whole_suite "$1" failed "not one test ran: ${3:-status $2}"
    elif [[ -n $3 ]]; then
        whole_suite "$1" failed "$3"
    elif (($2 != 0)) && ! jq -e 'any(.results.tests[]; .status == "failed")' "$report" >/dev/null; then
        whole_suite "$1" failed "no test failed, but the status is $2"
    else
        return 0
    fi
    tail -n 40 "$4" >&2
}

skip_suite() { # NAME REASON
    reports+=("$results/$1.ctrf.json")
    whole_suite "$1" skipped "$2"
}

# Where a project's Release build puts its assembly.
assembly() { dotnet msbuild "$root/$1" -nologo -nodeReuse:false -p:Configuration=Release -getProperty:TargetPath; }

test_assembly() { # PROJECT SECONDS
    local name
    name=$(basename "$1")
    suite "$name" "$2" dotnet "$(assembly "$1")" -noColor -noAutoReporters -result-ctrf "$results/$name.ctrf.json"
}

test_pester() {
    if ! has pwsh; then
        skip_suite Pester "$no_pwsh"
        return
    fi
    suite Pester 900 pwsh -NoLogo -NoProfile -NonInteractive -File "$root/tests/Invoke-PesterTests.ps1" \
        -Report "$results/Pester.ctrf.json"
}

# That each published file is one, for the right machine, and runs; and here, that it does all that the command line does.
test_publish() {
    local rid machine bytes file log emulator said
    for machine in x86_64:3e00 aarch64:b700; do
        bytes=${machine#*:} machine=${machine%:*}
        rid=$(runtime_identifier "$machine")
        file=$output/publish/$rid/bindsnoop
        log=$results/publish-$rid.log
        printf 'publish %s ...\n' "$rid"
        if ! publish_project "$rid" >"$log" 2>&1; then
            if said=$(grep -m 1 -o 'Unable to find package [^ ]*linux-[^ ]*' "$log"); then
                skip_suite "publish-$rid" "it cannot be built here: ${said%.}"
            else
                check_report "publish-$rid" 1 'dotnet publish failed' "$log"
            fi
            continue
        fi
        if [[ $machine == "$(uname -m)" ]]; then
            BINDSNOOP=$file suite "publish-$rid" 900 dotnet "$(assembly tests/BindSnoop.Cli.Tests)" -noColor -noAutoReporters \
                -result-ctrf "$results/publish-$rid.ctrf.json"
            log=$results/installed
            if said=$(install_files "$log" 2>&1 && bash -c 'shopt -s progcomp
                PATH=$0/bin:$PATH
                . "$0/share/bash-completion/completions/bindsnoop" && complete -p bindsnoop && bindsnoop --version' "$log" 2>&1) &&
                [[ -s $log/share/man/man8/bindsnoop.8 && $said == complete*bindsnoop*bindsnoop* ]]; then
                whole_suite "publish-$rid" passed '' 'is installed, with its manual page and its completion'
            else
                whole_suite "publish-$rid" failed "this came out: $said" 'is installed, with its manual page and its completion'
            fi
        else
            reports+=("$results/publish-$rid.ctrf.json")
            emulator=qemu-$machine-static
            if ! has "$emulator"; then
                whole_suite "publish-$rid" skipped "there is no $emulator to run it with" 'runs'
            elif said=$("$emulator" "$file" --version 2>&1) && [[ $said == "$("$output/bin/bindsnoop" --version)" ]]; then
                whole_suite "publish-$rid" passed '' 'runs'
            else
                whole_suite "publish-$rid" failed "--version says: $said" 'runs'
            fi
        fi
        # The field of the ELF header that names the machine.
        said="$(cd "${file%/*}" && echo *) $(od -A n -t x1 -j 18 -N 2 "$file" | tr -d ' ')"
        if [[ $said == "bindsnoop $bytes" ]]; then
            whole_suite "publish-$rid" passed '' 'is one file, for that machine'
        else
            whole_suite "publish-$rid" failed "there is: $said" 'is one file, for that machine'
        fi
    done
}

# With the parts that fleets run, where they are: it skips what is not.
test_fleet() {
    suite fleet 600 "$root/tests/fleet/run" --report "$results/fleet.ctrf.json"
}

# What the virtual machines get to see of the build. The one file, where there is one, starts much sooner in them.
make_payload() { # FOLDER
    local bin=$output/publish/linux-x64
    [[ -x $bin/bindsnoop ]] || bin=$output/bin
    rm -rf "$1"
    mkdir -p "$1"
    cp -r "$(dirname "$(assembly tests/BindSnoop.Tests)")" "$1/tests"
    cp -r "$(dirname "$(assembly tests/BindSnoop.Cli.Tests)")" "$1/cli-tests"
    cp -r "$bin" "$1/bin"
    # For maps as users make them. What Ubuntu calls so is a script that looks for its kernel's.
    if ldd "$(command -v bpftool)" >/dev/null 2>&1; then export BINDSNOOP_VM_EXTRA="bpftool ${BINDSNOOP_VM_EXTRA:-}"; fi
}

# The whole matrix, or the kernels named.
run_kernels() {
    find_dotnet
    install_packages test
    install_packages kernels
    trap give_back EXIT
    build_projects tests/BindSnoop.Tests "$command_line" tests/BindSnoop.Cli.Tests
    publish_project linux-x64 >/dev/null || say 'the command line cannot be published, so the guests get the slow one'
    make_payload "$output/vm-payload"
    BINDSNOOP_VM_PAYLOAD=$output/vm-payload BINDSNOOP_VM_OUTPUT=$output/vm "$root/tests/vm/run" "$@"
}

# An old and a new kernel here, with the tests that a kernel can break; "kernels" runs all of both.
test_kernels() {
    local class classes=(BindSnoop.Tests.{BindMatrix,AcceptMatrix,Accounting,Count,Privilege,MissingPieces} BindSnoop.Cli.Tests.Example) tests=() kernel kernels=(5.10 7) status=0 log=$results/kernels.log payload=$output/vm-payload vms=$output/vm reason='' told limit
    if [[ $(uname -m) != x86_64 ]]; then
        reason="the virtual machines are x86-64, this is $(uname -m)"
    elif ! (install_packages kernels) 2>"$log"; then
        reason=$(sed -n '$s/^build.sh: //p' "$log")
    fi
    if [[ -n $reason ]]; then
        for kernel in "${kernels[@]}"; do skip_suite "kernel-$kernel" "$reason"; done
        return
    fi
    make_payload "$payload"
    for kernel in "${kernels[@]}"; do rm -rf "${vms:?}/$kernel"; done
    # Longer than one VM has, which then still tells what became of it.
    limit=$(time_limit 2700)
    printf 'kernels %s ...\n' "${kernels[*]}"
    local started=$SECONDS
    for class in "${classes[@]}"; do tests+=(-class "${class}Tests"); done
    BINDSNOOP_VM_PAYLOAD=$payload BINDSNOOP_VM_OUTPUT=$vms BINDSNOOP_VM_TIMEOUT=$((limit > 600 ? limit - 300 : 300)) \
        timeout --foreground -s INT -k 60 "$limit" "$root/tests/vm/run" "${kernels[@]}" -- "${tests[@]}" >"$log" 2>&1 </dev/null || status=$?
    printf 'kernels took %s s\n' "$((SECONDS - started))"
    for kernel in "${kernels[@]}"; do
        # Each VM has a status of its own, unless it never came to be.
        told=$vms/$kernel/vm.txt
        if [[ -e $told ]]; then
            cp "$vms/$kernel/results.ctrf.json" "$results/kernel-$kernel.ctrf.json" 2>/dev/null || true
            check_report "kernel-$kernel" "$(sed -n 's/^status=//p' "$told")" "$(sed -n 's/^reason=//p' "$told")" "$log"
        elif reason=$(grep -m 1 "kernel $kernel can no longer be had" "$log"); then
            skip_suite "kernel-$kernel" "${reason#*vm: }"
        else
            check_report "kernel-$kernel" "$status" '' "$log"
        fi
    done
}

# The table, every skip's reason and every failure, and the line that ends it.
summary() {
    jq -nr -f "$root/tests/summary.jq" "${reports[@]}" >"$results/summary.txt"
    cat "$results/summary.txt"
    closed=1
    # Nor is it a success when all was skipped.
    [[ $(tail -n 1 "$results/summary.txt") =~ ^[1-9][0-9]*\ passed,\ 0\ failed, ]]
}

# Whoever reads the closing line is to find one, also of a run that broke off.
closed=0
close() {
    give_back
    ((closed)) || echo '0 passed, 1 failed, 0 skipped'
}

run_tests() {
    local suites suite
    trap close EXIT
    # A suite that ends orderly on Ctrl-C would only make way for the next.
    trap 'exit 130' INT
    find_dotnet
    install_packages test
    rm -rf "$results"
    mkdir -p "$results"
    suites=("$root"/tests/*.Tests)
    suites=("${suites[@]#"$root"/}")
    echo 'building ...'
    if build_projects "$module" "$command_line" tests/Pester "${suites[@]}"; then
        # For all of them: some test the module in a process of their own.
        find_pwsh || say "$no_pwsh"
        for suite in "${suites[@]}"; do test_assembly "$suite" 900; done
        test_pester
        test_publish
        test_fleet
        test_kernels
    else
        reports=("$results/build.ctrf.json")
        whole_suite build failed 'the build failed (above)'
    fi
    summary
}

command=${1:-help}
shift || true
case $command in
build) build ;;
publish) publish "$@" ;;
install) install_command "$@" ;;
run) run "$@" ;;
test) run_tests ;;
kernels) run_kernels "$@" ;;
help | -h | --help) usage ;;
*) usage >&2; exit 64 ;;
esac
