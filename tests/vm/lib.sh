# shellcheck shell=bash
# Shared by the scripts in this folder; to be sourced, not run.

vm_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
vm_cache=${BINDSNOOP_VM_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/bindsnoop-vm}
debian_state=$vm_cache/apt
# shellcheck source=../../tools/debian-apt.sh
. "$vm_dir/../../tools/debian-apt.sh"

# Of the guests: x64, which have this machine's own libraries and .NET, or arm64, which have Debian's.
vm_arch=x64
vm_set_arch() {
    vm_arch=$1
    case $vm_arch in
    x64) ;;
    arm64)
        vm_cache+=/arm64 debian_state=$vm_cache/apt
        # shellcheck disable=SC2034 # debian-apt.sh's
        debian_architecture=arm64
        ;;
    *) say "no architecture \"$1\"; there are: x64 arm64"; exit 64 ;;
    esac
}

# Loaded on demand in the guest; a kernel that lacks one simply goes without.
vm_guest_modules=(dummy veth vrf sctp l2tp_ip l2tp_ip6 overlay tun tcp_diag udp_diag raw_diag sctp_diag mptcp_diag)

say() { printf 'vm: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

vm_library() {
    # awk reads to the end: leaving early would break ldconfig's pipe.
    ldconfig -p | awk -v name="$1" \
        '$1 == name && /x86-64/ && !found { found = $NF } END { if (found) print found; exit !found }'
}

vm_need_tools() {
    # An ordinary user's PATH leaves these out on Debian, and mkfs is there.
    PATH=$PATH:/usr/sbin:/sbin
    [[ $(uname -m) == x86_64 ]] ||
        die "this harness boots x86-64 guests with the machine's own libraries, and arm64 ones from x86-64; it cannot run on $(uname -m)"
    if [[ $vm_arch == arm64 ]]; then
        "$vm_dir/../../tools/prerequisites" guests-arm64 || exit
    else
        "$vm_dir/../../tools/prerequisites" guests || exit
    fi
    hash -r
    command -v dotnet >/dev/null || die "dotnet is not on PATH: the guests get this machine's .NET runtime, or one that it downloads"
    mkdir -p "$vm_cache"
}

# All work on the cache happens under one lock: two VMs may start together.
vm_lock() {
    exec {vm_lock_fd}>"$vm_cache/lock"
    flock "$vm_lock_fd"
}

vm_unlock() {
    exec {vm_lock_fd}>&-
}

# Removes from folder $1 what is called $2 and was not used for a day. No
# sooner: another VM may be about to open what this one replaces.
vm_prune() {
    find "$1" -mindepth 1 -maxdepth 1 -name "$2" -mmin +1440 -exec rm -rf {} +
}

# What goes into an image is identified by the text of what makes it.
vm_hash() {
    sha256sum | cut -c 1-12
}

# ---- kernels ---------------------------------------------------------------

vm_kernel_lines() {
    awk -v arch="$vm_arch" '!/^#/ && NF && (arch == "x64" || $4 == arch) { print $1 }' "$vm_dir/kernels"
}

# suite and archive of a line
vm_kernel_entry() {
    awk -v line="$1" -v arch="$vm_arch" '!/^#/ && $1 == line && (arch == "x64" || $4 == arch) { print $2, $3; found = 1 } END { exit !found }' "$vm_dir/kernels"
}

# The back ends that must work on a line: all but those that it lacks.
vm_back_ends() {
    local lacks='' backend
    [[ $vm_arch == x64 ]] || lacks=$(awk -v line="$1" '!/^#/ && $1 == line { print $5 }' "$vm_dir/kernels")
    for backend in cgroup fentry kprobe tracepoint; do
        [[ ,$lacks, == *,$backend,* ]] || printf '%s\n' "$backend"
    done
}

# Brings our package lists up to date: $1 is "now", or "hourly" for at most that.
vm_apt_update() {
    local apt=$debian_state stamp=$debian_state/updated line suite archive
    debian_find_mirrors
    while read -r line; do
        read -r suite archive < <(vm_kernel_entry "$line")
        debian_source "$archive" "$suite" || say "kernel $line cannot be asked for"
    done < <(vm_kernel_lines) | sort -u >"$apt/sources.list.new"
    if [[ $1 != now ]] && cmp -s "$apt/sources.list.new" "$apt/sources.list" &&
        [[ -n $(find "$stamp" -mmin -60 2>/dev/null) ]]; then
        return
    fi
    mv "$apt/sources.list.new" "$apt/sources.list"
    rm -f "$stamp"
    # One suite that is gone must not keep the others from being tried.
    if debian_apt apt-get -q update >"$apt/update.log" 2>&1 && ! grep -qE '^(E|W|Err)' "$apt/update.log"; then
        touch "$stamp"
    else
        grep -E '^(E|W|Err)' "$apt/update.log" >&2 || cat "$apt/update.log" >&2
        say "apt-get update had trouble (above); going on with what there is"
    fi
}

# The newest kernel release of a line that apt knows, as uname -r will say it.
vm_newest_release() {
    local line=$1 suite archive pattern names
    read -r suite archive < <(vm_kernel_entry "$line")
    pattern=${line//./\\.}
    mapfile -t names < <(debian_apt apt-cache pkgnames linux-image- |
        grep -E "^linux-image-${pattern}[.][0-9].*-cloud-$debian_architecture\$")
    ((${#names[@]} > 0)) || return 0
    # madison shows the suite of a package: a line must not wander to
    # another suite's build of the same version.
    debian_apt apt-cache madison "${names[@]}" |
        awk -v suite="$suite/" '{ name = $1; sub(/^linux-image-/, "", name) } index($0, " " suite) { print name }' |
        sort -uV | tail -n 1
}

# Makes vmlinuz and initrd of a line's newest kernel and prints their folder.
# Status 3: the line can no longer be had.
vm_kernel() {
    local line=$1 home=$vm_cache/kernels/$1 release='' dir
    vm_kernel_entry "$line" >/dev/null || {
        say "no kernel line \"$line\"; there are: $(vm_kernel_lines | paste -sd ' ')"
        return 2
    }
    release=$(vm_newest_release "$line") || true
    if [[ -z $release ]]; then
        release=$(find "$home" -mindepth 1 -maxdepth 1 -type d ! -name '*.new' -printf '%f\n' 2>/dev/null | sort -V | tail -n 1)
        if [[ -z $release ]]; then
            say "kernel $line can no longer be had: apt finds no linux-image-$line*-cloud-$debian_architecture in $(vm_kernel_entry "$line" | cut -d ' ' -f 1)"
            return 3
        fi
        say "kernel $line: apt has none now; using the cached $release"
    fi
    if [[ ! -d $home/$release ]] && ! vm_kernel_download "$line" "$release"; then
        release=$(find "$home" -mindepth 1 -maxdepth 1 -type d ! -name '*.new' -printf '%f\n' 2>/dev/null | sort -V | tail -n 1)
        [[ -n $release ]] || {
            say "kernel $line can no longer be had: its package could not be downloaded (above)"
            return 3
        }
        say "kernel $line: going on with the cached $release"
    fi
    dir=$home/$release/$(cat "$vm_dir/lib.sh" "$vm_dir/init" <(busybox | head -n 1) | vm_hash)
    if [[ ! -s $dir/initrd ]]; then
        vm_kernel_build "$home/$release" "$release" "$dir" || return 1
        vm_prune "$home/$release" '????????????'
    fi
    touch "$home/$release" "$dir"
    printf '%s\n' "$dir"
}

vm_kernel_download() {
    local line=$1 release=$2 new=$vm_cache/kernels/$1/$2.new packages
    rm -rf "$new"
    mkdir -p "$new"
    # From 6.19 on linux-image is an empty package, and the kernel and its
    # modules are in packages it depends on, all named after the release;
    # one in <> is virtual, and stands for nothing to download.
    mapfile -t packages < <(
        printf 'linux-image-%s\n' "$release"
        debian_apt apt-cache depends --important "linux-image-$release" |
            awk -v release="$release" '$1 == "Depends:" && $2 !~ /^</ && index($2, release) { print $2 }'
    )
    say "downloading kernel $release"
    if ! (cd "$new" && debian_apt apt-get -q download "${packages[@]}" >download.log 2>&1); then
        cat "$new/download.log" >&2
        rm -rf "$new"
        return 1
    fi
    vm_prune "$vm_cache/kernels/$line" '*'
    mv "$new" "$vm_cache/kernels/$line/$release"
}

vm_kernel_build() (
    local home=$1 release=$2 dir=$3 work package image file busybox
    busybox=$(vm_busybox) || exit
    # Not under the cache: a half-made folder there could be taken for a whole one.
    work=$(mktemp -d)
    # shellcheck disable=SC2064 # $work is to be expanded now
    trap "rm -rf '$work'" EXIT
    set -e
    for package in "$home"/*.deb; do
        dpkg-deb -x "$package" "$work/deb"
    done
    image=$work/deb/boot/vmlinuz-$release
    [[ -s $image ]] || image=$work/deb/usr/lib/modules/$release/vmlinuz
    [[ -s $image ]] || {
        say "no kernel image in the packages of $release"
        exit 1
    }
    # depmod and modprobe want lib/modules, wherever the package has it.
    [[ -d $work/deb/lib/modules ]] || {
        mkdir -p "$work/deb/lib"
        ln -s ../usr/lib/modules "$work/deb/lib/modules"
    }
    depmod -b "$work/deb" "$release"

    local root=$work/root modules=$work/root/lib/modules/$release
    mkdir -p "$root"/{bin,proc,sys,dev,newroot} "$modules"
    cp "$busybox" "$root/bin/busybox"
    cp "$vm_dir/init" "$root/init"
    chmod 755 "$root/init"
    vm_busybox_links "$root/bin"

    # Lists "insmod FILE" in loading order; "builtin NAME" for what needs none.
    # Kernels differ in what of virtio is a module, so nothing is named that
    # the kernel's own dependency list shows.
    vm_modprobe() {
        modprobe -d "$work/deb" -S "$release" --show-depends "$@" 2>/dev/null |
            awk '$1 == "insmod" { print $2 }'
    }
    {
        vm_modprobe virtio_pci || true
        vm_modprobe virtio_blk || true
    } | awk '!seen[$0]++' >"$work/boot"
    {
        cat "$work/boot"
        for file in "${vm_guest_modules[@]}"; do vm_modprobe "$file" || true; done
    } | awk '!seen[$0]++' >"$work/all"
    local target
    while read -r file; do
        # Flat, as the file names are unique, and unpacked: busybox need not
        # know the compression. The signature is part of what xz packed.
        target=$(basename "$file")
        case $file in
        *.xz) xz -dc "$file" >"$modules/${target%.xz}" ;;
        *.zst) zstd -qdc "$file" >"$modules/${target%.zst}" ;;
        *) cp "$file" "$modules/$target" ;;
        esac
    done <"$work/all"
    sed -E 's|.*/||; s/\.(xz|zst)$//' "$work/boot" >"$root/boot-modules"
    cp "$work/deb/lib/modules/$release"/modules.{order,builtin,builtin.modinfo} "$modules/" 2>/dev/null || true
    depmod -b "$root" "$release"

    mkdir -p "$work/out"
    cp "$image" "$work/out/vmlinuz"
    printf '%s\n' "$release" >"$work/out/release"
    # Level 1: the kernel under emulation unpacks it, and it is small anyway.
    (cd "$root" && find . -print0 | cpio --null --quiet -o -H newc -R 0:0) | gzip -1 >"$work/out/initrd"
    rm -rf "$dir"
    mkdir -p "$(dirname "$dir")"
    cp -r "$work/out" "$dir.part"
    mv "$dir.part" "$dir"
)

# The folders and settings of a guest.
vm_write_tree() {
    local root=$1 name
    chmod 755 "$root"
    mkdir -p "$root"/{usr/{bin,lib,lib64,sbin},etc,proc,sys,dev,run,tmp,root,var/tmp,home/{alice,bob},payload,out,mnt}
    for name in bin lib lib64 sbin; do ln -s "usr/$name" "$root/$name"; done
    chmod 1777 "$root/tmp" "$root/var/tmp"
    chmod 700 "$root/root"
    cat >"$root/etc/passwd" <<'END'
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/:/bin/false
alice:x:1000:1000:Alice:/home/alice:/bin/sh
bob:x:1001:1001:Bob:/home/bob:/bin/sh
nobody:x:65534:65534:nobody:/tmp:/bin/sh
END
    cat >"$root/etc/group" <<'END'
root:x:0:
daemon:x:1:
alice:x:1000:
bob:x:1001:
nogroup:x:65534:
END
    printf 'passwd: files\ngroup: files\nhosts: files\n' >"$root/etc/nsswitch.conf"
    printf '127.0.0.1 localhost bindsnoop-vm\n::1 localhost\n' >"$root/etc/hosts"
    printf 'bindsnoop-vm\n' >"$root/etc/hostname"
    printf 'ID=bindsnoop-vm\nPRETTY_NAME="BindSnoop test guest"\n' >"$root/etc/os-release"
}

# One link per applet, but never one called busybox: it would replace the program.
vm_busybox_links() {
    local applet
    while read -r applet; do
        [[ $applet == busybox || -e $1/$applet ]] || ln -s busybox "$1/$applet"
    done < <(busybox --list)
}

# ---- images ----------------------------------------------------------------

# Copies programs or libraries with all they are linked to. $1: the root folder.
vm_copy_linked() {
    local root=$1 file needed
    shift
    for file in "$@"; do
        while read -r needed; do
            vm_copy "$root" "$needed"
        done < <(ldd "$file" 2>/dev/null | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^\//) { print $i; next } }')
    done
}

vm_copy() {
    local root=$1 file=$2
    [[ -e $root$file ]] && return
    mkdir -p "$root$(dirname "$file")"
    cp -L "$file" "$root$file"
}

# An ext4 image of a folder. $1: folder, $2: image, $3: spare MiB, $4: label
vm_mkfs() {
    local kib inodes
    kib=$(du -sk --apparent-size "$1" | cut -f 1)
    inodes=$(find "$1" | wc -l)
    # Many small files take more blocks than bytes: 4 KiB each at most.
    kib=$((kib + inodes * 4 + kib / 16 + $3 * 1024))
    rm -f "$2"
    # Made first, or mkfs would say that it makes it.
    truncate -s "${kib}K" "$2"
    # No journal: every image is either read-only or thrown away.
    mkfs.ext4 -q -F -b 4096 -L "$4" -O '^has_journal' -m 0 -N $((inodes + 4096)) -E root_owner=0:0 \
        -d "$1" "$2" >&2
}

# The newest shared runtime: "VERSION FOLDER-OF-DOTNET"
vm_runtime() {
    dotnet --list-runtimes | awk '
        $1 == "Microsoft.NETCore.App" {
            version = $2
            sub(/^[^[]*\[/, ""); sub(/\/shared\/Microsoft\.NETCore\.App\]$/, "")
            print version, $0
        }' | sort -V | tail -n 1
}

# Prints the root image, making it first if what it is made of has changed.
vm_root_image() {
    if [[ $vm_arch == arm64 ]]; then
        vm_debian_root_image
        return
    fi
    local version dotnet image tools=() tool
    read -r version dotnet < <(vm_runtime) || die "dotnet --list-runtimes names no Microsoft.NETCore.App"
    # Real ones, as busybox's lack options; all of them are in every Debian.
    for tool in bash setpriv unshare nsenter prlimit ${BINDSNOOP_VM_EXTRA:-}; do
        command -v "$tool" >/dev/null || die "$tool is not here to be copied into the guest"
        tools+=("$(readlink -f "$(command -v "$tool")")")
    done
    image=$vm_cache/root-$(
        {
            cat "$vm_dir/lib.sh"
            printf '%s\n' "$version" "$dotnet" "${tools[@]}" "${BINDSNOOP_VM_EXTRA:-}"
            sha256sum "$(vm_library libbpf.so.1)" "$(vm_library libc.so.6)" "$(command -v busybox)"
        } | vm_hash
    ).img
    if [[ ! -s $image ]]; then
        say "making the root image (.NET $version)"
        vm_root_build "$image" "$version" "$dotnet" "${tools[@]}" || return 1
    fi
    touch "$image"
    printf '%s\n' "$image"
}

vm_root_build() (
    local image=$1 version=$2 dotnet=$3 root tool name
    shift 3
    set -e
    umask 022
    root=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$root' '$image.part'" EXIT
    vm_write_tree "$root"

    mkdir -p "$root/usr/share/dotnet/host/fxr" "$root/usr/share/dotnet/shared/Microsoft.NETCore.App" "$root/etc/dotnet"
    cp "$(readlink -f "$dotnet/dotnet")" "$root/usr/share/dotnet/dotnet"
    # The host resolver may be newer than the runtime, never older.
    cp -r "$(find "$dotnet/host/fxr" -mindepth 1 -maxdepth 1 | sort -V | tail -n 1)" "$root/usr/share/dotnet/host/fxr/"
    cp -r "$dotnet/shared/Microsoft.NETCore.App/$version" "$root/usr/share/dotnet/shared/Microsoft.NETCore.App/"
    printf '/usr/share/dotnet\n' >"$root/etc/dotnet/install_location"

    cp "$(command -v busybox)" "$root/usr/bin/busybox"
    for tool in "$@"; do
        cp "$tool" "$root/usr/bin/$(basename "$tool")"
        vm_copy_linked "$root" "$tool"
    done
    vm_busybox_links "$root/usr/bin"
    # Where the kernel looks for it when it wants a module.
    ln -s ../bin/modprobe "$root/usr/sbin/modprobe"
    ln -s /usr/share/dotnet/dotnet "$root/usr/bin/dotnet"

    find "$root/usr/share/dotnet" \( -name '*.so' -o -name dotnet -type f \) -print0 |
        while IFS= read -r -d '' tool; do vm_copy_linked "$root" "$tool"; done
    # Opened by name at run time, so the dynamic section does not list them: libbpf and SQLite by the
    # tracer, libssl by the runtime's hash functions, libgcc_s by libc.
    for name in libbpf.so.1 libsqlite3.so.0 libssl.so.3 libcrypto.so.3 libgcc_s.so.1; do
        tool=$(vm_library "$name") || {
            say "$name is not installed, the guests go without"
            continue
        }
        vm_copy "$root" "$tool"
        vm_copy_linked "$root" "$tool"
    done

    mknod -m 600 "$root/dev/console" c 5 1 2>/dev/null || true

    vm_mkfs "$root" "$image.part" 128 root
    vm_prune "$vm_cache" 'root-*.img'
    mv "$image.part" "$image"
)

# ---- guests of another architecture, whose programs and libraries are Debian's

# Their packages, with all that these need, as one folder; its name says what is in it.
vm_debian_packages() {
    local own=(-o "Dir::Etc::SourceList=$debian_state/guests.list" -o "Dir::State::Lists=$debian_state/guests")
    local packages=(busybox-static bash util-linux bpftool libc6 libbpf1 libelf1 zlib1g libgcc-s1 libstdc++6 libssl3 libsqlite3-0)
    local folder=$vm_cache/packages
    if [[ ! -e $folder/done || -n $(find "$folder/done" -mtime +7) ]]; then
        say "downloading what the $vm_arch guests consist of"
        rm -rf "$folder"
        mkdir -p "$folder/partial" "$debian_state/guests/partial"
        debian_source debian bookworm >"$debian_state/guests.list"
        { debian_apt apt-get -q -o Acquire::Languages=none update "${own[@]}" &&
            debian_apt apt-get -q -y --no-install-recommends --download-only install "${own[@]}" -o Dir::Cache::archives="$folder" "${packages[@]}"; } >"$folder/log" 2>&1 ||
            { tail -n 5 "$folder/log" >&2; die "the $vm_arch guests' packages cannot be had"; }
        touch "$folder/done"
    fi
    printf '%s\n' "$folder"
}

# This machine's, or Debian's for the guest.
vm_busybox() {
    local folder
    if [[ $vm_arch == x64 ]]; then
        command -v busybox
        return
    fi
    folder=$(vm_debian_packages) || return
    if [[ ! -x $folder/busybox ]]; then
        dpkg-deb --fsys-tarfile "$folder"/busybox-static_*.deb | tar -xO ./bin/busybox >"$folder/busybox"
        chmod 755 "$folder/busybox"
    fi
    printf '%s\n' "$folder/busybox"
}

vm_debian_root_image() {
    local folder image
    folder=$(vm_debian_packages) || return
    image=$vm_cache/root-$({ cat "$vm_dir/lib.sh"; (cd "$folder" && ls -- *.deb); } | vm_hash).img
    if [[ ! -s $image ]]; then
        say "making the root image ($vm_arch)"
        vm_debian_root_build "$image" "$folder" || return 1
    fi
    touch "$image"
    printf '%s\n' "$image"
}

vm_debian_root_build() (
    local image=$1 folder=$2 root package
    set -e
    umask 022
    root=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$root' '$image.part'" EXIT
    vm_write_tree "$root"
    for package in "$folder"/*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -C "$root" --keep-directory-symlink --exclude './usr/share/*' -x
    done
    # What maintainers' scripts would do.
    [[ -e $root/usr/bin/bpftool ]] || ln -s ../sbin/bpftool "$root/usr/bin/bpftool"
    vm_busybox_links "$root/usr/bin"
    ln -sf ../bin/busybox "$root/usr/sbin/modprobe"
    # The tests bring their runtime, and start as programs of their own.
    printf '%s\n' '#!/bin/bash' 'exec "${1%.dll}" "${@:2}"' >"$root/usr/bin/dotnet"
    chmod 755 "$root/usr/bin/dotnet"
    mknod -m 600 "$root/dev/console" c 5 1 2>/dev/null || true
    vm_mkfs "$root" "$image.part" 128 root
    vm_prune "$vm_cache" 'root-*.img'
    mv "$image.part" "$image"
)

# PowerShell and Pester, as found by the machine's pwsh; a disk of their own,
# for most runs do not need its 200 MB.
vm_pwsh_image() {
    command -v pwsh >/dev/null || die "BINDSNOOP_VM_PWSH is set, but there is no pwsh on PATH"
    local home pester version image
    # shellcheck disable=SC2016 # PowerShell's variables
    IFS='|' read -r home version pester < <(pwsh -NoLogo -NoProfile -NonInteractive -Command \
        '$p = Get-Module -ListAvailable Pester | Sort-Object Version -Descending | Select-Object -First 1; "$PSHOME|$($PSVersionTable.PSVersion)|$($p.ModuleBase)"') ||
        die "pwsh does not report where it is installed"
    [[ -n $pester ]] || say "no Pester module found; the guest gets PowerShell alone"
    image=$vm_cache/pwsh-$(
        {
            cat "$vm_dir/lib.sh"
            printf '%s\n' "$home" "$version" "$pester"
            stat -c '%Y %s' "$home/pwsh.dll"
        } | vm_hash
    ).img
    if [[ ! -s $image ]]; then
        say "making the PowerShell image ($version)"
        vm_pwsh_build "$image" "$home" "$pester" || return 1
    fi
    touch "$image"
    printf '%s\n' "$image"
}

vm_pwsh_build() (
    local image=$1 home=$2 pester=$3 root file
    set -e
    umask 022
    root=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$root' '$image.part'" EXIT
    chmod 755 "$root"
    cp -rL "$home" "$root/powershell"
    if [[ -n $pester ]]; then
        mkdir -p "$root/powershell/Modules/Pester"
        cp -r "$pester/." "$root/powershell/Modules/Pester/"
    fi
    # As a .NET tool it has no program of its own, only the library.
    # shellcheck disable=SC2016
    printf '%s\n' '#!/bin/sh' 'here=/opt/powershell' \
        'if [ -x $here/pwsh ]; then exec $here/pwsh "$@"; fi' \
        'exec dotnet $here/pwsh.dll "$@"' >"$root/pwsh"
    chmod 755 "$root/pwsh"
    # What the root image may not have, to be put on the library path.
    mkdir -p "$root/lib"
    find "$root/powershell" -name '*.so' -print | while IFS= read -r file; do
        ldd "$file" 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $3 }'
    done | sort -u | while read -r file; do
        case $file in
        "$root"/* | */libc.so.6 | */libm.so.6 | */libdl.so.2 | */libpthread.so.0 | */librt.so.1) ;;
        *) cp -L "$file" "$root/lib/" ;;
        esac
    done
    vm_mkfs "$root" "$image.part" 16 pwsh
    vm_prune "$vm_cache" 'pwsh-*.img'
    mv "$image.part" "$image"
)
