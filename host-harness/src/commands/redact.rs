//! `tripline redact`, `tripline bundle redact` and `tripline bundle release`.

use std::io::{self, BufReader, BufWriter, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use encoding_rs_io::DecodeReaderBytesBuilder;
use tripline_bundle::local;
use tripline_bundle::recorder::Durability;
use tripline_bundle::redact::{Redaction, Report};
use tripline_bundle::rewrite::{self, redact_bundle, redact_lines};
use tripline_bundle::seal::{self, deliver_released};
use tripline_bundle::spool::{Release, Spool, StormCaps};
use tripline_bundle::timestamp::Timestamp;

use super::print::answer;
use super::{read_config, state_folder};
use crate::cli::{BundleRedactArgs, RedactArgs, ReleaseArgs};
use crate::config::read_key;
use crate::exit::Failure;
use crate::who::Who;

/// The buffers of the pipe, in bytes.
const BUFFER_BYTES: usize = 1 << 16;

/// `tripline redact`.
///
/// # Errors
/// When the configuration is wrong or a pipe breaks.
pub fn redact(args: &RedactArgs) -> Result<(), Failure> {
    if let (Some(value), Some(kind)) = (&args.token, &args.kind) {
        let file = args.key_file.as_deref();
        let file = file.ok_or_else(|| Failure::usage("--token needs --key-file"))?;
        return answer(&format!(
            "{}\n",
            read_key(file)?.token(kind, value.as_bytes())
        ));
    }
    let config = read_config(args.config.as_deref())?;
    let mut redact = config.accepted()?.redact.clone();
    if args.key_file.is_some() {
        redact.deployment_key_file.clone_from(&args.key_file);
    }
    let profile = redact.compile(args.profile.as_deref())?;
    let mut redaction = Redaction::new(&profile);
    // What Windows PowerShell redirects is UTF-16.
    let input = DecodeReaderBytesBuilder::new()
        .utf8_passthru(true)
        .build(io::stdin().lock());
    let input = BufReader::with_capacity(BUFFER_BYTES, input);
    if io::stdin().is_terminal() {
        tracing::info!("reading lines from the terminal");
    }
    let mut output = BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock());
    let done = redact_lines(&mut redaction, input, &mut output).and_then(|_| output.flush());
    match done {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        done => done.context("cannot redact standard input")?,
    }
    if args.report {
        print_report(&redaction.report())?;
    }
    Ok(())
}

/// Standard output is taken by the lines.
fn print_report(report: &Report) -> Result<(), Failure> {
    let mut text = serde_json::to_string(report).context("cannot print the report")?;
    text.push('\n');
    let written = io::stderr().lock().write_all(text.as_bytes());
    Ok(written.context("cannot print the report")?)
}

/// `tripline bundle redact`.
///
/// # Errors
/// Findings when the bundle is not intact or a secret is left in it.
pub fn bundle(args: &BundleRedactArgs) -> Result<(), Failure> {
    let config = read_config(args.config.as_deref())?;
    let profile = config.accepted()?.redact.compile(args.profile.as_deref())?;
    if !args.input.is_file() {
        return Err(Failure::usage(format!(
            "no bundle `{}` (hint: name a file such as ID.tar.zst)",
            args.input.display()
        )));
    }
    let report =
        redact_bundle(&args.input, &args.output, &profile).map_err(|error| match error {
            rewrite::Error::NotIntact { .. } | rewrite::Error::Secret(_) => {
                Failure::Findings(error.to_string())
            }
            rewrite::Error::Taken(_) => Failure::usage(error),
            error => anyhow::Error::from(error).into(),
        })?;
    let text = serde_json::to_string_pretty(&report).context("cannot print the report")?;
    answer(&format!("{text}\n"))
}

/// `tripline bundle release`.
///
/// # Errors
/// When the bundle is not held for a secret.
pub fn release(args: &ReleaseArgs) -> Result<(), Failure> {
    if args.reason.trim().is_empty() {
        return Err(Failure::usage(
            "a release needs a reason (hint: --reason \"why it may leave\")",
        ));
    }
    let state = state_folder(&args.folder)?;
    let mut spool = Spool::open(&state, Durability::Fsync, StormCaps::default())
        .map_err(|error| Failure::Runtime(error.into()))?;
    let release = Release {
        reason: args.reason.clone(),
        by: Some(Who::am_i().to_string()),
        at: Timestamp::from_micros(now()),
    };
    seal::release(&mut spool, &args.id, &release).map_err(Failure::usage)?;
    let replayed = args.folder.join(".tripline");
    if state != replayed {
        return answer(&format!("{}: released, to be delivered next\n", args.id));
    }
    let dest = args.folder.join("bundles");
    let path = deliver_released(&mut spool, &args.id, &state.join("work"), &dest);
    let path = path.map_err(|error| match error {
        seal::Error::Deliver(local::Error::Changed(_)) => Failure::Runtime(anyhow::anyhow!(
            "the sealed file of `{}` is gone (hint: run the replay again)",
            args.id
        )),
        error => Failure::from(anyhow::Error::from(error)),
    })?;
    answer(&format!(
        "{}: released and delivered to {}\n",
        args.id,
        show(&path)
    ))
}

fn show(path: &Path) -> std::path::Display<'_> {
    path.display()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let micros = since.as_ref().map_or(0, Duration::as_micros);
    i64::try_from(micros).unwrap_or(i64::MAX)
}
