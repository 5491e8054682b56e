//! `forebay-lake`: the command line of the lake.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use forebay_aws_call::kinesis::KINESIS;
use forebay_aws_call::{Credentials, Endpoint};
use forebay_core::schema::Schema;
use forebay_lake::cut::Limits;
use forebay_lake::run::{ConsumeError, Settings, consume};
use forebay_lake::source::kinesis::Kinesis;
use forebay_lake::store::Store;
use forebay_lake::table::Catalog;
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

const HELP: &str = "\
forebay-lake consume: read a stream of Kinesis and write Parquet files

  --stream NAME            the stream
  --region NAME            its AWS region (default: AWS_REGION)
  --kinesis-endpoint URL   where Kinesis answers (default: AWS's endpoint of the region)
  --schema FILE            forebay.schema.json
  --lake FOLDER            where the files go; made if it is not there

A batch becomes files as soon as one of these is reached:
  --max-rows N             records (default 100000)
  --max-bytes N            bytes of data (default 67108864)
  --max-seconds N          time since its first record (default 60)

Credentials: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where there is one, AWS_SESSION_TOKEN.
SIGTERM or SIGINT: write what was read, and stop.
";

/// Why the command ends early. Each text says what to do.
#[derive(Debug, Error)]
enum Fault {
    #[error("{0}\ntry: forebay-lake --help")]
    Usage(String),
    #[error("{path} is not a schema Forebay can use:\n{mistakes}")]
    Schema { path: String, mistakes: String },
    #[error(transparent)]
    Consume(#[from] ConsumeError),
    #[error("the system does not let the process start: {0}")]
    System(#[from] std::io::Error),
    #[error("the HTTP client cannot be made: {0}")]
    Http(#[from] reqwest::Error),
}

impl Fault {
    /// 2 where the command line or a file named there has to be corrected.
    fn exit_code(&self) -> u8 {
        match self {
            Fault::Usage(_) | Fault::Schema { .. } => 2,
            Fault::Consume(_) | Fault::System(_) | Fault::Http(_) => 1,
        }
    }
}

impl From<lexopt::Error> for Fault {
    fn from(error: lexopt::Error) -> Fault {
        Fault::Usage(error.to_string())
    }
}

enum Command {
    Help,
    Version,
    Consume(Box<Options>),
}

struct Options {
    stream: String,
    region: String,
    endpoint: Endpoint,
    schema: PathBuf,
    lake: PathBuf,
    settings: Settings,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("forebay-lake: {fault}");
            ExitCode::from(fault.exit_code())
        }
    }
}

fn run() -> Result<(), Fault> {
    match parse(std::env::args_os().skip(1))? {
        Command::Help => print!("{HELP}"),
        Command::Version => println!("forebay-lake {}", env!("CARGO_PKG_VERSION")),
        Command::Consume(options) => start(*options)?,
    }
    Ok(())
}

fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, Fault> {
    use lexopt::prelude::{Long, Short, Value, ValueExt};
    let mut parser = lexopt::Parser::from_args(arguments);
    match parser.next()? {
        Some(Long("help") | Short('h')) => return Ok(Command::Help),
        Some(Long("version") | Short('V')) => return Ok(Command::Version),
        Some(Value(command)) if command == "consume" => {}
        Some(other) => return Err(other.unexpected().into()),
        None => return Err(Fault::Usage("a command is missing: consume".to_owned())),
    }
    let (mut stream, mut region, mut endpoint, mut schema, mut lake) =
        (None, None, None::<String>, None, None);
    let mut limits = Limits {
        records: 100_000,
        bytes: 64 * 1_024 * 1_024,
    };
    let mut seconds = 60.0;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("stream") => stream = Some(parser.value()?.string()?),
            Long("region") => region = Some(parser.value()?.string()?),
            Long("kinesis-endpoint") => endpoint = Some(parser.value()?.string()?),
            Long("schema") => schema = Some(parser.value()?.into()),
            Long("lake") => lake = Some(parser.value()?.into()),
            Long("max-rows") => limits.records = parser.value()?.parse()?,
            Long("max-bytes") => limits.bytes = parser.value()?.parse()?,
            Long("max-seconds") => seconds = parser.value()?.parse()?,
            other => return Err(other.unexpected().into()),
        }
    }
    let region = region
        .or_else(|| variable("AWS_REGION"))
        .ok_or_else(|| missing("--region"))?;
    let endpoint = match &endpoint {
        Some(url) => Endpoint::parse(url)
            .map_err(|problem| Fault::Usage(format!("--kinesis-endpoint '{url}' {problem}")))?,
        None => Endpoint::of_region(&KINESIS, &region, false)
            .map_err(|problem| Fault::Usage(format!("the region '{region}' {problem}")))?,
    };
    let longest_wait = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    if limits.records == 0 || limits.bytes == 0 || longest_wait.is_zero() {
        let what = "--max-rows, --max-bytes and --max-seconds must be more than 0";
        return Err(Fault::Usage(what.to_owned()));
    }
    Ok(Command::Consume(Box::new(Options {
        stream: stream.ok_or_else(|| missing("--stream"))?,
        region,
        endpoint,
        schema: schema.ok_or_else(|| missing("--schema"))?,
        lake: lake.ok_or_else(|| missing("--lake"))?,
        settings: Settings {
            limits,
            longest_wait,
        },
    })))
}

fn missing(option: &str) -> Fault {
    Fault::Usage(format!("{option} is missing"))
}

fn start(options: Options) -> Result<(), Fault> {
    let catalog = Catalog::new(schema(&options.schema)?);
    let kinesis = Kinesis::new(
        options.endpoint,
        options.region,
        options.stream,
        credentials()?,
    )?;
    let store = Arc::new(Store::open_folder(&options.lake).map_err(ConsumeError::from)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (stop, stopped) = watch::channel(false);
        let (mut terminate, mut interrupt) = (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        );
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            // Nobody listens only where consuming has ended already.
            let _ = stop.send(true);
        });
        consume(kinesis, store, catalog, options.settings, stopped).await?;
        Ok(())
    })
}

fn schema(path: &std::path::Path) -> Result<Schema, Fault> {
    let fault = |mistakes: String| Fault::Schema {
        path: path.display().to_string(),
        mistakes,
    };
    let text = std::fs::read(path).map_err(|error| fault(format!("  {error}")))?;
    Schema::parse(&text).map_err(|mistakes| {
        let lines = mistakes
            .iter()
            .map(|mistake| format!("  {}: {}", mistake.path, mistake.message));
        fault(lines.collect::<Vec<_>>().join("\n"))
    })
}

/// An environment variable that says something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn credentials() -> Result<Credentials, Fault> {
    let needed = |name: &str| {
        variable(name).ok_or_else(|| {
            Fault::Usage(format!(
                "{name} is not set: credentials for Kinesis are needed"
            ))
        })
    };
    Ok(Credentials::new(
        needed("AWS_ACCESS_KEY_ID")?,
        needed("AWS_SECRET_ACCESS_KEY")?,
        variable("AWS_SESSION_TOKEN"),
        None,
        "environment",
    ))
}
