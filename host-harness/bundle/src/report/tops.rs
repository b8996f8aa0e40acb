//! What there is most of, as tables of a report.

use std::fmt::Write as _;

use super::activity::{Activity, Top};

/// The tables, none of them if there is nothing in it.
pub(super) struct Tops<'a> {
    /// Reasons and fault types, with advice.
    pub(super) reasons: Table<'a>,
    /// Resources.
    pub(super) resources: Table<'a>,
}

/// Some values, how often they came up, and what is left out.
pub(super) struct Table<'a> {
    /// Value, lines and what to do about it.
    pub(super) rows: Vec<(&'a str, u64, &'static str)>,
    /// A sentence on the others, or nothing.
    pub(super) rest: String,
}

pub(super) fn tops(activity: &Activity) -> Tops<'_> {
    Tops {
        reasons: table(&activity.reasons),
        resources: table(&activity.resources),
    }
}

fn table(top: &Top) -> Table<'_> {
    let (rows, others) = top.most();
    let mut rest = String::new();
    // Writing to a String cannot fail.
    if others > 0 {
        write!(rest, "{others} more came up less often. ").unwrap_or_default();
    }
    if top.uncounted > 0 {
        write!(
            rest,
            "{} lines have values beyond the first {} and are not counted here.",
            top.uncounted,
            super::activity::MAX_VALUES
        )
        .unwrap_or_default();
    }
    Table { rows, rest }
}

/// A path in the same folder, as the target of a link.
pub(super) fn link(path: &str) -> String {
    let mut link = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~=@".contains(&byte) {
            link.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            write!(link, "%{byte:02X}").unwrap_or_default();
        }
    }
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_member_and_nowhere_else() {
        assert_eq!(link("logs/default/a~2.log"), "logs/default/a~2.log");
        assert_eq!(link("javascript:alert(1)"), "javascript%3Aalert%281%29");
        assert_eq!(link("a b\"ä"), "a%20b%22%C3%A4");
    }
}
