//! A container that bundles are delivered to.

use std::{
    fmt,
    future::Future,
    num::NonZeroUsize,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{runtime::Runtime, sync::Semaphore};

use super::{Backoff, Failure, journal::MIN_BLOCK_BYTES, name::blob_name};
use crate::{
    azure::{Action, Container, Credentials, Fault, MAX_BLOCKS, OpenError, Tier, TransportOptions},
    timestamp::Timestamp,
    watch::Watch,
};

/// The size of a block, in bytes.
pub const BLOCK_BYTES: u64 = 4 << 20;

/// How many blocks are under way at once, over all bundles.
pub const BLOCKS_AT_ONCE: usize = 2;

/// How often a request is made before it is left for later.
pub const TRIES: u32 = 4;

/// How long a bundle is to be kept, by its metadata.
pub const KEEP: Duration = Duration::from_secs(90 * 86_400);

/// The longest that a request is waited with before it is made again; what takes longer is for later.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How often whoever looks on is asked whether to stop.
const LOOK: Duration = Duration::from_millis(100);

/// The threads that drive the wire.
const THREADS: usize = 2;

/// How bundles are delivered to a container.
#[derive(Debug, Clone)]
pub struct AzureOptions {
    /// What the installation is called; the first part of a blob's name.
    pub deployment: String,
    /// What this host is called; the second part of a blob's name.
    pub host: String,
    /// Whether every host gives the same request the same name, so that the first one delivers it.
    pub folds_fleet: bool,
    /// The size of a block, in bytes; smaller where the rate or earlier timeouts ask for it, and larger for
    /// a file of more than 50,000 of them.
    pub block_bytes: u64,
    /// How many blocks are under way at once, over all bundles: that many are in memory.
    pub blocks_at_once: NonZeroUsize,
    /// How often a request is made before it is left for later.
    pub tries: u32,
    /// How long is waited in between.
    pub backoff: Backoff,
    /// How long a bundle is to be kept, by its metadata and tags.
    pub keep: Duration,
    /// The tier of bundles, where the account has it; none for what the account's default is.
    pub tier: Option<Tier>,
    /// Whether bundles get index tags, where the SAS permits it.
    pub has_tags: bool,
    /// How the account is reached.
    pub transport: TransportOptions,
}

/// A container that bundles are delivered to. Its `Debug` shows no secret.
pub struct AzureTarget {
    pub(super) container: Container,
    pub(super) options: AzureOptions,
    /// One for each block that may be under way, over all targets that share them.
    pub(super) slots: Arc<Semaphore>,
    /// The account refused it once.
    pub(super) is_without_tier: AtomicBool,
    pub(super) runtime: &'static Runtime,
}

// === impl AzureOptions ===

impl AzureOptions {
    /// The defaults.
    #[must_use]
    pub fn new(deployment: &str, host: &str) -> Self {
        Self {
            deployment: deployment.to_owned(),
            host: host.to_owned(),
            folds_fleet: false,
            block_bytes: BLOCK_BYTES,
            blocks_at_once: NonZeroUsize::new(BLOCKS_AT_ONCE).unwrap_or(NonZeroUsize::MIN),
            tries: TRIES,
            backoff: Backoff {
                first: Duration::from_millis(500),
                most: LONGEST_WAIT,
            },
            keep: KEEP,
            tier: Some(Tier::Cool),
            has_tags: true,
            transport: TransportOptions::default(),
        }
    }
}

// === impl AzureTarget ===

impl AzureTarget {
    /// A container, with what opens it. Nothing is asked yet.
    ///
    /// # Errors
    /// When the proxy or the certificates cannot be used, or no threads can be had.
    pub fn new(
        credentials: Arc<dyn Credentials>,
        options: AzureOptions,
    ) -> Result<Self, OpenError> {
        Ok(Self {
            container: Container::open(credentials, &options.transport)?,
            slots: Arc::new(Semaphore::new(options.blocks_at_once.get())),
            is_without_tier: AtomicBool::new(false),
            runtime: runtime()?,
            options,
        })
    }

    /// Another container that is delivered to in the same way: the cap on bytes a second, and on blocks
    /// that are under way, holds for both together.
    #[must_use]
    pub fn beside(&self, credentials: Arc<dyn Credentials>) -> Self {
        Self {
            container: self.container.beside(credentials),
            options: self.options.clone(),
            slots: Arc::clone(&self.slots),
            is_without_tier: AtomicBool::new(false),
            runtime: self.runtime,
        }
    }

    /// The container.
    #[must_use]
    pub const fn container(&self) -> &Container {
        &self.container
    }

    /// What this host is called.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.options.host
    }

    /// The name of a bundle; `file` is what it is called in the folder that it was sealed in.
    pub(super) fn name(&self, at: Timestamp, file: &str) -> String {
        let AzureOptions {
            deployment, host, ..
        } = &self.options;
        let host = (!self.options.folds_fleet).then_some(host.as_str());
        blob_name(deployment, host, at, file)
    }

    /// The size of the blocks of a new job: what is under way at once must fit through the line in half of
    /// the time that a request may take.
    pub(super) fn block_bytes(&self, size: u64) -> u64 {
        let mut most = self.options.block_bytes;
        if let Some(rate) = self.options.transport.bytes_per_second {
            let seconds = (self.options.transport.read_timeout / 2).as_secs().max(1);
            let at_once = self.options.blocks_at_once.get() as u64;
            most = most.min(rate.saturating_mul(seconds) / at_once.max(1));
        }
        most.max(MIN_BLOCK_BYTES.min(self.options.block_bytes))
            .max(size.div_ceil(MAX_BLOCKS))
            .max(1)
    }

    /// Makes a request as often as is of use.
    pub(super) async fn patiently<T, F: Future<Output = Result<T, Fault>>>(
        &self,
        watch: &dyn Watch,
        request: impl Fn() -> F,
    ) -> Result<T, Failure> {
        let mut failures = 0;
        loop {
            let answer = tokio::select! {
                answer = request() => answer,
                () = canceled(watch) => return Err(Failure::Canceled),
            };
            let Err(fault) = answer else {
                return Ok(answer?);
            };
            failures += 1;
            tokio::select! {
                waited = self.wait(failures, &fault) => waited?,
                () = canceled(watch) => return Err(Failure::Canceled),
            }
        }
    }

    /// Waits until a request may be made again after so many failures.
    ///
    /// # Errors
    /// The fault, if trying again at once is of no use.
    pub(super) async fn wait(&self, failures: u32, fault: &Fault) -> Result<(), Fault> {
        let is_of_use = matches!(
            fault.action(),
            Action::Retry | Action::RetrySmaller | Action::Reread
        );
        let wait = self.options.backoff.at_least(failures, fault.retry_after);
        if !is_of_use || failures >= self.options.tries || wait > LONGEST_WAIT {
            return Err(fault.clone());
        }
        tracing::debug!(%fault, failures, wait_ms = wait.as_millis(), "tried again");
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// The tier to ask for.
    pub(super) fn tier(&self) -> Option<Tier> {
        let is_refused = self.is_without_tier.load(Ordering::Relaxed);
        self.options.tier.filter(|_| !is_refused)
    }
}

impl fmt::Debug for AzureTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureTarget")
            .field("container", &self.container)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Returns once whoever looks on wants to stop.
pub(super) async fn canceled(watch: &dyn Watch) {
    while !watch.is_canceled() {
        tokio::time::sleep(LOOK).await;
    }
}

/// The threads that drive the wire: one set for the whole process, since connections belong to them.
fn runtime() -> Result<&'static Runtime, OpenError> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("tripline-deliver")
        .enable_all()
        .build()
        .map_err(OpenError::Runtime)?;
    Ok(RUNTIME.get_or_init(|| runtime))
}
