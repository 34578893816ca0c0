//! What a virtual machine needs and this machine may not have, unpacked privately: qemu, its firmware, a kernel.
//!
//! Nothing is installed: the packages are fetched by the machine's own apt and unpacked below the target folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{command, is_there, run};

/// An unpacked emulator and kernel.
#[derive(Clone, Debug)]
pub struct Tools {
    folder: PathBuf,
    release: String,
}

/// Programs of the machine itself, and the package that has each.
const PROGRAMS: &[(&str, &str)] = &[
    ("apt-get", "this is a tool for Debian and what descends from it"),
    ("busybox", "apt-get install busybox-static"),
    ("cpio", "apt-get install cpio"),
    ("depmod", "apt-get install kmod"),
    ("dpkg-deb", "apt-get install dpkg"),
    ("losetup", "apt-get install mount"),
    ("mke2fs", "apt-get install e2fsprogs"),
    ("mmdebstrap", "apt-get install mmdebstrap"),
    ("nsenter", "apt-get install util-linux"),
    ("systemd-nspawn", "apt-get install systemd-container"),
];

/// What to unpack; packages that they need and the machine lacks come along.
const WANTED: &[&str] = &["qemu-system-x86", "linux-image-cloud-amd64"];

/// Needed by those packages' scripts, which are never run here.
const NOT_WANTED: &[&str] =
    &["initramfs-tools", "initramfs-tools-core", "ipxe-qemu", "klibc-utils", "libklibc", "linux-base", "udev"];

/// Returns one sentence that says what is missing here, if anything is.
pub fn missing() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("needs root: images are mounted and booted in containers".to_owned());
    }
    if std::env::consts::ARCH != "x86_64" {
        return Some("needs an amd64 machine: the device is one, and its system runs in containers too".to_owned());
    }
    if !Path::new("/dev/loop-control").exists() {
        return Some("needs loop devices: there is no /dev/loop-control here".to_owned());
    }
    let (program, remedy) = PROGRAMS.iter().find(|(program, _)| !is_there(program))?;
    Some(format!("needs {program}: {remedy}"))
}

impl Tools {
    /// Fetches and unpacks everything below `folder`, unless that was done before.
    ///
    /// # Errors
    /// What could not be fetched.
    pub fn provide(folder: &Path) -> Result<Self, String> {
        let done = folder.join("complete");
        if !done.exists() {
            let debs = folder.join("debs");
            fs::create_dir_all(&debs).map_err(|error| format!("cannot make {}: {error}", debs.display()))?;
            let names = lacking()?;
            run(command("apt-get")
                .args(["-q", "-o", "APT::Sandbox::User=root", "download"])
                .args(names)
                .current_dir(&debs))
            .map_err(|error| format!("needs packages from a Debian mirror: {error}"))?;
            for deb in files_of(&debs) {
                run(command("dpkg-deb").arg("-x").arg(deb).arg(folder))?;
            }
            let release = kernel_release(folder)?;
            run(command("depmod").arg("-b").arg(folder).arg(&release))?;
            initrd(folder, &release)?;
            fs::File::create(&done).map_err(|error| format!("cannot make {}: {error}", done.display()))?;
        }
        Ok(Self { release: kernel_release(folder)?, folder: folder.to_owned() })
    }

    /// Completes a command line by the emulator with its firmware, the kernel and its initial root.
    pub fn emulator(&self, line: &mut Command) {
        let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"]
            .map(|path| self.folder.join(path).display().to_string())
            .join(":");
        line.env("LD_LIBRARY_PATH", libraries);
        line.env("QEMU_MODULE_DIR", self.folder.join("usr/lib/x86_64-linux-gnu/qemu"));
        line.arg(self.folder.join("usr/bin/qemu-system-x86_64"));
        for firmware in ["usr/share/qemu", "usr/share/seabios"] {
            line.arg("-L").arg(self.folder.join(firmware));
        }
        line.arg("-kernel").arg(self.folder.join("boot").join(format!("vmlinuz-{}", self.release)));
        line.arg("-initrd").arg(self.folder.join("initrd.img"));
    }

    /// The kernel's release, such as `6.1.0-56-cloud-amd64`.
    pub fn release(&self) -> &str {
        &self.release
    }
}

/// The wanted packages and all that they depend on, without what is installed on this machine.
fn lacking() -> Result<Vec<String>, String> {
    let plan = run(command("apt-get")
        .args(["-qq", "-s", "-o", "Dir::State::status=/dev/null", "-o", "APT::Install-Recommends=false", "install"])
        .args(WANTED))?;
    let states = run(command("dpkg-query").args(["-W", "-f", "${Package} ${db:Status-Status}\\n"]))?;
    let here: BTreeSet<&str> = states.lines().filter_map(|line| line.strip_suffix(" installed")).collect();
    Ok(plan
        .lines()
        .filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next())
        .filter(|name| !here.contains(name) && !NOT_WANTED.contains(name))
        .map(str::to_owned)
        .collect())
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn kernel_release(folder: &Path) -> Result<String, String> {
    let modules = folder.join("lib/modules");
    let release = files_of(&modules).pop().ok_or_else(|| format!("no kernel in {}", modules.display()))?;
    Ok(release.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

/// An initial root that loads the disk's driver, mounts the disk as a plain system would, and starts it.
fn initrd(folder: &Path, release: &str) -> Result<(), String> {
    let script = format!(
        r#"set -eu
tree=$(mktemp -d)
trap 'rm -r --one-file-system "$tree"' EXIT
mkdir -p "$tree/bin" "$tree/m" "$tree/proc" "$tree/sys" "$tree/dev" "$tree/system"
cp "$(command -v busybox)" "$tree/bin/busybox"
ln -s busybox "$tree/bin/sh"
order=
for module in virtio_pci virtio_blk virtio_rng overlay; do
  for file in $(modprobe -d '{folder}' -S '{release}' --show-depends "$module" | sed -n 's/^insmod //p'); do
    name=${{file##*/}}
    [ -e "$tree/m/$name" ] || {{ cp "$file" "$tree/m/"; order="$order $name"; }}
  done
done
cat >"$tree/init" <<END
#!/bin/busybox sh
b=/bin/busybox
\$b mount -t proc proc /proc
\$b mount -t sysfs sys /sys
\$b mount -t devtmpfs dev /dev
for m in $order; do \$b insmod /m/\$m; done
while [ ! -b /dev/vda ]; do \$b sleep 0.1; done
\$b mount -t ext4 -o rw /dev/vda /system || exec \$b sh
\$b mount --move /dev /system/dev
\$b umount /proc
\$b umount /sys
exec \$b switch_root /system /sbin/init
END
chmod 755 "$tree/init"
cd "$tree"
find . | cpio -o -H newc --quiet | gzip -1 >'{folder}/initrd.img'
"#,
        folder = folder.display()
    );
    run(command("bash").args(["-c", &script])).map(drop)
}
