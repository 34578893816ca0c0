//! Archives made by hand, because whatever makes archives refuses to make some of these.

mod content;
mod hostile;
mod refusals;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use tar::EntryType;
use tempfile::TempDir;

use super::*;

const MIB: u64 = 1 << 20;

const LIMITS: Limits = Limits { bytes: 64 * MIB, entries: 100, ratio: 50, depth: 8, reserve: 0 };

/// A folder to unpack into, and a sentinel beside it that nothing may touch.
struct Place {
    around: TempDir,
}

impl Place {
    /// In memory where that is possible: everything that is unpacked is synced.
    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let around = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let place = Self { around };
        std::fs::create_dir(place.tree()).unwrap();
        std::fs::create_dir(place.sentinel()).unwrap();
        std::fs::File::create(place.sentinel().join("kept")).unwrap().write_all(b"kept").unwrap();
        place
    }

    fn tree(&self) -> std::path::PathBuf {
        self.around.path().join("tree")
    }

    fn sentinel(&self) -> std::path::PathBuf {
        self.around.path().join("beside")
    }

    fn unpack(&self, archive: &[u8], limits: &Limits) -> Result<Unpacked, Failure> {
        unpack(&mut &*archive, &self.tree(), limits)
    }

    /// Nothing lies beside the tree but what was there.
    fn assert_untouched(&self) {
        let mut names: Vec<_> =
            self.around.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["beside", "tree"]);
        let beside: Vec<_> = self.sentinel().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(beside, ["kept"]);
        assert_eq!(std::fs::read(self.sentinel().join("kept")).unwrap(), b"kept");
    }

    fn mode(&self, path: &str) -> u32 {
        self.tree().join(path).symlink_metadata().unwrap().permissions().mode() & 0o7777
    }
}

/// A tar, entry by entry.
#[derive(Debug, Clone, Default)]
struct Tar(Vec<u8>);

impl Tar {
    fn entry(self, kind: u8, name: &[u8], content: &[u8]) -> Self {
        self.raw(kind, name, 0o644, b"", content.len() as u64, content)
    }

    fn file(self, name: &str, content: &[u8]) -> Self {
        self.entry(b'0', name.as_bytes(), content)
    }

    fn folder(self, name: &str) -> Self {
        self.raw(b'5', name.as_bytes(), 0o755, b"", 0, b"")
    }

    fn link(self, kind: u8, name: &str, target: &str) -> Self {
        self.raw(kind, name.as_bytes(), 0o777, target.as_bytes(), 0, b"")
    }

    /// A long name as GNU writes it, before the entry that it is of.
    fn long_name(self, name: &[u8]) -> Self {
        self.entry(b'L', b"././@LongLink", &[name, b"\0"].concat())
    }

    fn raw(mut self, kind: u8, name: &[u8], mode: u32, link: &[u8], size: u64, content: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link);
        header.set_entry_type(EntryType::new(kind));
        header.set_mode(mode);
        header.set_size(size);
        header.set_mtime(1_700_000_000);
        header.set_cksum();
        self.0.extend(header.as_bytes());
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
