//! `forebay-lake`: the program of the lake.

mod command;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use command::{Command, HELP, Place, Source, Stream, Usage};
use forebay_core::schema::Schema;
use forebay_lake::compact::merge::{Bounds, Person};
use forebay_lake::cut::Limits;
use forebay_lake::run::LedgerError;
use forebay_lake::run::compact::{CompactError, CompactSettings, Progress, compact, forget};
use forebay_lake::run::dead_letters::{DeadLettersError, dead_letters};
use forebay_lake::run::import::{Archive, ImportError, import};
use forebay_lake::run::metrics::{Metrics, serve};
use forebay_lake::run::reconcile::{Accepted, ReconcileError, find_unread, reconcile};
use forebay_lake::run::repair::{RepairError, repair};
use forebay_lake::run::replay::replay;
use forebay_lake::run::verify::verify;
use forebay_lake::run::{ConsumeError, Settings, consume};
use forebay_lake::source::credentials::Identity;
use forebay_lake::source::kinesis::{Kinesis, KinesisError, http, now};
use forebay_lake::state::StatePaths;
#[cfg(feature = "aws")]
use forebay_lake::store::{LeaseTimes, bucket};
use forebay_lake::store::{Role, Store, StoreError};
use forebay_lake::table::Catalog;
use object_store::local::LocalFileSystem;
use serde_json::json;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Why the command ends early. Each text says what to do.
#[derive(Debug, Error)]
enum Fault {
    #[error("{0}\ntry: forebay-lake --help")]
    Usage(String),
    #[error("{path} is not a schema Forebay can use:\n{mistakes}")]
    Schema { path: String, mistakes: String },
    #[error(transparent)]
    Consume(#[from] ConsumeError),
    #[error(transparent)]
    Repair(#[from] RepairError),
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
    #[error(transparent)]
    Compact(#[from] CompactError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Replay(#[from] LedgerError),
    #[error(transparent)]
    DeadLetters(#[from] DeadLettersError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the stream cannot be read: {0}")]
    Kinesis(#[from] KinesisError),
    #[error("the process cannot start: {0}")]
    System(#[from] std::io::Error),
    #[error("the HTTP client cannot be made: {0}")]
    Http(#[from] reqwest::Error),
}

impl Fault {
    /// 2 where the command line or a file named there has to be corrected.
    fn exit_code(&self) -> u8 {
        match self {
            Fault::Usage(_) | Fault::Schema { .. } => 2,
            _ => 1,
        }
    }
}

impl From<Usage> for Fault {
    fn from(Usage(text): Usage) -> Fault {
        Fault::Usage(text)
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(fault) => {
            eprintln!("forebay-lake: {fault}");
            ExitCode::from(fault.exit_code())
        }
    }
}

fn run() -> Result<ExitCode, Fault> {
    let command = command::parse(std::env::args_os().skip(1))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match command {
        Command::Help => print!("{HELP}"),
        Command::Version => println!("forebay-lake {}", env!("CARGO_PKG_VERSION")),
        Command::Consume(stream, settings, address) => {
            runtime.block_on(start(*stream, settings, address))?;
        }
        Command::Verify(lake) => return runtime.block_on(look(lake)),
        Command::Reconcile(lake, accepted, metrics, source) => {
            return runtime.block_on(set_against(lake, &accepted, &metrics, source));
        }
        Command::Repair(stream) => runtime.block_on(mend(*stream))?,
        Command::Compact(lake) => return runtime.block_on(merge(lake, None)),
        Command::Replay(lake, schema, limits) => {
            runtime.block_on(put_through(lake, &schema, limits))?;
        }
        Command::DeadLetters(lake) => runtime.block_on(print_letters(lake))?,
        Command::Import(what) => return runtime.block_on(take_in(*what)),
        Command::Forget(lake, person) => {
            return runtime.block_on(merge(lake, Some(person)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn start(
    stream: Stream,
    settings: Settings,
    address: Option<SocketAddr>,
) -> Result<(), Fault> {
    let catalog = Catalog::new(schema(&stream.schema)?);
    let kinesis = open_stream(&stream.source).await?;
    let metrics = Arc::new(Metrics::default());
    // Before the lake is joined: a process that cannot start takes no shard.
    if let Some(address) = address {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| Fault::Usage(format!("--metrics {address}: {error}")))?;
        tokio::spawn(serve(listener, metrics.clone()));
    }
    let store = Arc::new(join_store(stream.lake, Role::Consume).await?);
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
    let outcome = consume(kinesis, store.clone(), catalog, settings, metrics, stopped).await;
    store.close().await;
    Ok(outcome?)
}

/// Exit code 1 where something differs from what was written.
async fn look(lake: Place) -> Result<ExitCode, Fault> {
    let store = read_store(lake).await?;
    let verified = verify(&store).await?;
    for finding in &verified.findings {
        println!("{finding}");
    }
    // Numbers always have a JSON form.
    let summary = serde_json::to_string(&verified.summary);
    println!("{}", summary.unwrap_or_default());
    Ok(match verified.findings.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Exit code 1 where the edge and the lake differ.
async fn set_against(
    lake: Place,
    ids: &[PathBuf],
    metrics: &[PathBuf],
    source: Option<Box<Source>>,
) -> Result<ExitCode, Fault> {
    let mut accepted = Accepted::default();
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path)
            .map_err(|error| Fault::Usage(format!("{}: {error}", path.display())))
    };
    for path in ids {
        accepted.add_ids(&path.display().to_string(), &read(path)?)?;
    }
    for path in metrics {
        accepted.add_metrics(&path.display().to_string(), &read(path)?)?;
    }
    let until = now();
    let store = read_store(lake).await?;
    let mut done = reconcile(&store, &accepted).await?;
    if let Some(source) = source {
        let kinesis = open_stream(&source).await?;
        let created = kinesis.describe().await?.created_seconds();
        let paths = StatePaths::new(kinesis.stream(), created);
        let shards = kinesis.shards().await?;
        let shards: Vec<&str> = shards.iter().map(|shard| shard.shard_id.as_str()).collect();
        find_unread(&store, &paths, &shards, &kinesis, until, &mut done).await?;
    }
    for difference in &done.differences {
        println!("{difference}");
    }
    for (begin, hour) in &done.hours {
        let line = json!({ "hour": begin.map(|begin| begin.to_iso8601()), "counts": hour });
        println!("{line}");
    }
    let line = json!({
        "differences": done.differences.len(),
        "repeated": done.repeated,
        "counts": done.counts,
    });
    println!("{line}");
    Ok(match done.differences.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Merges small files, or takes a person's rows out. Exit code 1 where a partition could not be merged.
async fn merge(lake: Place, person: Option<Person>) -> Result<ExitCode, Fault> {
    let store = match person {
        Some(_) => open_store(lake).await?,
        None => join_store(lake, Role::Compact).await?,
    };
    let settings = CompactSettings {
        bounds: Bounds::default(),
        wait_for_late: 0,
        now,
    };
    let mut code = ExitCode::SUCCESS;
    let tell = |progress| match progress {
        // Numbers and a path always have a JSON form.
        Progress::Done(done) => {
            println!("{}", serde_json::to_string(&done).unwrap_or_default());
        }
        Progress::Rejected(of) => {
            println!("{}", serde_json::to_string(&of).unwrap_or_default());
        }
        Progress::Failed(folder, error) => {
            eprintln!("forebay-lake: {folder}: {error}");
            code = ExitCode::FAILURE;
        }
    };
    let outcome = match &person {
        Some(person) => forget(&store, &settings, person, tell).await,
        None => compact(&store, &settings, tell).await,
    };
    store.close().await;
    outcome?;
    Ok(code)
}

/// Exit code 1 where an object was not imported.
async fn take_in(what: command::Import) -> Result<ExitCode, Fault> {
    let catalog = Arc::new(Catalog::new(schema(&what.schema)?));
    if what.archive.has(&what.lake) {
        let what =
            "--lake lies in --archive, so each import would import the files of the one before";
        return Err(Fault::Usage(what.to_owned()));
    }
    let archive = open_archive(what.archive).await?;
    let store = Arc::new(open_store(what.lake).await?);
    let report = |done: &_| eprintln!("{}", serde_json::to_string(done).unwrap_or_default());
    let outcome = import(&store, catalog, &archive, what.limits, now, report).await;
    store.close().await;
    let imported = outcome?;
    println!("{}", serde_json::to_string(&imported).unwrap_or_default());
    Ok(match imported.problems.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

async fn print_letters(lake: Place) -> Result<(), Fault> {
    let store = read_store(lake).await?;
    let mut output = std::io::stdout().lock();
    let mut outcome = Ok(());
    dead_letters(&store, |letter| {
        if outcome.is_ok() {
            outcome = writeln!(output, "{letter}");
        }
    })
    .await?;
    Ok(outcome?)
}

async fn put_through(lake: Place, path: &Path, limits: Limits) -> Result<(), Fault> {
    let catalog = Arc::new(Catalog::new(schema(path)?));
    let store = Arc::new(open_store(lake).await?);
    let report = |done: &_| eprintln!("{}", serde_json::to_string(done).unwrap_or_default());
    let outcome = replay(&store, catalog, limits, now, report).await;
    store.close().await;
    println!("{}", serde_json::to_string(&outcome?).unwrap_or_default());
    Ok(())
}

async fn open_archive(place: Place) -> Result<Archive, Fault> {
    Ok(match place {
        Place::Folder(folder) => {
            // The same object has the same name, wherever the program is started.
            let folder = folder.canonicalize().map_err(|error| {
                Fault::Usage(format!("--archive {}: {error}", folder.display()))
            })?;
            let objects = LocalFileSystem::new_with_prefix(&folder).map_err(StoreError::from)?;
            Archive {
                objects: Arc::new(objects),
                root: folder.display().to_string(),
                has_checksums: false,
            }
        }
        #[cfg(feature = "aws")]
        Place::Bucket(place) => {
            let identity = identity(&place.region).await?;
            let root = match place.prefix.as_str() {
                "" => format!("s3://{}", place.name),
                prefix => format!("s3://{}/{prefix}", place.name),
            };
            Archive {
                objects: bucket::open(&place, identity)?,
                root,
                has_checksums: true,
            }
        }
    })
}

async fn mend(stream: Stream) -> Result<(), Fault> {
    let catalog = Catalog::new(schema(&stream.schema)?);
    let kinesis = open_stream(&stream.source).await?;
    let store = Arc::new(open_store(stream.lake).await?);
    let created = kinesis.describe().await?.created_seconds();
    let paths = StatePaths::new(kinesis.stream(), created);
    let outcome = repair(&store, &catalog, &paths, &kinesis).await;
    store.close().await;
    let repaired = outcome?;
    for what in &repaired.done {
        println!("{what}");
    }
    for what in &repaired.lost {
        println!("lost: {what}");
    }
    if repaired.done.is_empty() && repaired.lost.is_empty() {
        println!("there is nothing to repair");
    }
    Ok(())
}

async fn open_stream(source: &Source) -> Result<Kinesis, Fault> {
    let identity = identity(&source.region).await?;
    let (name, region) = (source.stream.clone(), source.region.clone());
    let kinesis = Kinesis::new(source.endpoint.clone(), region, name, identity)?;
    if let Err(error) = kinesis.check_credentials().await
        && !error.may_pass()
    {
        return Err(Fault::Usage(error.to_string()));
    }
    Ok(kinesis)
}

/// Opens a lake for reading alone.
async fn read_store(lake: Place) -> Result<Store, Fault> {
    Ok(match lake {
        Place::Folder(folder) => Store::read_folder(&folder)?,
        #[cfg(feature = "aws")]
        Place::Bucket(bucket) => {
            let identity = identity(&bucket.region).await?;
            Store::read_objects(bucket::open(&bucket, identity)?)
        }
    })
}

/// Opens a lake for this process beside others.
async fn join_store(lake: Place, role: Role) -> Result<Store, Fault> {
    Ok(match lake {
        Place::Folder(folder) => Store::join_folder(&folder, role)?,
        #[cfg(feature = "aws")]
        Place::Bucket(bucket) => {
            let identity = identity(&bucket.region).await?;
            let objects = bucket::open(&bucket, identity)?;
            Store::join_objects(objects, LeaseTimes::default(), role).await?
        }
    })
}

/// Opens a lake for this process alone.
async fn open_store(lake: Place) -> Result<Store, Fault> {
    Ok(match lake {
        Place::Folder(folder) => Store::open_folder(&folder)?,
        #[cfg(feature = "aws")]
        Place::Bucket(bucket) => {
            let identity = identity(&bucket.region).await?;
            let objects = bucket::open(&bucket, identity)?;
            Store::open_objects(objects, LeaseTimes::default()).await?
        }
    })
}

async fn identity(region: &str) -> Result<Arc<Identity>, Fault> {
    // A short wait: outside AWS no instance answers a request for credentials.
    let wait = Duration::from_secs(2);
    let http = http(wait, 3 * wait)?;
    Ok(Arc::new(Identity::of_environment(http, region).await))
}

fn schema(path: &Path) -> Result<Schema, Fault> {
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
