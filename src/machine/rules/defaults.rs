//! The rules of an installation on which nobody set any: package patterns of the guard, limits of the policy.

use std::time::Duration;

/// How long after its commit a server may order a generation to be gone back from.
pub const SERVER_ROLLBACK_WITHIN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Packages without which a device cannot start, be reached or be updated. Kernel and boot loader belong to them:
/// `allow_boot` alone does not let an update touch them in passing.
pub const PROTECTED: &[&str] = &[
    "linux-image*",
    "raspberrypi-kernel*",
    "raspberrypi-bootloader*",
    "raspi-firmware",
    "rpi-eeprom*",
    "grub*",
    "u-boot*",
    "shim-signed*",
    "systemd-boot*",
    "initramfs-tools*",
    "libc6",
    "libc-bin",
    "dpkg",
    "apt",
    "libapt-pkg*",
    "systemd*",
    "libsystemd*",
    "libpam-systemd",
    "udev",
    "dbus",
    "init",
    "perl-base",
    "base-files",
    "base-passwd",
    "bash",
    "dash",
    "coreutils",
    "util-linux",
    "tar",
    "network-manager",
    "ifupdown*",
    "dhcpcd*",
    "isc-dhcp-client*",
    "netplan.io",
    "netplan-generator",
    "wpasupplicant",
    "iwd",
    "modemmanager",
    "openssh-server",
    "belay-agent",
];

/// Kernel, firmware and boot loader: what a device reads before its root is mounted.
pub const BOOT: &[&str] = &[
    "linux-image*",
    "raspberrypi-kernel*",
    "raspberrypi-bootloader*",
    "raspi-firmware",
    "rpi-eeprom*",
    "firmware-*",
    "intel-microcode",
    "amd64-microcode",
    "grub*",
    "u-boot*",
    "shim-signed*",
    "systemd-boot*",
    "initramfs-tools*",
    "dracut*",
];

/// Programs that rewrite their data for a newer version, so that an older one can no longer read it.
pub const ONE_WAY: &[&str] = &[
    "postgresql",
    "postgresql-*",
    "mariadb-server*",
    "mysql-server*",
    "percona-server-server*",
    "mongodb*",
    "influxdb*",
    "elasticsearch*",
    "opensearch*",
    "clickhouse-server",
    "cassandra",
    "couchdb",
    "neo4j",
    "slapd",
    "rabbitmq-server",
    "grafana*",
    "prometheus",
    "gitlab-*",
];
