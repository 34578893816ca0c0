use super::*;

fn member(interface: &str, own: &str) -> Membership {
    Membership { interface: interface.to_owned(), own: own.parse().unwrap() }
}

fn subnets(scope: &Scope) -> Vec<String> {
    scope.subnets.iter().map(ToString::to_string).collect()
}

#[test]
fn every_network_is_looked_at_once() {
    let scope = Scope::of(
        [member("eth0", "192.168.1.17/24"), member("eth1", "192.168.1.18/24"), member("eth2", "10.1.0.3/22")]
            .into_iter(),
    );
    assert_eq!(subnets(&scope), ["192.168.1.0/24", "10.1.0.0/22"]);
    assert_eq!(scope.remarks, [""; 0]);
    assert_eq!(scope.addresses().len(), 254 + 1022);
}

#[test]
fn of_a_wide_network_the_part_around_the_own_address_is_looked_at_and_said_so() {
    let scope = Scope::of([member("wlan0", "10.20.30.40/16")].into_iter());
    assert_eq!(subnets(&scope), ["10.20.30.0/24"]);
    assert_eq!(
        scope.remarks,
        ["wlan0 is in 10.20.0.0/16, of which only 10.20.30.0/24 is looked at: name more with --subnet"]
    );
}

#[test]
fn networks_that_overlap_are_asked_once() {
    let scope = Scope::named(vec!["10.0.0.0/30".parse().unwrap(), "10.0.0.0/29".parse().unwrap()]);
    assert_eq!(scope.addresses().len(), 6);
}

#[test]
fn whoever_announces_itself_is_asked_in_the_own_networks_only() {
    let scope = Scope::of([member("wlan0", "10.20.30.40/16")].into_iter());
    assert!(scope.is_near([10, 20, 99, 1].into()), "the network is wider than what is looked at");
    assert!(!scope.is_near([8, 8, 8, 8].into()));
}

#[test]
fn who_names_a_wide_network_is_told_how_long_it_takes() {
    let long = |network: &str| Scope::named(vec![network.parse().unwrap()]).long();
    assert_eq!(long("10.1.0.0/24"), None);
    assert_eq!(long("10.1.0.0/16"), Some(WITHIN * 256));
    assert!(network("10.0.0.0/15").is_err() && network("kitchen").is_err());
}
