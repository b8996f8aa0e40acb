//! When a SAS holds.

use tripline_core::rules::format_duration;
use tripline_core::time::SECOND;

use super::{DAY, Found, Gravity, Needs};
use crate::azure::sas::{CLOCK_SKEW, Sas, SasTime};
use crate::timestamp::Timestamp;

/// When it holds.
pub(super) fn times(sas: &Sas, now: i64, needs: &Needs, found: &mut Found) {
    let fields = sas.fields();
    let all = [
        fields.starts,
        fields.expires,
        fields.key_starts,
        fields.key_expires,
    ];
    if all.contains(&Some(SasTime::Unreadable)) {
        found.unusable(
            "time",
            "a time in it cannot be read",
            "write times in UTC, such as 2028-11-24T00:00:00Z",
        );
    }
    let starts = [fields.starts, fields.key_starts].into_iter().flatten();
    if let Some(start) = starts.filter_map(SasTime::micros).max() {
        begins(start, now, found);
    }
    if fields.expires.is_none() {
        match &fields.policy {
            Some(policy) => found.add(
                Gravity::Note,
                "policy-dates",
                format!("the stored access policy `{policy}` says when it ends, which is not seen from here"),
                "note the policy's end where you plan: no warning of it will come",
            ),
            None => found.unusable(
                "no-expiry",
                "it does not say when it ends: `se` is missing",
                "copy the SAS anew and whole",
            ),
        }
    }
    if let Some(end) = sas.expires() {
        let is_key = fields.key_expires.and_then(SasTime::micros) == Some(end);
        ends(
            end,
            is_key && fields.expires.and_then(SasTime::micros) != Some(end),
            now,
            needs,
            found,
        );
    }
}

fn begins(start: i64, now: i64, found: &mut Found) {
    let ahead = start.saturating_sub(now);
    if ahead > CLOCK_SKEW {
        found.unusable(
            "not-yet",
            format!(
                "it begins only at {}, in {}",
                Timestamp::from_micros(start),
                rounded(ahead)
            ),
            "wait, check this machine's clock, or make a new one that begins a day ago",
        );
    } else if ahead > 0 {
        found.warn(
            "about-to-begin",
            format!(
                "it begins in {}: it may be refused until then",
                rounded(ahead)
            ),
            "make the next one begin a day before: clocks differ",
        );
    }
}

fn ends(end: i64, is_key: bool, now: i64, needs: &Needs, found: &mut Found) {
    let left = end.saturating_sub(now);
    let it = match is_key {
        true => "the user delegation key it is made with",
        false => "it",
    };
    let when = Timestamp::from_micros(end);
    const ANEW: &str = "make a new one, two years long, and put it in the place of this one: it is used \
                        without a restart";
    if left < -CLOCK_SKEW {
        let ago = rounded(left.saturating_neg());
        found.unusable(
            "expired",
            format!("{it} expired at {when}, {ago} ago"),
            ANEW,
        );
    } else if left <= CLOCK_SKEW {
        found.warn(
            "about-to-expire",
            format!("{it} expires at {when}, about now: by Azure's clock it may have ended"),
            ANEW,
        );
    } else if left <= needs.expiry_warning {
        found.warn(
            "expires-soon",
            format!("{it} expires at {when}, in {}", rounded(left)),
            ANEW,
        );
    }
}

/// A duration to the day, hour, minute or second, whatever is largest.
fn rounded(micros: i64) -> String {
    let unit = [DAY, 3_600 * SECOND, 60 * SECOND]
        .into_iter()
        .find(|unit| micros >= *unit)
        .unwrap_or(SECOND);
    let whole = micros.div_euclid(unit).max(1);
    match unit {
        DAY if whole == 1 => "1 day".to_owned(),
        DAY => format!("{whole} days"),
        _ => format_duration(whole.saturating_mul(unit)),
    }
}
