//! The model held against real dpkg.

use std::path::Path;
use std::sync::Mutex;
use std::{env, fs, thread};

use super::md5::md5;
use super::real::Real;
use super::stage::Modelled;
use super::transcript::{self, Transcript};

#[test]
#[expect(clippy::disallowed_methods, reason = "a recording need not survive a power cut")]
fn the_transcripts_are_what_real_dpkg_does() {
    let record = env::var_os("BELAY_RECORD").is_some_and(|value| value == "1");
    let differences = in_parallel(|path, transcript| {
        let seen = transcript.on(&Real::new(&transcript.debs));
        if record {
            let text = serde_json::to_string_pretty(&seen).expect("a transcript is plain data");
            fs::write(path, text + "\n").expect("a transcript can be written");
            return None;
        }
        transcript.difference(&seen)
    });
    assert!(differences.is_empty(), "real dpkg does otherwise:\n{}", differences.join("\n"));
}

#[test]
fn the_model_does_what_the_transcripts_say() {
    let differences =
        in_parallel(|_, transcript| transcript.difference(&transcript.on(&Modelled::new(&transcript.debs))));
    assert!(differences.is_empty(), "the model does otherwise:\n{}", differences.join("\n"));
}

/// Runs a check for every transcript, some at a time; returns what they found, each with the transcript's name.
fn in_parallel(check: impl Fn(&Path, &Transcript) -> Option<String> + Sync) -> Vec<String> {
    let waiting = Mutex::new(transcript::all());
    assert!(!waiting.lock().expect("nobody panics with it").is_empty(), "there are no transcripts");
    let found = Mutex::new(Vec::new());
    let work = || {
        loop {
            let Some((path, transcript)) = waiting.lock().expect("nobody panics with it").pop_first() else { return };
            if let Some(difference) = check(&path, &transcript) {
                let name = path.file_stem().expect("a transcript has a name").to_string_lossy().into_owned();
                found
                    .lock()
                    .expect("nobody panics with it")
                    .push(format!("{name}: {}\n  {difference}", transcript.about));
            }
        }
    };
    thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
    let mut found = found.into_inner().expect("nobody panicked");
    found.sort();
    found
}

#[test]
fn md5_is_md5() {
    assert_eq!(md5(""), "d41d8cd98f00b204e9800998ecf8427e");
    assert_eq!(md5(&"a".repeat(64)), "014842d480b571495a4a0363793f7367");
}
