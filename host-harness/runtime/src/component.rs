//! A plugin's file, compiled and known to fit the world.

use std::path::Path;
use std::{fmt, fs, io};

use sha2::{Digest, Sha256};
use wasmtime::component::Linker;

use crate::bindings::{Plugin, PluginPre};
use crate::engine::Engine;
use crate::host::Host;

/// The largest file that is taken for a plugin. Ours is well below 1 MiB.
pub const MAX_COMPONENT_BYTES: u64 = 64 << 20;

/// What the build made of `plugin/`.
const EMBEDDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/plugin.wasm"));

/// The interface a plugin may import, without its version.
const OWN_IMPORT: &str = "tripline:plugin/host@";

/// First bytes of every WebAssembly file.
const MAGIC: &[u8] = b"\0asm";

/// Version and layer that follow in a core module.
const CORE_MODULE: &[u8] = &[1, 0, 0, 0];

/// A compiled plugin. Cheap to clone; any number of sessions can be made of it.
#[derive(Clone)]
pub struct Component {
    pre: PluginPre<Host>,
    name: String,
    sha256: String,
    is_embedded: bool,
}

/// Why a file is no plugin. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read the plugin `{name}`: {source}")]
    Read {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// It is larger than any plugin.
    #[error("`{name}` has {bytes} bytes, a plugin has at most {MAX_COMPONENT_BYTES}")]
    TooLarge {
        /// The file.
        name: String,
        /// Its size.
        bytes: u64,
    },
    /// It is no WebAssembly.
    #[error("`{name}` is not a WebAssembly component (it does not start with `\\0asm`)")]
    NotWasm {
        /// The file.
        name: String,
    },
    /// It is WebAssembly, but not wrapped.
    #[error(
        "`{name}` is a core module, not a component; wrap it with `wasm-tools component new {name}`"
    )]
    CoreModule {
        /// The file.
        name: String,
    },
    /// It is damaged, or uses what this engine does not know.
    #[error("cannot compile the component `{name}`: {reason}")]
    Damaged {
        /// The file.
        name: String,
        /// The engine's own words.
        reason: String,
    },
    /// It wants what a plugin may not have.
    #[error(
        "the component `{name}` imports {imports}; a plugin may import nothing but \
         `tripline:plugin/host` (build it for wasm32-unknown-unknown, without WASI)"
    )]
    ForeignImport {
        /// The file.
        name: String,
        /// The imports, quoted, with commas.
        imports: String,
    },
    /// It is a component, but not for this contract.
    #[error(
        "the component `{name}` is no tripline plugin: {reason} (it must implement world `plugin` \
         of `tripline:plugin@0.1.0`)"
    )]
    WrongWorld {
        /// The file.
        name: String,
        /// What is missing or differs.
        reason: String,
    },
}

// === impl Component ===

impl Component {
    /// The plugin that is built in.
    ///
    /// # Errors
    /// Only when this machine cannot compile it.
    pub fn embedded(engine: &Engine) -> Result<Self, LoadError> {
        let component = Self::from_bytes(engine, "embedded", EMBEDDED)?;
        Ok(Self {
            is_embedded: true,
            ..component
        })
    }

    /// A plugin from a file.
    ///
    /// # Errors
    /// When the file cannot be read, or as for [`Component::from_bytes`].
    pub fn from_file(engine: &Engine, file: &Path) -> Result<Self, LoadError> {
        let name = file.display().to_string();
        let read = |source| LoadError::Read {
            name: name.clone(),
            source,
        };
        let bytes = fs::metadata(file).map_err(read)?.len();
        if bytes > MAX_COMPONENT_BYTES {
            return Err(LoadError::TooLarge { name, bytes });
        }
        Self::from_bytes(engine, &name, &fs::read(file).map_err(read)?)
    }

    /// A plugin from bytes; `name` is what errors call it.
    ///
    /// # Errors
    /// When it is not a component, imports anything but our own interface, or does not export the
    /// world's functions.
    pub fn from_bytes(engine: &Engine, name: &str, bytes: &[u8]) -> Result<Self, LoadError> {
        let name = name.to_owned();
        let Some(version) = bytes.strip_prefix(MAGIC) else {
            return Err(LoadError::NotWasm { name });
        };
        if version.starts_with(CORE_MODULE) {
            return Err(LoadError::CoreModule { name });
        }
        let compiled = match wasmtime::component::Component::from_binary(engine.inner(), bytes) {
            Ok(compiled) => compiled,
            Err(error) => {
                return Err(LoadError::Damaged {
                    name,
                    reason: format!("{error:#}"),
                });
            }
        };
        let foreign = foreign_imports(engine, &compiled);
        if !foreign.is_empty() {
            return Err(LoadError::ForeignImport {
                name,
                imports: foreign.join(", "),
            });
        }
        match fit(engine, &compiled) {
            Ok(pre) => Ok(Self {
                pre,
                name,
                sha256: hex_sha256(bytes),
                is_embedded: false,
            }),
            Err(error) => Err(LoadError::WrongWorld {
                name,
                reason: format!("{error:#}"),
            }),
        }
    }

    /// The SHA-256 of the file, as lower-case hex digits.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The file's name, or `embedded`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is the built-in one.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.is_embedded
    }

    pub(crate) fn pre(&self) -> &PluginPre<Host> {
        &self.pre
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component")
            .field("name", &self.name)
            .field("sha256", &self.sha256)
            .finish_non_exhaustive()
    }
}

fn foreign_imports(engine: &Engine, compiled: &wasmtime::component::Component) -> Vec<String> {
    let component_type = compiled.component_type();
    let imports = component_type.imports(engine.inner());
    imports
        .filter(|(name, _)| !name.starts_with(OWN_IMPORT))
        .map(|(n, _)| format!("`{n}`"))
        .collect()
}

/// Links the imports and finds the exports.
fn fit(
    engine: &Engine,
    compiled: &wasmtime::component::Component,
) -> wasmtime::Result<PluginPre<Host>> {
    let mut linker = Linker::<Host>::new(engine.inner());
    Plugin::add_to_linker::<_, wasmtime::component::HasSelf<_>>(&mut linker, |host| host)?;
    PluginPre::new(linker.instantiate_pre(compiled)?)
}

fn hex_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
