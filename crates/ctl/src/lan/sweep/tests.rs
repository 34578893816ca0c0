use super::*;

fn mute(count: u8) -> Vec<SocketAddr> {
    (1..=count).map(|number| SocketAddr::from(([10, 0, 0, number], 5000))).collect()
}

#[test]
fn a_device_that_hangs_is_named_and_a_wall_before_all_of_them_is_one_sentence() {
    assert_eq!(remarks(&[]), [""; 0]);
    assert_eq!(remarks(&mute(5)).len(), 5);
    insta::assert_snapshot!(remarks(&mute(1)).join("\n"), @"10.0.0.1:5000: it takes connections and says nothing: restart its update program");
    insta::assert_snapshot!(remarks(&mute(254)).join("\n"), @"254 addresses from 10.0.0.1:5000 to 10.0.0.254:5000 take connections and say nothing: a firewall or proxy answers for them?");
}
