//! `belayctl deployment watch`: a bar on a terminal, a line for each change elsewhere, until it ends or needs a person.

use std::time::Duration;

use belay_protocol::DeploymentId;
use belay_protocol::admin::{DecisionView, DeploymentStatus, DeploymentView, Page};
use indicatif::ProgressBar;

use super::deployment;
use crate::client::Client;
use crate::error::CtlError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_millis(500);

/// How many decisions one look asks for: more are not made between two looks, and what was long before is not told.
const NEWEST: u32 = 50;

/// How often in a row the server may be away before the watch is given up.
const PATIENCE: u32 = 20;

pub(super) async fn watch(
    client: &Client,
    output: &Output,
    id: &DeploymentId,
    until_wave: bool,
) -> Result<Exit, CtlError> {
    let mut screen = Screen::new(output);
    let mut away = 0;
    loop {
        match look(client, id).await {
            Ok((deployment, decisions)) => {
                away = 0;
                screen.show(&deployment, &decisions);
                if let Some(exit) = ended(&deployment, until_wave) {
                    screen.bar.finish_and_clear();
                    output.answer(&deployment::full(client, id).await?, render::deployment::outcome);
                    return Ok(exit);
                }
            }
            // A server that restarts is not the end of a deployment.
            Err(CtlError::Unreachable { .. }) if away < PATIENCE => away += 1,
            Err(error) => return Err(error),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// The deployment, and its newest decisions, newest first.
async fn look(client: &Client, id: &DeploymentId) -> Result<(DeploymentView, Vec<DecisionView>), CtlError> {
    let deployment = client.fetch(&["deployments", id.as_str()], &[]).await?;
    let newest = [("page_size", NEWEST.to_string())];
    let decisions: Page<DecisionView> = client.fetch(&["deployments", id.as_str(), "decisions"], &newest).await?;
    Ok((deployment, decisions.items))
}

/// How the watch ends, where it does.
fn ended(deployment: &DeploymentView, until_wave: bool) -> Option<Exit> {
    match deployment.status {
        DeploymentStatus::Completed => Some(Exit::Done),
        DeploymentStatus::Failed | DeploymentStatus::Cancelled => Some(Exit::NotDeployed),
        DeploymentStatus::Halted | DeploymentStatus::Paused => Some(Exit::NeedsAttention),
        DeploymentStatus::Pending => None,
        DeploymentStatus::InProgress => {
            let buckets = &deployment.buckets;
            let finished = buckets.completed + buckets.failed + buckets.rolled_back + buckets.silent;
            let wave_is_over = deployment.allowed < deployment.total && finished >= deployment.allowed;
            (until_wave && wave_is_over).then_some(Exit::Done)
        }
    }
}

/// What a person sees meanwhile; on standard error, so that the answer can be piped.
#[derive(Debug)]
struct Screen {
    bar: ProgressBar,
    output: Output,
    /// The newest decision that was shown.
    told: String,
}

impl Screen {
    fn new(output: &Output) -> Self {
        Self { bar: output.bar(0, "[{bar:30}] {pos}/{len} {msg}"), output: output.clone(), told: String::new() }
    }

    fn show(&mut self, deployment: &DeploymentView, decisions: &[DecisionView]) {
        let buckets = &deployment.buckets;
        self.bar.set_length(deployment.total);
        self.bar
            .set_position(buckets.completed + buckets.failed + buckets.rolled_back + buckets.silent + buckets.skipped);
        self.bar.set_message(render::deployment::buckets(buckets));
        // Newest first on the wire, oldest first for a reader; later ones have greater names.
        for decision in decisions.iter().rev().filter(|decision| decision.id > self.told) {
            let line = render::deployment::decision(decision, self.output.page());
            if self.bar.is_hidden() {
                self.output.tell(&line);
            } else {
                self.bar.println(line);
            }
        }
        if let Some(newest) = decisions.first() {
            self.told.clone_from(&newest.id);
        }
    }
}
