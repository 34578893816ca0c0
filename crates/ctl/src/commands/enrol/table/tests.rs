use super::*;

fn table(text: &str) -> Table {
    Table::parse(text).unwrap()
}

#[test]
fn the_table_of_the_old_script_is_read_as_it_is() {
    let table = table("IP,Hostname\r\n192.168.1.100,device-001\r\n192.168.1.101,device-002\r\n");
    let read: Vec<_> = table.rows.iter().map(|row| (row.host.as_str(), row.hostname.as_str())).collect();
    assert_eq!(read, [("192.168.1.100", "device-001"), ("192.168.1.101", "device-002")]);
    assert!(table.rows.iter().all(|row| row.user.is_none() && row.port.is_none()));
}

#[test]
fn columns_come_in_any_order_and_case_and_with_a_spreadsheets_marks() {
    let table = table(
        "\u{feff}Name; Device Type ;PORT;ip;User;Distribution\nfront;raspberry_pi;2222; 10.0.0.7 ;pi;beta\n;;;;;\n",
    );
    let [row] = table.rows.as_slice() else { panic!("{table:?}") };
    assert_eq!((row.host.as_str(), row.hostname.as_str(), row.port), ("10.0.0.7", "front", Some(2222)));
    assert_eq!(row.user.as_deref(), Some("pi"));
    assert_eq!(row.device_type.as_ref().unwrap().as_str(), "raspberry_pi");
    assert_eq!(row.distribution.as_ref().unwrap().as_str(), "beta");
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (text, line, problem) in [
        ("Hostname\na\n", 1, "its first line names the columns, and one of them is ip, address or host"),
        ("ip\n", 0, "there is no device in it"),
        ("ip,port\n10.0.0.1,22\n10.0.0.2,0\n", 3, "\"0\" is no port from 1 to 65535"),
        ("ip\n10.0.0.1\n-oProxyCommand=id\n", 3, "\"-oProxyCommand=id\" is no address"),
        ("IP,Hostname\n10.0.0.1,a\n...\n", 3, "\"...\" is no address"),
        ("ip,user\n10.0.0.1,a b\n", 2, "\"a b\" is no user"),
        ("ip\n10.0.0.1\n\n10.0.0.1\n", 4, "10.0.0.1 is there twice"),
        ("ip,name\n,a\n", 2, "the address is missing"),
    ] {
        assert_eq!(Table::parse(text).unwrap_err(), (line, problem.to_owned()), "{text}");
    }
}

#[test]
fn one_address_with_two_ports_is_two_devices() {
    assert_eq!(table("ip,port\n10.0.0.1,22\n10.0.0.1,23\n").rows.len(), 2);
}

#[test]
fn the_list_to_try_again_is_a_table_with_a_reason() {
    let read = table("IP;Hostname\n10.0.0.1;a\n10.0.0.2;b\n");
    let written = read.again(&[(&read.rows[1], "it said; no")]).unwrap();
    assert_eq!(written, "IP;Hostname;reason\n10.0.0.2;b;\"it said; no\"\n");
    let again = table(&written);
    assert_eq!(again.rows[0].host, "10.0.0.2");
    assert_eq!(again.again(&[(&again.rows[0], "still no")]).unwrap(), "IP;Hostname;reason\n10.0.0.2;b;still no\n");
}

#[test]
fn what_a_machine_said_is_no_formula_in_the_list() {
    let read = table("ip\n10.0.0.1\n");
    assert!(!read.is_list());
    let written = read.again(&[(&read.rows[0], "=HYPERLINK(\"http://x\")")]).unwrap();
    assert_eq!(written, "ip,reason\n10.0.0.1,\"'=HYPERLINK(\"\"http://x\"\")\"\n");
    assert!(table(&written).is_list());
}
