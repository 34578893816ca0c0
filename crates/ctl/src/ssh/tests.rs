use super::*;

fn place(host: &str) -> Place<'_> {
    Place { host, user: Some("pi"), port: Some(2222) }
}

#[test]
fn ssh_never_asks_and_a_person_can_say_all_else_better() {
    let ssh = Ssh {
        options: vec!["BatchMode=no".to_owned(), "ConnectTimeout=3".to_owned()],
        identity: Some("key".into()),
        accept_new_host_keys: true,
        timeout: Duration::from_secs(60),
    };
    let line = ssh.arguments(place("192.0.2.1")).join(" ");
    assert_eq!(
        line,
        "-T -x -o BatchMode=yes -o BatchMode=no -o ConnectTimeout=3 -o StrictHostKeyChecking=accept-new \
         -o ConnectTimeout=15 -o ServerAliveInterval=15 -i key -l pi -p 2222"
    );
}

#[test]
fn a_new_host_key_is_trusted_only_when_asked_for() {
    let ssh = Ssh { timeout: Duration::from_secs(5), ..Ssh::default() };
    let line = ssh.arguments(Place { host: "a", user: None, port: None }).join(" ");
    assert_eq!(line, "-T -x -o BatchMode=yes -o ConnectTimeout=5 -o ServerAliveInterval=15");
}

#[test]
fn a_quoted_word_is_one_word() {
    assert_eq!(quoted("it's $HOME; `id`"), r"'it'\''s $HOME; `id`'");
}

#[test]
fn what_ssh_says_tells_who_is_away_and_who_says_no() {
    let cases = [
        (
            "ssh: connect to host a port 22: Connection refused\r\n",
            false,
            "ssh: connect to host a port 22: Connection refused",
        ),
        (
            "Warning: Permanently added 'a'.\npi@a: Permission denied (publickey).\n",
            true,
            "pi@a: Permission denied (publickey).",
        ),
        (
            "No ED25519 host key is known for a\nHost key verification failed.\n",
            true,
            "its host key is not known here: connect once by hand, or give --accept-new-host-keys",
        ),
        (
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
            true,
            "its host key is another one than before: somebody else may be answering",
        ),
        ("", false, "ssh failed without a word"),
    ];
    for (stderr, denied, said) in cases {
        let error = word::failure(stderr);
        assert_eq!(error.to_string(), said);
        assert_eq!(matches!(error, SshError::Denied(_)), denied, "{said}");
    }
}
