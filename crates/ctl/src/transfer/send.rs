//! Sends an archive to where the server keeps it, and goes on where another attempt was.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use belay_protocol::Sha256;
use belay_protocol::admin::{AssembleArtifact, PiecesMissing};
use belay_terminal::quantity::bytes;

use super::Archive;
use super::persistence::{Verdict, judge};
use super::piece::Piece;
use super::waiting::Waiting;
use crate::client::Client;
use crate::error::CtlError;
use crate::output::Output;

/// Sends an archive, unless it is there. What was cut off goes on with the piece that it was at; a server that cannot be
/// reached for a while is waited for.
pub(crate) async fn send(client: &Client, path: &Path, archive: &Archive, output: &Output) -> Result<(), CtlError> {
    let file = File::open(path).map_err(|source| CtlError::File { path: path.to_owned(), source })?;
    let waiting = Waiting::new(archive.size, "sending", output);
    let mut upload = Upload { client, path, file, archive, waiting, sent: 0 };
    let done = upload.carry_out().await;
    upload.waiting.bar.finish_and_clear();
    if done.is_err() && upload.sent > 0 {
        output.tell("what arrived stays on the server for a day: run the same again, and it goes on from there");
    }
    done
}

struct Upload<'a> {
    client: &'a Client,
    path: &'a Path,
    file: File,
    archive: &'a Archive,
    waiting: Waiting<'a>,
    sent: u64,
}

/// What is on the server.
enum There {
    /// All of it, as one artifact.
    Kept,
    /// All but these pieces.
    Without(BTreeSet<Sha256>),
}

impl Upload<'_> {
    async fn carry_out(&mut self) -> Result<(), CtlError> {
        let (mut asked, mut damaged) = (false, false);
        for _ in 0..MOST_ROUNDS {
            let missing = match self.ask().await {
                Ok(There::Kept) => return Ok(()),
                Ok(There::Without(missing)) => missing,
                // One of its pieces was damaged where it lies. The server has dropped them, so they are missing next.
                Err(CtlError::Refused(refusal)) if refusal.error == "digest_mismatch" && !damaged => {
                    damaged = true;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let before = self.bytes_without(&missing);
            self.waiting.start_at(before);
            if !asked && before > 0 {
                self.waiting.tell(&format!("resumed at {}: so much of it is on the server", bytes(before)));
            }
            asked = true;
            self.send(missing).await?;
        }
        Err(CtlError::Damaged("the server keeps losing what is sent to it; its log says why".to_owned()))
    }

    /// Asks the server to put it together from its pieces, which tells what is missing.
    async fn ask(&mut self) -> Result<There, CtlError> {
        let digest = self.archive.sha256.to_string();
        let order = AssembleArtifact { pieces: self.archive.pieces.clone(), size: self.archive.size };
        loop {
            let reply = self.client.post_long(&["artifacts", &digest, "assemble"], &order).await;
            let missing = reply.as_ref().ok().and_then(|reply| reply.body::<PiecesMissing>());
            if let Some(PiecesMissing { missing, .. }) = missing {
                self.waiting.went_well();
                return Ok(There::Without(missing.into_iter().collect()));
            }
            match judge(reply) {
                Verdict::Granted => return Ok(There::Kept),
                Verdict::Refused(error) => return Err(error),
                Verdict::Again(error, after) => self.waiting.wait(error, after).await?,
            }
        }
    }

    async fn send(&mut self, mut missing: BTreeSet<Sha256>) -> Result<(), CtlError> {
        for number in 0..self.archive.pieces.len() {
            if missing.remove(&self.archive.pieces[number]) {
                let piece = Piece::read(&self.file, self.path, self.archive, number)?;
                self.send_piece(&piece).await?;
                self.sent += piece.bytes.len() as u64;
            }
        }
        Ok(())
    }

    async fn send_piece(&mut self, piece: &Piece) -> Result<(), CtlError> {
        let before = self.waiting.bar.position();
        loop {
            let verdict = judge(piece.put(self.client, &self.waiting.bar).await);
            let (error, after) = match verdict {
                Verdict::Granted => {
                    self.waiting.went_well();
                    return Ok(());
                }
                // It was damaged on its way: here it was proven just now.
                Verdict::Refused(CtlError::Refused(refusal)) if refusal.error == "digest_mismatch" => {
                    (CtlError::Refused(refusal), None)
                }
                Verdict::Refused(error) => return Err(error),
                Verdict::Again(error, after) => (error, after),
            };
            self.waiting.bar.set_position(before);
            self.waiting.wait(error, after).await?;
        }
    }

    /// How many bytes there are beside these pieces.
    fn bytes_without(&self, missing: &BTreeSet<Sha256>) -> u64 {
        let Archive { size, piece, pieces, .. } = self.archive;
        let lengths = (0_u64..).map(|number| size.saturating_sub(number * piece).min(*piece));
        let pieces = pieces.iter().zip(lengths);
        pieces.filter(|(piece, _)| !missing.contains(piece)).map(|(_, length)| length).sum()
    }
}

/// How often the server is asked what is missing: twice as a rule, once more where two publish the same at once.
const MOST_ROUNDS: usize = 10;
