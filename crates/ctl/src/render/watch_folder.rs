//! What a watched folder brought.

use belay_terminal::Page;

use crate::commands::{Became, Watched, WatchedFile};

/// A file, in a line.
pub(crate) fn line(news: &WatchedFile) -> String {
    let what = match news.became {
        Became::Published => "is published",
        Became::WasThere => "was on the server already",
        Became::Waiting => "waits",
        Became::Failed => "FAILED",
        Became::Refused => "is REFUSED",
        Became::Changed => "has CHANGED",
        Became::Ignored => "is ignored",
    };
    let release = news.release.as_ref().map(|name| format!(" as {name}")).unwrap_or_default();
    format!("{} {what}{release}: {}", news.file, news.message)
}

/// How it went.
pub(crate) fn watched(watched: &Watched, _page: &Page) -> String {
    let count = |wanted: Became| watched.files.iter().filter(|file| file.became == wanted).count();
    let all = [
        (Became::Published, "published"),
        (Became::WasThere, "already there"),
        (Became::Waiting, "not complete"),
        (Became::Failed, "failed"),
        (Became::Refused, "refused"),
        (Became::Changed, "changed"),
        (Became::Ignored, "ignored"),
    ];
    let parts = all.iter().map(|(became, word)| (count(*became), word)).filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, word)| format!("{count} {word}")).collect();
    if parts.is_empty() {
        return "nothing new".to_owned();
    }
    parts.join(", ")
}
