//! What a webhook was told and what it still is to be told. Decides; asks nobody.
//!
//! In the spool it is the cursor `notify:<name>`: so it survives whatever becomes of the process.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::event::{Event, message_id};
use crate::config::NotifySettings;

/// The most incidents that a webhook keeps apart at a time; what exceeds them is counted together.
pub const MOST_INCIDENTS: usize = 200;

/// An hour, in µs.
const HOUR: i64 = 3_600_000_000;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// Steps up to here are accounted for.
    pub(super) steps: i64,
    /// Ends of canaries up to here are.
    pub(super) canaries: i64,
    /// Incidents that were told, and until when more of them is gathered, in µs.
    #[serde(default)]
    open: BTreeMap<String, i64>,
    /// What was gathered since.
    #[serde(default)]
    pub(super) folded: BTreeMap<String, Folded>,
    /// Whether a canary failed and none came through since.
    #[serde(default)]
    pub(super) is_canary_out: bool,
    /// Events of incidents that are not kept apart.
    #[serde(default)]
    pub(super) others: u64,
    /// When what was gathered is told, in µs.
    #[serde(default)]
    due: Option<i64>,
    /// When incidents were told at once within the last hour, in µs.
    #[serde(default)]
    told: VecDeque<i64>,
}

/// What was gathered of one incident.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Folded {
    pub(super) rule: String,
    /// How often each event came.
    pub(super) events: BTreeMap<String, u64>,
    /// When the first and the last came, in µs.
    pub(super) first_at: i64,
    pub(super) last_at: i64,
    /// The last event.
    pub(super) last: String,
    /// The ids of the first and last event.
    pub(super) first_id: String,
    pub(super) last_id: String,
    /// The place of the last step, if it is of a bundle.
    pub(super) step: Option<i64>,
}

/// What to do about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Tell it now, and say so: [`Ledger::told`].
    Now,
    /// It was gathered.
    Later,
}

// === impl Ledger ===

impl Ledger {
    /// Nothing was told, and nothing before these places is to be.
    pub(super) fn at(steps: i64, canaries: i64) -> Self {
        Self {
            steps,
            canaries,
            ..Self::default()
        }
    }

    /// Decides about an event at `now`, in µs; `step` is its place in the journal of steps.
    pub(super) fn take(
        &mut self,
        event: &Event,
        step: Option<i64>,
        settings: &NotifySettings,
        now: i64,
    ) -> Turn {
        self.forget(settings, now);
        let is_open = self.open.contains_key(&event.incident)
            || self.folded.contains_key(&event.incident)
            || self.told.len() >= settings.per_hour as usize;
        if !is_open {
            return Turn::Now;
        }
        self.due
            .get_or_insert_with(|| now.saturating_add(settings.fold));
        if self.folded.len() >= MOST_INCIDENTS && !self.folded.contains_key(&event.incident) {
            self.others += 1;
            return Turn::Later;
        }
        let folded = self.folded.entry(event.incident.clone()).or_insert(Folded {
            rule: event.rule.clone(),
            first_at: event.at,
            first_id: event.id.clone(),
            ..Folded::default()
        });
        *folded
            .events
            .entry(event.kind.name().to_owned())
            .or_default() += 1;
        folded.last_at = event.at;
        folded.last_id.clone_from(&event.id);
        event.kind.name().clone_into(&mut folded.last);
        folded.step = step;
        Turn::Later
    }

    /// An incident was told at once, or given up.
    pub(super) fn told(&mut self, incident: &str, settings: &NotifySettings, now: i64) {
        self.told.push_back(now);
        self.open(incident.to_owned(), now.saturating_add(settings.fold));
    }

    /// Whether what was gathered is to be told now.
    pub(super) fn is_due(&mut self, settings: &NotifySettings, now: i64) -> bool {
        self.forget(settings, now);
        self.due.is_some_and(|due| due <= now)
    }

    /// What was gathered was told, or given up. What follows is gathered again.
    pub(super) fn told_folded(&mut self, settings: &NotifySettings, now: i64) {
        let until = now.saturating_add(settings.fold);
        for incident in std::mem::take(&mut self.folded).into_keys() {
            self.open(incident, until);
        }
        (self.others, self.due) = (0, None);
    }

    /// How many events were gathered.
    pub(super) fn gathered(&self) -> u64 {
        let folded = self.folded.values().map(Folded::count);
        folded.sum::<u64>() + self.others
    }

    /// The id of the message with what was gathered: the same as long as it is the same.
    pub(super) fn folded_id(&self) -> String {
        let ids = self.folded.values();
        let ids = ids.flat_map(|folded| [folded.first_id.as_bytes(), folded.last_id.as_bytes()]);
        let others = self.others.to_le_bytes();
        let parts: Vec<_> = ids.chain([others.as_slice()]).collect();
        message_id(&parts)
    }

    fn open(&mut self, incident: String, until: i64) {
        if self.open.len() >= MOST_INCIDENTS && !self.open.contains_key(&incident) {
            let first = self.open.iter().min_by_key(|(_, until)| **until);
            if let Some(first) = first.map(|(incident, _)| incident.clone()) {
                self.open.remove(&first);
            }
        }
        self.open.insert(incident, until);
    }

    /// Forgets what is over. A clock that was set back makes nothing last longer than it should.
    fn forget(&mut self, settings: &NotifySettings, now: i64) {
        let latest = now.saturating_add(settings.fold);
        self.open
            .retain(|_, until| *until > now && *until <= latest);
        self.due = self.due.map(|due| due.min(latest));
        self.told
            .retain(|told| *told <= now && now.saturating_sub(*told) < HOUR);
    }
}

// === impl Folded ===

impl Folded {
    /// How many events.
    pub(super) fn count(&self) -> u64 {
        self.events.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::What;
    use super::*;
    use crate::config::{Config, NotifyEvent};
    use tripline_bundle::spool::Kind;

    const SECOND: i64 = 1_000_000;

    fn settings(more: &str) -> NotifySettings {
        let text = format!("[[notify]]\nname = 'a'\nurl = 'https://h/x'\n{more}");
        let config = Config::parse("x", &text);
        config.accepted().unwrap().notify[0].clone()
    }

    fn event(incident: &str, kind: NotifyEvent, at: i64) -> Event {
        Event {
            id: format!("{incident}-{at}"),
            kind,
            at,
            incident: incident.to_owned(),
            rule: "r".to_owned(),
            group: None,
            severity: "warning".to_owned(),
            what: What::Bundle {
                id: String::new(),
                kind: Kind::Proactive,
                trigger: 0,
                size: None,
                cause: None,
            },
        }
    }

    /// Hands an event over; one whose turn it is was told.
    fn take(ledger: &mut Ledger, settings: &NotifySettings, incident: &str, now: i64) -> Turn {
        let event = event(incident, NotifyEvent::Held, now);
        let turn = ledger.take(&event, Some(now), settings, now);
        if turn == Turn::Now {
            ledger.told(incident, settings, now);
        }
        turn
    }

    #[test]
    fn the_first_of_an_incident_is_told_at_once_and_the_rest_together() {
        let settings = settings("fold = '10s'");
        let mut ledger = Ledger::default();
        let at = |seconds: i64| 100 * SECOND + seconds * SECOND;
        assert_eq!(take(&mut ledger, &settings, "a", at(0)), Turn::Now);
        assert_eq!(take(&mut ledger, &settings, "a", at(1)), Turn::Later);
        assert_eq!(take(&mut ledger, &settings, "b", at(2)), Turn::Now);
        assert_eq!(take(&mut ledger, &settings, "a", at(9)), Turn::Later);
        // It was written down and read again meanwhile.
        let text = serde_json::to_string(&ledger).unwrap();
        let mut ledger: Ledger = serde_json::from_str(&text).unwrap();
        assert!(!ledger.is_due(&settings, at(11) - 1));
        assert!(ledger.is_due(&settings, at(11)));
        assert_eq!(ledger.gathered(), 2);
        let id = ledger.folded_id();
        assert_eq!(
            serde_json::from_str::<Ledger>(&text).unwrap().folded_id(),
            id
        );
        // What is not told yet is gathered on.
        assert_eq!(take(&mut ledger, &settings, "a", at(12)), Turn::Later);
        assert_ne!(ledger.folded_id(), id);
        assert_eq!(ledger.folded["a"].events["held"], 3);
        ledger.told_folded(&settings, at(13));
        assert_eq!(
            (ledger.gathered(), ledger.is_due(&settings, at(99))),
            (0, false)
        );
        assert_eq!(
            take(&mut ledger, &settings, "a", at(99)),
            Turn::Now,
            "it was quiet"
        );
        ledger.told_folded(&settings, at(99));
        assert_eq!(take(&mut ledger, &settings, "a", at(100)), Turn::Later);
    }

    #[test]
    fn beyond_the_messages_of_an_hour_incidents_are_told_together() {
        let settings = settings("fold = '1s'\nper_hour = 2");
        let mut ledger = Ledger::default();
        let turns = ["a", "b", "c"].map(|name| take(&mut ledger, &settings, name, 5));
        assert_eq!(turns, [Turn::Now, Turn::Now, Turn::Later]);
        assert_eq!(take(&mut ledger, &settings, "d", HOUR + 4), Turn::Later);
        assert_eq!(take(&mut ledger, &settings, "e", HOUR + 5), Turn::Now);
        assert_eq!(ledger.gathered(), 2);
    }

    #[test]
    fn so_many_incidents_are_kept_apart() {
        let settings = settings("fold = '1h'\nper_hour = 1");
        let mut ledger = Ledger::default();
        take(&mut ledger, &settings, "first", 0);
        for number in 0..=MOST_INCIDENTS {
            take(&mut ledger, &settings, &format!("{number:04}"), 1);
        }
        take(&mut ledger, &settings, "0000", 2);
        assert_eq!(ledger.folded.len(), MOST_INCIDENTS);
        assert_eq!(
            (ledger.others, ledger.gathered()),
            (1, MOST_INCIDENTS as u64 + 2)
        );
        let text = serde_json::to_string(&ledger).unwrap();
        assert!(text.len() < 64 << 10, "{}", text.len());
        ledger.told_folded(&settings, 3);
        assert!(ledger.open.len() <= MOST_INCIDENTS);
    }

    #[test]
    fn a_clock_that_was_set_back_delays_nothing_for_ever() {
        let settings = settings("fold = '10s'");
        let mut ledger = Ledger::default();
        take(&mut ledger, &settings, "a", 1_000 * HOUR);
        take(&mut ledger, &settings, "a", 1_000 * HOUR + 1);
        let now = HOUR;
        assert!(!ledger.is_due(&settings, now));
        assert!(ledger.is_due(&settings, now + 10 * SECOND));
        assert_eq!(take(&mut ledger, &settings, "b", now), Turn::Now);
    }
}
