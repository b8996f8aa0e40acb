//! Whose turn it is, and when the next one's is.

use std::time::{Duration, Instant};

use super::{LOOK, Worker};
use crate::{
    deliver::{
        Target,
        failure::{HELD_ALONE, HELD_BY_TARGET, NO_ROUTE},
        lanes::Wake,
        pace::start_jitter,
        settle::{remove_sealed, waited},
    },
    seal::Error,
    spool::{HELD_FOR_ROOM, Note, RequestRow, Spool, State},
    watch::Watch,
};

/// Which of the bundles that are held are tried again, and on which occasion.
enum Occasion {
    /// When its target works again.
    Target,
    /// When the SAS is another one, or after a while if it says so.
    Own,
}

// === impl Worker ===

impl Worker {
    /// A process that was killed right after a delivery left the sealed file.
    pub(super) fn finish_interrupted(&self, spool: &Spool, watch: &dyn Watch) -> Result<(), Error> {
        let Ok(files) = std::fs::read_dir(self.ways.work.join("sealed")) else {
            return Ok(());
        };
        for file in files.flatten() {
            let name = file.file_name();
            let id = name.to_str().and_then(|name| name.split_once('.'));
            let Some(row) = id.and_then(|(id, _)| spool.request(id).ok()) else {
                continue;
            };
            let is_there = matches!(row.state, State::Delivered | State::Folded);
            if let (true, Some(parcel)) = (is_there, self.ways.parcel(&row, watch)) {
                remove_sealed(&parcel)?;
            }
        }
        Ok(())
    }

    /// Puts held bundles on their way that may fare better now.
    pub(super) fn wake_held(&mut self, spool: &mut Spool) -> Result<(), Error> {
        for row in self.rows(spool, State::Held)? {
            let may_go = match occasion(&row) {
                None => false,
                Some(Occasion::Own) => self.may_wake(&row),
                Some(Occasion::Target) => {
                    let sas = self.ways.fingerprint(&row);
                    let name = self.ways.name(&row).unwrap_or_default();
                    self.lanes.of(&name).wake(sas, Instant::now()) != Wake::None
                }
            };
            if may_go {
                let id = &row.request.id;
                spool.advance(id, State::Delivering, &Note::default())?;
            }
        }
        Ok(())
    }

    /// Whether a bundle that is held for a reason of its own is tried again.
    fn may_wake(&self, row: &RequestRow) -> bool {
        if row.cause.as_deref() == Some(NO_ROUTE) {
            return self.ways.name(row).is_some();
        }
        let Some(wait) = self.waits.get(&row.request.id) else {
            // Nobody tried since this process began.
            return true;
        };
        let is_over = wait.until.is_some_and(|until| until <= Instant::now());
        is_over || wait.sas != self.ways.fingerprint(row)
    }

    /// Holds the bundles for targets that refuse every one, without asking them again.
    pub(super) fn hold_refused(&self, spool: &mut Spool) -> Result<(), Error> {
        if !self.lanes.is_any_refusing() {
            return Ok(());
        }
        for row in self.rows(spool, State::Delivering)? {
            let name = self.ways.name(&row).unwrap_or_default();
            if let Some((cause, error)) = self.lanes.refusal(&name) {
                let note = Note {
                    cause: Some(cause),
                    error: Some(error),
                    ..Note::default()
                };
                spool.advance(&row.request.id, State::Held, &note)?;
            }
        }
        Ok(())
    }

    /// The bundles whose turn it is, in order.
    pub(super) fn due(&self, spool: &Spool) -> Result<Vec<RequestRow>, Error> {
        let mut due = Vec::new();
        for row in self.rows(spool, State::Delivering)? {
            if row.sealed.is_some() && self.due_in(spool, &row)?.is_zero() {
                due.push(row);
            }
        }
        Ok(due)
    }

    /// How long until it is a bundle's turn.
    fn due_in(&self, spool: &Spool, row: &RequestRow) -> Result<Duration, Error> {
        let id = &row.request.id;
        let instant = Instant::now();
        let name = self.ways.name(row).unwrap_or_default();
        let mut wait = self.lanes.closed_for(&name, instant);
        if let Some(until) = self.waits.get(id).and_then(|wait| wait.until) {
            wait = wait.max(until.saturating_duration_since(instant));
        }
        let jitter = start_jitter(id, &self.options.host, row.kind, self.options.start_jitter);
        if !jitter.is_zero() {
            wait = wait.max(jitter.saturating_sub(waited(spool, row)?));
        }
        Ok(wait)
    }

    /// Whether the target of a bundle takes any.
    pub(super) fn may_go(&self, row: &RequestRow) -> bool {
        let name = self.ways.name(row).unwrap_or_default();
        let is_closed = !self.lanes.closed_for(&name, Instant::now()).is_zero();
        !is_closed && self.lanes.refusal(&name).is_none()
    }

    /// Delivers to folders what waited long enough for its container.
    pub(super) fn fall_back(&mut self, spool: &mut Spool, watch: &dyn Watch) -> Result<(), Error> {
        for row in self.waiting(spool)? {
            if watch.is_canceled() {
                break;
            }
            let Some((folder, after)) = self.folder_instead(&row) else {
                continue;
            };
            let is_free = row.state == State::Delivering && self.may_go(&row);
            if is_free || !self.fall_back_in(spool, &row, after)?.is_zero() {
                continue;
            }
            if row.state == State::Held {
                let error = row.error.as_deref();
                let note = Note {
                    error,
                    ..Note::default()
                };
                spool.advance(&row.request.id, State::Delivering, &note)?;
            }
            self.carry_here(spool, &row, &folder, watch)?;
        }
        Ok(())
    }

    /// The folder that takes the place of a bundle's container, and when.
    fn folder_instead(&self, row: &RequestRow) -> Option<(Target, Duration)> {
        match self.ways.routes.target(row)?.1 {
            Target::Fallback { local, after, .. } => Some((Target::Local(local.clone()), *after)),
            _ => None,
        }
    }

    /// How long until a bundle goes to the folder in place of its container.
    fn fall_back_in(
        &self,
        spool: &Spool,
        row: &RequestRow,
        after: Duration,
    ) -> Result<Duration, Error> {
        let wait = self.waits.get(&row.request.id);
        let until = wait.and_then(|wait| wait.until);
        let until = until.map_or(Duration::ZERO, |until| {
            until.saturating_duration_since(Instant::now())
        });
        Ok(after.saturating_sub(waited(spool, row)?).max(until))
    }

    /// The bundles in a state that are this worker's to deliver.
    pub(super) fn rows(&self, spool: &Spool, state: State) -> Result<Vec<RequestRow>, Error> {
        let mut rows = spool.in_state(state)?;
        rows.retain(|row| self.ways.routes.is_ours(row));
        Ok(rows)
    }

    /// Bundles that have not arrived and may.
    fn waiting(&self, spool: &Spool) -> Result<Vec<RequestRow>, Error> {
        let mut rows = self.rows(spool, State::Delivering)?;
        let held = self.rows(spool, State::Held)?;
        rows.extend(held.into_iter().filter(|row| occasion(row).is_some()));
        rows.retain(|row| row.sealed.is_some());
        Ok(rows)
    }

    /// How long there is nothing to do.
    pub(super) fn next_look(&self, spool: &Spool) -> Result<Duration, Error> {
        let mut next = LOOK;
        for row in self.rows(spool, State::Delivering)? {
            next = next.min(self.due_in(spool, &row)?);
        }
        let held = self.rows(spool, State::Held)?;
        let held = held
            .iter()
            .filter(|row| matches!(occasion(row), Some(Occasion::Target)));
        if self
            .lanes
            .is_any_proven(held.filter_map(|row| self.ways.name(row)))
        {
            return Ok(Duration::ZERO);
        }
        let now = Instant::now();
        if let Some(look) = self.lanes.next_look() {
            next = next.min(look.saturating_duration_since(now));
        }
        for row in self.waiting(spool)? {
            if let Some((_, after)) = self.folder_instead(&row) {
                next = next.min(self.fall_back_in(spool, &row, after)?);
            }
        }
        Ok(next)
    }
}

/// On which occasion a held bundle is tried again; on none if it waits for something else.
fn occasion(row: &RequestRow) -> Option<Occasion> {
    row.sealed.as_ref()?;
    let cause = row.cause.as_deref()?;
    let is_one_of = |causes: &[&str]| causes.contains(&cause);
    if is_one_of(&HELD_BY_TARGET) {
        Some(Occasion::Target)
    } else if is_one_of(&HELD_FOR_ROOM) || is_one_of(&HELD_ALONE) {
        Some(Occasion::Own)
    } else {
        None
    }
}
