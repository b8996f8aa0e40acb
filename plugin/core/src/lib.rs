//! Stub.
pub mod contract;

use contract::{Context, Info, Output, Problem};

/// Stub of the detector: passes every line.
#[derive(Debug)]
pub struct Detector {
    lines: u64,
}

impl Detector {
    /// Reads the rules.
    ///
    /// # Errors
    /// All problems of the configuration.
    pub fn configure(rules: &str) -> Result<Self, Vec<Problem>> {
        let _ = rules;
        Ok(Self { lines: 0 })
    }
    /// What the plugin says of itself.
    #[must_use]
    pub fn info(&self) -> Info {
        Info {
            name: "tripline".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            attributes: Vec::new(),
        }
    }
    /// Judges a batch.
    pub fn process(&mut self, batch: &[u8], context: &Context) -> Output {
        let _ = context;
        let n = batch.iter().filter(|b| **b == b'\n').count();
        self.lines += n as u64;
        Output { times: vec![0; n], ..Output::default() }
    }
    /// Moves a source's clock.
    pub fn advance(&mut self, context: &Context) -> Output {
        let _ = context;
        Output::default()
    }
    /// Answers a question about the state.
    #[must_use]
    pub fn explain(&self, query: &str) -> String {
        let _ = query;
        format!("{{\"lines\":{}}}", self.lines)
    }
    /// The whole state.
    #[must_use]
    pub fn checkpoint(&self) -> Vec<u8> {
        self.lines.to_le_bytes().to_vec()
    }
    /// Takes a state back.
    ///
    /// # Errors
    /// When it is not a state of this version.
    pub fn restore(&mut self, state: &[u8]) -> Result<Vec<String>, String> {
        self.lines = u64::from_le_bytes(state.try_into().map_err(|_| "not a state")?);
        Ok(Vec::new())
    }
}
