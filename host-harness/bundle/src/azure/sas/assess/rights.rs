//! Whether a SAS is whole, and what it permits.

use super::{Found, Gravity, Needs};
use crate::azure::sas::{Sas, SignatureShape};

/// How the signature looks.
pub(super) fn signature(sas: &Sas, found: &mut Found) {
    match sas.fields().signature {
        SignatureShape::Fine => {}
        SignatureShape::Decoded => found.unusable(
            "signature-decoded",
            "the signature holds a bare `+`, which Azure takes for a blank: a tool has decoded the URL",
            "copy the SAS anew from where it was made, or write `%2B` for each `+` behind `sig=`",
        ),
        SignatureShape::Length(chars) => found.unusable(
            "signature-length",
            format!("the signature has {chars} characters; those of Azure have 44"),
            "copy the SAS anew and whole, in quotes where a shell sees it: it reads `&` as an end",
        ),
    }
    let version = sas.fields().version.as_bytes();
    let is_date = version.len() == 10
        && version.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !is_date {
        found.unusable(
            "version",
            "`sv` is no version of the service, such as 2024-11-04",
            "copy the SAS anew and whole",
        );
    }
}

/// What it permits: what is missing, and what is too much.
pub(super) fn permissions(sas: &Sas, needs: &Needs, found: &mut Found) {
    let fields = sas.fields();
    let Some(permissions) = &fields.permissions else {
        match &fields.policy {
            Some(policy) => found.add(
                Gravity::Note,
                "policy",
                format!(
                    "the stored access policy `{policy}` says what it permits, which is not seen from here"
                ),
                "see that the policy gives read, create and write",
            ),
            None => found.unusable(
                "no-permissions",
                "it permits nothing: `sp` is missing",
                "make a new one with `sp=rcw`",
            ),
        }
        return;
    };
    let has = |permission: char| permissions.contains(permission);
    if !has('w') {
        let what = match has('c') {
            true => "`w` (write) is missing: `c` alone does not upload in blocks",
            false => "`w` (write) is missing: nothing can be uploaded",
        };
        found.unusable("no-write", what, "make a new one with `sp=rcw`");
    } else if needs.resume && !has('r') {
        found.warn(
            "no-read",
            "`r` (read) is missing: an upload that was cut short begins anew, and one that seems to be \
             there already cannot be verified",
            "make a new one with `sp=rcw`, unless nobody who has it may read bundles",
        );
    }
    if needs.tags && !has('t') {
        found.warn(
            "no-tags",
            "`t` (tags) is missing: bundles are delivered without index tags",
            "add `t`, or let a lifecycle policy go by the prefix of names instead",
        );
    }
    if needs.is_fleet {
        for (permission, does) in [('r', "read"), ('l', "list")] {
            if has(permission) {
                found.warn(
                    match permission {
                        'r' => "fleet-read",
                        _ => "fleet-list",
                    },
                    format!("`{permission}`: every host that has it can {does} the bundles of all others"),
                    "give each host or tenant a container of its own, or leave it out of the fleet's SAS",
                );
            }
        }
    } else if has('l') {
        found.add(
            Gravity::Note,
            "list",
            "`l` (list) is not needed: who has it can list all that is in the container",
            "leave it out when the next one is made",
        );
    }
    let destroys: String = permissions
        .chars()
        .filter(|char| "dxy".contains(*char))
        .collect();
    if !destroys.is_empty() {
        found.warn(
            "delete",
            format!("`{destroys}`: who has it can delete bundles, also those of other hosts"),
            "make a new one with `sp=rcw`",
        );
    }
}
