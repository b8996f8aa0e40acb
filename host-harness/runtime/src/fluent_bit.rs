//! The module for Fluent Bit's wasm filter: the embedded one, with an operator's rules written into it.
//!
//! Fluent Bit gives a module no configuration, so it has to be inside. The module exports the address of
//! an area that is empty as built (see [`tripline_fluentbit`]); one more data segment fills it, which
//! takes no compiler: the other sections are copied as they are.

use tripline_fluentbit::{RULES_BYTES, RULES_HEADER, RULES_SYMBOL};
use wasm_encoder::{ConstExpr, DataCountSection, DataSection, Encode, RawSection};
use wasmparser::{ExternalKind, Operator, Parser, Payload};

/// What the build made of `plugin/fluentbit/`: a core module without rules, which passes every record.
pub const FLUENT_BIT_MODULE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/fluentbit.wasm"));

/// The longest rules that fit into a module, as JSON, in bytes.
pub const MAX_RULES_BYTES: usize = RULES_BYTES - RULES_HEADER;

/// The number of the section that holds data segments.
const DATA: u8 = 11;

/// Why rules cannot be written into a module.
#[derive(Debug, thiserror::Error)]
pub enum WriteRulesError {
    /// They do not fit.
    #[error(
        "the rules take {bytes} bytes as JSON, a module for Fluent Bit has room for {MAX_RULES_BYTES} \
         (shorten descriptions and lists, or split the rules over several filters)"
    )]
    TooLong {
        /// Their size.
        bytes: usize,
    },
    /// It is not a module of ours.
    #[error("not a tripline module for Fluent Bit: {reason}")]
    Module {
        /// What is wrong with it.
        reason: String,
    },
}

/// `module` with `rules`, which a plugin has accepted, as JSON.
///
/// # Errors
/// When the rules are too long, or `module` is not [`FLUENT_BIT_MODULE`] or the like of it.
pub fn with_rules(module: &[u8], rules: &str) -> Result<Vec<u8>, WriteRulesError> {
    let bytes = rules.len();
    let length = u32::try_from(bytes)
        .ok()
        .filter(|_| bytes <= MAX_RULES_BYTES);
    let length = length.ok_or(WriteRulesError::TooLong { bytes })?;
    let found = find(module).map_err(|error| refused(&error.to_string()))?;
    let area = found
        .area
        .ok_or_else(|| refused(&format!("it does not export `{RULES_SYMBOL}`")))?;
    let segment = [&length.to_le_bytes()[..], rules.as_bytes()].concat();

    let mut written = wasm_encoder::Module::new();
    let mut has_data = false;
    for (id, range) in found.sections {
        let data = module.get(range).unwrap_or_default();
        match id {
            DATA => {
                has_data = true;
                let data =
                    appended(data, area, &segment).map_err(|error| refused(&error.to_string()))?;
                written.section(&RawSection { id, data: &data });
            }
            id if id == wasm_encoder::SectionId::DataCount as u8 => {
                let count = found.segments.saturating_add(1);
                written.section(&DataCountSection { count });
            }
            id => {
                written.section(&RawSection { id, data });
            }
        }
    }
    if has_data {
        Ok(written.finish())
    } else {
        Err(refused("it has no data"))
    }
}

fn refused(reason: &str) -> WriteRulesError {
    WriteRulesError::Module {
        reason: reason.to_owned(),
    }
}

/// What writing rules needs to know of a module.
#[derive(Default)]
struct Found {
    /// Number and contents of each section, in their order.
    sections: Vec<(u8, std::ops::Range<usize>)>,
    /// How many data segments there are.
    segments: u32,
    /// The address of the area for rules.
    area: Option<i32>,
}

fn find(module: &[u8]) -> Result<Found, wasmparser::BinaryReaderError> {
    let mut found = Found::default();
    let mut globals = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        found.sections.extend(payload.as_section());
        match payload {
            Payload::GlobalSection(section) => {
                for global in section {
                    let first = global?.init_expr.get_operators_reader().read()?;
                    globals.push(match first {
                        Operator::I32Const { value } => Some(value),
                        _ => None,
                    });
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.kind == ExternalKind::Global && export.name == RULES_SYMBOL {
                        found.area = globals.get(export.index as usize).copied().flatten();
                    }
                }
            }
            Payload::DataSection(section) => found.segments = section.count(),
            _ => {}
        }
    }
    Ok(found)
}

/// A data section with one more segment.
fn appended(
    data: &[u8],
    area: i32,
    segment: &[u8],
) -> Result<Vec<u8>, wasmparser::BinaryReaderError> {
    let mut reader = wasmparser::BinaryReader::new(data, 0);
    let count = reader.read_var_u32()?;
    let mut written = Vec::with_capacity(data.len() + segment.len() + 16);
    count.saturating_add(1).encode(&mut written);
    written.extend_from_slice(data.get(reader.original_position()..).unwrap_or_default());
    // A section of one segment, without its size and count.
    let mut one = DataSection::new();
    one.active(0, &ConstExpr::i32_const(area), segment.iter().copied());
    let mut encoded = Vec::new();
    one.encode(&mut encoded);
    let mut reader = wasmparser::BinaryReader::new(&encoded, 0);
    reader.read_var_u32()?;
    reader.read_var_u32()?;
    written.extend_from_slice(
        encoded
            .get(reader.original_position()..)
            .unwrap_or_default(),
    );
    Ok(written)
}
