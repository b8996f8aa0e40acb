//! The module in a core-module runtime, which calls it as Fluent Bit does.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};

use tripline_runtime::{FLUENT_BIT_MODULE, with_rules};
use wasmtime::{Instance, Memory, Module, Store, TypedFunc};

/// When every record of these tests arrives: after all of them.
pub(crate) const ARRIVED: u32 = 1_900_000_000;

/// The arguments of `tripline_filter`: tag, its length, seconds, nanoseconds, record, its length.
type Arguments = (u32, u32, u32, u32, u32, u32);

/// The module in a core-module runtime.
pub(crate) struct Filter {
    pub(crate) store: Store<()>,
    pub(crate) memory: Memory,
    malloc: TypedFunc<u32, u32>,
    free: TypedFunc<u32, ()>,
    pub(crate) filter: TypedFunc<Arguments, u32>,
}

impl Filter {
    pub(crate) fn new(rules: &str) -> Self {
        Self::of(&with_rules(FLUENT_BIT_MODULE, rules).unwrap())
    }

    pub(crate) fn of(module: &[u8]) -> Self {
        let module = compiled(module);
        let engine = module.engine();
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        Self {
            memory: instance.get_memory(&mut store, "memory").unwrap(),
            malloc: instance.get_typed_func(&mut store, "malloc").unwrap(),
            free: instance.get_typed_func(&mut store, "free").unwrap(),
            filter: instance
                .get_typed_func(&mut store, tripline_fluentbit::FUNCTION)
                .unwrap(),
            store,
        }
    }

    /// A copy in a block of the module's own, as it is.
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> u32 {
        let block = self
            .malloc
            .call(&mut self.store, u32::try_from(bytes.len()).unwrap())
            .unwrap();
        assert_ne!(block, 0, "no memory for {} bytes", bytes.len());
        self.memory
            .write(&mut self.store, block as usize, bytes)
            .unwrap();
        block
    }

    /// Calls as Fluent Bit does, and answers a copy of what comes back, up to its NUL.
    pub(crate) fn call(&mut self, record: &[u8]) -> Vec<u8> {
        self.call_as("signalr.raw", record)
    }

    /// The same for a record with this tag.
    pub(crate) fn call_as(&mut self, tag: &str, record: &[u8]) -> Vec<u8> {
        let tag_length = u32::try_from(tag.len()).unwrap();
        let (tag, text) = (
            self.copy(&[tag.as_bytes(), b"\0"].concat()),
            self.copy(&[record, b"\0"].concat()),
        );
        let length = u32::try_from(record.len()).unwrap();
        let arguments = (tag, tag_length, ARRIVED, 0, text, length);
        let answer = self.filter.call(&mut self.store, arguments).unwrap();
        let answer = self.text_at(answer);
        for block in [tag, text] {
            self.free.call(&mut self.store, block).unwrap();
        }
        answer
    }

    pub(crate) fn text_at(&self, place: u32) -> Vec<u8> {
        assert_ne!(place, 0, "null would lose the record");
        let memory = self.memory.data(&self.store).get(place as usize..).unwrap();
        let end = memory.iter().position(|byte| *byte == 0).unwrap();
        memory[..end].to_vec()
    }
}

/// Compiled once: it takes seconds, and most tests use the same rules.
pub(crate) fn compiled(bytes: &[u8]) -> Module {
    static ENGINE: OnceLock<wasmtime::Engine> = OnceLock::new();
    static KNOWN: Mutex<BTreeMap<Vec<u8>, Module>> = Mutex::new(BTreeMap::new());
    let engine = ENGINE.get_or_init(|| {
        let mut config = wasmtime::Config::new();
        // What Fluent Bit's runtime does not have.
        config.wasm_simd(false).wasm_relaxed_simd(false);
        wasmtime::Engine::new(&config).unwrap()
    });
    let mut known = KNOWN.lock().unwrap();
    let module = known
        .entry(bytes.to_vec())
        .or_insert_with(|| Module::new(engine, bytes).unwrap());
    module.clone()
}
