-- Everything that the server knows. One set of statements for SQLite and for what speaks PostgreSQL's protocol: texts,
-- 64-bit integers and blobs only; instants are milliseconds since 1970 in UTC, truths are 0 and 1, lists and records are JSON.

CREATE TABLE devices (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    device_type TEXT NOT NULL,
    distribution TEXT NOT NULL,
    tags TEXT NOT NULL,
    enrolment TEXT NOT NULL,
    identity TEXT NOT NULL,
    hardware TEXT NOT NULL,
    key_hash TEXT NOT NULL,
    hostname TEXT NOT NULL,
    profile_tag TEXT NOT NULL,
    profile TEXT NOT NULL,
    installed TEXT,
    outbox TEXT NOT NULL,
    outbox_seq BIGINT NOT NULL,
    last_seen BIGINT,
    enrolled_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    problem TEXT
);
CREATE UNIQUE INDEX devices_enrolment ON devices (enrolment);
CREATE INDEX devices_identity ON devices (identity);
CREATE INDEX devices_ring ON devices (device_type, distribution);
CREATE INDEX devices_changed ON devices (changed_at);
CREATE INDEX devices_state ON devices (state);

CREATE TABLE releases (
    device_type TEXT NOT NULL,
    distribution TEXT NOT NULL,
    version TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    notes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (device_type, distribution, version)
);

CREATE TABLE channels (
    id BIGINT PRIMARY KEY,
    device_type TEXT NOT NULL,
    distribution TEXT NOT NULL,
    name TEXT NOT NULL,
    target_version TEXT NOT NULL,
    active BIGINT NOT NULL,
    deployment TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX channels_name ON channels (device_type, distribution, name);
CREATE UNIQUE INDEX channels_active ON channels (device_type, distribution) WHERE active = 1;

CREATE TABLE deployments (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    device_type TEXT,
    distribution TEXT,
    version TEXT,
    channel BIGINT,
    filter TEXT NOT NULL,
    strategy TEXT NOT NULL,
    policy TEXT NOT NULL,
    priority BIGINT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    allowed BIGINT,
    soak_until BIGINT,
    forgiven_finished BIGINT NOT NULL,
    forgiven_failures BIGINT NOT NULL,
    closure TEXT,
    closure_by TEXT,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT
);
CREATE INDEX deployments_status ON deployments (status);

CREATE TABLE assignments (
    deployment TEXT NOT NULL,
    device TEXT NOT NULL,
    rank BIGINT NOT NULL,
    status TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    begun BIGINT NOT NULL,
    cancel BIGINT NOT NULL,
    reason TEXT,
    message TEXT NOT NULL,
    not_before BIGINT,
    from_version TEXT,
    offered_at BIGINT,
    started_at BIGINT,
    ended_at BIGINT,
    PRIMARY KEY (deployment, device)
);
CREATE INDEX assignments_next ON assignments (deployment, status, begun, attempt, rank, not_before);
CREATE INDEX assignments_device ON assignments (device, status);
CREATE INDEX assignments_status ON assignments (status);
CREATE INDEX assignments_cancel ON assignments (cancel, status);

CREATE TABLE reports (
    device TEXT NOT NULL,
    outbox TEXT NOT NULL,
    seq BIGINT NOT NULL,
    deployment TEXT,
    received_at BIGINT NOT NULL,
    report TEXT NOT NULL,
    PRIMARY KEY (device, outbox, seq)
);
CREATE INDEX reports_device ON reports (device, received_at);
CREATE INDEX reports_received ON reports (received_at);

CREATE TABLE decisions (
    id TEXT PRIMARY KEY,
    deployment TEXT NOT NULL,
    at BIGINT NOT NULL,
    decision TEXT NOT NULL,
    reason TEXT NOT NULL,
    inputs TEXT NOT NULL
);
CREATE INDEX decisions_deployment ON decisions (deployment, id);

CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    hash TEXT NOT NULL,
    permissions TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);

CREATE TABLE enrolment_tokens (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL,
    terms TEXT NOT NULL,
    used BIGINT NOT NULL,
    uses BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);

CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_at ON audit (at);
