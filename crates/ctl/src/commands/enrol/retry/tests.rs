use clap::Parser;

use super::*;
use crate::arguments::{Arguments, Command, Enrol};

const TABLE: &str = "ip\n10.0.0.1\n";
const LIST: &str = "ip,reason\n10.0.0.1,it was away\n";

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    crate::files::replace(&path, text, 0o644).unwrap();
    path
}

#[test]
fn the_list_lies_beside_the_table_and_in_its_place_where_it_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let table = file(&folder, "devices.csv", TABLE);
    let read = Table::read(&table).unwrap();
    assert_eq!(path(&read, &table, None).unwrap(), folder.path().join("devices.retry.csv"));
    let list = file(&folder, "devices.retry.csv", LIST);
    assert_eq!(path(&read, &table, None).unwrap(), list);
    assert_eq!(path(&Table::read(&list).unwrap(), &list, None).unwrap(), list);
    let other = file(&folder, "again.csv", LIST);
    assert_eq!(path(&Table::read(&other).unwrap(), &other, Some(&other)).unwrap(), other);
}

#[test]
fn a_persons_own_file_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let table = file(&folder, "devices.csv", TABLE);
    let read = Table::read(&table).unwrap();
    let own = file(&folder, "own.retry.csv", TABLE);
    let notes = file(&folder, "notes.txt", "call Anne");
    let linked = folder.path().join("linked.csv");
    std::os::unix::fs::symlink(&table, &linked).unwrap();
    for asked in [&table, &own, &notes, &linked] {
        let refused = path(&read, &table, Some(asked)).unwrap_err().to_string();
        assert!(refused.contains("it is no list of devices to try again"), "{refused}");
    }
    // One that is only called like a list gets a list beside it.
    assert_eq!(path(&read, &own, None).unwrap(), folder.path().join("own.retry.retry.csv"));
}

#[test]
fn only_the_list_that_was_tried_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let table = file(&folder, "devices.csv", TABLE);
    let list = file(&folder, "devices.retry.csv", LIST);
    let read = Table::read(&table).unwrap();
    keep(&read, &list, &table, &[]).unwrap();
    assert!(list.exists() && table.exists());
    keep(&read, &list, &list, &[]).unwrap();
    assert!(!list.exists() && table.exists());
}

#[test]
fn the_command_that_tries_again_has_every_option_that_was_given() {
    let most = "--user pi --port 2222 --identity k --ssh-option ProxyJump=gate --ssh-option B=c --accept-new-host-keys \
                --device-type cam --distribution beta --tag lab --device-server http://a --install a.deb --sudo never \
                --parallel 2 --timeout 60 --server http://b --ca-file ca.pem --plain-http";
    for options in ["", most, "--enrolment-token-file t --profile p --token-file o"] {
        let (asked, connection) = parsed(&format!("d.csv {options}"));
        let command = command(Path::new("l.retry.csv"), &asked, &connection);
        assert_eq!(command, format!("belayctl enrol bulk l.retry.csv {options}").trim_end());
    }
    let (asked, connection) = parsed("d.csv");
    let odd = command(Path::new("to try.csv"), &asked, &connection);
    assert_eq!(odd, "belayctl enrol bulk 'to try.csv' --retry 'to try.csv'");
}

fn parsed(line: &str) -> (Bulk, Connection) {
    let words = ["belayctl", "enrol", "bulk"].into_iter().chain(line.split_whitespace());
    let Arguments { command: Command::Enrol(Enrol::Bulk(bulk)), connection, .. } = Arguments::parse_from(words) else {
        panic!("{line}")
    };
    (*bulk, connection)
}
