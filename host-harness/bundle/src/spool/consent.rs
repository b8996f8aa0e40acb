//! What becomes of requests when somebody turns proactive collection off, or on again.

use super::{Error, Note, PROACTIVE_OFF, RequestRow, Spool, State};

// === impl Spool ===

impl Spool {
    /// Holds every proactive request that is on its way, and every canary that is to leave, with the cause [`PROACTIVE_OFF`]; answers how
    /// many. What is held for another reason stays so, and must not be delivered meanwhile either.
    ///
    /// Call it between steps of requests: whoever seals or delivers one then finds it held.
    ///
    /// # Errors
    /// When SQLite refuses or a row cannot be read.
    pub fn hold_proactive(&mut self) -> Result<usize, Error> {
        let mut rows = self.pending()?;
        rows.retain(RequestRow::is_gated);
        let note = Note {
            cause: Some(PROACTIVE_OFF),
            ..Note::default()
        };
        for row in &rows {
            self.advance(&row.request.id, State::Held, &note)?;
        }
        Ok(rows.len())
    }

    /// Lets those go on that [`Spool::hold_proactive`] held; answers how many.
    ///
    /// # Errors
    /// As [`Spool::hold_proactive`].
    pub fn resume_proactive(&mut self) -> Result<usize, Error> {
        let rows = self.held_while_off()?;
        for row in &rows {
            let next = match row.sealed {
                Some(_) => State::Delivering,
                None => State::Collecting,
            };
            self.advance(&row.request.id, next, &Note::default())?;
        }
        Ok(rows.len())
    }

    /// The requests that are held since proactive collection is off.
    ///
    /// # Errors
    /// As [`Spool::hold_proactive`].
    pub fn held_while_off(&self) -> Result<Vec<RequestRow>, Error> {
        let mut rows = self.rows("WHERE state = 'held' AND kind <> 'manual'")?;
        rows.retain(|row| row.is_gated() && row.cause.as_deref() == Some(PROACTIVE_OFF));
        Ok(rows)
    }
}
