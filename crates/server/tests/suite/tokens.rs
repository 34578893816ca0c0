//! Operator tokens, enrolment tokens, and what is written of them.

use std::time::Duration;

use belay_protocol::admin::{CreateEnrolmentToken, CreateToken, Permission};
use belay_server::service::{Kind, PageOf};
use jiff::{SignedDuration, Timestamp};

use crate::databases::{on_both, on_both_databases};
use crate::fleet::{FIRST_PAGE, NOON, operator, server};

fn ci() -> CreateToken {
    CreateToken {
        name: "ci".to_owned(),
        permissions: vec![Permission::UpdatesView, Permission::UpdatesPublish, Permission::UpdatesView],
        expires_at: None,
    }
}

fn after_noon(seconds: i64) -> Option<Timestamp> {
    Some(NOON.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds))
}

#[test]
fn a_token_says_who_asks_and_what_for() {
    on_both(async |store| {
        let (service, _) = server(&store);
        let made = service.create_token(&operator(), ci()).await.unwrap();
        assert!(made.token.starts_with("belay_op_"), "its text says what it is");
        let who = service.authenticate(&made.token).await.unwrap();
        assert_eq!(who.name, "ci");
        assert_eq!(who.permissions, [Permission::UpdatesPublish, Permission::UpdatesView]);
        let other = service.create_token(&operator(), ci()).await.unwrap();
        let secret = |text: &str| text.split_once('.').unwrap().1.to_owned();
        let mixed = made.token.replace(&secret(&made.token), &secret(&other.token));
        for text in ["", "belay_op_", &mixed, &made.token.replace("_op_", "_dev_"), &made.token.replacen("t_", "x_", 1)]
        {
            let error = service.authenticate(text).await.unwrap_err();
            assert_eq!((error.kind, error.code), (Kind::Unauthorized, "unauthorized"), "{text}");
        }
    });
}

#[test]
fn a_token_ends_at_its_instant_and_everywhere_when_it_is_revoked() {
    on_both_databases(async |database| {
        let (store, other_store) = (database.open().await, database.open().await);
        let ((service, clock), (other, _)) = (server(&store), server(&other_store));
        let ends = CreateToken { expires_at: after_noon(60), ..ci() };
        let ends = service.create_token(&operator(), ends).await.unwrap();
        let stays = service.create_token(&operator(), ci()).await.unwrap();
        clock.advance(Duration::from_secs(59));
        service.authenticate(&ends.token).await.unwrap();
        clock.advance(Duration::from_secs(1));
        let error = service.authenticate(&ends.token).await.unwrap_err();
        assert_eq!((error.kind, error.code), (Kind::Unauthorized, "token_expired"));

        other.authenticate(&stays.token).await.unwrap();
        service.revoke_token(&operator(), &stays.id).await.unwrap();
        let error = other.authenticate(&stays.token).await.unwrap_err();
        assert_eq!((error.kind, error.code), (Kind::Unauthorized, "token_revoked"));
        service.revoke_token(&operator(), &stays.id).await.unwrap();
        assert_eq!(service.revoke_token(&operator(), "t_none").await.unwrap_err().kind, Kind::NotFound);
        store.close().await;
        other_store.close().await;
    });
}

#[test]
fn a_token_that_makes_no_sense_is_refused_with_the_field() {
    on_both(async |store| {
        let (service, _) = server(&store);
        for (field, token) in [
            ("name", CreateToken { name: String::new(), ..ci() }),
            ("name", CreateToken { name: "x".repeat(101), ..ci() }),
            ("name", CreateToken { name: "a\nb".to_owned(), ..ci() }),
            ("name", CreateToken { name: " ci".to_owned(), ..ci() }),
            ("permissions", CreateToken { permissions: Vec::new(), ..ci() }),
            ("expires_at", CreateToken { expires_at: after_noon(0), ..ci() }),
        ] {
            let error = service.create_token(&operator(), token).await.unwrap_err();
            assert_eq!((error.kind, error.field), (Kind::Unprocessable, Some(field)));
        }
        let named = CreateEnrolmentToken { name: "factory".to_owned(), ..CreateEnrolmentToken::default() };
        for (field, token) in [
            ("name", CreateEnrolmentToken::default()),
            ("uses", CreateEnrolmentToken { uses: Some(0), ..named.clone() }),
            ("expires_at", CreateEnrolmentToken { expires_at: after_noon(-1), ..named.clone() }),
            ("tags", CreateEnrolmentToken { tags: vec!["a".parse().unwrap(); 65], ..named }),
        ] {
            let error = service.create_enrolment_token(&operator(), token).await.unwrap_err();
            assert_eq!((error.kind, error.field), (Kind::Unprocessable, Some(field)));
        }
        assert_eq!(service.audit("", "", FIRST_PAGE).await.unwrap().total, 0);
    });
}

#[test]
fn lists_come_in_pages_newest_first_and_show_no_secret() {
    on_both(async |store| {
        let (service, _) = server(&store);
        let mut made = Vec::new();
        for number in 0..5 {
            let token = CreateToken { name: format!("ci-{number}"), ..ci() };
            made.push(service.create_token(&operator(), token).await.unwrap());
        }
        let page = service.tokens(PageOf { page: 2, page_size: 2 }).await.unwrap();
        assert_eq!((page.total, page.page, page.page_size), (5, 2, 2));
        let names: Vec<_> = page.items.iter().map(|token| token.name.as_str()).collect();
        assert_eq!(names, ["ci-2", "ci-1"]);
        let beyond = service.tokens(PageOf { page: u32::MAX, page_size: 500 }).await.unwrap();
        assert_eq!((beyond.items.len(), beyond.total), (0, 5));
        for page in
            [PageOf { page: 0, page_size: 1 }, PageOf { page: 1, page_size: 0 }, PageOf { page: 1, page_size: 501 }]
        {
            assert_eq!(service.tokens(page).await.unwrap_err().kind, Kind::Unprocessable);
        }
        let shown = format!("{:?}{made:?}", service.tokens(FIRST_PAGE).await.unwrap());
        assert!(made.iter().all(|made| !shown.contains(made.token.split_once('.').unwrap().1)));
    });
}

#[test]
fn nothing_but_digests_reaches_the_database() {
    on_both_databases(async |database| {
        let store = database.open().await;
        let (service, _) = server(&store);
        let operator_token = service.create_token(&operator(), ci()).await.unwrap().token;
        let named = CreateEnrolmentToken { name: "factory".to_owned(), ..CreateEnrolmentToken::default() };
        let enrolment_token = service.create_enrolment_token(&operator(), named).await.unwrap().token;
        let request = crate::fleet::enrolment(1);
        let enrolment = format!("enrolment.{}", request.enrolment);
        let key = service.enrol(request).await.unwrap().key;
        let mut connection = database.connection().await;
        for (table, column, text) in [
            ("tokens", "hash", operator_token),
            ("enrolment_tokens", "hash", enrolment_token),
            ("devices", "key_hash", key),
            ("devices", "enrolment", enrolment),
        ] {
            let sql = format!("SELECT {column} FROM {table}");
            let kept: String = sqlx::query_scalar(&sql).fetch_one(&mut connection).await.unwrap();
            let secret = text.split_once('.').unwrap().1;
            assert!(!kept.contains(secret) && kept.len() == 43, "{table}: {kept}");
        }
        store.close().await;
    });
}

#[test]
fn every_action_is_in_the_audit_log() {
    on_both(async |store| {
        let (service, _) = server(&store);
        let made = service.create_token(&operator(), ci()).await.unwrap();
        service.revoke_token(&operator(), &made.id).await.unwrap();
        service.revoke_token(&operator(), &made.id).await.unwrap();
        let named = CreateEnrolmentToken { name: "factory".to_owned(), ..CreateEnrolmentToken::default() };
        let enrolment = service.create_enrolment_token(&operator(), named).await.unwrap();
        service.revoke_enrolment_token(&operator(), &enrolment.id).await.unwrap();
        let log = service.audit("", "", FIRST_PAGE).await.unwrap();
        let told: Vec<_> = log
            .items
            .iter()
            .map(|entry| (entry.action.as_str(), entry.target.as_str(), entry.detail.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("enrolment_token.revoke", &*enrolment.id, "factory"),
                ("enrolment_token.create", &enrolment.id, "factory"),
                ("token.revoke", &made.id, "ci"),
                ("token.create", &made.id, "ci: updates:publish updates:view"),
            ]
        );
        assert!(log.items.iter().all(|entry| entry.actor == "tester"));
        assert_eq!(service.audit("tester", "token.create", FIRST_PAGE).await.unwrap().total, 1);
        assert_eq!(service.audit("nobody", "", FIRST_PAGE).await.unwrap().total, 0);
    });
}
