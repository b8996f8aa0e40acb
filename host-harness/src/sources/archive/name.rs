//! Names of blobs with resource logs.
//!
//! `resourceId=<path>/y=2026/m=11/d=24/h=13/m=00/PT1H.json`: the resource's path in any case, with its
//! sub-resources such as `/REPLICAS/<r>`; `m` is the month first and then the minute, which is always 0.
//! The hour is that of the receipt: a blob may hold records of other hours.

/// The longest name there is, in characters.
const NAME_CHARS: usize = 1024;

/// Where a blob belongs, in hours and by resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BlobName<'a> {
    /// All before `/y=`: the prefix of all blobs of the resource.
    pub(super) resource: &'a str,
    /// What follows: the hour and the file.
    pub(super) rest: &'a str,
    /// Hours since 1970.
    pub(super) hour: i64,
}

// === impl BlobName ===

impl<'a> BlobName<'a> {
    /// Takes a name apart; `None` for one of another form.
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        if name.len() > NAME_CHARS || !name.get(..11)?.eq_ignore_ascii_case("resourceId=") {
            return None;
        }
        let split = name.match_indices("/y=").last()?.0;
        let (resource, rest) = name.split_at_checked(split)?;
        let rest = rest.strip_prefix('/')?;
        let mut parts = rest.split('/');
        let mut number = |key: &str| -> Option<u32> {
            let digits = parts.next()?.strip_prefix(key)?;
            let is_plain =
                (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| is_plain)
        };
        let (year, month, day) = (number("y=")?, number("m=")?, number("d=")?);
        let (hour, _minute) = (number("h=")?, number("m=")?);
        let file = parts.next()?;
        if parts.next().is_some() || !file.to_ascii_lowercase().ends_with(".json") {
            return None;
        }
        let day = chrono::NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
        let time = day.and_hms_opt(hour, 0, 0)?;
        Some(Self {
            resource,
            rest,
            hour: time.and_utc().timestamp().div_euclid(3600),
        })
    }
}

/// The prefix of a resource's blobs of the day in which this hour lies.
pub(super) fn day_prefix(resource: &str, hour: i64) -> Option<String> {
    let time = chrono::DateTime::from_timestamp(hour.checked_mul(3600)?, 0)?;
    Some(format!("{resource}/{}/", time.format("y=%Y/m=%m/d=%d")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUB: &str = "resourceId=/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.SIGNALRSERVICE/SIGNALR/HUB";

    #[test]
    fn the_forms_of_names() {
        let replica = format!("{HUB}/REPLICAS/EAST");
        let pubsub = HUB
            .replace("/SIGNALR/", "/WEBPUBSUB/")
            .to_lowercase()
            .replace("resourceid", "resourceId");
        for resource in [HUB, &replica, &pubsub] {
            let name = format!("{resource}/y=2026/m=11/d=24/h=13/m=00/PT1H.json");
            let parsed = BlobName::parse(&name).unwrap();
            assert_eq!(
                (parsed.resource, parsed.rest),
                (resource, "y=2026/m=11/d=24/h=13/m=00/PT1H.json")
            );
            assert_eq!(parsed.hour, 498_757);
            assert_eq!(
                day_prefix(resource, parsed.hour).unwrap(),
                format!("{resource}/y=2026/m=11/d=24/")
            );
        }
    }

    #[test]
    fn other_names_are_none() {
        for rest in [
            "",
            "/y=2026",
            "/y=2026/m=13/d=01/h=00/m=00/PT1H.json",
            "/y=2026/m=02/d=30/h=00/m=00/PT1H.json",
            "/y=2026/m=01/d=01/h=24/m=00/PT1H.json",
            "/y=2026/m=01/d=01/h=00/m=00/PT1H.json/x",
            "/y=2026/m=01/d=01/h=00/m=00/PT1H.csv",
            "/y=2026/m=01/d=01/h=00/m=00",
            "/y=+026/m=01/d=01/h=00/m=00/a.json",
        ] {
            assert_eq!(BlobName::parse(&format!("{HUB}{rest}")), None, "{rest}");
        }
        assert_eq!(
            BlobName::parse("other/y=2026/m=01/d=01/h=00/m=00/PT1H.json"),
            None
        );
        assert_eq!(
            BlobName::parse(&format!("resourceId={}", "é".repeat(600))),
            None
        );
    }
}
