//! Takes out of a text what differs from run to run and from machine to machine, so that the rest can be compared: names of
//! rows, digests, times, ports, this machine's name. Tables stay tables.

use std::collections::BTreeMap;
use std::fs;

/// The text with names instead: the first device is `d_00…1`, as wide as names of rows are; a digest is `5a5a…`, a token
/// ends in `…`, an instant is the first second of 2026, a port that the system chose is 48443, this machine is `pi-1`, an amd64.
pub(crate) fn redacted(text: &str) -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let mut names = Names::default();
    let words: String = split(text).map(|word| names.redact(word)).collect();
    let lines = words.lines().map(|line| without_ages(&without_durations(&with_host(line, host.trim()))));
    narrowed(&lines.collect::<Vec<_>>())
}

/// Names of rows that were seen, in the order in which they were.
#[derive(Debug, Default)]
struct Names(BTreeMap<char, Vec<String>>);

/// Debian's, of the machines that these tests may run on.
const ARCHITECTURES: [&str; 6] = ["amd64", "arm64", "armhf", "armel", "i386", "riscv64"];

impl Names {
    fn redact(&mut self, word: &str) -> String {
        if is_digest(word) {
            return "5a".repeat(32);
        }
        if ARCHITECTURES.contains(&word) {
            return "amd64".to_owned();
        }
        // A token is a name with a secret after it.
        let secret =
            ["belay_op_", "belay_dev_", "belay_enrol_"].iter().find_map(|kind| Some((kind, word.strip_prefix(kind)?)));
        if let Some((kind, rest)) = secret
            && let Some((name, _)) = rest.split_once('.')
            && kind_of_row(name).is_some()
        {
            return format!("{kind}{}.…", self.redact(name));
        }
        if let Some(kind) = kind_of_row(word) {
            let known = self.0.entry(kind).or_default();
            let at = known.iter().position(|name| name == word).unwrap_or_else(|| {
                known.push(word.to_owned());
                known.len() - 1
            });
            return format!("{kind}_{:0>24}", at + 1);
        }
        if word.len() == 5 && word.parse::<u16>().is_ok_and(|port| port >= 32_768) {
            return "48443".to_owned();
        }
        // Those that the system gives out have five digits.
        match word.rsplit_once(':') {
            Some((host, port)) if port.len() == 5 && port.parse::<u16>().is_ok() => format!("{host}:48443"),
            _ => instant(word).unwrap_or_else(|| word.to_owned()),
        }
    }
}

/// The text in pieces: words that may be names, and what lies between them.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(|c: char| !is_of_word(c)).flat_map(|piece| {
        let end = piece.trim_end_matches(|c: char| !is_of_word(c)).len();
        [&piece[..end], &piece[end..]]
    })
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_:.-".contains(c)
}

fn is_digest(word: &str) -> bool {
    word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `d` of a device's name, `r` of a deployment's.
fn kind_of_row(word: &str) -> Option<char> {
    let (kind, rest) = word.split_once('_')?;
    let is_name = rest.len() == 24 && rest.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    kind.chars().next().filter(|_| is_name && kind.len() == 1)
}

/// `2026-11-21T22:27:24.123Z`, `2026-11-21`, `22:27:24` and `22:27` are those of one instant.
fn instant(word: &str) -> Option<String> {
    let shape: String = word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let redacted = match shape.as_str() {
        "0000-00-00" => "2026-01-01",
        "00:00:00" => "00:00:01",
        "00:00" => "00:00",
        _ if shape.starts_with("0000-00-00T00:00:00") => "2026-01-01T00:00:01Z",
        _ => return None,
    };
    Some(redacted.to_owned())
}

/// This machine's name is said in JSON, in CSV, and after a device's name or address.
fn with_host(line: &str, host: &str) -> String {
    const NAME: &str = "pi-1";
    let said =
        |key: &str, line: &str| line.replace(&format!("\"{key}\": \"{host}\""), &format!("\"{key}\": \"{NAME}\""));
    let line = said("name", &said("hostname", line)).replace(&format!(",{host},"), &format!(",{NAME},"));
    let end = line.find("d_0000").map(|at| at + 26).or_else(|| line.find(":48443  ").map(|at| at + 6));
    let Some(end) = end else { return line };
    let Some(after) = line.get(end..).and_then(|rest| rest.strip_prefix("  ")?.strip_prefix(host)) else { return line };
    let width = host.len().max(NAME.len());
    let filled = after.strip_prefix(&" ".repeat(width - host.len()));
    match filled.filter(|rest| rest.starts_with(' ')) {
        Some(rest) => format!("{}  {NAME:width$}{rest}", &line[..end]),
        None => format!("{}  {NAME}{after}", &line[..end]),
    }
}

/// How long something took, in JSON and in a column; how many days are left, which may be one less than was asked for;
/// the number of a report, which depends on how many were overtaken.
fn without_durations(line: &str) -> String {
    for key in ["duration_ms", "seconds", "seq"] {
        let key = format!("\"{key}\": ");
        if let Some((before, rest)) = line.split_once(&key) {
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            return format!("{before}{key}0{rest}");
        }
    }
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    for at in 1..words.len() {
        let digits = words[at - 1].len();
        let is_number = digits > 0 && words[at - 1].bytes().all(|byte| byte.is_ascii_digit());
        let is_column = at + 2 < words.len()
            && words[at + 1].is_empty()
            && words.get(at.wrapping_sub(2)).is_some_and(String::is_empty);
        if is_number && words[at] == "s" && is_column {
            words[at - 1] = "0".to_owned();
            words[at].push_str(&" ".repeat(digits - 1));
        } else if is_number && words[at] == "days" && at > 1 && words[at - 2] == "in" {
            words[at - 1] = if digits == 1 { "7" } else { "90" }.to_owned();
        }
    }
    words.join(" ")
}

/// `3 seconds ago` is `just now`, as wide where a column follows.
fn without_ages(line: &str) -> String {
    let mut line = line.to_owned();
    for unit in ["second ago", "seconds ago", "minute ago", "minutes ago"] {
        while let Some(at) = line.find(unit) {
            let before = line[..at].trim_end_matches(' ').trim_end_matches(|c: char| c.is_ascii_digit());
            let (start, end) = (before.len(), at + unit.len());
            let rest = &line[end..];
            let bracket = if rest.starts_with(')') { ")" } else { "" };
            let rest = &rest[bracket.len()..];
            let lost = (end - start).saturating_sub("just now".len());
            let filled = if rest.starts_with("  ") { " ".repeat(lost) } else { String::new() };
            line = format!("{before}just now{bracket}{filled}{rest}");
        }
    }
    line.trim_end().to_owned()
}

/// The lines, with the columns of tables no farther apart than two blanks.
fn narrowed(lines: &[String]) -> String {
    let mut text = String::new();
    let ends = |line: &String| line.is_empty() || line.starts_with(['$', '!', '#', '(', '{', '[', ' ', '}', ']']);
    let mut at = 0;
    while at < lines.len() {
        let length = lines[at..].iter().take_while(|line| !ends(line)).count();
        if length < 2 {
            text.push_str(&lines[at]);
            text.push('\n');
            at += 1;
            continue;
        }
        for line in narrowed_table(&lines[at..at + length]) {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        at += length;
    }
    text
}

fn narrowed_table(lines: &[String]) -> Vec<String> {
    let mut rows: Vec<Vec<char>> = lines.iter().map(|line| line.chars().collect()).collect();
    let width = rows.iter().map(Vec::len).max().unwrap_or_default();
    let is_blank = |rows: &[Vec<char>], at: usize| rows.iter().all(|row| row.get(at).is_none_or(|c| *c == ' '));
    for at in (2..width).rev() {
        // Three blank columns in a row: one of them can go.
        if (at - 2..=at).all(|at| is_blank(&rows, at)) {
            for row in &mut rows {
                if row.len() > at {
                    row.remove(at);
                }
            }
        }
    }
    rows.into_iter().map(|row| row.into_iter().collect()).collect()
}

#[test]
fn what_differs_from_run_to_run_is_taken_out() {
    let digest = "0123456789abcdef".repeat(4);
    let text = format!("d_01m8059vqc00000469rydcz1 d_01m8059vqc00000469rydcz2 d_01m8059vqc00000469rydcz1 {digest}");
    let expected = "d_000000000000000000000001 d_000000000000000000000002 d_000000000000000000000001";
    assert_eq!(redacted(&text), format!("{expected} {}\n", "5a".repeat(32)));
    assert_eq!(redacted("at 127.0.0.1:43211, not 127.0.0.1:9"), "at 127.0.0.1:48443, not 127.0.0.1:9\n");
    assert_eq!(redacted("2026-11-21T22:27:24.1Z 2026-11-21 22:27"), "2026-01-01T00:00:01Z 2026-01-01 00:00\n");
    assert_eq!(redacted("belay_op_t_01m8059vqc00000469rydcz1.abc-_D"), "belay_op_t_000000000000000000000001.…\n");
    assert_eq!(redacted("  \"architecture\": \"arm64\","), "  \"architecture\": \"amd64\",\n");
    assert_eq!(redacted("system      riscv64, agent 0.1.0"), "system      amd64, agent 0.1.0\n");
    let slow = "a  when           b\nx  9 seconds ago  y\nz  just now       w";
    assert_eq!(redacted(slow), "a  when      b\nx  just now  y\nz  just now  w\n");
    assert_eq!(with_host("127.0.0.1:48443  vm    done", "vm"), "127.0.0.1:48443  pi-1  done");
    assert_eq!(with_host("127.0.0.1:48443,0,agent,vm,0.1.0", "vm"), "127.0.0.1:48443,0,agent,pi-1,0.1.0");
    assert_eq!(without_durations("pi  done  12 s  in 89 days"), "pi  done  0 s   in 90 days");
    assert_eq!(without_durations("  \"seconds\": 12,"), "  \"seconds\": 0,");
    assert_eq!(with_host("d_000000000000000000000001  vm    done", "vm"), "d_000000000000000000000001  pi-1  done");
    assert_eq!(with_host("d_000000000000000000000001  a-host  x", "a-host"), "d_000000000000000000000001  pi-1    x");
    assert_eq!(with_host("d_000000000000000000000001  vm", "vm"), "d_000000000000000000000001  pi-1");
}
