//! A service of the device's user, in versions that work and versions that do not.

use belay_testkit::{Deb, Script};

/// A version that works: its program says the version, its service runs.
pub(crate) fn demo(version: &str) -> Deb {
    with_service(version, "exec sleep infinity").script(Script::Postinst, START)
}

/// A version whose maintainer script fails when it is installed.
pub(crate) fn failing_demo(version: &str) -> Deb {
    with_service(version, "exec sleep infinity").script(Script::Postinst, "echo 'it cannot be set up' >&2; exit 7")
}

/// A version whose service ends with a failure.
pub(crate) fn sick_demo(version: &str) -> Deb {
    with_service(version, "exit 3").script(Script::Postinst, START)
}

/// A version whose maintainer script waits until a file is there; what it waits for says where it has come to.
pub(crate) fn slow_demo(version: &str) -> Deb {
    let wait = "touch /run/demo-is-set-up; until [ -e /run/demo-may-go-on ]; do sleep 0.05; done";
    with_service(version, "exec sleep infinity").script(Script::Postinst, &format!("{wait}\n{START}"))
}

fn with_service(version: &str, serve: &str) -> Deb {
    let program = format!("#!/bin/sh\n[ \"${{1-}}\" = serve ] || {{ echo {version}; exit 0; }}\n{serve}\n");
    Deb::new("demo", version).file("/usr/bin/demo", program).file("/usr/lib/systemd/system/demo.service", UNIT)
}

const UNIT: &str = "[Unit]\nDescription=A demo\n\n[Service]\nExecStart=/usr/bin/demo serve\n\n\
                    [Install]\nWantedBy=multi-user.target\n";

const START: &str = "systemctl enable demo.service\n\
                     [ ! -d /run/systemd/system ] || { systemctl daemon-reload; systemctl restart demo.service; }";
