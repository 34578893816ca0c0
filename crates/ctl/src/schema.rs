//! What `--json` answers, as a JSON schema: made from the types that are written, so that it cannot say anything else.

mod book;

use belay_protocol::admin::{
    ApiError, ChannelView, DeploymentView, DeviceView, EnrolmentTokenView, FleetSummary, NewToken, Preview,
    ReleaseName, ReleaseView, ReportView, TokenView, WhoAmI,
};
use serde_json::Value;

use self::book::Book;
use crate::commands::{
    DeletedChannel, DeletedDeployment, DeletedDevice, DryRun, EnrolledDevice, Forgotten, Full, KeyPair, LoggedIn,
    ProfileView, Published, Revoked, SignatureFile, SignatureGood, Verified, Watched, Written,
};
use crate::lan::answers::{Carried, Rehearsed, Scanned};

/// The schema of every answer: `$defs` has an entry for each command, its words joined by `-`, such as `release-publish`,
/// and `refusal` for a command that was not carried out.
pub fn schema() -> Value {
    let mut book = Book::default();
    book.one::<ApiError>("refusal");
    profiles(&mut book);
    releases(&mut book);
    deployments(&mut book);
    devices(&mut book);
    channels_and_tokens(&mut book);
    without_a_server(&mut book);
    book.finish()
}

fn profiles(book: &mut Book) {
    book.one::<LoggedIn>("login").one::<Forgotten>("logout");
    book.many::<ProfileView>("profile list").many::<ProfileView>("profile use").one::<Forgotten>("profile delete");
    book.one::<WhoAmI>("whoami").one::<FleetSummary>("fleet");
}

fn releases(book: &mut Book) {
    // Sent, rehearsed, or only written down here.
    book.one::<Published>("release publish").one::<DryRun>("release publish").one::<Written>("release publish");
    book.one::<Watched>("release watch");
    book.many::<ReleaseView>("release list").one::<ReleaseView>("release show");
    book.one::<Verified>("release verify").one::<Published>("release promote");
    book.one::<ReleaseView>("release notes").one::<ReleaseView>("release download");
    book.one::<ReleaseName>("release delete");
}

fn deployments(book: &mut Book) {
    // Made, rehearsed, or followed to its end.
    book.one::<DeploymentView>("deployment create").one::<Preview>("deployment create");
    book.one::<Full>("deployment create");
    book.one::<DeploymentView>("deployment start").one::<Full>("deployment start");
    book.many::<DeploymentView>("deployment list");
    book.one::<Full>("deployment show").one::<Full>("deployment watch");
    for steered in ["pause", "resume", "cancel", "expand", "retry", "rollback"] {
        book.one::<DeploymentView>(&format!("deployment {steered}"));
    }
    book.one::<DeletedDeployment>("deployment delete");
}

fn devices(book: &mut Book) {
    book.many::<DeviceView>("device list").many::<DeviceView>("device approve");
    for one in ["show", "revoke", "tag", "move"] {
        book.one::<DeviceView>(&format!("device {one}"));
    }
    // One by one where they are followed.
    book.many::<ReportView>("device logs").one::<ReportView>("device logs");
    book.one::<Full>("device rollback").one::<DeploymentView>("device rollback");
    book.one::<DeletedDevice>("device delete");
    book.many::<EnrolledDevice>("enrol bulk");
}

fn channels_and_tokens(book: &mut Book) {
    for one in ["set", "show", "on", "off"] {
        book.one::<ChannelView>(&format!("channel {one}"));
    }
    book.many::<ChannelView>("channel list").one::<DeletedChannel>("channel delete");
    book.one::<NewToken>("token create").many::<TokenView>("token list").one::<Revoked>("token revoke");
    book.one::<NewToken>("enrolment-token create").many::<EnrolmentTokenView>("enrolment-token list");
    book.one::<Revoked>("enrolment-token revoke");
}

fn without_a_server(book: &mut Book) {
    book.one::<Scanned>("lan scan");
    book.one::<Carried>("lan push").one::<Rehearsed>("lan push").one::<Carried>("lan rollback");
    book.one::<KeyPair>("key generate").one::<SignatureFile>("key sign").one::<SignatureGood>("key verify");
}
