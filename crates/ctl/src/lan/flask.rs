//! Telling the old Flask program, or an agent in the old format: the same requests. The old one says nothing meanwhile, and in the end only that it ran.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belay_protocol::PackageList;
use reqwest::{Method, RequestBuilder};
use serde::Serialize;

use super::carry_out::{Course, Verdict};
use super::device::{Device, Trouble, send};
use super::{Order, Outcome};

/// What the old controller posts.
#[derive(Serialize)]
struct OldUpdate<'a> {
    filedata: String,
    filename: &'a str,
}

/// The request of the old controller. Comments and blank lines stay here: the old program gives every line to apt.
pub(super) fn request(device: &Device, order: &Order) -> RequestBuilder {
    match order {
        Order::Update { name, list } => {
            let body = OldUpdate { filedata: STANDARD.encode(text(list)), filename: name };
            device.request(Method::POST, "/update").json(&body)
        }
        Order::Rollback => device.request(Method::GET, "/rollback"),
    }
}

fn text(list: &PackageList) -> String {
    list.specs().iter().map(|spec| format!("{spec}\n")).collect()
}

/// Tells an old device, once.
pub(super) async fn tell(device: &Device, order: &Order, course: &Course) -> Verdict {
    course.sending().await;
    course.working("working, and does not say at what", None).await;
    let answer = send(request(device, order)).await;
    match answer {
        Ok(_) => Verdict::new(
            Outcome::Done,
            match order {
                Order::Update { .. } => {
                    "the old program ran apt for each package; it does not say whether apt succeeded"
                }
                Order::Rollback => {
                    "the old program asked apt for the versions of its rollbackFile; it does not say whether apt succeeded"
                }
            },
        ),
        Err(Trouble::NoConnection(why)) => {
            course.not_sent();
            Verdict::new(Outcome::Unreachable, format!("it does not answer: {why}; nothing was sent"))
        }
        Err(Trouble::Refused { status, .. }) if (400..500).contains(&status) => {
            Verdict::new(Outcome::Refused, format!("the old program answered {status}; nothing was run"))
        }
        Err(Trouble::Refused { status, .. }) => Verdict::new(Outcome::NeedsAttention, failed(order, status)),
        Err(Trouble::Lost(why)) => Verdict::new(
            Outcome::NeedsAttention,
            format!(
                "the connection broke while it was at work ({why}); an old device cannot undo, so nobody knows how it stands: look at it"
            ),
        ),
        Err(Trouble::Unreadable) => {
            Verdict::new(Outcome::NeedsAttention, "it answered something that is no answer: look at it")
        }
    }
}

fn failed(order: &Order, status: u16) -> String {
    let why = match order {
        Order::Update { .. } => "it failed on the way, and an old device cannot undo",
        Order::Rollback => "it has no rollbackFile, or one with a line that it cannot read",
    };
    format!("the old program answered {status}: {why}; nobody knows how it stands: look at it")
}
