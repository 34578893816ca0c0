//! First stage: settings as they are written. Numbers and texts here may still be wrong; [`super::valid`] judges them.

use std::path::PathBuf;

use belay_settings::{Level, tables, words};
use serde::{Deserialize, Serialize};

tables! {
    /// The whole file. An empty path or text stands for none.
    File {
        state_dir: PathBuf = "/var/lib/belay-server".into(),
        database: String = String::new(),
        listen: Vec<String> = vec!["127.0.0.1:8080".to_owned()],
        plain_http: bool = false,
        tls: Tls = Tls::default(),
        artifacts: Artifacts = Artifacts::default(),
        upload: Upload = Upload::default(),
        enrolment: Enrolment = Enrolment::default(),
        devices: Devices = Devices::default(),
        limits: Limits = Limits::default(),
        retention: Retention = Retention::default(),
        log: Log = Log::default(),
    }
    Tls {
        certificate: PathBuf = PathBuf::new(),
        key: PathBuf = PathBuf::new(),
    }
    Artifacts {
        store: String = String::new(),
        s3_endpoint: String = String::new(),
        s3_region: String = String::new(),
        s3_access_key_file: PathBuf = PathBuf::new(),
        s3_secret_key_file: PathBuf = PathBuf::new(),
    }
    Upload {
        max_mb: u64 = 2048,
    }
    Enrolment {
        mode: EnrolmentMode = EnrolmentMode::Token,
    }
    Devices {
        poll_s: u32 = 60,
        offline_after_s: u32 = 900,
    }
    Limits {
        connections: u32 = 10_000,
        per_address: u32 = 0,
        header_timeout_s: f64 = 10.0,
        body_timeout_s: f64 = 60.0,
        body_kb: u64 = 1024,
    }
    Retention {
        reports_days: f64 = 90.0,
    }
    Log {
        level: Level = Level::Info,
    }
}

words! {
    EnrolmentMode { Token, Approval, Open, }
}
