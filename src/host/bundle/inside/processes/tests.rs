use super::*;

fn process(proc: &Path, pid: u32, stat: &str, words: &[u8]) {
    let folder = proc.join(pid.to_string());
    std::fs::create_dir(&folder).unwrap();
    crate::durable::write_atomic(&folder.join("stat"), stat.as_bytes(), 0o600).unwrap();
    crate::durable::write_atomic(&folder.join("cmdline"), words, 0o600).unwrap();
}

#[test]
fn processes_are_told_by_their_command_line_and_the_dead_are_not() {
    let proc = tempfile::tempdir().unwrap();
    let proc = proc.path();
    std::fs::create_dir(proc.join("sys")).unwrap();
    process(proc, 20, "20 (daemon) S 1 20", b"/usr/bin/daemon\0--flag\0");
    process(proc, 3, "3 (a (strange) name) R 1 3", b"");
    process(proc, 4, "4 (gone) Z 1 4", b"");
    process(proc, std::process::id(), "1 (self) R 0 1", b"self\0");
    let long = "x".repeat(200);
    process(proc, 30, "30 (x) D 1 30", long.as_bytes());
    assert_eq!(others(proc).unwrap(), ["a (strange) name", "/usr/bin/daemon --flag", &long[..80]]);
}
