//! How far an output got, in the spool: `output:<name>` = `{"position":…,"line":…}`.

use serde::{Deserialize, Serialize};
use tripline_bundle::recorder::{Place, Position};
use tripline_bundle::spool::Spool;

/// A [`Place`] as it is written.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    position: i64,
    line: u64,
}

/// The key of an output's cursor.
pub(super) fn key(name: &str) -> String {
    format!("output:{name}")
}

/// The place as text.
pub(super) fn text(place: Place) -> String {
    let written = Written {
        position: place.position.into(),
        line: place.line,
    };
    // Two numbers have a JSON form.
    serde_json::to_string(&written).unwrap_or_default()
}

/// Where an output goes on; one without a cursor gets one at `readable`.
pub(super) fn load_or_begin(
    spool: &mut Spool,
    name: &str,
    readable: Place,
) -> anyhow::Result<Place> {
    let key = key(name);
    let Some(found) = spool.cursors()?.remove(&key) else {
        spool.set_cursor(&key, &text(readable))?;
        return Ok(readable);
    };
    parse(&found).ok_or_else(|| {
        anyhow::anyhow!(
            "cannot read how far the output `{name}` got: `{found}` (hint: run the release of tripline \
             that wrote it, or give the output another name, so that it begins anew)"
        )
    })
}

fn parse(text: &str) -> Option<Place> {
    let Written { position, line } = serde_json::from_str(text).ok()?;
    let position = Position::try_from(position).ok()?;
    Some(Place { position, line })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_and_nothing_else_is_one() {
        let place = Place {
            position: Position::try_from((3_i64 << 32) | 28).unwrap(),
            line: 7,
        };
        assert_eq!(text(place), r#"{"position":12884901916,"line":7}"#);
        assert_eq!(parse(&text(place)), Some(place));
        for wrong in ["", "7", r#"{"position":-1,"line":7}"#, r#"{"position":1}"#] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
