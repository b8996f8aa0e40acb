//! The members of a bundle that are for people: the report and the ticket.

use std::{io, path::PathBuf};

use crate::{
    disk::{DiskError, Hashing},
    manifest::{Manifest, Member},
    pack::{Content, Entry, Format},
    report::{self, REPORT, activity::Activity, bundle_html},
    ticket::{Form, TICKET, Whereabouts, ticket},
};

/// Makes the pages of a bundle from the manifest and the logs, which are files already, and adds them to
/// the manifest's members.
pub(crate) fn pages<E: From<DiskError> + From<report::Error>>(
    manifest: &mut Manifest,
    logs: &[(Member, PathBuf)],
    format: Format,
) -> Result<Vec<Entry>, E> {
    let activity = Activity::of_members(logs)?;
    let report = bundle_html(manifest, &activity)?;
    let whereabouts = Whereabouts {
        format,
        ..Whereabouts::default()
    };
    let ticket = ticket(manifest, Form::Private, &whereabouts);
    let mut entries = Vec::new();
    for (path, text) in [(REPORT, report), (TICKET, ticket)] {
        let content = text.into_bytes();
        manifest.members.push(member(path, &content));
        entries.push(Entry {
            path: path.to_owned(),
            content: Content::Bytes(content),
        });
    }
    Ok(entries)
}

/// The manifest's line for a member that is no log.
fn member(path: &str, content: &[u8]) -> Member {
    let mut hashing = Hashing::new(content);
    // Reading from memory cannot fail.
    io::copy(&mut hashing, &mut io::sink()).unwrap_or_default();
    Member {
        path: path.to_owned(),
        bytes: content.len() as u64,
        lines: None,
        sha256: hashing.sha256(),
    }
}
