//! The engine: wasmtime with the settings of a plugin host.

use std::path::PathBuf;

use wasmtime::{Cache, CacheConfig, Config};

/// How an [`Engine`] is set up.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Where compiled components are kept.
    pub cache: AotCache,
}

/// Where compiled components are kept, so that only the first start compiles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AotCache {
    /// In wasmtime's own folder for this user.
    #[default]
    User,
    /// In this folder, made if missing.
    Folder(PathBuf),
    /// Nowhere: every start compiles.
    Off,
}

/// Compiles components and owns what their instances share. Cheap to clone; one a process is enough.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the WebAssembly engine: {reason} (is this a supported processor?)")]
pub struct EngineError {
    reason: String,
}

// === impl Engine ===

impl Engine {
    /// Sets up an engine. A cache folder that cannot be used is a warning, not an error.
    ///
    /// # Errors
    /// When wasmtime cannot compile for this machine.
    pub fn new(options: EngineOptions) -> Result<Self, EngineError> {
        let mut config = Config::new();
        config
            .wasm_component_model(true)
            .consume_fuel(true)
            // A replay gives the same bytes on every machine.
            .cranelift_nan_canonicalization(true)
            .relaxed_simd_deterministic(true)
            .cache(open_cache(options.cache));
        let inner = wasmtime::Engine::new(&config).map_err(|error| EngineError {
            reason: format!("{error:#}"),
        })?;
        Ok(Self { inner })
    }

    pub(crate) fn inner(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// Whether it is this engine that compiled something.
    pub(crate) fn is(&self, other: &wasmtime::Engine) -> bool {
        wasmtime::Engine::same(&self.inner, other)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

fn open_cache(wanted: AotCache) -> Option<Cache> {
    let opened = match &wanted {
        AotCache::Off => return None,
        AotCache::User => Cache::from_file(None),
        AotCache::Folder(folder) => {
            let mut config = CacheConfig::new();
            config.with_directory(folder);
            Cache::new(config)
        }
    };
    match opened {
        Ok(cache) => Some(cache),
        Err(error) => {
            tracing::warn!(
                cache = ?wanted,
                error = %format!("{error:#}"),
                "cannot use the cache of compiled components; the plugin is compiled at every start"
            );
            None
        }
    }
}
