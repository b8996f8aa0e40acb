//! Delivering whatever is due, by one thread of its own.
//!
//! Bundles go in the order in which their requests arrived, a few at a time. What failed and passes by
//! itself is tried again after a growing wait; what waits for somebody is held, and looked at again once the
//! SAS changed. A failure that the next bundle for the same target would share stops that target: without
//! a network there is one attempt now and then, not one a bundle. Waits are in memory only: after a restart
//! everything is tried once.

mod due;
mod ours;

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use futures::{FutureExt as _, StreamExt as _, future::LocalBoxFuture, stream::FuturesUnordered};

use ours::WhileOurs;

use super::{
    Arrived, Backoff, Failure, MAX_START_JITTER, Observer, Parcel, Settled, Target,
    carry::{carry, carry_now, fell_back},
    lanes::{Fingerprint, Lanes},
    settle::{settle, waited},
};
use crate::{
    seal::Error,
    signature::BundleSigner,
    spool::{Note, RequestRow, Spool, State},
    watch::Watch,
};

/// How many bundles are on their way at once.
pub const BUNDLES_AT_ONCE: usize = 2;

/// The longest that nobody looks for new bundles and a new SAS.
const LOOK: Duration = Duration::from_secs(5);

/// Says where the bundle of a request goes.
pub trait Routes: Send + Sync {
    /// The target, with a name that is the same for the same target; `None` holds the bundle.
    fn target(&self, row: &RequestRow) -> Option<(&str, &Target)>;

    /// Whether the bundle is the worker's to deliver; others stay as they are, and one that is under way is
    /// called off. Asked often, so it must be quick.
    fn is_ours(&self, row: &RequestRow) -> bool {
        let _ = row;
        true
    }
}

/// How a worker delivers.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// What this host is called; hosts of different names begin at different times.
    pub host: String,
    /// How many bundles are on their way at once.
    pub bundles_at_once: NonZeroUsize,
    /// The longest that a bundle waits before it is delivered for the first time.
    pub start_jitter: Duration,
    /// How long is waited after a failure that passes by itself.
    pub backoff: Backoff,
    /// How long is waited for a network that is away.
    pub offline: Backoff,
    /// How often is looked for what somebody has to do where we do not see it.
    pub look: Duration,
    /// Who is told what becomes of bundles.
    pub observer: Option<Arc<dyn Observer>>,
}

/// Delivers what is due.
pub struct Worker {
    ways: Arc<Ways>,
    options: WorkerOptions,
    /// Bundles that failed for a reason of their own.
    waits: HashMap<String, Wait>,
    lanes: Lanes,
    is_started: bool,
}

/// Where bundles come from and go to.
struct Ways {
    routes: Box<dyn Routes>,
    work: PathBuf,
    signer: Option<BundleSigner>,
}

/// A bundle that is tried again.
#[derive(Debug, Clone, Copy)]
struct Wait {
    failures: u32,
    /// None: not before the SAS is another one.
    until: Option<Instant>,
    sas: Fingerprint,
}

/// A bundle on its way.
type Way<'a> = LocalBoxFuture<'a, (RequestRow, Result<Arrived, Failure>)>;

// === impl WorkerOptions ===

impl WorkerOptions {
    /// The defaults.
    #[must_use]
    pub fn new(host: &str) -> Self {
        let seconds = Duration::from_secs;
        let backoff = |first, most| Backoff { first, most };
        Self {
            host: host.to_owned(),
            bundles_at_once: NonZeroUsize::new(BUNDLES_AT_ONCE).unwrap_or(NonZeroUsize::MIN),
            start_jitter: MAX_START_JITTER,
            backoff: backoff(seconds(10), seconds(15 * 60)),
            offline: backoff(seconds(5), seconds(5 * 60)),
            look: seconds(15 * 60),
            observer: None,
        }
    }
}

/// Everything to one target.
impl Routes for Target {
    fn target(&self, _: &RequestRow) -> Option<(&str, &Target)> {
        Some(("target", self))
    }
}

// === impl Ways ===

impl Ways {
    fn parcel<'a>(&'a self, row: &'a RequestRow, watch: &'a dyn Watch) -> Option<Parcel<'a>> {
        Parcel::of(row, &self.work, self.signer.as_ref(), watch)
    }

    fn name(&self, row: &RequestRow) -> Option<String> {
        self.routes.target(row).map(|(name, _)| name.to_owned())
    }

    /// What tells the SAS of a request's target from another one.
    fn fingerprint(&self, row: &RequestRow) -> Fingerprint {
        let (_, target) = self.routes.target(row)?;
        target.azure()?.container().credentials().fingerprint()
    }

    async fn carry(
        &self,
        row: &RequestRow,
        waited: Duration,
        watch: &dyn Watch,
    ) -> Result<Arrived, Failure> {
        let watch = WhileOurs {
            row,
            routes: &*self.routes,
            watch,
        };
        match (self.routes.target(row), self.parcel(row, &watch)) {
            (Some((_, target)), Some(parcel)) => carry(target, &parcel, waited).await,
            (None, _) => Err(Failure::NoRoute),
            (_, None) => Err(Failure::Lost(self.work.clone())),
        }
    }
}

// === impl Worker ===

impl Worker {
    /// One for the files that were sealed in `work`.
    #[must_use]
    pub fn new(
        routes: Box<dyn Routes>,
        work: PathBuf,
        signer: Option<BundleSigner>,
        options: WorkerOptions,
    ) -> Self {
        let ways = Ways {
            routes,
            work,
            signer,
        };
        Self {
            ways: Arc::new(ways),
            options,
            waits: HashMap::new(),
            lanes: Lanes::default(),
            is_started: false,
        }
    }

    /// Goes on with other routes: the configuration changed. What is held is tried again.
    pub fn set_routes(&mut self, routes: Box<dyn Routes>, signer: Option<BundleSigner>) {
        self.ways = Arc::new(Ways {
            routes,
            work: self.ways.work.clone(),
            signer,
        });
        self.waits.clear();
        self.lanes = Lanes::default();
    }

    /// Delivers until `watch` says so or the other end of `wake` is dropped. A word through `wake` makes it
    /// look at once: a bundle was sealed, or the SAS changed. It finds out by itself within five seconds.
    ///
    /// Not from a thread that drives an asynchronous runtime: it waits for the wire.
    pub fn run(&mut self, spool: &mut Spool, wake: &Receiver<()>, watch: &dyn Watch) {
        while !watch.is_canceled() {
            let wait = self.deliver_due(spool, watch).unwrap_or_else(|error| {
                tracing::error!(%error, "cannot deliver");
                LOOK
            });
            match wake.recv_timeout(wait.min(LOOK)) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Delivers what is due now, and answers how long there is nothing to do unless something new comes:
    /// five seconds at most, since a new SAS tells nobody.
    ///
    /// # Errors
    /// When the spool cannot be read or written.
    pub fn deliver_due(&mut self, spool: &mut Spool, watch: &dyn Watch) -> Result<Duration, Error> {
        if !self.is_started {
            self.finish_interrupted(spool, watch)?;
            self.is_started = true;
        }
        self.wake_held(spool)?;
        self.hold_refused(spool)?;
        let due = self.due(spool)?;
        let ways = Arc::clone(&self.ways);
        let target = due
            .iter()
            .find_map(|row| ways.routes.target(row)?.1.azure());
        match target {
            Some(azure) => azure.runtime.block_on(self.drain(spool, due, watch))?,
            // Folders only: nothing is ever awaited.
            None => self
                .drain(spool, due, watch)
                .now_or_never()
                .unwrap_or(Ok(()))?,
        }
        self.hold_refused(spool)?;
        self.fall_back(spool, watch)?;
        self.next_look(spool)
    }

    /// Takes bundles to their targets, in order, a few at a time.
    async fn drain(
        &mut self,
        spool: &mut Spool,
        due: Vec<RequestRow>,
        watch: &dyn Watch,
    ) -> Result<(), Error> {
        let ways = Arc::clone(&self.ways);
        let mut due = due.into_iter();
        let mut under_way: FuturesUnordered<Way<'_>> = FuturesUnordered::new();
        loop {
            while under_way.len() < self.options.bundles_at_once.get() && !watch.is_canceled() {
                let Some(row) = due.next() else { break };
                // A target that turned out to be away keeps its bundles waiting; so does whoever turned
                // delivering off meanwhile.
                if !self.may_go(&row) || !ways.routes.is_ours(&row) {
                    continue;
                }
                let waited = waited(spool, &row)?;
                let ways = &ways;
                under_way.push(Box::pin(async move {
                    let carried = ways.carry(&row, waited, watch).await;
                    (row, carried)
                }));
            }
            let Some((row, carried)) = under_way.next().await else {
                return Ok(());
            };
            self.settle(spool, &row, carried, watch)?;
        }
    }

    /// Writes down what became of a bundle, and what that says of its target.
    fn settle(
        &mut self,
        spool: &mut Spool,
        row: &RequestRow,
        carried: Result<Arrived, Failure>,
        watch: &dyn Watch,
    ) -> Result<(), Error> {
        let ways = Arc::clone(&self.ways);
        let Some(parcel) = ways.parcel(row, watch) else {
            return Ok(());
        };
        if spool.request(&row.request.id)?.state == State::Held {
            // It was held while it was under way, as somebody turned collecting off: what did not arrive
            // stays so, and what arrived did.
            if carried.is_err() {
                return Ok(());
            }
            spool.advance(&row.request.id, State::Delivering, &Note::default())?;
        }
        let is_of_target = carried.as_ref().is_err_and(Failure::is_of_target);
        let settled = settle(spool, &parcel, carried)?;
        if let Some(observer) = &self.options.observer {
            observer.settled(row, &settled);
        }
        let id = &row.request.id;
        let name = ways.name(row).unwrap_or_default();
        let sas = ways.fingerprint(row);
        let now = Instant::now();
        let wait = self.waits.remove(id);
        let failures = wait.map_or(0, |wait| wait.failures) + 1;
        let wait_until = |until| Wait {
            failures,
            until,
            sas,
        };
        match settled {
            // It says nothing of the container.
            Settled::Delivered(Arrived {
                fell_back: true, ..
            })
            | Settled::Lost
            | Settled::Canceled => {}
            Settled::Delivered(_) | Settled::Folded(_) => self.lanes.of(&name).works(),
            Settled::Held { cause, error, look } if is_of_target => {
                let look = look.then(|| now + self.options.look);
                self.lanes.of(&name).refuse((cause, error), sas, look);
            }
            Settled::Held { look, .. } => {
                let until = look.then(|| now + self.options.look);
                self.lanes.of(&name).works();
                self.waits.insert(id.clone(), wait_until(until));
            }
            Settled::Offline { error } => {
                let lane = self.lanes.of(&name);
                lane.failures = lane.failures.saturating_add(1);
                lane.close(now + self.options.offline.after(lane.failures));
                tracing::info!(bundle.id = id, error, "offline");
            }
            Settled::Later { after, error, .. } if is_of_target => {
                let lane = self.lanes.of(&name);
                lane.failures = lane.failures.saturating_add(1);
                lane.close(now + self.options.backoff.at_least(lane.failures, after));
                tracing::info!(bundle.id = id, error, "later");
            }
            Settled::Later { after, error, .. } => {
                let until = now + self.options.backoff.at_least(failures, after);
                self.waits.insert(id.clone(), wait_until(Some(until)));
                tracing::info!(bundle.id = id, error, "later");
            }
        }
        Ok(())
    }

    /// Delivers a bundle to the folder that takes the place of its container.
    fn carry_here(
        &mut self,
        spool: &mut Spool,
        row: &RequestRow,
        folder: &Target,
        watch: &dyn Watch,
    ) -> Result<(), Error> {
        let ways = Arc::clone(&self.ways);
        let Some(parcel) = ways.parcel(row, watch) else {
            return Ok(());
        };
        let why = row.error.clone().unwrap_or_default();
        let carried = carry_now(folder, &parcel, Duration::ZERO).map(|arrived| Arrived {
            cause: Some(fell_back(&why)),
            fell_back: true,
            ..arrived
        });
        self.settle(spool, row, carried, watch)
    }
}
