//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::commands;
use crate::config::DEFAULT_STATE;
use crate::exit::Failure;
use crate::replay;
use crate::telemetry;

/// The configuration that `init` and `check` mean unless told otherwise.
pub(crate) const DEFAULT_CONFIG_FILE: &str = "tripline.toml";

/// Flags trigger conditions in SignalR resource logs and Azure Stack Hub alerts, and seals the logs
/// around the moment into bundles.
///
/// Exit codes: 0 done, 1 failed at run time, 2 wrong command line, input or configuration, 3 the
/// environment (disk full, target, SAS), 4 a check found something, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "tripline", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Replay logs from files, exactly and offline: flag records and seal bundles into a folder.
    Replay(ReplayArgs),
    /// Run live: record and judge what sources bring, seal and deliver what the rules ask for.
    Run(commands::run::RunArgs),
    /// Send logs now, or save them locally: a bundle of the lines of a window, whatever the rules say.
    Collect(commands::collect::CollectArgs),
    /// Show the requests of a state or replay folder and what became of them.
    History(HistoryArgs),
    /// Look at bundles.
    #[command(subcommand)]
    Bundle(BundleCommand),
    /// Look at rules.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Redact lines from standard input to standard output, as a bundle would have them.
    Redact(RedactArgs),
    /// Look at the recorder, which keeps raw lines so that bundles can be cut out of them.
    #[command(subcommand)]
    Recorder(RecorderCommand),
    /// Turn collecting by itself on or off, and see how it stands.
    #[command(subcommand)]
    Proactive(commands::proactive::ProactiveCommand),
    /// The kill switch: let lines pass with neither plugin nor recorder, without a restart.
    #[command(subcommand)]
    Bypass(commands::bypass::BypassCommand),
    /// Let a rule ask for nothing for a while; its flags stay.
    Silence(commands::silence::SilenceArgs),
    /// Send a record through all of a running `tripline run`, and say how far it came.
    Canary(commands::canary::CanaryArgs),
    /// Look at the SAS that bundles are delivered with.
    #[command(subcommand)]
    Sas(commands::sas::SasCommand),
    /// Run inside Fluent Bit: the module for its wasm filter.
    #[command(subcommand)]
    FluentBit(commands::fluent_bit::FluentBitCommand),
    /// Look at what came and is no record.
    #[command(subcommand)]
    Quarantine(commands::quarantine::QuarantineCommand),
    /// Write a configuration to start from: every key with its default, explained.
    Init(InitArgs),
    /// Check a configuration without running anything: exit code 2 and every problem with its line.
    Check(CheckArgs),
    /// Look at everything that has to be right on this machine, and say what to do: exit code 3 if
    /// something does not work. Nothing is changed.
    Doctor(commands::doctor::DoctorArgs),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page, or write those of all commands into a folder.
    Man(commands::papers::ManArgs),
    /// Print the JSON Schema of the configuration, for editors, or of manifest.json in bundles.
    Schema {
        /// What to print the schema of.
        #[arg(value_enum, default_value_t = SchemaOf::Configuration)]
        of: SchemaOf,
    },
}

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SchemaOf {
    /// The configuration.
    Configuration,
    /// manifest.json in bundles.
    Manifest,
}

/// Arguments of `tripline replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Files, folders (searched for .json .jsonl .ndjson .log .txt .csv, also .gz and .zst) or `-`.
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// The folder to write to: new, empty, or one of an earlier replay, which is replaced.
    #[arg(long, value_name = "DIR", required_unless_present = "dry_run")]
    pub out: Option<PathBuf>,
    /// Only say what each rule would cost in bundles, bytes and upload time; --out is not touched.
    #[arg(long)]
    pub dry_run: bool,
    /// The upload rate to count with, in bytes a second: 4MiB unless given, or such as 500kB.
    #[arg(long, value_name = "RATE", requires = "dry_run", value_parser = replay::parse_rate,
          default_value_t = replay::DEFAULT_UPLOAD_RATE, hide_default_value = true)]
    pub upload_rate: u64,
    /// A configuration; see `tripline init`. Without one the default rules are in force.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Another plugin component instead of the embedded one.
    #[arg(long, value_name = "FILE")]
    pub plugin: Option<PathBuf>,
    /// A JSON file with a part of summary.json; exit code 4 unless it comes out so.
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    /// Move every source's clock to this time at the end, so that pending holds fall due.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Print summary.json, or what --dry-run found, instead of words.
    #[arg(long)]
    pub json: bool,
    /// How many bytes of lines the plugin gets at once. The results do not depend on it.
    #[arg(long, value_name = "BYTES", default_value_t = crate::ingest::batch::DEFAULT_BATCH_BYTES, hide = true)]
    pub batch_bytes: usize,
}

/// Arguments of `tripline history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// A state folder, or the --out folder of a replay.
    #[arg(
        value_name = "DIR",
        env = "TRIPLINE_STATE",
        default_value = DEFAULT_STATE
    )]
    pub folder: PathBuf,
    /// With --ticket: the request, by its id or the beginning of it. Without DIR it may stand alone.
    #[arg(value_name = "ID", requires = "ticket")]
    pub id: Option<String>,
    /// Print a text that has what support asks for, about one request: `history [DIR] ID --ticket`.
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    pub ticket: bool,
    /// With --ticket: without ids of resources, users and connections, host and file names.
    #[arg(long, requires = "ticket")]
    pub public: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Print CSV, with a line of names.
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

/// Commands on bundles.
#[derive(Debug, Subcommand)]
pub enum BundleCommand {
    /// List the bundles of a folder.
    List {
        /// The folder, or the --out folder of a replay.
        folder: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write the files of a bundle into a folder, after checking that it is whole.
    Open {
        /// The bundle.
        file: PathBuf,
        /// The folder: empty or not there yet.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Check that bundles are whole: exit code 4 and a reason if any byte is not as it was sealed.
    Verify {
        /// The bundles.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Check also that the signature beside each bundle is by the owner of this ed25519 key (PEM).
        #[arg(long, value_name = "FILE")]
        public_key: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write a redacted copy of a bundle, under the same id; prints what was replaced.
    Redact(BundleRedactArgs),
    /// Let a bundle go that is held since a secret was found in it after redaction.
    Release(ReleaseArgs),
}

/// Arguments of `tripline redact`.
#[derive(Debug, Args)]
pub struct RedactArgs {
    /// `share`, `raw` or a profile of the configuration, instead of the one it names.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// A configuration; without one `share` is in force.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print what each redactor replaced as JSON on standard error: counts, no values.
    #[arg(long)]
    pub report: bool,
    /// Print the token that a deployment key gives this value, and read nothing.
    #[arg(long, value_name = "VALUE", requires = "kind", requires = "key_file")]
    pub token: Option<String>,
    /// The kind of the value, as in its token: mail, user, address, subscription, host or a redactor.
    #[arg(long, value_name = "KIND", requires = "token")]
    pub kind: Option<String>,
    /// The deployment key, instead of the one the configuration names.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

/// Arguments of `tripline bundle redact`.
#[derive(Debug, Args)]
pub struct BundleRedactArgs {
    /// The bundle.
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// The file to write, which must not be there yet.
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
    /// `share`, `raw` or a profile of the configuration, instead of the one it names.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// A configuration; without one `share` is in force.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Arguments of `tripline bundle release`.
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// The bundle, by its id.
    pub id: String,
    /// Why it may leave; kept in the history.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// A state folder, or the --out folder of a replay.
    #[arg(
        long = "state",
        value_name = "DIR",
        env = "TRIPLINE_STATE",
        default_value = "/var/lib/tripline"
    )]
    pub folder: PathBuf,
}

/// Commands on the recorder.
#[derive(Debug, Subcommand)]
pub enum RecorderCommand {
    /// Show what it holds, its limits and for how many hours they keep lines.
    Status {
        /// A state folder.
        #[arg(value_name = "DIR", env = "TRIPLINE_STATE", default_value = DEFAULT_STATE)]
        folder: PathBuf,
        /// The configuration that holds the limits; without one the default limits are shown.
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Read every byte of it: exit code 4 and reasons if it is damaged.
    Verify {
        /// A state folder.
        #[arg(value_name = "DIR", env = "TRIPLINE_STATE", default_value = DEFAULT_STATE)]
        folder: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Remove segments now, except those that requests under way need. Nothing else may be using it.
    Purge(RecorderPurgeArgs),
}

/// Arguments of `tripline recorder purge`.
#[derive(Debug, Args)]
pub struct RecorderPurgeArgs {
    /// A state folder.
    #[arg(value_name = "DIR", env = "TRIPLINE_STATE", default_value = DEFAULT_STATE)]
    pub folder: PathBuf,
    /// Segments whose lines are all from before this time.
    #[arg(long, value_name = "TIME", required_unless_present = "all")]
    pub before: Option<String>,
    /// All segments.
    #[arg(long, conflicts_with = "before")]
    pub all: bool,
    /// Do it; without this it only says what would be removed.
    #[arg(long)]
    pub yes: bool,
}

/// Commands on rules.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// List the rules in force.
    List {
        /// A configuration instead of the default rules.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the fields that rules can test, group by and count.
    Fields,
    /// Say why a rule asked for a bundle or did not, over a replay of logs.
    ///
    /// With --line: what every rule makes of that line after all lines before it. With --group: what
    /// every rule remembers of that group at the end.
    Explain(ExplainArgs),
    /// Run test cases through the plugin: exit code 4 if one fails.
    Test(RulesTestArgs),
}

/// Arguments of `tripline rules test`.
#[derive(Debug, Args)]
pub struct RulesTestArgs {
    /// Files of test cases; docs/rule-tests.md describes them.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// A configuration to test instead of the rules that the files name.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Another plugin component instead of the embedded one.
    #[arg(long, value_name = "FILE")]
    pub plugin: Option<PathBuf>,
    /// Write the results as JUnit XML as well.
    #[arg(long, value_name = "OUT.xml")]
    pub junit: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `tripline rules explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Files, folders or `-`, as for `tripline replay`.
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// The line: its number from 1, SOURCE:NUMBER, or the line itself.
    #[arg(
        long,
        value_name = "LINE",
        required_unless_present = "group",
        conflicts_with = "group"
    )]
    pub line: Option<String>,
    /// The group, as `tripline history --json` and manifests name it.
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// Only this rule.
    #[arg(long, value_name = "RULE")]
    pub rule: Option<String>,
    /// A configuration with rules of your own instead of the default ones.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Another plugin component instead of the embedded one.
    #[arg(long, value_name = "FILE")]
    pub plugin: Option<PathBuf>,
    /// With --group: move every source's clock to this time at the end.
    #[arg(long, value_name = "TIME", conflicts_with = "line")]
    pub until: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `tripline init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The file to write, which must not be there yet; `-` prints it.
    #[arg(value_name = "FILE", default_value = DEFAULT_CONFIG_FILE)]
    pub file: PathBuf,
    /// Append the default rules, to be changed at will.
    #[arg(long)]
    pub rules: bool,
}

/// Arguments of `tripline check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The configuration.
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG_FILE)]
    pub config: PathBuf,
    /// Another plugin component instead of the embedded one: it judges the rules.
    #[arg(long, value_name = "FILE")]
    pub plugin: Option<PathBuf>,
    /// Print the problems as a JSON list.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if !matches!(cli.command, Command::Run(_)) {
        telemetry::for_command(); // `run` says more, as its configuration has it
    }
    let result = match &cli.command {
        Command::Replay(args) => commands::replay(args),
        Command::Run(args) => commands::run::run(args),
        Command::Collect(args) => commands::collect::collect(args),
        Command::History(args) => commands::history(args),
        Command::Bundle(command) => commands::bundle(command),
        Command::Rules(command) => commands::rules(command),
        Command::Redact(args) => commands::redact::redact(args),
        Command::Recorder(command) => commands::recorder::recorder(command),
        Command::Proactive(command) => commands::proactive::proactive(command),
        Command::Bypass(command) => commands::bypass::bypass(command),
        Command::Silence(args) => commands::silence::silence(args),
        Command::Canary(args) => commands::canary::canary(args),
        Command::Sas(command) => commands::sas::sas(command),
        Command::FluentBit(command) => commands::fluent_bit::fluent_bit(command),
        Command::Quarantine(command) => commands::quarantine::quarantine(command),
        Command::Init(args) => commands::configuration::init(args),
        Command::Check(args) => commands::configuration::check(args),
        Command::Doctor(args) => commands::doctor::doctor(args),
        Command::Completions { shell } => commands::papers::completions(*shell, Cli::command()),
        Command::Man(args) => commands::papers::man(args, Cli::command()),
        Command::Schema { of } => commands::configuration::schema(*of),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&failure);
            failure.exit_code()
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the one place that reports how a command failed"
)]
fn report(failure: &Failure) {
    eprintln!("tripline: {failure}");
}
