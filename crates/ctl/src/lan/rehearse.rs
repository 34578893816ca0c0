//! What an update would do on each device; nothing is changed. Only an agent with a token says.

use std::time::Duration;

use belay_protocol::Reason;
use belay_protocol::job::Job;
use belay_protocol::local::UpdateRequest;
use futures_util::StreamExt;
use reqwest::Method;

use super::answers::Foreseen;
use super::device::{Device, Trouble, client, look, read, send};
use super::{Kind, Outcome, Pace, Target, said};

const INTRODUCTION: Duration = Duration::from_secs(10);

/// Asks every device, in the order of the targets.
pub(crate) async fn rehearse(targets: &[Target], packages: &[String], pace: Pace) -> Vec<Foreseen> {
    let all = targets.iter().map(|target| foresee(target, packages, pace.timeout));
    futures_util::stream::iter(all).buffered(pace.parallel.max(1)).collect().await
}

async fn foresee(target: &Target, packages: &[String], timeout: Duration) -> Foreseen {
    let foreseen = asked(target, packages, timeout).await;
    Foreseen {
        message: said::text(&foreseen.message),
        reason: foreseen.reason.as_deref().and_then(said::name),
        changes: foreseen.changes.iter().map(|change| belay_terminal::one_line(change)).collect(),
        ..foreseen
    }
}

async fn asked(target: &Target, packages: &[String], timeout: Duration) -> Foreseen {
    let host = &target.host;
    let mut foreseen = Foreseen {
        address: host.address,
        name: host.name.clone(),
        kind: None,
        outcome: Outcome::Refused,
        message: String::new(),
        reason: None,
        changes: Vec::new(),
    };
    let kind = match look(host.address, INTRODUCTION).await {
        Ok(found) => found.kind,
        Err(silence) => {
            return Foreseen { outcome: Outcome::Unreachable, message: silence.to_string(), ..foreseen };
        }
    };
    foreseen.kind = Some(kind);
    match (kind, &target.token) {
        (Kind::Flask, _) => {
            foreseen.message = "an old device cannot say what it would do, and cannot undo it".to_owned();
        }
        (Kind::Agent | Kind::Locked, None) => {
            foreseen.message = "an agent shows its plan to whoever has its token: give --token-file FILE".to_owned();
            foreseen.reason = Some("token_missing".to_owned());
        }
        (Kind::Agent | Kind::Locked, Some(token)) => {
            let asked = async {
                let http = client(INTRODUCTION / 2).map_err(Trouble::NoConnection)?;
                let device = Device::new(http, host.address, Some(token.clone()));
                let body = UpdateRequest { packages: packages.to_vec(), dry_run: true, ..UpdateRequest::default() };
                read::<Job>(send(device.request(Method::POST, "/plan").json(&body)).await?).await
            };
            match tokio::time::timeout(timeout, asked).await {
                Ok(Ok(job)) => tell(&mut foreseen, &job),
                Ok(Err(trouble)) => fail(&mut foreseen, trouble),
                Err(_) => fail(&mut foreseen, Trouble::Lost("no answer in time".to_owned())),
            }
        }
    }
    foreseen
}

fn tell(foreseen: &mut Foreseen, job: &Job) {
    let changes = job.plan.iter().flat_map(|plan| &plan.changes);
    foreseen.changes = changes.map(belay_protocol::plan::Change::describe).collect();
    match job.reason {
        None | Some(Reason::DryRun) => {
            foreseen.outcome = Outcome::Done;
            foreseen.message = match foreseen.changes.len() {
                0 => "nothing to do: the device already is as asked".to_owned(),
                count => belay_terminal::quantity::counted(count as u64, "change"),
            };
        }
        Some(reason) => {
            foreseen.message = job.message.clone();
            foreseen.reason = Some(reason.to_string());
        }
    }
}

fn fail(foreseen: &mut Foreseen, trouble: Trouble) {
    match trouble {
        Trouble::NoConnection(why) | Trouble::Lost(why) => {
            foreseen.outcome = Outcome::Unreachable;
            foreseen.message = why;
        }
        Trouble::Refused { body: Some(body), .. } => {
            foreseen.message = body.message;
            foreseen.reason = Some(body.error);
        }
        Trouble::Refused { status, body: None } => foreseen.message = format!("it answered {status} and said no more"),
        Trouble::Unreadable => foreseen.message = "it answered something that belayctl cannot read".to_owned(),
    }
}
