//! Devices on loopback addresses of a test's own, each at port 5000: agents, and the old Flask program.

use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use belay_testkit::process_tree::Tree;
use belay_testkit::{Launch, Sandbox, wait_until};

use crate::lan::world::old_program;
use crate::support::{PATIENCE, binary};

/// Addresses that no other test uses, all equally long, so that screens look alike.
pub(super) struct Plant {
    network: String,
}

/// The old program at work; killed when it is dropped.
pub(super) struct Old(Child);

impl Plant {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = std::process::id() + 1_000 * NEXT.fetch_add(1, Ordering::Relaxed);
        Self { network: format!("127.{}.{}", 100 + number % 100, 100 + number / 100 % 100) }
    }

    /// The address with this last number.
    pub(super) fn address(&self, last: u8) -> String {
        format!("{}.{last}", self.network)
    }

    /// Where a scan finds them.
    pub(super) fn subnet(&self) -> String {
        format!("{}.0/28", self.network)
    }

    /// An agent that takes orders from this machine.
    pub(super) fn agent<'a>(&self, last: u8, sandbox: &'a Sandbox) -> Launch<'a> {
        let scripts = sandbox.run_dir().join("health");
        let listen = format!("listen = [\"{}:5000\"]\nlegacy = [\"127.0.0.0/8\"]", self.address(last));
        Launch::new(sandbox, &binary("belay-agent"))
            .toml(&format!("[health]\nscripts = {scripts:?}\nsettle_s = 0"))
            .control(&listen)
    }

    /// The old program, whose apt works on a sandbox; nothing where there is no Flask.
    pub(super) fn flask(&self, last: u8, sandbox: &Sandbox) -> Option<Old> {
        let address = self.address(last);
        let mut python = old_program(sandbox, &address)?;
        let child = python.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("python3 starts");
        wait_until("the old program to listen", PATIENCE, || {
            std::net::TcpStream::connect((address.as_str(), 5000)).ok()
        });
        Some(Old(child))
    }

    /// The screen without what differs from run to run: frames to the right, addresses of this test, folders.
    pub(super) fn plain(&self, screen: &str, home: &std::path::Path) -> String {
        let home = home.to_string_lossy();
        let screen = screen.replace(&self.network, "127.0.0").replace(&*home, "~");
        let line = |line: &str| {
            let mut short = line.trim_end_matches(['│', ' ']).to_owned();
            while short.contains("────") {
                short = short.replace("────", "───");
            }
            short + "\n"
        };
        screen.lines().map(line).collect::<String>().trim_end().to_owned()
    }
}

impl Drop for Old {
    fn drop(&mut self) {
        Tree::default().below(self.0.id().cast_signed()).kill();
        let _ = self.0.wait();
    }
}
