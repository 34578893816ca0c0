use serde_json::json;

use super::*;

fn full() -> EnrolRequest {
    EnrolRequest {
        enrolment: "0123456789abcdef0123456789abcdef".to_owned(),
        identity: "machine".to_owned(),
        token: Some("belay_enrol_e_1.secret".to_owned()),
        device_type: "raspberry_pi".parse().unwrap(),
        distribution: "alpha".parse().unwrap(),
        profile: Profile::default(),
    }
}

#[test]
fn an_enrolment_is_written_so() {
    let profile = json!({
        "installed": {"generation": 0},
        "facts": {"hostname": "", "architecture": "", "os": "", "agent": "", "hardware": "", "capabilities": []},
    });
    let written = json!({
        "enrolment": "0123456789abcdef0123456789abcdef",
        "identity": "machine",
        "token": "belay_enrol_e_1.secret",
        "device_type": "raspberry_pi",
        "distribution": "alpha",
        "profile": profile,
    });
    assert_eq!(serde_json::to_value(full()).unwrap(), written);
    let answer = EnrolResponse {
        device: "d_1".parse().unwrap(),
        key: "belay_dev_d_1.secret".to_owned(),
        authorized: false,
        next_s: 60,
    };
    let written = json!({"device": "d_1", "key": "belay_dev_d_1.secret", "authorized": false, "next_s": 60});
    assert_eq!(serde_json::to_value(answer).unwrap(), written);
}

#[test]
fn older_and_newer_programs_enrol_with_each_other() {
    let older = json!({
        "enrolment": "0123456789abcdef", "identity": "machine", "device_type": "raspberry_pi", "distribution": "alpha",
        "profile": {},
    });
    let read: EnrolRequest = serde_json::from_value(older.clone()).unwrap();
    assert_eq!((read.token, read.profile), (None, Profile::default()));
    let mut newer = older;
    newer["attestation"] = json!({"tpm": [1, 2]});
    newer["profile"] = json!({"installed": {"slots": 2}, "facts": {"hostname": "pi", "cores": 4}, "links": []});
    let read: EnrolRequest = serde_json::from_value(newer).unwrap();
    assert_eq!(read.profile.facts.hostname, "pi");
    let newer = json!({"device": "d_1", "key": "k", "authorized": true, "next_s": 5, "mirrors": ["https://example"]});
    let read: EnrolResponse = serde_json::from_value(newer).unwrap();
    assert_eq!((read.device.as_str(), read.authorized, read.next_s), ("d_1", true, 5));
}

#[test]
fn neither_token_nor_key_nor_enrolment_can_be_printed() {
    let answer = EnrolResponse {
        device: "d_1".parse().unwrap(),
        key: "belay_dev_d_1.secret".to_owned(),
        authorized: true,
        next_s: 60,
    };
    let printed = format!("{:?} {answer:?}", full());
    assert!(printed.contains("machine") && printed.contains("d_1"), "{printed}");
    assert!(!printed.contains("secret") && !printed.contains("0123456789abcdef"), "{printed}");
}
