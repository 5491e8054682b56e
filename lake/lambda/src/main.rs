//! The lake's functions for AWS Lambda. The function's setting Handler says which one this process is.

mod settings;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use forebay_core::time::Timestamp;
use forebay_lake::compact::merge::Bounds;
use forebay_lake::run::compact::{CompactError, CompactSettings, Progress, compact};
use forebay_lake::run::lambda::{
    Destination, STREAM_LIMITS, Streamed, enrichment, stream, transform,
};
use forebay_lake::source::credentials::Identity;
use forebay_lake::source::kinesis::{http, now};
use forebay_lake::source::lambda_event::{
    BatchAnswer, FirehoseAnswer, FirehoseEvent, KinesisEvent, PipeRecord,
};
use forebay_lake::store::bucket::{self, Bucket};
use forebay_lake::store::{LeaseTimes, Role, Store, StoreError};
use forebay_lake::table::Catalog;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use object_store::ObjectStore;
use serde::Serialize;
use serde_json::Value;

use settings::{Function, Settings};

/// How long before the end of an invocation no work is begun any more.
const TIME_TO_END: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    // An invocation is alone in its process: one thread serves it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(serve()),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bootstrap: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves invocations until Lambda ends the process.
async fn serve() -> Result<(), Error> {
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let catalog = Catalog::new(settings.schema()?);
    match settings.function {
        Function::Stream(place) => {
            let objects = open(&place).await?;
            let (catalog, objects) = (&catalog, &objects);
            let function = |event: LambdaEvent<KinesisEvent>| serve_stream(event, catalog, objects);
            lambda_runtime::run(service_fn(function)).await
        }
        Function::Transform(destination) => {
            let (catalog, destination) = (&catalog, &destination);
            let function = |event: LambdaEvent<FirehoseEvent>| async move {
                serve_transform(event.payload, catalog, destination)
            };
            lambda_runtime::run(service_fn(function)).await
        }
        Function::Enrichment => {
            let catalog = &catalog;
            let function = |event: LambdaEvent<Vec<PipeRecord>>| async move {
                serve_enrichment(&event.payload, catalog)
            };
            lambda_runtime::run(service_fn(function)).await
        }
        Function::Compact(place) => {
            let objects = open(&place).await?;
            let objects = &objects;
            let function = |event: LambdaEvent<Value>| async move {
                serve_compact(event.context.deadline(), objects.clone()).await
            };
            lambda_runtime::run(service_fn(function)).await
        }
    }
}

async fn open(place: &Bucket) -> Result<Arc<dyn ObjectStore>, Error> {
    // A short wait: credentials are in the environment, and nothing else is asked.
    let wait = Duration::from_secs(2);
    let identity = Identity::of_environment(http(wait, 3 * wait)?, &place.region).await;
    Ok(bucket::open(place, Arc::new(identity))?)
}

/// Compacts until shortly before the invocation is ended. The next one goes on where this one stopped.
async fn serve_compact(deadline: SystemTime, objects: Arc<dyn ObjectStore>) -> Result<(), Error> {
    let time = deadline
        .duration_since(SystemTime::now())
        .unwrap_or_default();
    let joined = Store::join_objects(objects, LeaseTimes::default(), Role::Compact).await;
    let store = match joined {
        // Somebody has the lake alone.
        Err(error @ StoreError::Locked { .. }) => return log("compact", &Skipped::of(&error)),
        store => store?,
    };
    let settings = CompactSettings {
        bounds: Bounds::default(),
        wait_for_late: 0,
        now,
    };
    let mut failures = Vec::new();
    let tell = |progress| match progress {
        Progress::Done(done) => {
            // A line that cannot be written is no reason to stop.
            let _ = log("compact", &done);
        }
        // Only who forgets a person looks into rejected records.
        Progress::Rejected(_) => {}
        Progress::Failed(partition, error) => failures.push(format!("{partition}: {error}")),
    };
    let outcome = tokio::select! {
        outcome = compact(&store, &settings, tell) => outcome,
        () = tokio::time::sleep(time.saturating_sub(TIME_TO_END)) => Ok(()),
    };
    store.close().await;
    match outcome {
        // The invocation before this one still runs.
        Err(CompactError::Store(error @ StoreError::Locked { .. })) => {
            return log("compact", &Skipped::of(&error));
        }
        outcome => outcome?,
    }
    match failures.is_empty() {
        true => Ok(()),
        false => Err(failures.join("; ").into()),
    }
}

/// Why nothing was compacted.
#[derive(Serialize)]
struct Skipped {
    skipped: String,
}

impl Skipped {
    fn of(error: &StoreError) -> Skipped {
        Skipped {
            skipped: error.to_string(),
        }
    }
}

async fn serve_stream(
    event: LambdaEvent<KinesisEvent>,
    catalog: &Catalog,
    objects: &Arc<dyn ObjectStore>,
) -> Result<BatchAnswer, Error> {
    let done: Streamed = stream(event.payload, catalog, objects, STREAM_LIMITS).await;
    log("stream", &done)?;
    Ok(done.answer)
}

fn serve_transform(
    event: FirehoseEvent,
    catalog: &Catalog,
    destination: &Destination,
) -> Result<FirehoseAnswer, Error> {
    let done = transform(event, catalog, destination)?;
    for failure in &done.failures {
        log("transform", failure)?;
    }
    log("transform", &done.tally)?;
    Ok(done.answer)
}

fn serve_enrichment(records: &[PipeRecord], catalog: &Catalog) -> Result<Vec<Value>, Error> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let now = Timestamp(i64::try_from(since.as_millis())?);
    let (events, tally) = enrichment(records, catalog, now)?;
    log("enrichment", &tally)?;
    Ok(events)
}

/// A line of JSON for the log group.
fn log(function: &str, what: &impl Serialize) -> Result<(), Error> {
    #[derive(Serialize)]
    struct Line<'l, T> {
        function: &'l str,
        #[serde(flatten)]
        what: &'l T,
    }
    println!("{}", serde_json::to_string(&Line { function, what })?);
    Ok(())
}
