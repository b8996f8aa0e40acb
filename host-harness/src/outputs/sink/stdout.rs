//! Lines to standard output.

use std::fmt;
use std::io::{self, ErrorKind, Write};

use super::Fault;

/// Standard output, written without a buffer of ours.
pub(crate) struct StdoutSink {
    to: Box<dyn Write + Send>,
    /// How much of the lines under way is written.
    written: usize,
}

// === impl StdoutSink ===

impl StdoutSink {
    /// # Errors
    /// When there is no standard output.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self::to(own_stdout()?))
    }

    fn to(to: Box<dyn Write + Send>) -> Self {
        Self { to, written: 0 }
    }

    pub(super) fn take(&mut self, lines: &[u8]) -> Result<(), Fault> {
        // What was written before a fault is not written again: nobody could take it back.
        while let Some(rest) = lines.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.to.write(rest) {
                Ok(0) => return Err(Fault::Ended("standard output takes nothing".to_owned())),
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(fault(&error)),
            }
        }
        self.to.flush().map_err(|error| fault(&error))?;
        self.written = 0;
        Ok(())
    }
}

impl fmt::Debug for StdoutSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdoutSink")
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

/// Standard output past the buffer that the library keeps of it: what a failed write left there would be
/// written twice.
#[cfg(unix)]
fn own_stdout() -> io::Result<Box<dyn Write + Send>> {
    use std::os::fd::AsFd as _;
    let stdout = io::stdout().as_fd().try_clone_to_owned()?;
    Ok(Box::new(std::fs::File::from(stdout)))
}

#[cfg(not(unix))]
fn own_stdout() -> io::Result<Box<dyn Write + Send>> {
    Ok(Box::new(io::stdout()))
}

fn fault(error: &io::Error) -> Fault {
    if error.kind() == ErrorKind::BrokenPipe {
        return Fault::Ended(
            "whoever read standard output has gone (hint: start both again; nothing is lost as long \
             as the recorder keeps it)"
                .to_owned(),
        );
    }
    Fault::Passing(format!("cannot write to standard output: {error}"), None)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Takes three bytes at a time and fails once after each write.
    struct Slow {
        got: Arc<Mutex<Vec<u8>>>,
        fails: bool,
        error: ErrorKind,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.fails = !self.fails;
            if !self.fails {
                return Err(self.error.into());
            }
            let part = bytes.get(..3).unwrap_or(bytes);
            self.got.lock().unwrap().extend(part);
            Ok(part.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow(error: ErrorKind) -> (StdoutSink, Arc<Mutex<Vec<u8>>>) {
        let got = Arc::new(Mutex::new(Vec::new()));
        let slow = Slow {
            got: Arc::clone(&got),
            fails: false,
            error,
        };
        (StdoutSink::to(Box::new(slow)), got)
    }

    #[test]
    fn a_write_that_fails_half_way_goes_on_where_it_was() {
        let (mut sink, got) = slow(ErrorKind::StorageFull);
        for lines in [&b"one\ntwo\n"[..], b"three\n"] {
            let mut faults = 0;
            while let Err(fault) = sink.take(lines) {
                assert!(matches!(fault, Fault::Passing(..)), "{fault:?}");
                faults += 1;
            }
            assert!(faults > 0);
        }
        assert_eq!(*got.lock().unwrap(), b"one\ntwo\nthree\n");
    }

    #[test]
    fn a_pipe_that_nobody_reads_ends_it() {
        let (mut sink, _) = slow(ErrorKind::BrokenPipe);
        let fault = sink.take(b"one\ntwo\n").unwrap_err();
        let Fault::Ended(words) = fault else {
            panic!("{fault:?}");
        };
        assert!(words.contains("standard output"), "{words}");
    }
}
