//! The tables, and which releases may use them.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::{Error, store::Sql};
use crate::disk::{self, At};

/// The version of the tables that this release writes.
///
/// Version 2 adds the table `steps`. Every version only adds to the one before, so that a release may
/// look at what an older one wrote.
pub const FORMAT_VERSION: i64 = 2;

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

/// Tables that came later and that an older release of the same version does without.
const LATER_TABLES: &str = "
CREATE TABLE IF NOT EXISTS releases (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursors (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outages (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    named_in TEXT
);
CREATE TABLE IF NOT EXISTS canaries (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    nonce TEXT NOT NULL,
    began INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    delivers INTEGER NOT NULL,
    stage TEXT,
    error TEXT
);
CREATE TABLE IF NOT EXISTS silences (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    rule TEXT NOT NULL,
    grp TEXT,
    by_whom TEXT NOT NULL,
    at INTEGER NOT NULL,
    until INTEGER NOT NULL,
    reason TEXT,
    lifted_at INTEGER,
    lifted_by TEXT
);
CREATE INDEX IF NOT EXISTS silences_by_rule ON silences (rule, until);
";

/// Who released a bundle; a release of tripline that does not know it writes none.
const RELEASED_BY: &str = "ALTER TABLE releases ADD COLUMN by_whom TEXT";

/// What version 2 added. Triggers write the steps, in the same transaction as the change itself, so that
/// no writer can forget one.
const STEPS: &str = "
CREATE TABLE steps (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    old TEXT,
    new TEXT NOT NULL,
    at INTEGER NOT NULL,
    cause TEXT,
    error TEXT
);
CREATE INDEX steps_by_id ON steps (id, n);
CREATE TRIGGER step_into_life AFTER INSERT ON requests BEGIN
    INSERT INTO steps (id, new, at, cause) VALUES (new.id, new.state,
        CAST(unixepoch('subsec') * 1000000 AS INTEGER), ifnull(new.cause, new.suppressed_by));
END;
CREATE TRIGGER step_onward AFTER UPDATE OF state ON requests WHEN old.state <> new.state BEGIN
    INSERT INTO steps (id, old, new, at, cause, error) VALUES (new.id, old.state, new.state,
        CAST(unixepoch('subsec') * 1000000 AS INTEGER), ifnull(new.cause, new.suppressed_by),
        new.error);
END;
";

/// Makes the tables in an empty database, brings those of an older release up to date, keeping a copy of
/// them, and refuses those of a newer one.
pub(super) fn create_or_check(db: &mut Connection, path: &Path) -> Result<(), Error> {
    if has_tables(db, path)? {
        check(db, path)?;
        let found = version(db, path)?;
        if found < FORMAT_VERSION {
            back_up(db, path, found)?;
        }
    }
    let changes = Transaction::new(db, TransactionBehavior::Immediate).doing("open", path)?;
    if has_tables(&changes, path)? {
        upgrade(&changes, path)?;
    } else {
        for tables in [TABLES, STEPS] {
            changes
                .execute_batch(tables)
                .doing("make the tables of", path)?;
        }
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
    changes
        .execute_batch(LATER_TABLES)
        .doing("make the tables of", path)?;
    if !has_column(&changes, "releases", "by_whom").doing("read", path)? {
        changes
            .execute_batch(RELEASED_BY)
            .doing("make the tables of", path)?;
    }
    changes.commit().doing("set up", path)?;
    check(db, path)
}

/// Refuses the tables of a newer release.
pub(super) fn check(db: &Connection, path: &Path) -> Result<(), Error> {
    let found = version(db, path)?;
    if found <= FORMAT_VERSION {
        return Ok(());
    }
    let query = "SELECT value FROM meta WHERE key = 'tripline'";
    let release: Option<String> = db.query_row(query, [], |row| row.get(0)).ok();
    let backup = backup_path(path, FORMAT_VERSION);
    Err(Error::Newer {
        path: path.display().to_string(),
        found,
        known: FORMAT_VERSION,
        remedy: remedy(
            path,
            release.as_deref(),
            backup.is_file().then_some(&*backup),
        ),
    })
}

/// What to do about the spool of a newer release.
fn remedy(path: &Path, release: Option<&str>, backup: Option<&Path>) -> String {
    let release = release.map_or_else(
        || "the release that wrote it".to_owned(),
        |release| format!("tripline {release}, which wrote it"),
    );
    match backup {
        Some(backup) => format!(
            "run {release}; or go back to the state before the upgrade, without what happened since: \
             `cp -p {} {}`",
            backup.display(),
            path.display()
        ),
        None => format!(
            "run {release}; or begin a new history: `mv {0} {0}.newer`",
            path.display()
        ),
    }
}

/// Where the tables of an older version are kept.
fn backup_path(path: &Path, version: i64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".v{version}.bak"));
    name.into()
}

/// Keeps a copy of the database as it is, unless there is one of this version.
fn back_up(db: &Connection, path: &Path, version: i64) -> Result<(), Error> {
    let backup = backup_path(path, version);
    if backup.exists() {
        return Ok(());
    }
    let mut partial = backup.clone().into_os_string();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    // SQLite takes an empty file as it takes none, and leaves its permissions.
    disk::private_file()
        .create(true)
        .truncate(true)
        .open(&partial)
        .at("make", &partial)?;
    db.execute("VACUUM INTO ?1", [partial.to_string_lossy()])
        .doing("back up", path)?;
    File::open(&partial)
        .and_then(|file| file.sync_all())
        .at("write", &partial)?;
    fs::rename(&partial, &backup).at("move into place", &partial)?;
    if let Some(folder) = path.parent() {
        disk::sync_dir(folder)?;
    }
    tracing::info!(backup = %backup.display(), version, "the spool of an older release is kept");
    Ok(())
}

/// Adds what newer versions have. Another process may have been faster.
fn upgrade(changes: &Transaction<'_>, path: &Path) -> Result<(), Error> {
    if version(changes, path)? >= FORMAT_VERSION {
        return Ok(());
    }
    changes.execute_batch(STEPS).doing("upgrade", path)?;
    for (key, value) in [
        (
            "format_version",
            rusqlite::types::Value::from(FORMAT_VERSION),
        ),
        ("tripline", env!("CARGO_PKG_VERSION").to_owned().into()),
    ] {
        changes
            .execute("UPDATE meta SET value = ?2 WHERE key = ?1", (key, value))
            .doing("upgrade", path)?;
    }
    Ok(())
}

fn version(db: &Connection, path: &Path) -> Result<i64, Error> {
    let query = "SELECT value FROM meta WHERE key = 'format_version'";
    db.query_row(query, [], |row| row.get(0))
        .doing("read the version of", path)
}

/// Whether a table has a column; not if there is no such table.
pub(super) fn has_column(db: &Connection, table: &str, column: &str) -> rusqlite::Result<bool> {
    db.prepare("SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2")?
        .exists([table, column])
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
