//! The tables, and which releases may use them.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::{Error, store::Sql};

/// The version of the tables that this release writes.
pub const FORMAT_VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE meta (
    key TEXT PRIMARY KEY, value NOT NULL
) WITHOUT ROWID;
CREATE TABLE requests (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    rule TEXT NOT NULL,
    grp TEXT NOT NULL,
    at INTEGER NOT NULL,
    window_from INTEGER NOT NULL,
    window_to INTEGER NOT NULL,
    severity TEXT NOT NULL,
    evidence TEXT NOT NULL,
    attributes TEXT NOT NULL,
    state TEXT NOT NULL,
    folded INTEGER NOT NULL DEFAULT 0,
    suppressed_by TEXT,
    collected_at INTEGER,
    logs_start INTEGER,
    logs_end INTEGER,
    path TEXT,
    size INTEGER,
    sha256 TEXT,
    files INTEGER,
    partial INTEGER NOT NULL DEFAULT 0,
    cause TEXT,
    target TEXT,
    error TEXT
);
CREATE INDEX requests_by_state ON requests (state, seq);
CREATE INDEX requests_by_time ON requests (at);
CREATE TABLE batches (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    UNIQUE (source, sha256)
);
CREATE TABLE counters (
    name TEXT PRIMARY KEY, value INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE checkpoint (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    processed_to INTEGER,
    position INTEGER,
    plugin_state BLOB
);
INSERT INTO checkpoint (only_row) VALUES (1);
";

/// Makes the tables in an empty database, and refuses those of a newer release.
pub(super) fn create_or_check(db: &mut Connection, path: &Path) -> Result<(), Error> {
    let changes = db.transaction().doing("open", path)?;
    if !has_tables(&changes, path)? {
        changes
            .execute_batch(TABLES)
            .doing("make the tables of", path)?;
        let mut insert = changes
            .prepare("INSERT INTO meta VALUES (?1, ?2)")
            .doing("set up", path)?;
        insert
            .execute(("format_version", FORMAT_VERSION))
            .doing("set up", path)?;
        insert
            .execute(("tripline", env!("CARGO_PKG_VERSION")))
            .doing("set up", path)?;
    }
    changes.commit().doing("set up", path)?;
    check(db, path)
}

/// Refuses the tables of a newer release.
pub(super) fn check(db: &Connection, path: &Path) -> Result<(), Error> {
    let query = "SELECT value FROM meta WHERE key = 'format_version'";
    let found = db
        .query_row(query, [], |row| row.get(0))
        .doing("read the version of", path)?;
    if found > FORMAT_VERSION {
        let path = path.display().to_string();
        return Err(Error::Newer {
            path,
            found,
            known: FORMAT_VERSION,
        });
    }
    Ok(())
}

fn has_tables(db: &Connection, path: &Path) -> Result<bool, Error> {
    db.query_row(
        "SELECT 1 FROM sqlite_schema WHERE name = 'meta'",
        [],
        |_| Ok(()),
    )
    .optional()
    .doing("open", path)
    .map(|row| row.is_some())
}
