//! Reading an input to its end, unit by unit.

use std::io::Read as _;

use super::frame::{FrameLimits, Framer, Unit};
use super::input::{Input, open};

/// How many bytes are read at once.
const READ_BYTES: usize = 256 * 1024;

/// Reads the units of an input. What came before an error was handed to the sink.
///
/// # Errors
/// Why it cannot be opened or read to its end, in words.
pub fn read_units(
    input: &Input,
    limits: FrameLimits,
    sink: &mut dyn FnMut(Unit<'_>),
) -> Result<(), String> {
    let mut opened = open(input).map_err(|error| error.to_string())?;
    let mut framer = Framer::of(input.format, limits);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match opened.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => framer.push(buffer.get(..read).unwrap_or_default(), sink),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                framer.finish(sink);
                return Err(error.to_string());
            }
        }
    }
    framer.finish(sink);
    Ok(())
}
