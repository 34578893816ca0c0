//! `belayctl login`, `profile …`, `whoami`, `token …`, and what is said where no server or no right is.

use super::*;

#[test]
fn a_server_and_a_token_are_kept_under_a_name() {
    let fleet = Fleet::start();
    let mut transcript = Transcript::of(Operator::new());
    transcript.run("fleet").exits(1);
    transcript.operator().write_secret("token", fleet.token());
    transcript.run(&format!("login test --server {} --token-file token", fleet.url())).exits(0);
    transcript.run("whoami").exits(0);
    transcript.run("profile list").exits(0);
    transcript.json(&format!("login second --server {} --token-file token", fleet.url()));
    transcript.json("profile list");
    transcript.run("profile use test").exits(0);
    transcript.json("profile use second");
    transcript.json("whoami");
    transcript.run("logout").exits(0);
    transcript.json("logout --profile test");
    transcript.remark("Without a token there is nobody to be.");
    transcript.run("whoami").exits(1);
    transcript.json("whoami");
    transcript.run("profile delete second").exits(0);
    transcript.json("profile delete test");
    transcript.run("profile list").exits(0);
    transcript.compare("profile");
}

#[test]
fn tokens_are_made_shown_once_and_revoked() {
    let fleet = Fleet::start();
    let mut transcript = Transcript::of(fleet.operator());
    transcript.run("token create --name ci --permission updates:publish --expires-in 90d").exits(0);
    transcript.run("token list").exits(0);
    let id = transcript.json("token create --name dashboard --permission fleet:view")["id"].clone();
    let list = transcript.json("token list");
    let ci = list.as_array().unwrap().iter().find(|token| token["name"] == "ci").unwrap()["id"].clone();
    transcript.run(&format!("token revoke {}", ci.as_str().unwrap())).exits(0);
    transcript.json(&format!("token revoke {}", id.as_str().unwrap()));

    transcript.remark("Devices enrol with tokens of another kind.");
    transcript.run("enrolment-token create --name rack --uses 20 --expires-in 7d --device-type debian").exits(0);
    transcript.run("enrolment-token list").exits(0);
    let id = transcript.json("enrolment-token create --name one --uses 1")["id"].clone();
    let list = transcript.json("enrolment-token list");
    let rack = list.as_array().unwrap().iter().find(|token| token["name"] == "rack").unwrap()["id"].clone();
    transcript.run(&format!("enrolment-token revoke {}", rack.as_str().unwrap())).exits(0);
    transcript.json(&format!("enrolment-token revoke {}", id.as_str().unwrap()));
    transcript.compare("token");
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    let fleet = Fleet::start();
    let viewer = fleet.server().token("viewer", "fleet:view");
    let mut transcript = Transcript::of(Operator::new());
    transcript.remark("No server is named.");
    transcript.run("fleet").exits(1);
    transcript.run("fleet --server updates.example.org").exits(1);
    transcript.run("fleet --server http://updates.example.org").exits(1);
    transcript.remark("Nobody answers at that port.");
    transcript.as_somebody_else(Operator::new().env("BELAY_SERVER", "http://127.0.0.1:9").env("BELAY_TOKEN", "t"));
    transcript.run("fleet").exits(5);
    transcript.json("fleet");
    transcript.remark("A token that may look, and no more.");
    transcript.as_somebody_else(fleet.operator_with(&viewer));
    transcript.run("fleet").exits(0);
    transcript.json("fleet");
    transcript.run("channel set --device-type debian --distribution beta --version 2.0").exits(2);
    transcript.json("channel set --device-type debian --distribution beta --version 2.0");
    transcript.remark("A token that is none.");
    transcript.as_somebody_else(fleet.operator_with("belay_op_nobody.nothing"));
    transcript.run("fleet").exits(2);
    transcript.compare("refusals");
}
