//! The keys that are read, in lower case, and how a text finds its key.

/// Declares the keys, once. The first [`COMMON_KEYS`] have a slot of their own in every object.
macro_rules! keys {
    ($($name:ident = $text:literal $(| $alias:literal)*),+ $(,)?) => {
        /// A key that is read, in `properties` or at the top.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each is the key of its name")]
        pub enum Key { $($name),+ }

        /// Every spelling with its key.
        const SPELLINGS: &[(&str, Key)] = &[$(($text, Key::$name), $(($alias, Key::$name),)*)+];
    };
}

keys! {
    // The common ones, in the resource logs of SignalR and Web PubSub.
    Time = "time", ResourceId = "resourceid", Category = "category", Operation = "operationname",
    Level = "level" | "log level", Message = "message", Type = "type", Collection = "collection",
    ConnectionId = "connectionid", UserId = "userid" | "user id",
    ConnectionType = "connectiontype" | "connection type", TransportType = "transporttype",
    CallerIp = "calleripaddress",
    // Their messaging and HTTP request logs, tables and live trace.
    Hub = "hub" | "hubname", MessageType = "messagetype", TracingId = "messagetracingid",
    RouteTemplate = "routetemplate" | "route template", HttpMethod = "httpmethod" | "http method",
    Url = "url", TraceId = "traceid" | "trace id", StatusCode = "statuscode" | "status code",
    Duration = "duration", GroupName = "groupname", InvocationId = "invocationid",
    ServerSticky = "serversticky" | "server sticky", Exception = "exception",
    RowResourceId = "_resourceid", TraceEvent = "event name", TraceConnection = "connection id",
    TraceIp = "ip", TraceTransport = "transport",
    // Times under other names. `TimeGenerated [Local Time]` and its like name no zone that could be
    // known here, so they are no time.
    TimeGenerated = "timegenerated" | "timegenerated [utc]", EventTimestamp = "eventtimestamp",
    EventTimeString = "eventtimestring", EventTime = "eventtime", TimeStamp = "timestamp",
    CreatedDateTime = "createddatetime", ShipperTime = "@timestamp",
    // Alerts of Azure Stack Hub.
    AlertId = "alertid", FaultTypeId = "faulttypeid", Title = "title", Severity = "severity",
    State = "state", Created = "createdtimestamp", LastUpdated = "lastupdatedtimestamp",
    Closed = "closedtimestamp", ImpactedResourceId = "impactedresourceid",
    ImpactedResourceName = "impactedresourcedisplayname", Description = "description",
    Remediation = "remediation",
    // The common alert schema.
    SchemaId = "schemaid", AlertRule = "alertrule", MonitorCondition = "monitorcondition",
    Targets = "alerttargetids", ConfigurationItems = "configurationitems",
    OriginAlertId = "originalertid", Fired = "fireddatetime", Resolved = "resolveddatetime",
    // Health faults of Azure Local.
    FaultType = "faulttype", FaultId = "faultid", PerceivedSeverity = "perceivedseverity",
    Reason = "reason", RecommendedActions = "recommendedactions",
    FaultingObject = "faultingobjectuniqueid", FaultingDescription = "faultingobjectdescription",
    FaultingLocation = "faultingobjectlocation", FaultTime = "faulttime", ChangeType = "changetype",
    // A line that a shipper carries, besides `message`.
    Log = "log", Msg = "msg",
}

/// How many keys have a slot of their own; the others share a list that is mostly empty.
pub(super) const COMMON_KEYS: usize = Key::CallerIp as usize + 1;

/// The longest spelling, in bytes.
pub(super) const LONGEST_KEY: usize = longest();

const fn longest() -> usize {
    let (mut longest, mut i) = (0, 0);
    while i < SPELLINGS.len() {
        if SPELLINGS[i].0.len() > longest {
            longest = SPELLINGS[i].0.len();
        }
        i += 1;
    }
    longest
}

/// The spellings by their length, so that few are compared with a text.
const BY_LENGTH: [(&str, Key); SPELLINGS.len()] = by_length();

const fn by_length() -> [(&'static str, Key); SPELLINGS.len()] {
    let mut sorted = [SPELLINGS[0]; SPELLINGS.len()];
    let (mut filled, mut length) = (0, 0);
    while length <= LONGEST_KEY {
        let mut i = 0;
        while i < SPELLINGS.len() {
            if SPELLINGS[i].0.len() == length {
                sorted[filled] = SPELLINGS[i];
                filled += 1;
            }
            i += 1;
        }
        length += 1;
    }
    sorted
}

/// Where the spellings of each length begin in [`BY_LENGTH`].
const STARTS: [usize; LONGEST_KEY + 2] = starts();

const fn starts() -> [usize; LONGEST_KEY + 2] {
    let mut starts = [0; LONGEST_KEY + 2];
    let mut length = 0;
    while length <= LONGEST_KEY {
        let (mut i, mut shorter_or_equal) = (0, 0);
        while i < SPELLINGS.len() {
            if SPELLINGS[i].0.len() <= length {
                shorter_or_equal += 1;
            }
            i += 1;
        }
        starts[length + 1] = shorter_or_equal;
        length += 1;
    }
    starts
}

/// The key for `text`, which is in lower case.
pub(super) fn known_key(text: &[u8]) -> Option<Key> {
    let (from, to) = (*STARTS.get(text.len())?, *STARTS.get(text.len() + 1)?);
    // Both ends differ for nearly all of one length, which spares calls of the comparison.
    let (first, last) = (text.first()?, text.last()?);
    BY_LENGTH
        .get(from..to)?
        .iter()
        .map(|(spelling, key)| (spelling.as_bytes(), key))
        .find(|(spelling, _)| {
            spelling.last() == Some(last) && spelling.first() == Some(first) && *spelling == text
        })
        .map(|(_, key)| *key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_finds_its_key_and_is_unique() {
        for (i, (spelling, key)) in SPELLINGS.iter().enumerate() {
            assert_eq!(known_key(spelling.as_bytes()), Some(*key), "{spelling}");
            assert_eq!(*spelling, spelling.to_lowercase(), "{spelling}");
            assert!(
                SPELLINGS
                    .iter()
                    .skip(i + 1)
                    .all(|(other, _)| other != spelling)
            );
        }
        for text in ["", "tim", "times", "impactedresourcedisplaynames", "\u{e9}"] {
            assert_eq!(known_key(text.as_bytes()), None, "{text}");
        }
    }
}
