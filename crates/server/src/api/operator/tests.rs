//! Rights and the header that carries a secret.

use axum::http::HeaderMap;
use belay_protocol::admin::Permission;

use super::{Administer, EditChannels, ManageFleet, PublishReleases, Right, ViewChannels, ViewFleet, ViewReleases};
use super::{bearer, may};

#[test]
fn every_permission_opens_its_doors_and_no_others() {
    let rights: [(&str, &[Permission]); 7] = [
        ("administer", Administer::ANY_OF),
        ("publish releases", PublishReleases::ANY_OF),
        ("view releases", ViewReleases::ANY_OF),
        ("view fleet", ViewFleet::ANY_OF),
        ("manage fleet", ManageFleet::ANY_OF),
        ("view channels", ViewChannels::ANY_OF),
        ("edit channels", EditChannels::ANY_OF),
    ];
    let opened = |permission: Permission| {
        let open = rights.iter().filter(|(_, any_of)| may(&[permission], any_of));
        open.map(|(name, _)| *name).collect::<Vec<_>>()
    };
    assert_eq!(opened(Permission::AdminFull).len(), rights.len());
    assert_eq!(opened(Permission::UpdatesPublish), ["publish releases", "view releases"]);
    assert_eq!(opened(Permission::UpdatesView), ["view releases"]);
    assert_eq!(opened(Permission::FleetManage), ["view fleet", "manage fleet", "view channels"]);
    assert_eq!(opened(Permission::FleetView), ["view fleet", "view channels"]);
    assert_eq!(opened(Permission::ChannelsEdit), ["view channels", "edit channels"]);
    assert!(!may(&[], Administer::ANY_OF));
}

#[test]
fn a_secret_is_taken_from_the_header_as_it_is_written() {
    let secret = |text: &str| {
        let headers = HeaderMap::from_iter([(axum::http::header::AUTHORIZATION, text.parse().unwrap())]);
        bearer(&headers).map(str::to_owned)
    };
    assert_eq!(secret("Bearer abc").as_deref(), Some("abc"));
    assert_eq!(secret("bearer  abc ").as_deref(), Some("abc"));
    for bad in ["Basic abc", "Bearer", "Bearer ", "Bearer a b", "abc"] {
        assert_eq!(secret(bad), None, "{bad:?}");
    }
    assert_eq!(secret(&format!("Bearer {}", "x".repeat(257))), None);
}
