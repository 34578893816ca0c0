//! The programs that have a page, and what their command lines do not say of them.

use clap::{Command, CommandFactory};

/// A program as its man page shows it.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) command: Command,
    /// What a person should know before the options.
    pub(crate) description: &'static str,
    pub(crate) environment: &'static [(&'static str, &'static str)],
    pub(crate) files: &'static [(&'static str, &'static str)],
    pub(crate) see_also: &'static str,
    pub(crate) settings: Option<SettingsFile>,
}

/// A settings file that has a page of its own.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    /// The page's name.
    pub(crate) page: &'static str,
    /// The file as it is shipped, each setting explained above it.
    pub(crate) text: &'static str,
    pub(crate) what: &'static str,
    pub(crate) see_also: &'static str,
}

/// All of them.
pub(crate) fn all() -> [Program; 3] {
    [agent(), server(), ctl()]
}

fn agent() -> Program {
    Program {
        name: "belay-agent",
        command: belay_agent::cli::Arguments::command(),
        description: "It takes a list of packages or a bundle, works out what would change, keeps what going back \
            needs, and only then changes the device. What fails, or is not healthy afterwards, is undone, also after a \
            power cut and without network. Members of the group belay may give orders; root always may.",
        environment: &[
            ("BELAY_CONFIG", "Settings to read instead of /etc/belay/agent.toml."),
            ("BELAY_STATE_DIR, BELAY_ROOT, BELAY_SOCKET, BELAY_LOG", "Win over the settings of the same meaning."),
        ],
        files: &[
            ("/etc/belay/agent.toml, /etc/belay/agent.toml.d/*.toml", "Settings; see belay-agent.toml(5)."),
            ("/etc/belay/keys/*.pub", "Keys of whoever may publish. Where there is one, nothing unsigned comes in."),
            (
                "/etc/belay/health/required.d/, /etc/belay/health/wanted.d/",
                "Programs that are run after each update. A failure of a required one undoes it.",
            ),
            ("/var/lib/belay/", "State: what going back needs, and rollbackFile."),
            ("/run/belay/agent.sock", "The socket of the local API."),
            ("/opt/updates/rollback.sh, /opt/updates/check-updates.sh", "The same under names of older systems."),
        ],
        see_also: "belay-agent.toml(5), apt-get(8), dpkg(1), systemd(1)",
        settings: Some(SettingsFile {
            page: "belay-agent.toml",
            text: include_str!("../../../config/agent.toml"),
            what: "settings of belay-agent",
            see_also: "belay-agent(1)",
        }),
    }
}

fn server() -> Program {
    Program {
        name: "belay-server",
        command: belay_server::cli::Arguments::command(),
        description: "Devices poll it; operators speak to it with belayctl(1). It needs nothing beside itself but a \
            folder for its state. As a service it runs as the user belay-server, and so must the other commands here, \
            for they work on the same database: runuser -u belay-server -- belay-server token list",
        environment: &[(
            "BELAY_SERVER_STATE_DIR, BELAY_SERVER_DATABASE, BELAY_SERVER_LISTEN, BELAY_SERVER_LOG",
            "Win over the settings of the same meaning.",
        )],
        files: &[
            ("/etc/belay/server.toml, /etc/belay/server.toml.d/*.toml", "Settings; see belay-server.toml(5)."),
            ("/var/lib/belay-server/", "State: the database, and what was published."),
        ],
        see_also: "belay-server.toml(5), belayctl(1), belay-agent(1)",
        settings: Some(SettingsFile {
            page: "belay-server.toml",
            text: include_str!("../../../config/server.toml"),
            what: "settings of belay-server",
            see_also: "belay-server(1)",
        }),
    }
}

fn ctl() -> Program {
    Program {
        name: "belayctl",
        command: belayctl::Arguments::command(),
        description: "It asks a belay-server(1) over its operator API and shows the answer: as text, or as JSON or CSV \
            for programs. Devices on the local network it finds and updates without any server, old ones included, and \
            keys to sign with are made and used here as well.",
        environment: &[
            ("BELAY_SERVER, MEETING_API_URL", "The server, where neither --server nor --profile is given."),
            ("BELAY_PROFILE", "The profile, where no server is named either."),
            (
                "BELAY_TOKEN, MEETING_AUTH_TOKEN, MEETING_TOKEN",
                "The operator token, where --token-file is not given; the first that is set.",
            ),
            ("BELAY_CA_FILE", "Certificates to trust, where --ca-file is not given."),
            ("BELAY_KEY_PASSWORD", "The password of a secret key."),
            ("NO_COLOR", "No colours, where it is set and not empty."),
        ],
        files: &[
            ("~/.config/belay/profiles.toml", "The servers that `login` keeps under names."),
            ("~/.config/belay/keyring.toml", "Their tokens. It is not used where others can read it."),
            ("~/.config/belay/site.toml", "The devices of a local network, as `lan scan --save` writes them."),
            ("~/.local/state/belay/published.json", "What `release watch` has published."),
            ("/usr/share/belayctl/answers.schema.json", "What the JSON answers look like."),
        ],
        see_also: "belay-server(1), belay-agent(1)",
        settings: None,
    }
}
