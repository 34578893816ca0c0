//! How tokens are listed.

use belay_protocol::admin::Permission;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

#[test]
fn tokens_stand_in_columns() {
    let token = |id: &str, expires_at, revoked_at| TokenView {
        id: id.to_owned(),
        name: "ci".to_owned(),
        permissions: vec![Permission::FleetView, Permission::UpdatesPublish],
        created_at: at(0),
        expires_at,
        revoked_at,
    };
    let listed =
        operators(&[token("t_1", None, None), token("t_22", Some(at(60)), None), token("t_3", None, Some(at(120)))]);
    insta::assert_snapshot!(listed, @r"
    ID    NAME  PERMISSIONS                 MADE                  ENDS
    t_1   ci    fleet:view,updates:publish  1970-01-01 00:00 UTC  never
    t_22  ci    fleet:view,updates:publish  1970-01-01 00:00 UTC  1970-01-01 00:01 UTC
    t_3   ci    fleet:view,updates:publish  1970-01-01 00:00 UTC  revoked 1970-01-01 00:02 UTC
    ");
}

#[test]
fn enrolment_tokens_say_how_often_they_were_used() {
    let token = |uses| EnrolmentTokenView {
        id: "e_1".to_owned(),
        terms: CreateEnrolmentToken { name: "shelf".to_owned(), uses, ..CreateEnrolmentToken::default() },
        used: 2,
        created_at: at(0),
        revoked_at: None,
    };
    insta::assert_snapshot!(devices(&[token(None), token(Some(5))]), @r"
    ID   NAME   TYPE  RING  USED    MADE                  ENDS
    e_1  shelf  any   any   2       1970-01-01 00:00 UTC  never
    e_1  shelf  any   any   2 of 5  1970-01-01 00:00 UTC  never
    ");
}

#[tokio::test]
async fn every_page_is_asked_for_once() {
    let pages = async |page: PageOf| {
        let first = (page.page - 1) * 2;
        Ok(Page { items: (first..5.min(first + 2)).collect::<Vec<u32>>(), total: 5, page: page.page, page_size: 2 })
    };
    assert_eq!(all(pages).await.unwrap(), [0, 1, 2, 3, 4]);
    let shrinking = async |page: PageOf| {
        let items = if page.page == 1 { vec![0] } else { Vec::new() };
        Ok(Page { items, total: 9, page: page.page, page_size: 2 })
    };
    assert_eq!(all(shrinking).await.unwrap(), [0], "it ends where rows go while they are listed");
}
