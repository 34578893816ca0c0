//! Enrolment: who becomes a device, by which rule, and who has to wait for an operator.

use std::time::Duration;

use belay_protocol::admin::{CreateEnrolmentToken, DeviceState};
use belay_protocol::enrol::EnrolRequest;
use belay_server::service::{DeviceQuery, Enrolment, Kind, Service};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use crate::databases::{on_both, on_both_databases};
use crate::fleet::{FIRST_PAGE, NOON, Pi, enrolment, operator, server, server_with};

fn with_token(number: u32, token: &str) -> EnrolRequest {
    EnrolRequest { token: Some(token.to_owned()), ..enrolment(number) }
}

async fn token(service: &Service, terms: CreateEnrolmentToken) -> (String, String) {
    let named = CreateEnrolmentToken { name: "factory".to_owned(), ..terms };
    let made = service.create_enrolment_token(&operator(), named).await.unwrap();
    (made.id, made.token)
}

#[test]
fn the_setting_says_who_becomes_a_device() {
    on_both(async |store| {
        let (by_token, _) = server_with(&store, Enrolment::Token);
        let error = by_token.enrol(enrolment(1)).await.unwrap_err();
        assert_eq!((error.kind, error.code), (Kind::Unauthorized, "token_required"));
        assert_eq!(by_token.fleet().await.unwrap().pending, 0);

        let (by_approval, _) = server_with(&store, Enrolment::Approval);
        let answer = by_approval.enrol(enrolment(2)).await.unwrap();
        assert!(!answer.authorized);
        assert_eq!(by_approval.device(&answer.device).await.unwrap().state, DeviceState::Pending);

        let (open, _) = server_with(&store, Enrolment::Open);
        let answer = open.enrol(enrolment(3)).await.unwrap();
        assert!(answer.authorized);
        assert_eq!(open.device(&answer.device).await.unwrap().state, DeviceState::Authorized);
    });
}

#[test]
fn a_token_lets_in_at_once_and_says_ring_and_tags() {
    on_both(async |store| {
        for mode in [Enrolment::Token, Enrolment::Approval, Enrolment::Open] {
            let (service, _) = server_with(&store, mode);
            let number = mode as u32;
            let terms = CreateEnrolmentToken {
                device_type: Some("raspberry_pi".parse().unwrap()),
                distribution: Some("beta".parse().unwrap()),
                tags: vec!["site:paris".parse().unwrap()],
                ..CreateEnrolmentToken::default()
            };
            let (_, text) = token(&service, terms).await;
            let answer = service.enrol(with_token(number, &text)).await.unwrap();
            assert!(answer.authorized);
            let shown = service.device(&answer.device).await.unwrap();
            assert_eq!(shown.distribution.as_str(), "beta");
            assert_eq!(shown.tags.iter().map(|tag| tag.as_str()).collect::<Vec<_>>(), ["site:paris"]);
        }
    });
}

#[test]
fn a_token_that_is_no_good_is_refused_whatever_the_setting() {
    on_both(async |store| {
        for mode in [Enrolment::Token, Enrolment::Approval, Enrolment::Open] {
            let (service, clock) = server_with(&store, mode);
            let expires_at = Some(NOON.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(60));
            let (_, ends) = token(&service, CreateEnrolmentToken { expires_at, ..Default::default() }).await;
            let (id, revoked) = token(&service, CreateEnrolmentToken::default()).await;
            service.revoke_enrolment_token(&operator(), &id).await.unwrap();
            let (_, once) = token(&service, CreateEnrolmentToken { uses: Some(1), ..Default::default() }).await;
            let number = 10 + mode as u32;
            service.enrol(with_token(number, &once)).await.unwrap();
            let other_type = Some("RTSP-Recorder".parse().unwrap());
            let (_, other) =
                token(&service, CreateEnrolmentToken { device_type: other_type, ..Default::default() }).await;
            clock.advance(Duration::from_secs(60));
            let wrong_secret = format!("{}{}", &once[..once.len() - 4], "AAAA");
            for (text, kind, code) in [
                (&*ends, Kind::Unauthorized, "token_expired"),
                (&revoked, Kind::Unauthorized, "token_revoked"),
                (&once, Kind::Forbidden, "token_used_up"),
                (&other, Kind::Forbidden, "token_other_type"),
                (&wrong_secret, Kind::Unauthorized, "unauthorized"),
                (&once.replace("enrol", "op"), Kind::Unauthorized, "unauthorized"),
                ("", Kind::Unauthorized, "unauthorized"),
            ] {
                let error = service.enrol(with_token(100, text)).await.unwrap_err();
                assert_eq!((error.kind, error.code), (kind, code), "{mode:?} {text}");
            }
        }
    });
}

#[test]
fn the_same_enrolment_again_is_the_same_device_with_another_key() {
    on_both(async |store| {
        let (service, _) = server_with(&store, Enrolment::Token);
        let (_, text) = token(&service, CreateEnrolmentToken { uses: Some(1), ..Default::default() }).await;
        let first = service.enrol(with_token(1, &text)).await.unwrap();
        let again = service.enrol(with_token(1, &text)).await.unwrap();
        assert_eq!(first.device, again.device);
        assert!(again.authorized);
        let pi = |key: &str| Pi { id: first.device.clone(), key: key.to_owned(), profile: enrolment(1).profile };
        assert_eq!(pi(&first.key).idle(&service).await.unwrap_err().code, "unauthorized");
        pi(&again.key).idle(&service).await.unwrap();
        let tokens = service.enrolment_tokens(FIRST_PAGE).await.unwrap();
        assert_eq!(tokens.items[0].used, 1);
    });
}

#[test]
fn a_pending_device_that_enrols_again_with_a_token_is_let_in() {
    on_both(async |store| {
        let (service, _) = server_with(&store, Enrolment::Approval);
        let first = service.enrol(enrolment(1)).await.unwrap();
        let (_, text) = token(&service, CreateEnrolmentToken::default()).await;
        let again = service.enrol(with_token(1, &text)).await.unwrap();
        assert_eq!((again.device, again.authorized), (first.device, true));
    });
}

#[test]
fn the_same_machine_with_another_enrolment_waits_for_an_operator() {
    on_both(async |store| {
        for (round, mode) in [Enrolment::Token, Enrolment::Approval, Enrolment::Open].into_iter().enumerate() {
            let (service, _) = server_with(&store, mode);
            let (_, text) = token(&service, CreateEnrolmentToken::default()).await;
            let number = 100 * (1 + u32::try_from(round).unwrap());
            let first = service.enrol(with_token(number, &text)).await.unwrap();
            let mut anew = with_token(number + 1, &text);
            anew.identity = enrolment(number).identity;
            let second = service.enrol(anew.clone()).await.unwrap();
            assert!(!second.authorized);
            assert_ne!(first.device, second.device);
            let shown = service.device(&second.device).await.unwrap();
            assert_eq!(shown.state, DeviceState::Quarantined);
            assert!(shown.problem.unwrap().contains(first.device.as_str()));
            assert_eq!(service.device(&first.device).await.unwrap().state, DeviceState::Authorized);
            let log = service.audit("", "device.quarantine", FIRST_PAGE).await.unwrap();
            assert_eq!(log.items[0].target, second.device.as_str());

            service.enrol(anew).await.unwrap();
            assert_eq!(service.device(&second.device).await.unwrap().state, DeviceState::Quarantined);
            service.approve_device(&operator(), &second.device).await.unwrap();
            let pi = service.device(&second.device).await.unwrap();
            assert_eq!((pi.state, pi.problem), (DeviceState::Authorized, None));
        }
    });
}

#[test]
fn a_copied_enrolment_from_another_machine_gets_no_key() {
    on_both(async |store| {
        let (service, _) = server(&store);
        let first = service.enrol(enrolment(1)).await.unwrap();
        let other_identity = EnrolRequest { identity: "machine-2".to_owned(), ..enrolment(1) };
        let mut other_board = enrolment(1);
        other_board.profile.facts.hardware = "board-2".to_owned();
        for copy in [other_identity, other_board] {
            let error = service.enrol(copy).await.unwrap_err();
            assert_eq!((error.kind, error.code), (Kind::Forbidden, "already_enrolled"));
        }
        let pi = Pi { id: first.device, key: first.key, profile: enrolment(1).profile };
        assert!(pi.idle(&service).await.unwrap().authorized, "its key is the same, and it is still let in");
    });
}

#[test]
fn an_enrolment_gives_no_key_once_its_device_has_spoken() {
    on_both(async |store| {
        let (service, _) = server(&store);
        let pi = Pi::new(&service, 1).await;
        let refused = || async { service.enrol(enrolment(1)).await.unwrap_err() };
        let error = refused().await;
        assert_eq!((error.kind, error.code), (Kind::Forbidden, "already_enrolled"));
        assert!(error.message.contains("belay-agent enrol --again"), "{}", error.message);
        pi.idle(&service).await.unwrap();

        // A person let it in anew, and it was not heard since.
        let mut other_board = pi.clone();
        other_board.profile.facts.hardware = "board-2".to_owned();
        other_board.sync(&service, other_board.introduction()).await.unwrap();
        service.approve_device(&operator(), &pi.id).await.unwrap();
        assert_eq!(refused().await.code, "already_enrolled");
    });
}

#[test]
fn a_stranger_makes_one_row_of_an_identity_however_often_it_asks() {
    on_both(async |store| {
        let (service, _) = server_with(&store, Enrolment::Approval);
        let anew = |number: u32| EnrolRequest { identity: enrolment(1).identity, ..enrolment(number) };
        let first = service.enrol(enrolment(1)).await.unwrap().device;
        for (number, rows) in [(2, 1), (3, 1), (4, 2), (5, 2)] {
            match service.enrol(anew(number)).await {
                Ok(answer) => assert!(number == 4 && !answer.authorized, "{number}"),
                Err(error) => assert_eq!((error.kind, error.code), (Kind::Conflict, "already_waiting"), "{number}"),
            }
            let known = service.devices(DeviceQuery::default(), FIRST_PAGE).await.unwrap();
            assert_eq!(known.total, rows, "{number}");
            if number == 3 {
                service.approve_device(&operator(), &first).await.unwrap();
            }
        }
    });
}

#[test]
fn quarantined_strangers_count_among_those_who_wait() {
    on_both_databases(async |database| {
        let store = database.open().await;
        let (service, _) = server_with(&store, Enrolment::Approval);
        service.enrol(enrolment(1)).await.unwrap();
        let columns = "device_type, distribution, tags, hardware, key_hash, hostname, profile_tag, profile, outbox, \
                       outbox_seq, enrolled_at, changed_at";
        let copies = format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) \
             INSERT INTO devices (id, state, enrolment, identity, {columns}) \
             SELECT 'd_' || i, 'quarantined', 'e_' || i, 'i_' || i, {columns} FROM devices, n"
        );
        sqlx::query(&copies).execute(&mut database.connection().await).await.unwrap();
        let error = service.enrol(enrolment(2)).await.unwrap_err();
        assert_eq!((error.kind, error.code), (Kind::TooMany, "too_many_pending"));
        store.close().await;
    });
}

#[test]
fn a_revoked_device_cannot_enrol_again_until_it_is_deleted() {
    on_both(async |store| {
        let (service, _) = server(&store);
        let first = service.enrol(enrolment(1)).await.unwrap();
        service.revoke_device(&operator(), &first.device).await.unwrap();
        let error = service.enrol(enrolment(1)).await.unwrap_err();
        assert_eq!((error.kind, error.code), (Kind::Forbidden, "device_revoked"));
        let anew = EnrolRequest { enrolment: "f".repeat(32), ..enrolment(1) };
        assert!(!service.enrol(anew.clone()).await.unwrap().authorized, "a new disk does not help it");
        service.delete_device(&operator(), &first.device).await.unwrap();
        assert!(service.enrol(enrolment(3)).await.unwrap().authorized);
    });
}

#[test]
fn many_at_once_use_a_token_no_more_often_than_it_allows() {
    on_both_databases(async |database| {
        let (store, other_store) = (database.open().await, database.open().await);
        let (service, _) = server_with(&store, Enrolment::Token);
        let (other, _) = server_with(&other_store, Enrolment::Token);
        let (_, text) = token(&service, CreateEnrolmentToken { uses: Some(5), ..Default::default() }).await;
        let attempts = (0..20).map(|number| {
            let server = if number % 2 == 0 { &service } else { &other };
            server.enrol(with_token(number, &text))
        });
        let (let_in, refused): (Vec<_>, Vec<_>) = join_all(attempts).await.into_iter().partition(Result::is_ok);
        assert_eq!(let_in.len(), 5);
        assert!(refused.into_iter().all(|refused| refused.unwrap_err().code == "token_used_up"));
        assert_eq!(service.enrolment_tokens(FIRST_PAGE).await.unwrap().items[0].used, 5);
        assert_eq!(service.fleet().await.unwrap().total, 5);
        store.close().await;
        other_store.close().await;
    });
}

#[test]
fn two_of_one_identity_at_the_same_instant_are_never_both_let_in() {
    on_both_databases(async |database| {
        let (store, other_store) = (database.open().await, database.open().await);
        let ((service, _), (other, _)) = (server(&store), server(&other_store));
        for round in 0..10 {
            let twin = |number| EnrolRequest { identity: format!("twin-{round}"), ..enrolment(number) };
            let (one, two) = tokio::join!(service.enrol(twin(2 * round)), other.enrol(twin(2 * round + 1)));
            let let_in = [one.unwrap(), two.unwrap()].into_iter().filter(|answer| answer.authorized).count();
            assert!(let_in <= 1, "round {round}");
        }
        store.close().await;
        other_store.close().await;
    });
}

#[test]
fn one_enrolment_sent_twice_at_once_makes_one_device() {
    on_both_databases(async |database| {
        let (store, other_store) = (database.open().await, database.open().await);
        let ((service, _), (other, _)) = (server(&store), server(&other_store));
        for round in 0..10 {
            let (one, two) = tokio::join!(service.enrol(enrolment(round)), other.enrol(enrolment(round)));
            let (one, two) = (one.unwrap(), two.unwrap());
            assert_eq!(one.device, two.device);
            assert!(one.authorized && two.authorized);
        }
        assert_eq!(service.fleet().await.unwrap().total, 10);
        store.close().await;
        other_store.close().await;
    });
}

#[test]
fn what_strangers_say_of_themselves_is_bounded() {
    on_both(async |store| {
        let (service, _) = server(&store);
        let spoilt = |spoil: fn(&mut EnrolRequest)| {
            let mut request = enrolment(1);
            spoil(&mut request);
            request
        };
        for (field, request) in [
            ("enrolment", spoilt(|request| request.enrolment = "short".to_owned())),
            ("enrolment", spoilt(|request| request.enrolment = "x".repeat(129))),
            ("enrolment", spoilt(|request| request.enrolment = "\0".repeat(32))),
            ("identity", spoilt(|request| request.identity = String::new())),
            ("identity", spoilt(|request| request.identity = "x".repeat(129))),
            ("profile.facts.hostname", spoilt(|request| request.profile.facts.hostname = "x".repeat(256))),
            ("profile.facts.hostname", spoilt(|request| request.profile.facts.hostname = "a\0".to_owned())),
            ("profile.facts.os", spoilt(|request| request.profile.facts.os = "x".repeat(256))),
            ("profile.facts.hardware", spoilt(|request| request.profile.facts.hardware = "x".repeat(256))),
            (
                "profile.facts.capabilities",
                spoilt(|request| request.profile.facts.capabilities = (0..65).map(|at| at.to_string()).collect()),
            ),
            ("profile.installed.drift", spoilt(|request| request.profile.installed.drift = vec![String::new(); 21])),
        ] {
            let error = service.enrol(request).await.unwrap_err();
            assert_eq!((error.kind, error.field), (Kind::Unprocessable, Some(field)));
        }
        assert_eq!(service.fleet().await.unwrap().total, 0);
    });
}
